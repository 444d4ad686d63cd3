"""Mixins of estimators: one for their inputs, one for what they learn."""
