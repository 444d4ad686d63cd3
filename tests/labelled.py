"""Labels of each target from plain arrays."""

import numpy as np

from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION, Labels


def labelled(values: np.ndarray, names: tuple[str, ...] = ()) -> Labels:
    """Numbers where they are fractions, several labels of each example in two axes, or else classes."""
    if values.dtype.kind == "f":
        return Labels(values, names, REGRESSION)
    return Labels(values, names, MULTILABEL if values.ndim == 2 else CLASSIFICATION)


def answered(values: np.ndarray, answers: np.ndarray) -> tuple[Labels, np.ndarray]:
    """Labels of plain arrays, and answers about them."""
    return labelled(values), answers
