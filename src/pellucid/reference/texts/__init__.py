"""Layers for texts: formula, forward pass and gradient of each."""
