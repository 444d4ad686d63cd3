"""Insight: a trained network opened on one input, down to the arithmetic of every unit."""
