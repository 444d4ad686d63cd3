"""The scores of one model, of classes or of numbers, on all examples or on slices, with their intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.special import stdtrit

from pellucid.arithmetic.label_metrics import is_right
from pellucid.arithmetic.metrics import (
    OF_COUNTS,
    OF_RANKS,
    ClassCounts,
    confusion_matrix,
    log_loss_terms,
    ranked,
    ranking_value,
    rarer_class,
)
from pellucid.evaluation.calibration import calibration_error
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    percentile_interval,
    resample,
    resample_within,
    share_interval,
    studentised_interval,
)
from pellucid.evaluation.label_scores import LabelScore, label_scores
from pellucid.settings import METRICS, Metric, metrics_of

_NO_EXAMPLE = "labels: no example to score; at least one is needed"
# Examples times groups up to which a product with a table of ones and zeros is the quickest sum.
_MOST_MEMBERSHIPS = 1 << 20


@dataclass(frozen=True)
class Scores:
    """Scores with 95 % intervals."""

    intervals: Mapping[str, Interval]  # each metric of what is predicted, by its name in `metrics.json`
    examples: int  # how many examples were scored
    # counts; rows are labels, columns predictions. `None` where numbers are predicted.
    confusion: Int64[np.ndarray, "classes classes"] | None = None
    per_label: tuple[LabelScore, ...] = ()  # of several labels each, in their order

    def __getitem__(self, metric: str) -> Interval:
        """One score by its name in `metrics.json`."""
        return self.intervals[metric]

    def to_json(self) -> dict[str, dict[str, float]]:
        """The value of `test` in `metrics.json`."""
        return {name: interval._asdict() for name, interval in self.intervals.items()}

    def per_label_json(self) -> list[dict[str, Any]]:
        """Scores of every label, in their order."""
        return [each.to_json() for each in self.per_label]


def score(
    labels: Shaped[np.ndarray, "examples ..."],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Shaped[np.ndarray, "examples ..."] | None = None,
) -> Scores:
    """Score probabilities of classes, or of several labels, against labels, every score with its interval.

    With `groups` intervals are by these, and never narrower than without: how much few groups differ is known
    badly. Of two classes `positive` is the one that rankings are about, by default the rarer; they are scored
    where both classes occur. `predicted` are the classes decided for, by default the most probable ones, or
    decisions about several labels (examples, labels), by default those from one half on.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError(_NO_EXAMPLE)
    if labels.ndim == 2:
        of_labels, per_label = label_scores(labels, probabilities, seed, groups, predicted)
        return Scores(of_labels, len(labels), per_label=per_label)
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1) if predicted is None else predicted
    # Intervals of the metrics without a formula for theirs, all from the same resamples.
    scores = _resampled(labels, probabilities, predicted)
    values, draws = scores(np.ones((1, len(labels))))[0], resample(scores, len(labels), seed, groups=groups)
    resampled = _percentiles((*OF_COUNTS, "log_loss"), values, draws, groups)
    if classes == 2 and len(np.unique(labels)) == 2:
        resampled |= _ranking_intervals(labels, probabilities, seed, positive, groups)

    def interval(metric: Metric) -> Interval:
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
    if groups is not None:
        plain = score(labels, probabilities, seed, None, positive, predicted)
        intervals = {key: each.with_ends_of(plain[key]) for key, each in intervals.items()}
    return Scores(intervals, len(labels), confusion_matrix(labels, predicted, classes))


