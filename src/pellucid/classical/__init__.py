"""Classical rivals of the networks: good features, scikit-learn to learn, plain arrays to answer."""

from pellucid.classical.budget import Budget
from pellucid.classical.features import FEATURES, FeatureKind, extract, feature_length
from pellucid.classical.lesson import Candidate, Fitted, Lesson
from pellucid.classical.predictors import PREDICTORS, Predictor
from pellucid.classical.rivals import (
    NUMBER_ON_NETWORK,
    NUMBER_RIVALS,
    ON_NETWORK,
    RIVALS,
    Rival,
    fit_rival,
)

__all__ = [
    "FEATURES",
    "NUMBER_ON_NETWORK",
    "NUMBER_RIVALS",
    "ON_NETWORK",
    "PREDICTORS",
    "RIVALS",
    "Budget",
    "Candidate",
    "FeatureKind",
    "Fitted",
    "Lesson",
    "Predictor",
    "Rival",
    "extract",
    "feature_length",
    "fit_rival",
]
