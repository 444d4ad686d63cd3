"""Plots: where the marks of every chart go."""
