"""Layers for images and vectors: formula, forward pass and gradient of each."""
