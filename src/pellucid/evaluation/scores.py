"""The scores of one model on one set of examples, with their intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import (
    ClassCounts,
    confusion_matrix,
    log_loss_terms,
    macro_f1_of_counts,
)
from pellucid.evaluation.calibration_error import calibration_error
from pellucid.evaluation.intervals import Interval, percentile_interval, resample, wilson


@dataclass(frozen=True)
class Scores:
    """Scores with 95 % intervals.

    Attributes:
        accuracy: share of right answers, with Wilson's interval.
        macro_f1: mean F1 over the classes that occur, with a bootstrap interval.
        log_loss: mean surprise in nats, with a bootstrap interval.
        expected_calibration_error: mean gap between confidence and accuracy, 15 bins, with an
            interval that reaches 0 where the gap may be chance.
        confusion: counts; rows are labels, columns predictions.
        examples: how many examples were scored.
    """

    accuracy: Interval
    macro_f1: Interval
    log_loss: Interval
    expected_calibration_error: Interval
    confusion: Int64[np.ndarray, "classes classes"]
    examples: int

    def to_json(self) -> dict[str, dict[str, float]]:
        """The form of `test` in `metrics.json`.

        Returns:
            Each score with `value`, `low` and `high`.
        """
        return {
            "accuracy": self.accuracy._asdict(),
            "macro_f1": self.macro_f1._asdict(),
            "log_loss": self.log_loss._asdict(),
            "expected_calibration_error": self.expected_calibration_error._asdict(),
        }


def score(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
) -> Scores:
    """Score class probabilities against labels.

    Args:
        labels: class indices, at least one.
        probabilities: one row for each example, as `predict_proba` gives them.
        seed: seed of the draws behind the intervals.

    Returns:
        Every score with its interval.

    Raises:
        ValueError: there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to score; at least one is needed")
    predicted = probabilities.argmax(axis=1)
    hits = int((predicted == labels).sum())
    scores = _resampled(labels, probabilities)
    f1, loss = (float(value) for value in scores(np.ones((1, len(labels))))[0])
    draws = resample(scores, len(labels), seed)
    return Scores(
        accuracy=wilson(hits, len(labels)),
        macro_f1=percentile_interval(f1, draws[:, 0]),
        log_loss=percentile_interval(loss, draws[:, 1]),
        expected_calibration_error=calibration_error(labels, probabilities, seed),
        confusion=confusion_matrix(labels, predicted, probabilities.shape[1]),
        examples=len(labels),
    )


def _resampled(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of the examples to macro-F1 and log loss, column by column."""
    classes, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    losses = log_loss_terms(labels, probabilities)
    by_label, by_prediction = _adder(labels, classes), _adder(predicted, classes)
    by_hit = _adder(np.where(predicted == labels, labels, classes), classes + 1)

    def scores(weights: np.ndarray) -> np.ndarray:
        counts = ClassCounts(by_hit(weights)[:, :classes], by_label(weights), by_prediction(weights))
        return np.stack([macro_f1_of_counts(counts), weights @ losses / len(labels)], axis=1)

    return scores


def _adder(groups: Int64[np.ndarray, " examples"], count: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that adds the columns of each group; group numbers are below `count`."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def add(terms: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(terms), count))
        sums[:, present] = np.add.reduceat(terms[:, order], starts, axis=1)
        return sums

    return add
