"""Decoded images that are kept: planned by their sizes, written once, checked when they are opened."""
