"""Classical baselines of the networks: good features, scikit-learn to learn, plain arrays to answer.

scikit-learn is imported by the functions that learn and by nothing else, so that a saved model answers
without it.
"""

from pellucid.classical.baselines import PREDICTORS, baselines_for, fit_baseline, load_learner
from pellucid.classical.by_target import FITS
from pellucid.classical.image_features import (
    FEATURES,
    HIDDEN,
    VALUES,
    extract,
    feature_length,
)
from pellucid.classical.linear_fitting import discriminant_answers
from pellucid.classical.predictors import Predictor
from pellucid.classical.text_baselines import LINEAR_OF_TEXTS
from pellucid.classical.text_features import TF_IDF
from pellucid.classical.training_set import Budget, Configuration, Fitted, OverdueError, TrainingSet

__all__ = [
    "FEATURES",
    "FITS",
    "HIDDEN",
    "LINEAR_OF_TEXTS",
    "PREDICTORS",
    "TF_IDF",
    "VALUES",
    "Budget",
    "Configuration",
    "Fitted",
    "OverdueError",
    "Predictor",
    "TrainingSet",
    "baselines_for",
    "discriminant_answers",
    "extract",
    "feature_length",
    "fit_baseline",
    "load_learner",
]
