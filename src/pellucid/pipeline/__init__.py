"""The straight way through, written once: train, evaluate, predict, inspect."""
