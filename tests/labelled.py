"""Labels of each target from plain arrays."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from pellucid.data import Dataset
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, Labels, Target


def labelled(values: np.ndarray, names: tuple[str, ...] = ()) -> Labels:
    """Numbers where they are fractions, several labels of each example in two axes, or else classes."""
    if values.dtype.kind == "f":
        return Labels(values, names, REGRESSION)
    return Labels(values, names, MULTILABEL if values.ndim == 2 else CLASSIFICATION)


def numbered(values: np.ndarray, classes: int, target: Target = CLASSIFICATION) -> Labels:
    """Labels of so many classes, whose names are numbers."""
    return Labels(values, tuple(map(str, range(classes))), target)


def answered(values: np.ndarray, answers: np.ndarray) -> tuple[Labels, np.ndarray]:
    """Labels of plain arrays, and answers about them."""
    return labelled(values), answers


def with_labels_at(data: SimpleNamespace) -> SimpleNamespace:
    """A stand-in for a data set whose labels can be asked for by position."""
    data.classes = getattr(data, "classes", ())
    data.labels_at = partial(Dataset.labels_at, data)
    return data
