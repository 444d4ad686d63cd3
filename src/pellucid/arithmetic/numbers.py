r"""Errors of predicted numbers.

Notation: $n$ examples, $y_i$ the true number, $\hat y_i$ the prediction, $e_i = \hat y_i - y_i$.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64


class NumberErrors(NamedTuple):
    r"""Scores of predicted numbers, by their names in `metrics.json`.

    Attributes:
        mean_absolute_error: $\frac{1}{n} \sum_i |e_i|$, in the unit of the labels.
        root_mean_squared_error: $\sqrt{\frac{1}{n} \sum_i e_i^2}$, in the unit of the labels.
        r2: $1 - \sum_i e_i^2 / \sum_i (y_i - \bar y)^2$; of labels that are all equal, which leave
            nothing to explain, 1 where all are met exactly and 0 otherwise.
    """

    mean_absolute_error: float
    root_mean_squared_error: float
    r2: float


def number_errors(
    labels: Float64[np.ndarray, " examples"], predicted: Float64[np.ndarray, " examples"]
) -> NumberErrors:
    """Compare predicted numbers with true ones."""
    errors = predicted - labels
    squared, variance = float(np.square(errors).mean()), float(labels.var())
    if variance > 0:
        explained = 1 - squared / variance
    else:
        explained = 1.0 if squared == 0 else 0.0
    return NumberErrors(float(np.abs(errors).mean()), math.sqrt(squared), explained)
