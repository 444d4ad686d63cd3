"""The scores of one model on one set of examples, with their intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import OF_COUNTS, ClassCounts, confusion_matrix, log_loss_terms
from pellucid.arithmetic.ranking import OF_RANKS, ranked, rarer_class
from pellucid.evaluation.calibration.error import calibration_error
from pellucid.evaluation.groups import Groups
from pellucid.evaluation.intervals import (
    Interval,
    percentile_interval,
    resample,
    resample_within,
    share_interval,
)
from pellucid.settings import METRICS, Metric, metrics_of

# Examples times groups up to which a product with a table of ones and zeros is the quickest sum.
_MOST_MEMBERSHIPS = 1 << 20


@dataclass(frozen=True)
class Scores:
    """Scores with 95 % intervals.

    Attributes:
        intervals: each metric of what is predicted, by its name in `metrics.json`.
        examples: how many examples were scored.
        confusion: counts; rows are labels, columns predictions. `None` where numbers are predicted.
    """

    intervals: Mapping[str, Interval]
    examples: int
    confusion: Int64[np.ndarray, "classes classes"] | None = None

    def __getitem__(self, metric: str) -> Interval:
        """One score by its name in `metrics.json`."""
        return self.intervals[metric]

    def to_json(self) -> dict[str, dict[str, float]]:
        """The form of `test` in `metrics.json`: each score with `value`, `low` and `high`."""
        return {name: interval._asdict() for name, interval in self.intervals.items()}


def score(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Int64[np.ndarray, " examples"] | None = None,
) -> Scores:
    """Score class probabilities against labels, every score with its interval.

    `seed` is that of the draws behind the intervals. Where there are `groups` these are by them, and never
    narrower than without: how far few groups lie apart is known badly. Of two classes `positive` is the one
    that rankings are about, by default the rarer; they are scored where both classes occur. `predicted` are
    the classes decided for, by default the most probable ones; they count in every score of right answers.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to score; at least one is needed")
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1) if predicted is None else predicted
    resampled = _bootstrap_intervals(labels, probabilities, seed, predicted, groups)
    if classes == 2 and len(np.unique(labels)) == 2:
        resampled |= _ranking_intervals(labels, probabilities, seed, positive, groups)

    def interval(metric: Metric) -> Interval:
        """Score and interval of one metric, in the way that its row of the table states."""
        if metric.interval == "wilson":
            return share_interval(predicted == labels, groups)
        if metric.interval == "bins":
            return calibration_error(labels, probabilities, seed, groups)
        return resampled[metric.key]

    intervals = {
        metric.key: interval(metric)
        for metric in metrics_of("class", classes)
        if metric.key in resampled or not metric.of_two
    }
    return Scores(
        intervals=intervals
        if groups is None
        else widened(intervals, score(labels, probabilities, seed, None, positive, predicted)),
        examples=len(labels),
        confusion=confusion_matrix(labels, predicted, classes),
    )


def widened(intervals: Mapping[str, Interval], plain: Scores) -> dict[str, Interval]:
    """Intervals by groups that also hold those without."""
    return {key: each.with_ends_of(plain[key]) for key, each in intervals.items()}


def _bootstrap_intervals(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int,
    predicted: Int64[np.ndarray, " examples"],
    groups: Groups | None,
) -> dict[str, Interval]:
    """Intervals of the metrics without a formula for theirs, all from the same resamples."""
    scores = _resampled(labels, probabilities, predicted)
    values, draws = scores(np.ones((1, len(labels))))[0], resample(scores, len(labels), seed, groups=groups)
    return {
        name: percentile_interval(float(value), drawn, groups, METRICS[name].bounds)
        for name, value, drawn in zip((*OF_COUNTS, "log_loss"), values, draws.T, strict=True)
    }


def _ranking_intervals(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples 2"],
    seed: int,
    positive: int | None,
    groups: Groups | None,
) -> dict[str, Interval]:
    """Intervals of the scores of rankings, from resamples within each class, or of whole groups."""
    chosen = rarer_class(labels) if positive is None else positive
    counted = ranked(labels == chosen, probabilities[:, chosen])

    def scores(weights: np.ndarray) -> np.ndarray:
        """Every score of a ranking, a column each."""
        counts = counted(weights)
        return np.stack([metric(*counts) for metric in OF_RANKS.values()], axis=1)

    values = scores(np.ones((1, len(labels))))[0]
    draws = (
        resample_within(scores, labels == chosen, seed)
        if groups is None
        else resample(scores, len(labels), seed, groups=groups)
    )
    draws = draws[np.isfinite(draws).all(axis=1)]  # resampled groups may all be of one class
    return {
        name: percentile_interval(float(value), drawn, groups, METRICS[name].bounds)
        for name, value, drawn in zip(OF_RANKS, values, draws.T, strict=True)
    }


def _resampled(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    predicted: Int64[np.ndarray, " examples"],
) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of the examples to the metrics of class counts and, last, the log loss."""
    classes = probabilities.shape[1]
    losses = log_loss_terms(labels, probabilities)
    by_label, by_prediction = _adder(labels, classes), _adder(predicted, classes)
    by_hit = _adder(np.where(predicted == labels, labels, classes), classes + 1)

    def scores(weights: np.ndarray) -> np.ndarray:
        counts = ClassCounts(by_hit(weights)[:, :classes], by_label(weights), by_prediction(weights))
        of_counts = [metric(counts) for metric in OF_COUNTS.values()]
        return np.stack([*of_counts, weights @ losses / weights.sum(axis=1)], axis=1)

    return scores


def _adder(groups: Int64[np.ndarray, " examples"], count: int) -> Callable[[np.ndarray], np.ndarray]:
    """A function that adds the columns of each group; group numbers are below `count`."""
    if len(groups) * count <= _MOST_MEMBERSHIPS:
        members = (groups[:, None] == np.arange(count)).astype(np.float64)
        return lambda terms: np.asarray(
            terms @ members
        )  # weights are whole numbers: every order adds them alike
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def add(terms: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(terms), count))
        sums[:, present] = np.add.reduceat(terms[:, order], starts, axis=1)
        return sums

    return add
