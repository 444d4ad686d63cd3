"""Splits: targets, and which example trains, validates or tests."""
