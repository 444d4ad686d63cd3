"""The scores of one model, of classes or of numbers, on all examples or on slices, with their intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.special import stdtrit

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
from pellucid.settings import METRICS, Metric, metrics_of
from pellucid.targets import Labels

# Examples times groups up to which a product with a table of ones and zeros is the quickest sum.
_MOST_MEMBERSHIPS = 1 << 20


class LabelScore(NamedTuple):
    """Scores of one of several labels, `None` where there is nothing to score."""

    known: int  # examples in which it is known
    support: int  # of these the ones in which it is present
    precision: Interval | None  # share of its answers that are right, with Wilson's interval
    recall: Interval | None  # share of its examples that are found, with Wilson's interval
    f1: Interval | None  # with an interval from resampled examples, as has average precision
    average_precision: Interval | None  # where it is present in some examples and absent in others
    expected_calibration_error: float | None

    def to_json(self) -> dict[str, Any]:
        """Its scores by their names."""
        found = self._asdict().items()
        return {name: each._asdict() if isinstance(each, Interval) else each for name, each in found}

    def with_ends_of(self, other: "LabelScore") -> "LabelScore":
        """The same scores with intervals that contain both."""
        both = zip(self._fields, self, other, strict=True)
        wider: dict[str, Any] = {
            name: mine.with_ends_of(its)
            for name, mine, its in both
            if isinstance(mine, Interval) and isinstance(its, Interval)
        }
        return self._replace(**wider)


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

    def with_ends_of(self, other: "Scores") -> "Scores":
        """The same scores with intervals that contain both."""
        pairs = zip(self.per_label, other.per_label, strict=True)
        return replace(
            self,
            intervals={key: each.with_ends_of(other[key]) for key, each in self.intervals.items()},
            per_label=tuple(mine.with_ends_of(its) for mine, its in pairs),
        )

    def to_json(self) -> dict[str, dict[str, float]]:
        """The value of `test` in `metrics.json`."""
        return {name: interval._asdict() for name, interval in self.intervals.items()}

    def per_label_json(self) -> list[dict[str, Any]]:
        """Scores of every label, in their order."""
        return [each.to_json() for each in self.per_label]


def score_classes(
    labels: Labels,
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Int64[np.ndarray, " examples"] | None = None,
) -> Scores:
    """Score probabilities of classes: of two classes by rankings too, where both occur.

    Rankings are about the class `positive`, by default the rarer. `predicted` are the classes decided for, by
    default the most probable ones.
    """
    classes, target, codes = probabilities.shape[1], labels.target, labels.values
    predicted = target.labels(probabilities) if predicted is None else predicted
    # Intervals of the metrics without a formula for theirs, all from the same resamples.
    scores = _resampled(codes, probabilities, predicted)
    values, draws = scores(np.ones((1, len(labels))))[0], resample(scores, len(labels), seed, groups=groups)
    resampled = _percentiles((*OF_COUNTS, "log_loss"), values, draws, groups)
    if classes == 2 and len(np.unique(codes)) == 2:
        resampled |= _ranking_intervals(codes, probabilities, seed, positive, groups)

    def interval(metric: Metric) -> Interval:
        if metric.interval == "wilson":
            return share_interval(predicted == codes, groups)
        if metric.interval == "bins":
            return calibration_error(labels, probabilities, seed, groups)
        return resampled[metric.key]

    intervals = {
        metric.key: interval(metric)
        for metric in metrics_of(target.noun, classes)
        if metric.key in resampled or not metric.of_two
    }
    return Scores(intervals, len(labels), confusion_matrix(codes, predicted, classes))


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
    labels: Labels,
    answers: Float64[np.ndarray, " examples"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Float64[np.ndarray, " examples"] | None = None,
) -> Scores:
    r"""Score predicted numbers against true ones: the scores of `number_errors`, with intervals.

    The intervals are studentised, those of the squared errors on the scale of $\ln$, where they are
    nearly symmetric: squared errors have a long tail, and percentiles would be too narrow. By `groups`
    they are percentiles of resampled groups on the same scales, since sums over groups have shorter tails.
    Numbers decide nothing, so that `positive` and `predicted` play no part.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", sections 12.5 and 12.6.
    """
    del positive, predicted
    # Terms of each example in the sums that scores and their standard errors are made of.
    errors, centred = answers - labels.values, labels.values - labels.values.mean()
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
    labels: Labels,
    answers: Float64[np.ndarray, "test ..."],
    groups: Groups | None = None,
    predicted: Shaped[np.ndarray, "test ..."] | None = None,
) -> Slices:
    """Score a model on the examples of each value, by the share answered right or the mean absolute error.

    With `groups` intervals are by these. `predicted` are decisions, by default the most probable classes, or
    labels from one half on.
    """
    metric = METRICS[labels.target.right or labels.target.headline]
    terms = labels.target.outcomes(labels.values, answers, predicted)
    names, of, counts = np.unique(np.array(values, object), return_inverse=True, return_counts=True)
    of = of.reshape(-1)
    large = np.flatnonzero(counts >= FEWEST)
    small = np.isin(of, np.flatnonzero(counts < FEWEST))
    is_pooled = int(small.sum()) >= FEWEST
    level = 1 - _MISSED / (2 * (len(large) + is_pooled)) if len(large) or is_pooled else 0.0
    few, of_all = len(counts) - len(large), float(terms.mean())

    def part(value: str, members: Bool[np.ndarray, " test"]) -> Slice:
        mine, of_part = terms[members], None if groups is None else groups.within(members)
        if not metric.is_error:
            found = share_interval(mine == 1, of_part, NormalDist().inv_cdf(level))
            return Slice(value, len(mine), found, found.high < of_all)
        mean = float(mine.mean())
        reach = float(stdtrit(len(mine) - 1, level)) * float(mine.std(ddof=1)) / math.sqrt(len(mine))
        if of_part is not None:
            reach *= math.sqrt(len(mine) / of_part.effective(mine, len(mine)))
        found = Interval(mean, max(0.0, mean - reach), mean + reach)
        return Slice(value, len(mine), found, found.low > of_all)

    parts = [part(str(names[code]), of == code) for code in large.tolist()]
    parts.sort(key=lambda each: -each.score.value if metric.is_error else each.score.value)
    return Slices(
        column=column,
        metric=metric.key,
        parts=parts,
        pooled=part("", small) if is_pooled else None,
        pooled_values=few if is_pooled else 0,
        left_out=(0, 0) if is_pooled else (few, int(small.sum())),
    )
