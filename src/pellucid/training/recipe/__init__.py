"""The recipe: every number of training, from settings, data and machine."""
