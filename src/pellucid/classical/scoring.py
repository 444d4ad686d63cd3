"""Score of a configuration in the comparison: one number, larger is better."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import accuracy, log_loss, macro_f1, number_errors


def score(metric: str, labels: np.ndarray, answers: Float64[np.ndarray, "n outputs"], number: bool) -> float:
    """Metric of the answers, or minus the root mean squared error of numbers; larger is better."""
    if number:
        return -number_errors(labels, answers[:, 0]).root_mean_squared_error
    return METRICS[metric](labels, answers)


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "macro-f1": lambda labels, answers: macro_f1(labels, answers.argmax(axis=1), answers.shape[1]),
    "log-loss": lambda labels, answers: -log_loss(labels, answers),
}
