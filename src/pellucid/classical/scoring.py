r"""How candidates are compared: one number for each, larger is better."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

_SMALLEST = float(np.finfo(np.float64).eps)


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
        return -float(np.sqrt(np.mean((answers[:, 0] - labels) ** 2)))
    return METRICS[metric](labels, answers)


def _accuracy(labels: Int64[np.ndarray, " n"], answers: Float64[np.ndarray, "n classes"]) -> float:
    return float((answers.argmax(axis=1) == labels).mean())


def _macro_f1(labels: Int64[np.ndarray, " n"], answers: Float64[np.ndarray, "n classes"]) -> float:
    r"""Mean over the classes that occur of $2 \cdot hits / (named + there)$."""
    predicted, classes = answers.argmax(axis=1), answers.shape[1]
    hits = np.bincount(labels[predicted == labels], minlength=classes)
    there, named = np.bincount(labels, minlength=classes), np.bincount(predicted, minlength=classes)
    occurs = there + named > 0
    return float((2 * hits[occurs] / (there + named)[occurs]).mean())


def _log_loss(labels: Int64[np.ndarray, " n"], answers: Float64[np.ndarray, "n classes"]) -> float:
    right = answers[np.arange(len(labels)), labels]
    return float(np.log(np.maximum(right, _SMALLEST)).mean())


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "macro-f1": _macro_f1,
    "log-loss": _log_loss,
}
