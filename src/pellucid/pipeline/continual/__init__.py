"""Continual training: a trained network learns from new data, and what it forgets is measured."""
