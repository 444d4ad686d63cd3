"""Comparing: variants of settings or models, trained on the same folds and seeds."""
