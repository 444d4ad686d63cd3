"""Predictors: trained classical models as plain arrays that answer."""
