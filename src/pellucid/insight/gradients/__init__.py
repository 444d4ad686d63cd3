"""Gradients by hand, by autograd and by central differences."""
