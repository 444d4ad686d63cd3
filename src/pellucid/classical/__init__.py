"""Classical rivals of the networks: good features, scikit-learn to learn, plain arrays to answer.

scikit-learn is imported by the functions that learn and by nothing else, so that a saved model answers
without it.
"""

from pellucid.classical.budget import Budget
from pellucid.classical.features import FEATURES, HIDDEN, VALUES, FeatureKind, extract, feature_length
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
    "HIDDEN",
    "NUMBER_ON_NETWORK",
    "NUMBER_RIVALS",
    "ON_NETWORK",
    "PREDICTORS",
    "RIVALS",
    "VALUES",
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
