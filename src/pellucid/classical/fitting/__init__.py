"""Fitting of each predictor, by scikit-learn or by us."""
