"""`pellucid.explain`: open a trained model on one input, as an object that shows itself."""

import os
from typing import Any

import numpy as np

from pellucid.answering.naming import model_of
from pellucid.bundle import Inputs
from pellucid.errors import DataError, UsageError
from pellucid.estimators.loading import load
from pellucid.estimators.mixins.trained import Trained
from pellucid.insight.explaining import explain_model
from pellucid.insight.explanation import Explanation


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
        estimator: Trained = load(chosen.folder)
        name = chosen.name
    elif name is not None:
        raise UsageError(f"name: {name!r} chooses a model of a run, and no run is given; leave it out")
    elif isinstance(model, Trained) and hasattr(model, "model_"):
        estimator = model
    else:
        found = type(model).__name__
        raise UsageError(
            f"model: found {found}; give a fitted estimator, or the path of a run or model folder"
        )
    inputs = _one(estimator, input)
    if len(inputs) != 1:
        raise DataError(f"input: {len(inputs)} examples found, one expected; give one of them")
    classes = estimator.model_.classes
    return explain_model(
        estimator.model_,
        inputs,
        _position(classes, label, "label"),
        _position(classes, truth, "truth"),
        name,
    )


def _one(estimator: Trained, example: Any) -> Inputs:
    """One example as a model takes it."""
    if isinstance(example, (str, os.PathLike)):
        return estimator._inputs([example])
    return estimator._inputs(np.asarray(example)[None])


def _position(classes: tuple[str, ...], label: Any, argument: str) -> int | None:
    """Position of a class.

    Raises: `UsageError` if there is none of this name.
    """
    if label is None:
        return None
    if str(label) not in classes:
        known = ", ".join(classes[:10]) or "none: the model knows no classes"
        raise UsageError(f"{argument}: {label!r} is no class of the model; choose one of {known}")
    return classes.index(str(label))
