"""Scores of several labels with their intervals, of all labels together and of each.

The labels of one example are not independent, so what is resampled is examples, or groups of these.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int8
from scipy.sparse import csr_array, vstack

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import (
    OF_LABEL_COUNTS,
    ClassCounts,
    average_precision,
    is_subset_right,
    label_average_precisions,
    label_calibration_error,
    label_log_loss_terms,
    ranked_labels,
    ranking_precision_terms,
    sample_f1_terms,
)
from pellucid.evaluation.calibration import calibration_error
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    percentile_interval,
    resample,
    share_interval,
)
from pellucid.evaluation.scores import LabelScore, Scores
from pellucid.settings import METRICS, metrics_of
from pellucid.targets import Labels


def score_labels(
    labelled: Labels,
    probabilities: Float64[np.ndarray, "examples labels"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Int8[np.ndarray, "examples labels"] | None = None,
) -> Scores:
    """Every metric of several labels by its name in `metrics.json`, and the scores of each label.

    A mean average precision is left out where no label is both present and absent, and a ranking average
    precision where no example has both. Resamples without a present cell of a label say nothing about it.
    `predicted` are decisions, by default those at one half; none of the labels is `positive`.
    """
    del positive
    labels, target = labelled.values, labelled.target
    decisions = target.labels(probabilities) if predicted is None else predicted
    scores = _resampled(labels, probabilities, decisions)
    values = scores(np.ones((1, len(labels))))[0]
    draws = resample(scores, len(labels), seed, groups=groups)
    count, first = labels.shape[1], len(_RESAMPLED)
    # Average precisions with weights are of coarse steps; how far that moves them is taken back.
    exact, precisions = values.copy(), label_average_precisions(labels, probabilities)
    exact[first + count :] = precisions
    if np.isfinite(precisions).any():
        exact[_RESAMPLED.index("mean_average_precision")] = np.nanmean(precisions)
    draws += exact - values

    def interval(column: int, bounds: tuple[float, float] = (0.0, 1.0)) -> Interval | None:
        drawn = draws[np.isfinite(draws[:, column]), column]
        value = float(exact[column])
        if not np.isfinite(value):
            return None
        return percentile_interval(value, np.clip(drawn, *bounds), groups, bounds)

    resampled = {key: interval(column, METRICS[key].bounds) for column, key in enumerate(_RESAMPLED)}
    resampled["subset_accuracy"] = share_interval(is_subset_right(labels, decisions), groups)
    resampled["expected_calibration_error"] = calibration_error(labelled, probabilities, seed, groups)
    intervals = {each.key: resampled[each.key] for each in metrics_of(target.noun)}
    present, answered = labels == 1, (decisions == 1) & (labels >= 0)

    def share(of: Bool[np.ndarray, " examples"], hits: Bool[np.ndarray, " examples"]) -> Interval | None:
        return share_interval(hits[of], None if groups is None else groups.within(of)) if of.any() else None

    per_label = tuple(
        LabelScore(
            known=int((labels[:, label] >= 0).sum()),
            support=int(present[:, label].sum()),
            precision=share(answered[:, label], present[:, label]),
            recall=share(present[:, label], answered[:, label]),
            f1=interval(first + label),
            average_precision=interval(first + count + label),
            expected_calibration_error=label_calibration_error(labels[:, [label]], probabilities[:, [label]])
            if (labels[:, label] >= 0).any()
            else None,
        )
        for label in range(count)
    )
    found = {key: each for key, each in intervals.items() if each is not None}
    return Scores(found, len(labels), per_label=per_label)


# Metrics whose intervals are from resamples, in the order of their columns.
_RESAMPLED = (
    *OF_LABEL_COUNTS,
    "sample_f1",
    "log_loss",
    "ranking_average_precision",
    "mean_average_precision",
)


# Present probabilities of a label at which its precision is known in a resample.
_MOST_STEPS = 200


def _resampled(
    labels: Int8[np.ndarray, "examples labels"],
    probabilities: Float64[np.ndarray, "examples labels"],
    predicted: Int8[np.ndarray, "examples labels"],
) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of the examples to the metrics, F1 of each label and average precision of each label.

    What cannot be scored with these weights is not a number.
    """
    present, answered = labels == 1, (predicted == 1) & (labels >= 0)
    cells = [each.astype(np.float64) for each in (present & answered, present, answered)]
    means = [sample_f1_terms(labels, predicted), label_log_loss_terms(labels, probabilities)]
    rankings = ranking_precision_terms(labels, probabilities)
    ranks, precisions = ~np.isnan(rankings), label_precisions(labels, probabilities)

    def scores(weights: np.ndarray) -> np.ndarray:
        counts = ClassCounts(*(weights @ each for each in cells))
        of_counts = [metric(counts) for metric in OF_LABEL_COUNTS.values()]
        of_means = [weights @ terms / weights.sum(axis=1) for terms in means]
        of_label = precisions(weights)
        with np.errstate(invalid="ignore"):
            ranking = weights[:, ranks] @ rankings[ranks] / weights[:, ranks].sum(axis=1)
            f1 = np.where(counts.labelled > 0, 2 * counts.hits / (counts.labelled + counts.predicted), np.nan)
            able = np.isfinite(of_label)
            mean = np.where(able, of_label, 0.0).sum(axis=1) / able.sum(axis=1)
        return np.concatenate(
            [np.stack([*of_counts, *of_means, ranking, mean], axis=1), f1, of_label], axis=1
        )

    return scores


