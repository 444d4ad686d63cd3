"""A saved model back into an estimator."""

import os
from pathlib import Path

import numpy as np

from pellucid.bundle import FeatureModel, load_any
from pellucid.estimators.image_classifier import ImageClassifier


def load(folder: str | os.PathLike[str]) -> ImageClassifier:
    """Load a saved model as a fitted estimator.

    Its parameters are those that the model folder knows: the kind of network. Its classes are texts,
    whatever they were when it was trained.

    Args:
        folder: a model folder, or a run, whose recommended model is taken.

    Returns:
        An estimator that answers as the saved one did; to train it again is to train it afresh.

    Raises:
        ModelFileError: there is no model, it is damaged, or it is of a kind that may run code.
    """
    model = load_any(Path(folder))
    estimator = ImageClassifier(model=model.network.config.name)
    estimator._take(model, np.array(model.classes))
    if isinstance(model, FeatureModel):
        estimator.n_features_in_ = model.features
    return estimator
