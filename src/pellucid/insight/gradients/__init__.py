"""Gradients: the error flowing back, by hand, by autograd and by difference."""
