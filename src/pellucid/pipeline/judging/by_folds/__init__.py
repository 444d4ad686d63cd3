"""Judging by folds: every kind of model trained anew for each fold, and asked about it."""
