"""Classical rivals of the networks: good features, scikit-learn to learn, plain arrays to answer.

scikit-learn is imported by the functions that learn and by nothing else, so that a saved model answers
without it.
"""

from pellucid.classical.budget import Budget
from pellucid.classical.features import FEATURES, HIDDEN, VALUES, FeatureKind, extract, feature_length
from pellucid.classical.lesson import Configuration, Fitted, Lesson
from pellucid.classical.predictors import PREDICTORS, Predictor
from pellucid.classical.rivals import (
    NUMBER_ON_NETWORK,
    NUMBER_RIVALS,
    ON_NETWORK,
    RIVALS,
    Rival,
    fit_rival,
)
from pellucid.classical.text_rivals import LINEAR_OF_TEXTS, TEXT_NUMBER_RIVALS, TEXT_RIVALS
from pellucid.classical.texts import TF_IDF

__all__ = [
    "FEATURES",
    "HIDDEN",
    "LINEAR_OF_TEXTS",
    "NUMBER_ON_NETWORK",
    "NUMBER_RIVALS",
    "ON_NETWORK",
    "PREDICTORS",
    "RIVALS",
    "TEXT_NUMBER_RIVALS",
    "TEXT_RIVALS",
    "TF_IDF",
    "VALUES",
    "Budget",
    "Configuration",
    "FeatureKind",
    "Fitted",
    "Lesson",
    "Predictor",
    "Rival",
    "extract",
    "feature_length",
    "fit_rival",
]
