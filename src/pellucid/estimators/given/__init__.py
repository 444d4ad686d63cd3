"""Arguments of `fit` and `predict`: inputs, labels, and the part set aside for validation."""
