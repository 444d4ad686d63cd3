"""Labels made by hand, for tests."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from pellucid.data import Dataset
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, Labels, Target


def labelled(values: np.ndarray, classes: int = 0, target: Target | None = None) -> Labels:
    """Labels of so many classes, whose names are numbers.

    By default fractions are numbers, and what has two axes several labels of each example.
    """
    if target is None:
        target = MULTILABEL if values.ndim == 2 else CLASSIFICATION
        target = REGRESSION if values.dtype.kind == "f" else target
    return Labels(values, tuple(map(str, range(classes))), target)


def answered(values: np.ndarray, answers: np.ndarray) -> tuple[Labels, np.ndarray]:
    """Labels of plain arrays, and answers about them."""
    return labelled(values), answers


def with_labels_at(data: SimpleNamespace) -> SimpleNamespace:
    """A stand-in for a data set whose labels can be asked for by position."""
    data.classes = getattr(data, "classes", ())
    data.labels_at = partial(Dataset.labels_at, data)
    return data
