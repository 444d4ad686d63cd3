"""Fitting: how scikit-learn or we learn each predictor."""
