"""The score by which configurations are compared: one number for each, larger is better."""

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import metric_value, number_errors
from pellucid.settings import NUMBER_METRIC, metric_of


def score(metric: str, labels: np.ndarray, answers: Float64[np.ndarray, "n outputs"], number: bool) -> float:
    """Score answers.

    Args:
        metric: value of `--metric`; of no importance for numbers.
        labels: class codes, or numbers; at least one.
        answers: probabilities, or numbers in column 0.
        number: whether numbers are predicted.

    Returns:
        The metric, errors negated; larger is better.
    """
    if number:
        return NUMBER_METRIC.better(number_errors(labels, answers[:, 0]).root_mean_squared_error)
    decides = metric_of(metric)
    return decides.better(metric_value(decides, labels, answers))
