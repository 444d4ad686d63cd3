"""Layers: a network opened on one input, every layer as a record."""
