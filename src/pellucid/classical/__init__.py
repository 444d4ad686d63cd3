"""Classical baselines of the networks: good features, scikit-learn to learn, plain arrays to answer.

scikit-learn is imported by the functions that learn and by nothing else, so that a saved model answers
without it.
"""

from pellucid.classical.budget import Budget
from pellucid.classical.features import FEATURES, HIDDEN, VALUES, FeatureKind, extract, feature_length
from pellucid.classical.lesson import Configuration, Fitted, Lesson
from pellucid.classical.predictors import PREDICTORS, Predictor
from pellucid.classical.baselines import (
    NUMBER_ON_NETWORK,
    NUMBER_BASELINES,
    ON_NETWORK,
    BASELINES,
    Baseline,
    fit_baseline,
)
from pellucid.classical.text_baselines import LINEAR_OF_TEXTS, TEXT_NUMBER_BASELINES, TEXT_BASELINES
from pellucid.classical.texts import TF_IDF

__all__ = [
    "FEATURES",
    "HIDDEN",
    "LINEAR_OF_TEXTS",
    "NUMBER_ON_NETWORK",
    "NUMBER_BASELINES",
    "ON_NETWORK",
    "PREDICTORS",
    "BASELINES",
    "TEXT_NUMBER_BASELINES",
    "TEXT_BASELINES",
    "TF_IDF",
    "VALUES",
    "Budget",
    "Configuration",
    "FeatureKind",
    "Fitted",
    "Lesson",
    "Predictor",
    "Baseline",
    "extract",
    "feature_length",
    "fit_baseline",
]
