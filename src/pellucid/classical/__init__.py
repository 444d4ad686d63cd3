"""Classical baselines of the networks: good features, scikit-learn to learn, plain arrays to answer.

scikit-learn is imported by the functions that learn and by nothing else, so that a saved model answers
without it.
"""

from pellucid.classical.baselines import (
    BASELINES,
    NUMBER_BASELINES,
    NUMBER_ON_NETWORK,
    ON_NETWORK,
    Baseline,
    baselines_for,
    fit_baseline,
    load_learner,
)
from pellucid.classical.budget import Budget, OverdueError
from pellucid.classical.features.kinds import FEATURES, HIDDEN, VALUES, FeatureKind, extract, feature_length
from pellucid.classical.features.texts import TF_IDF
from pellucid.classical.fitting.discriminant import discriminant_answers
from pellucid.classical.lesson import Configuration, Fitted, Lesson
from pellucid.classical.predictors.kinds import PREDICTORS
from pellucid.classical.predictors.predictor import Predictor
from pellucid.classical.text_baselines import LINEAR_OF_TEXTS, TEXT_BASELINES, TEXT_NUMBER_BASELINES

__all__ = [
    "BASELINES",
    "FEATURES",
    "HIDDEN",
    "LINEAR_OF_TEXTS",
    "NUMBER_BASELINES",
    "NUMBER_ON_NETWORK",
    "ON_NETWORK",
    "PREDICTORS",
    "TEXT_BASELINES",
    "TEXT_NUMBER_BASELINES",
    "TF_IDF",
    "VALUES",
    "Baseline",
    "Budget",
    "Configuration",
    "FeatureKind",
    "Fitted",
    "Lesson",
    "OverdueError",
    "Predictor",
    "baselines_for",
    "discriminant_answers",
    "extract",
    "feature_length",
    "fit_baseline",
    "load_learner",
]
