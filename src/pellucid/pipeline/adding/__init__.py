"""Adding: a classifier that learns from generated images too, beside the same one without them."""
