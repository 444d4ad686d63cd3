"""Watching: checkpoints, history, signals, and measurements in the layers."""
