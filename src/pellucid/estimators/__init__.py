"""Estimators by scikit-learn's conventions, each of which trains one model; `load` and `explain`."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.answering.training_examples import model_of
from pellucid.bundle import AverageModel, ClassicalModel, Generator, load_any
from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import FORMS
from pellucid.estimators.estimator import Estimator
from pellucid.estimators.image_generator import ImageGenerator
from pellucid.estimators.predictors import ImageClassifier, ImageRegressor, TextClassifier, TextRegressor
from pellucid.input_kinds import TEXTS
from pellucid.insight.explaining import explain_model
from pellucid.insight.explanation import Explanation
from pellucid.language.sentence import Sentence
from pellucid.pipeline.train import train as _train
from pellucid.settings import of_python

# Requests of scikit-learn's own checks that these estimators meet otherwise, and why.

# Name of a check to the reason why it fails; for `check_estimator`'s `expected_failed_checks`.
EXPECTED_FAILED_CHECKS: dict[str, str] = {
    "check_sample_weight_equivalence_on_dense_data": (
        "networks learn in batches drawn by chance: an example of weight 2 counts twice in the loss of one "
        "batch, a repeated one is in two batches; only in the mean is that the same. Weight 0 leaves an "
        "example out exactly"
    ),
}


# `pellucid.load`: a saved model as a fitted estimator.

Loaded = ImageClassifier | ImageGenerator | ImageRegressor | TextClassifier | TextRegressor

# Estimators that predict, by whether they take texts, and their role (`by_target.Form.role`).
_PREDICTORS: dict[tuple[bool, str], type[Loaded]] = {
    (False, "Classifier"): ImageClassifier,
    (False, "Regressor"): ImageRegressor,
    (True, "Classifier"): TextClassifier,
    (True, "Regressor"): TextRegressor,
}


@of_python
def load(folder: str | os.PathLike[str]) -> Loaded:
    """Load a saved model, neural or classical, as a fitted estimator, whose `repr` names it.

    Its parameters are those that the model folder knows: the kind of model. Of a classical model on
    the last hidden layer of a network, which no estimator fits by itself, that is the network's; of a
    linear one of texts it is `logistic-regression` or `ridge`, also where an `svm` was trained; of an
    average, which no estimator fits, that of the member of the most weight. Its classes are texts, whatever
    they were when it was trained, and several labels are answered as lists of them.

    Args:
        folder: a model folder, or a run, whose recommended model is taken.

    Returns:
        A `TextClassifier` or `TextRegressor` where texts are taken, else an `ImageClassifier` or
        `ImageRegressor`; a regressor where numbers are predicted, an `ImageGenerator` where images are made.
        It answers as the saved one did; to train it again is to train it afresh.

    Raises:
        ModelFileError: there is no model, it is damaged, or it is of a kind that may run code.
    """
    chosen = model_of(Path(folder))
    model = load_any(chosen.folder)
    form = FORMS[model.target]
    # The value of `model` that fits one of the same kind.
    alike = model.heaviest.model if isinstance(model, AverageModel) else model
    name = alike.name
    if isinstance(alike, ClassicalModel):
        of_layer = alike.network
        name = form.models[alike.predictor.kind] if of_layer is None else of_layer.config.name
    role = (
        ImageGenerator if isinstance(model, Generator) else _PREDICTORS[model.input_kind is TEXTS, form.role]
    )
    estimator: Loaded = role(model=name)
    estimator._take(model, np.array(form.own_order(model.classes)))
    is_known = chosen.name in (None, model.name)
    estimator._loaded = model.name if is_known else Sentence("{name} ({name2})", chosen.name, model.name)
    return estimator


# `pellucid.train`: a run as the command makes it, whose messages name parameters.
train = of_python(_train)


# `pellucid.explain`: open a trained model on one input, as an object that shows itself.


@of_python
def explain(
    model: Any, input: Any, *, name: str | None = None, label: Any = None, truth: Any = None
) -> Explanation:
    """Open a model on one input, down to its arithmetic.

    Args:
        model: a fitted estimator, or the path of a model folder or of a run, whose recommended model is
            opened.
        input: one example: an image as an array (height, width) or (height, width, channels) or as a path,
            one feature vector, or one text.
        name: of another model of a run.
        label: class that loss and explanations are about; by default the most probable one. An autoencoder
            opens the image as of this class.
        truth: the true class, where it is known: the loss is against it, unless `label` says otherwise.

    Returns:
        Layers, values, gradients, explanations and their tests; `.unit(layer, unit)` opens any number.

    Raises:
        UsageError: the model is none of these, the run has no other of this name, or the model no such class.
        DataError: the input is not one example of what the model takes.
        ModelFileError: the model is damaged or unsafe, or makes images in a way that is not opened.
    """
    if isinstance(model, (str, os.PathLike)):
        chosen = model_of(os.fspath(model), name)
        estimator: Estimator = load(chosen.folder)
        name = chosen.name
    elif name is not None:
        raise UsageError("name: {name!r} chooses a model of a run, and no run is given; leave it out", name)
    elif isinstance(model, Estimator) and hasattr(model, "model_"):
        estimator = model
    else:
        found = type(model).__name__
        raise UsageError(
            "model: found {found}; give a fitted estimator, or the path of a run or model folder", found
        )
    inputs = estimator._inputs([input] if isinstance(input, (str, os.PathLike)) else np.asarray(input)[None])
    if len(inputs) != 1:
        raise DataError("input: {inputs} examples found, one expected; give one of them", len(inputs))
    classes = estimator.model_.classes
    return explain_model(
        estimator.model_,
        inputs,
        _position(classes, label, "label"),
        _position(classes, truth, "truth"),
        name,
    )


def _position(classes: tuple[str, ...], label: Any, argument: str) -> int | None:
    """Position of a class; `UsageError` if there is none of this name."""
    if label is None:
        return None
    if str(label) not in classes:
        known = ", ".join(classes[:10]) or "none: the model knows no classes"
        raise UsageError(
            "{argument}: {label!r} is no class of the model; choose one of {known}", argument, label, known
        )
    return classes.index(str(label))


__all__ = [
    "EXPECTED_FAILED_CHECKS",
    "ImageClassifier",
    "ImageGenerator",
    "ImageRegressor",
    "TextClassifier",
    "TextRegressor",
    "explain",
    "load",
    "train",
]