def label_precisions(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Callable[[np.ndarray], np.ndarray]:
    """From weights of the examples (rows, examples) to the average precision of each label (rows, labels).

    Only examples at or above each present one count in its precision. So a label's examples are added up
    between its distinct present probabilities first, or 200 of these; all labels' sums are one product with a
    sparse matrix. Not a number where no present or no absent example has weight.
    """
    able = np.flatnonzero(ranked_labels(labels)).tolist()
    count = len(labels)
    tables, widths = [], []
    for label in able:
        rows = np.flatnonzero(labels[:, label] >= 0)
        stated, present = -probabilities[rows, label], labels[rows, label] == 1
        steps = np.unique(stated[present])
        if len(steps) > _MOST_STEPS:
            steps = steps[np.linspace(0, len(steps) - 1, _MOST_STEPS).round().astype(np.int64)]
        # of absent ones those below every present example are in a last place of their own
        place = np.searchsorted(steps, stated, side="left") + np.where(present, 0, len(steps))
        width = 2 * len(steps) + 1
        tables.append(csr_array((np.ones(len(rows)), (place, rows)), shape=(width, count)))
        widths.append(width)
    table = vstack(tables, format="csr") if tables else csr_array((0, count))
    starts = np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)

    def precisions(weights: np.ndarray) -> np.ndarray:
        sums = (table @ np.ascontiguousarray(weights.T)).T
        found = np.full((len(weights), labels.shape[1]), np.nan)
        for label, start, width in zip(able, starts[:-1].tolist(), widths, strict=True):
            steps = (width - 1) // 2
            positive = sums[:, start : start + steps]
            negative = sums[:, start + steps : start + width]
            with_both = (positive.sum(axis=1) > 0) & (negative.sum(axis=1) > 0)
            found[with_both, label] = average_precision(positive, negative[:, :steps])[with_both]
        return found

    return precisions


def wrong_and_all(
    labels: Labels, predicted: Int8[np.ndarray, "examples labels"]
) -> tuple[Float64[np.ndarray, " examples"], Float64[np.ndarray, " examples"]]:
    r"""Of each example $\sum |y - \hat y|$ and $\sum (y + \hat y)$: the ratio of all is 1 less micro-F1."""
    known = labels.values >= 0
    wrong, total = (labels.values != predicted) & known, (labels.values + predicted) * known
    return wrong.sum(axis=1).astype(np.float64), total.sum(axis=1).astype(np.float64)


def micro_f1_interval(labels: Labels, predicted: Int8[np.ndarray, "examples labels"], seed: int) -> Interval:
    """Micro-F1 of decisions, with its bootstrap interval."""
    cells = np.stack(wrong_and_all(labels, predicted), axis=1)

    def scores(weights: np.ndarray) -> np.ndarray:
        wrong, total = (weights @ cells).T
        return np.asarray(1 - wrong / np.maximum(total, 1))[:, None]

    value = float(scores(np.ones((1, len(labels))))[0, 0])
    return percentile_interval(value, resample(scores, len(labels), seed)[:, 0])


