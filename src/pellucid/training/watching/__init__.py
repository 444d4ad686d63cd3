"""Watching: checkpoints, history, signals, and what goes on in the layers."""