def _percentiles(
    names: Sequence[str], values: np.ndarray, draws: np.ndarray, groups: Groups | None
) -> dict[str, Interval]:
    """Intervals of several metrics from their values and those of resamples, one column each."""
    return {
        name: percentile_interval(float(value), drawn, groups, METRICS[name].bounds)
        for name, value, drawn in zip(names, values, draws.T, strict=True)
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
        counts = counted(weights)
        return np.stack([metric(*counts) for metric in OF_RANKS.values()], axis=1)

    values = scores(np.ones((1, len(labels))))[0]
    draws = (
        resample_within(scores, labels == chosen, seed)
        if groups is None
        else resample(scores, len(labels), seed, groups=groups)
    )
    draws = draws[np.isfinite(draws).all(axis=1)]  # resampled groups may all be of one class
    return _percentiles(list(OF_RANKS), values, draws, groups)


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
        # Weights are whole numbers: every order adds them alike.
        return lambda terms: np.asarray(terms @ members)
    order = np.argsort(groups, kind="stable")
    present, starts = np.unique(groups[order], return_index=True)

    def add(terms: np.ndarray) -> np.ndarray:
        sums = np.zeros((len(terms), count))
        sums[:, present] = np.add.reduceat(terms[:, order], starts, axis=1)
        return sums

    return add


# Logarithms whose exponential is a number; beyond lie those of resamples without an error.
_ENDS = -700.0, 700.0


def score_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Float64[np.ndarray, " examples"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Scores:
    r"""Score predicted numbers against true ones: the scores of `number_errors`, with intervals.

    The intervals are studentised, those of the squared errors on the scale of $\ln$, where they are
    nearly symmetric: squared errors have a long tail, and percentiles would be too narrow. By `groups`
    they are percentiles of resampled groups on the same scales, since sums over groups have shorter tails,
    and never narrower than without.

    Raises: `ValueError` if there is no example.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", sections 12.5 and 12.6.
    """
    if len(labels) == 0:
        raise ValueError(_NO_EXAMPLE)
    # Terms of each example in the sums that scores and their standard errors are made of.
    errors, centred = predicted - labels, labels - labels.mean()
    squares = errors**2
    powers = [centred**power for power in (1, 2, 3, 4)]
    crossed = [squares * centred, squares * centred**2]
    moments = np.stack([np.abs(errors), squares, squares**2, *powers, *crossed], axis=1)

    def scores(weights: np.ndarray) -> np.ndarray:
        return _of_moments(weights @ moments / weights.sum(axis=1)[:, None], len(labels))

    value = scores(np.ones((1, len(labels))))[0]
    draws = resample(scores, len(labels), seed, groups=groups)
    if groups is None:
        found = [studentised_interval(*value[[k, k + 3]], *draws[:, [k, k + 3]].T) for k in range(3)]
    else:
        found = [percentile_interval(float(value[k]), np.clip(draws[:, k], *_ENDS), groups) for k in range(3)]
    absolute, squared, ratio = found
    # Exponentials are bounded so that an interval stays finite.
    r2 = Interval(*(1 - math.exp(min(end, _ENDS[1])) for end in ratio))
    intervals = {
        "mean_absolute_error": Interval(absolute.value, max(0.0, absolute.low), absolute.high),
        "root_mean_squared_error": Interval(*(math.exp(min(end / 2, _ENDS[1])) for end in squared)),
        "r2": Interval(r2.value, r2.high, r2.low),
    }
    if groups is not None:
        plain = score_numbers(labels, predicted, seed)
        intervals = {key: each.with_ends_of(plain[key]) for key, each in intervals.items()}
    return Scores(intervals, len(labels))


def _of_moments(means: Float64[np.ndarray, "sets moments"], examples: int) -> Float64[np.ndarray, "sets 6"]:
    r"""Mean absolute error, $\ln$ of the mean squared error and of $1 - R^2$; their standard errors.

    A standard error is that of the mean of the score's influence: $|e|$, $e^2 / \overline{e^2}$, and
    $e^2 / \overline{e^2} - (y - \bar y)^2 / s_y^2$.
    """
    absolute, squared, fourth, first, second, third, quartic, crossed, crossed_twice = means.T
    variance = np.maximum(second - first**2, 0)
    spread = quartic - 4 * third * first + 6 * second * first**2 - 3 * first**4
    together = crossed_twice - 2 * crossed * first + first**2 * squared
    with np.errstate(divide="ignore", invalid="ignore"):
        of_squared = fourth / squared**2 - 1
        of_ratio = fourth / squared**2 + spread / variance**2 - 2 * together / (squared * variance)
        logs = [np.log(squared), np.where(squared == 0, -np.inf, np.log(squared / variance))]
    variances = [squared - absolute**2, of_squared, of_ratio]
    errors = [np.sqrt(np.maximum(each, 0) / examples) for each in variances]
    # equal labels leave nothing to explain: 1 where all are met, 0 otherwise
    logs[1] = np.where((variance == 0) & (squared > 0), 0.0, logs[1])
    return np.stack([absolute, *logs, *errors], axis=1)


def area_under_roc(foreign: Float64[np.ndarray, " n"], known: Float64[np.ndarray, " m"]) -> float:
    """The chance that a foreign input gets a higher number than a known one, equals counting half."""
    is_foreign = np.arange(len(foreign) + len(known)) < len(foreign)
    return ranking_value("roc_auc", is_foreign, np.concatenate([foreign, known]).astype(np.float64))


# Test examples below which a value has no score of its own.
FEWEST = 20
_MISSED = 0.05


class Slice(NamedTuple):
    """Score on the examples of one value, or of several small ones."""

    value: str  # the value; empty where the cell is
    examples: int  # test examples of it
    score: Interval  # accuracy, subset accuracy or mean absolute error, with a simultaneous interval
    is_worse: bool  # the whole interval is worse than the score of all

    def to_json(self) -> dict[str, Any]:
        """An entry of `slices.values` in `metrics.json`."""
        return {
            "value": self.value,
            "examples": self.examples,
            "score": self.score._asdict(),
            "worse_than_all": self.is_worse,
        }


@dataclass(frozen=True)
class Slices:
    r"""Scores of one model on subsets of the test split, by the values of a column.

    Of many intervals of 95 % each, some would miss. So with $m$ subsets each is made at the level
    $1 - 0.05 / m$ (Bonferroni), and all hold together with 95 %: that of a share by Wilson's formula with
    $z_{1 - 0.05 / 2m}$, that of a mean absolute error as
    $\bar e \pm t_{n - 1, \, 1 - 0.05 / 2m} \, s_e / \sqrt{n}$.

    Source: Dunn 1961, "Multiple Comparisons Among Means".
    """

    column: str  # the column
    metric: str  # key of the metric: `accuracy`, `subset_accuracy` or `mean_absolute_error`
    parts: Sequence[Slice]  # values with at least 20 test examples, worst first
    pooled: Slice | None  # the smaller values together, where these have 20; `None` where there are none
    pooled_values: int  # how many values are pooled
    left_out: tuple[int, int]  # values and examples that are too few even together

    def to_json(self) -> dict[str, Any]:
        """The value of `slices` in `metrics.json`."""
        pooled = None
        if self.pooled is not None:
            pooled = {**self.pooled.to_json(), "value": None, "values": self.pooled_values}
        return {
            "column": self.column,
            "metric": self.metric,
            "intervals": "bonferroni",
            "values": [part.to_json() for part in self.parts],
            "pooled": pooled,
            "left_out": {"values": self.left_out[0], "examples": self.left_out[1]},
        }


def score_slices(
    column: str,
    values: Sequence[str],
    labels: Shaped[np.ndarray, "test ..."],
    answers: Float64[np.ndarray, "test ..."],
    groups: Groups | None = None,
    predicted: Shaped[np.ndarray, "test ..."] | None = None,
) -> Slices:
    """Score a model on the examples of each value.

    `answers` are probabilities (test, classes), scored by accuracy, or of several labels by subset accuracy,
    or numbers (test,), by mean absolute error. With `groups` intervals are by these. `predicted` are
    decisions, by default the most probable classes, or labels from one half on.
    """
    is_error = answers.ndim == 1
    terms = np.abs(answers - labels) if is_error else is_right(labels, answers, predicted).astype(np.float64)
    of_shares = "subset_accuracy" if labels.ndim == 2 else "accuracy"
    names, of, counts = np.unique(np.array(values, object), return_inverse=True, return_counts=True)
    of = of.reshape(-1)
    large = np.flatnonzero(counts >= FEWEST)
    small = np.isin(of, np.flatnonzero(counts < FEWEST))
    is_pooled = int(small.sum()) >= FEWEST
    level = 1 - _MISSED / (2 * (len(large) + is_pooled)) if len(large) or is_pooled else 0.0
    few, of_all = len(counts) - len(large), float(terms.mean())

    def part(value: str, members: Bool[np.ndarray, " test"]) -> Slice:
        mine, of_part = terms[members], None if groups is None else groups.within(members)
        if not is_error:
            found = share_interval(mine == 1, of_part, NormalDist().inv_cdf(level))
            return Slice(value, len(mine), found, found.high < of_all)
        mean = float(mine.mean())
        reach = float(stdtrit(len(mine) - 1, level)) * float(mine.std(ddof=1)) / math.sqrt(len(mine))
        if of_part is not None:
            reach *= math.sqrt(len(mine) / of_part.effective(mine, len(mine)))
        found = Interval(mean, max(0.0, mean - reach), mean + reach)
        return Slice(value, len(mine), found, found.low > of_all)

    parts = [part(str(names[code]), of == code) for code in large.tolist()]
    parts.sort(key=lambda each: -each.score.value if is_error else each.score.value)
    return Slices(
        column=column,
        metric="mean_absolute_error" if is_error else of_shares,
        parts=parts,
        pooled=part("", small) if is_pooled else None,
        pooled_values=few if is_pooled else 0,
        left_out=(0, 0) if is_pooled else (few, int(small.sum())),
    )
