"""Comparisons: two models, or several, on the same examples."""
