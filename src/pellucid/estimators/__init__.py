"""Estimators that follow scikit-learn's conventions; each trains exactly one model."""

from pellucid.estimators.checks import EXPECTED_FAILED_CHECKS
from pellucid.estimators.explaining import explain
from pellucid.estimators.image_classifier import ImageClassifier
from pellucid.estimators.image_generator import ImageGenerator
from pellucid.estimators.image_regressor import ImageRegressor
from pellucid.estimators.loading import load
from pellucid.estimators.text_classifier import TextClassifier
from pellucid.estimators.text_regressor import TextRegressor

__all__ = [
    "EXPECTED_FAILED_CHECKS",
    "ImageClassifier",
    "ImageGenerator",
    "ImageRegressor",
    "TextClassifier",
    "TextRegressor",
    "explain",
    "load",
]
