"""Layers: what the architectures are made of, beside the layers of torch."""
