"""Calibration: how far probabilities can be taken at their word, and the temperature that fixes them."""
