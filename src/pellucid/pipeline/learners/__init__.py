"""Learners: whatever is trained in a run, each from the same material to a candidate."""
