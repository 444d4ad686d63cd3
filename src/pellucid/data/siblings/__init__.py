"""Siblings: examples that belong together though they are no exact copies, found by named rules."""
