"""The scores of one model on one set of examples, with their intervals."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.evaluation.intervals import (
    RESAMPLES,
    Interval,
    block_rows,
    distance_interval,
    percentile_interval,
    resample,
    wilson,
)
from pellucid.evaluation.metrics import (
    CALIBRATION_BINS,
    ClassCounts,
    calibration_terms,
    confusion_matrix,
    log_loss_terms,
    macro_f1_of_counts,
)


@dataclass(frozen=True)
class Scores:
    """Scores with 95 % intervals.

    Attributes:
        accuracy: share of right answers, with Wilson's interval.
        macro_f1: mean F1 over the classes that occur, with a bootstrap interval.
        log_loss: mean surprise in nats, with a bootstrap interval.
        expected_calibration_error: mean gap between confidence and accuracy, 15 bins, with a
            reflected bootstrap interval that reaches 0 where the gap may be chance.
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
        seed: seed of the bootstrap.

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
    f1, loss, calibration = (float(value) for value in scores(np.ones((1, len(labels))))[0])
    draws = resample(scores, len(labels), seed)
    chance = _calibration_by_chance(labels, probabilities, seed)
    return Scores(
        accuracy=wilson(hits, len(labels)),
        macro_f1=percentile_interval(f1, draws[:, 0]),
        log_loss=percentile_interval(loss, draws[:, 1]),
        expected_calibration_error=distance_interval(calibration, draws[:, 2], chance),
        confusion=confusion_matrix(labels, predicted, probabilities.shape[1]),
        examples=len(labels),
    )


def _resampled(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of the examples to macro-F1, log loss and calibration error, column by column."""
    classes, predicted = probabilities.shape[1], probabilities.argmax(axis=1)
    losses = log_loss_terms(labels, probabilities)
    bins, gaps = calibration_terms(labels, probabilities)
    by_label, by_prediction = _adder(labels, classes), _adder(predicted, classes)
    by_hit = _adder(np.where(predicted == labels, labels, classes), classes + 1)
    by_bin = _adder(bins, CALIBRATION_BINS)

    def scores(weights: np.ndarray) -> np.ndarray:
        counts = ClassCounts(by_hit(weights)[:, :classes], by_label(weights), by_prediction(weights))
        calibration = np.abs(by_bin(weights * gaps)).sum(axis=1) / len(labels)
        columns = [macro_f1_of_counts(counts), weights @ losses / len(labels), calibration]
        return np.stack(columns, axis=1)

    return scores


def _calibration_by_chance(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"], seed: int
) -> Float64[np.ndarray, " resamples"]:
    """Calibration errors that answers as sure as these get by chance when they are perfectly calibrated."""
    generator = np.random.default_rng(seed)
    confidence, (bins, _) = probabilities.max(axis=1), calibration_terms(labels, probabilities)
    by_bin = _adder(bins, CALIBRATION_BINS)
    sums = [
        by_bin((generator.random((rows, len(labels))) < confidence) - confidence)
        for rows in block_rows(RESAMPLES, len(labels))
    ]
    errors: np.ndarray = np.abs(np.concatenate(sums)).sum(axis=1) / len(labels)
    return errors


def _adder(groups: Int64[np.ndarray, " examples"], count: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that adds the columns of each group; group numbers are below `count`."""
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def add(terms: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(terms), count))
        sums[:, present] = np.add.reduceat(terms[:, order], starts, axis=1)
        return sums

    return add
