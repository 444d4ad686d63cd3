"""The glass box: what goes on inside a network, and what its training says about it."""
