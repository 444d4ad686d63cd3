"""`pellucid.load`: a saved model as a fitted estimator."""

import os
from pathlib import Path

import numpy as np

from pellucid.answering.naming import model_of
from pellucid.bundle import AverageModel, ClassicalModel, Generator, Model, load_any
from pellucid.estimators.image_classifier import ImageClassifier
from pellucid.estimators.image_generator import ImageGenerator
from pellucid.estimators.image_regressor import ImageRegressor
from pellucid.estimators.text_classifier import TextClassifier
from pellucid.estimators.text_regressor import TextRegressor
from pellucid.tasks import REGRESSION, TEXTS

# Kind of a predictor to the parameter `model` that fits one: for classes, for numbers.
_CLASSICAL = {
    "constant": ("majority", "mean"),
    "linear": ("logistic-regression", "ridge"),
    "kernel": ("svm", "svm"),
    "forest": ("random-forest", "random-forest"),
}


def load(
    folder: str | os.PathLike[str],
) -> ImageClassifier | ImageGenerator | ImageRegressor | TextClassifier | TextRegressor:
    """Load a saved model, neural or classical, as a fitted estimator, whose `repr` names it.

    Its parameters are those that the model folder knows: the kind of model. Of a classical model on
    the last hidden layer of a network, which no estimator fits by itself, that is the network's; of a
    linear one of texts it is `logistic-regression` or `ridge`, also where an `svm` was trained; of an
    average, which no estimator fits, that of the member of the most weight. Its classes are texts, whatever
    they were when it was trained.

    Args:
        folder: a model folder, or a run, whose recommended model is taken.

    Returns:
        A `TextClassifier` or `TextRegressor` where texts are taken, else an `ImageClassifier` or
        `ImageRegressor`; a regressor where numbers are predicted, an `ImageGenerator` where images are made.
        It answers as the saved one did; to
        train it again is to train it afresh.

    Raises:
        ModelFileError: there is no model, it is damaged, or it is of a kind that may run code.
    """
    chosen = model_of(Path(folder))
    model = load_any(chosen.folder)
    estimator = _fitted(model)
    known = chosen.name in (None, model.name)
    estimator._loaded = model.name if known else f"{chosen.name} ({model.name})"
    return estimator


def _fitted(
    model: Model,
) -> ImageClassifier | ImageGenerator | ImageRegressor | TextClassifier | TextRegressor:
    """A fitted estimator of a model."""
    if isinstance(model, Generator):
        generator = ImageGenerator(model=model.name)
        generator._take(model, np.array(model.classes))
        return generator
    takes_texts = model.input_kind is TEXTS
    if model.target is REGRESSION:
        regressor = (TextRegressor if takes_texts else ImageRegressor)(model=_parameter(model))
        regressor._become(model)
        return regressor
    classifier = (TextClassifier if takes_texts else ImageClassifier)(model=_parameter(model))
    classifier._take(model, np.array(model.classes))
    return classifier


def _parameter(model: Model) -> str:
    """The value of `model` that fits a model of the same kind; of an average, its heaviest member."""
    if isinstance(model, AverageModel):
        model = model.heaviest.model
    if not isinstance(model, ClassicalModel):
        return model.name
    if model.network is not None:
        return model.network.config.name
    return _CLASSICAL[model.predictor.kind][model.target is REGRESSION]
