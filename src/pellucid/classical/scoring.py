"""How configurations are compared: one number for each, larger is better."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import accuracy, log_loss, macro_f1, number_errors


def score(metric: str, labels: np.ndarray, answers: Float64[np.ndarray, "n outputs"], number: bool) -> float:
    """Score answers.

    Args:
        metric: key in `METRICS`; of no importance for numbers.
        labels: class codes, or numbers; at least one.
        answers: probabilities, or numbers in column 0.
        number: whether numbers are predicted.

    Returns:
        The metric, or minus the root mean squared error; larger is better.
    """
    if number:
        return -number_errors(labels, answers[:, 0]).root_mean_squared_error
    return METRICS[metric](labels, answers)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "macro-f1": lambda labels, answers: macro_f1(labels, answers.argmax(axis=1), answers.shape[1]),
    "log-loss": lambda labels, answers: -log_loss(labels, answers),
}
