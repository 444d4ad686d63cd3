"""Score of a configuration in the comparison: one number, larger is better."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import accuracy, log_loss, macro_f1, number_errors
from pellucid.tasks import REGRESSION, Target


def score(
    metric: str, labels: np.ndarray, outputs: Float64[np.ndarray, "n outputs"], target: Target
) -> float:
    """Score the outputs of a predictor.

    Args:
        metric: key in `METRICS`; numbers go by the metric of their target.
        labels: class codes, or numbers; at least one.
        outputs: probabilities, or numbers in column 0.
        target: classes or numbers.

    Returns:
        The metric, or minus the root mean squared error; larger is better.
    """
    return _ALL[target.metric or metric](labels, target.of_columns(outputs))


def _nearness(labels: Float64[np.ndarray, " n"], answers: Float64[np.ndarray, " n"]) -> float:
    return -number_errors(labels, answers).root_mean_squared_error


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "macro-f1": lambda labels, answers: macro_f1(labels, answers.argmax(axis=1), answers.shape[1]),
    "log-loss": lambda labels, answers: -log_loss(labels, answers),
}
"""Metrics of probabilities by the value of `--metric`."""

_ALL = {
    **METRICS,
    REGRESSION.metric: _nearness,
}
