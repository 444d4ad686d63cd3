"""Recipe: every number of training, from settings, data and machine."""