# Thresholds: the probability from which on each label is answered, for the largest F1.

# Present examples with which a label's own threshold weighs as much as the others. On new examples F1 of
# labels that 1 % and that 30 % have, macro-F1 and micro-F1, where 200 examples (or 1,000) chose and the
# probabilities are off as those of trained models are, by `benchmarks/label_thresholds.py`:
#
#     one half          0.176  0.741  0.452  0.676  (0.172  0.744  0.452  0.677)
#     own               0.221  0.756  0.488  0.665  (0.277  0.763  0.519  0.694)
#     common            0.229  0.754  0.490  0.689  (0.232  0.757  0.494  0.693)
#     this mean         0.284  0.760  0.518  0.694  (0.293  0.763  0.526  0.699)
#     best of each      0.334  0.768  0.544  0.703  (0.335  0.768  0.545  0.704)
_AS_MANY = 30.0
LOWEST = 0.02  # probability
HIGHEST = 0.98  # probability
_STEPS = 10_000
_PARTS = 5


class _Best(NamedTuple):
    """The threshold of the largest F1, midway between two probabilities, and that F1."""

    threshold: float
    f1: float


def _best_of(
    present: Float64[np.ndarray, " cells"], probabilities: Float64[np.ndarray, " cells"]
) -> _Best | None:
    """Best threshold, where `present` is 1, 0 or a probability for each cell; `None` with nothing to find."""
    total = float(present.sum())
    if total == 0:
        return None
    # Sums at each step of a threshold's last decimal, from the largest probability down.
    steps = _STEPS - np.floor(probabilities * _STEPS).astype(np.int64)
    cells = np.bincount(steps, minlength=_STEPS + 1)
    hits = np.bincount(steps, present, _STEPS + 1).cumsum()
    f1 = np.where(cells > 0, 2 * hits / (total + cells.cumsum()), 0.0)
    place = int(f1.argmax())
    lower = np.flatnonzero(cells[place + 1 :])
    following = place + 1 + int(lower[0]) if len(lower) else _STEPS + 1
    return _Best(1 - (place + following - 1) / 2 / _STEPS, float(f1[place]))


def _log_odds(threshold: float) -> float:
    bounded = min(max(threshold, LOWEST), HIGHEST)
    return float(np.log(bounded / (1 - bounded)))


def fit_thresholds(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " labels"]:
    """Probability, 0.02 to 0.98 in four decimals, from which on each label is answered.

    Labels are of the validation split, probabilities of a model that did not learn from them. One half for a
    label about which nothing is known.
    """
    known, present = labels >= 0, (labels == 1).astype(np.float64)
    common = _best_of(present[known], probabilities[known])
    found = np.full(labels.shape[1], 0.5)
    for label, mine in enumerate(known.T):
        stated, given = probabilities[mine, label], present[mine, label]
        priors = [0.5 if common is None else common.threshold]
        promised, own = _best_of(stated, stated), _best_of(given, stated)
        if promised is not None:
            priors.append(promised.f1 / 2)
        log_odds = float(np.mean([_log_odds(each) for each in priors]))
        if own is not None:
            examples = float(given.sum())
            weight = examples / (examples + _AS_MANY)
            log_odds = weight * _log_odds(own.threshold) + (1 - weight) * log_odds
        found[label] = 1 / (1 + np.exp(-log_odds))
    return np.asarray(np.round(np.clip(found, LOWEST, HIGHEST), 4))


def cross_fitted_decisions(
    labels: Labels, probabilities: Float64[np.ndarray, "examples labels"], seed: int = 0
) -> Int8[np.ndarray, "examples labels"]:
    """Decisions by thresholds that no example took part in choosing for itself.

    Each of five parts, drawn by chance, is decided by the thresholds that fit the other four. Scores of these
    decisions are fair, which those of thresholds on the very examples that chose them are not.
    """
    part = generator(seed, Purpose.THRESHOLDS).permutation(len(labels)) % _PARTS
    found = np.zeros(labels.values.shape, np.int8)
    for mine in (part == number for number in range(_PARTS)):
        found[mine] = probabilities[mine] >= fit_thresholds(labels.values[~mine], probabilities[~mine])
    return found
