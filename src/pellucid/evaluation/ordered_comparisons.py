"""Comparisons of models of ordered classes: by quadratic-weighted kappa, or by distances."""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import SMALLEST_PROBABILITY
from pellucid.arithmetic.probabilities import holm
from pellucid.arithmetic.rounding import figure
from pellucid.evaluation.comparisons import (
    EXCHANGES,
    Comparison,
    compared_shares,
    counted_examples,
    flip_p_values,
    flips,
)
from pellucid.evaluation.intervals import Groups, Interval, block_rows, percentile_interval, resample
from pellucid.evaluation.model_comparisons import (
    POINTS,
    ModelComparison,
    Outputs,
    both_asked,
    by_whole,
    chance_of_lead,
    estimated,
    log_likelihoods,
    paired_means,
    rank_classes,
)
from pellucid.language.sentence import Sentence
from pellucid.settings import METRICS, Metric
from pellucid.targets import Labels
from pellucid.targets.ordered import kappa, kappa_moments

KAPPA = METRICS["quadratic_weighted_kappa"]


def compare_ordered(
    labels: Int64[np.ndarray, " examples"],
    predicted: Mapping[str, Int64[np.ndarray, " examples"]],
    groups: Groups | None = None,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare the kappa of every pair of models: answers are exchanged, and intervals resampled.

    With `groups` whole groups are exchanged and resampled. Raises: `ValueError` if there is no example.
    """
    examples, pairs = counted_examples(labels, groups), list(combinations(predicted, 2))
    moments = {name: kappa_moments(labels, each) for name, each in predicted.items()}
    p_values = [_kappa_p_value(moments[a], moments[b], seed, groups) for a, b in pairs]
    found = []
    for (a, b), p_value, adjusted in zip(pairs, p_values, holm(p_values), strict=True):
        unlike = f"{int((predicted[a] != predicted[b]).sum()):,} of {examples}"
        difference = _kappa_difference(moments[a], moments[b], seed, groups)
        both = p_value, adjusted
        found.append(compared_shares((a, b), difference, both, unlike, len(pairs), KAPPA.key))
    return tuple(found)


def _kappa_difference(
    first: Float64[np.ndarray, "examples moments"],
    second: Float64[np.ndarray, "examples moments"],
    seed: int,
    groups: Groups | None,
) -> Interval:
    """Difference of two models' kappa, with its bootstrap interval."""

    def gaps(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)[:, None]
        return np.asarray(kappa(weights @ first / total) - kappa(weights @ second / total))[:, None]

    draws = resample(gaps, len(first), seed, groups=groups)
    return percentile_interval(float(gaps(np.ones((1, len(first))))[0, 0]), draws[:, 0], groups)


def _kappa_p_value(
    first: Float64[np.ndarray, "examples moments"],
    second: Float64[np.ndarray, "examples moments"],
    seed: int,
    groups: Groups | None = None,
) -> float:
    """Two-sided p-value, above 0, of the difference of two models' kappa, by exchanging their answers."""
    count, sums, change = len(first), (first.sum(axis=0), second.sum(axis=0)), second - first
    change = change if groups is None else groups.sums(change)
    change = change[change.any(axis=1)]
    if len(change) == 0:
        return 1.0
    seen = abs(float(kappa(sums[0] / count) - kappa(sums[1] / count)))
    generator, as_large = np.random.default_rng(seed), 1
    for rows in block_rows(EXCHANGES, len(change)):
        moved = flips(generator, rows, len(change)) @ change
        gaps = np.abs(kappa((sums[0] + moved) / count) - kappa((sums[1] - moved) / count))
        as_large += int((gaps >= seen - 1e-12).sum())
    return as_large / (EXCHANGES + 1)


def rank_ordered(metric: Metric | None, labels: Labels, outputs: Outputs, seed: int) -> ModelComparison:
    """Compare models of ordered classes by a metric; without one by kappa."""
    metric = metric or KAPPA
    codes, target = labels.values, labels.target
    if metric.targets != KAPPA.targets:
        return rank_classes(metric, labels, outputs, seed)
    if metric.test == "exchange":

        def p_value(answers: Sequence[np.ndarray], _: Sequence[np.ndarray], both: np.ndarray) -> float:
            first, second = (kappa_moments(codes[both], target.labels(each)) for each in answers)
            return _kappa_p_value(first, second, seed)

        return by_whole(metric, labels, outputs, {}, p_value, seed)
    sign = -1 if metric.is_error else 1
    terms = {
        name: np.where(np.isnan(rows[:, 0]), np.nan, target.terms(metric.key, codes, rows))
        for name, rows in outputs.items()
    }
    scores = estimated(terms, sign=sign)
    best = max(scores, key=lambda name: sign * scores[name])

    def ahead(name: str) -> Float64[np.ndarray, " both"]:
        both = both_asked(terms, name, best)
        return np.asarray(sign * (terms[best][both] - terms[name][both]))

    def lead(name: str) -> float:
        return sign * (scores[best] - scores[name]) / POINTS

    return ModelComparison(
        metric=metric,
        scores=scores,
        best=best,
        terms=terms,
        p_value=lambda name: float(flip_p_values(ahead(name)[:, None], seed)[0]),
        gain=lambda name: figure(float(ahead(name).mean())),
        pair=lambda name: paired_means(terms, name, best),
        lead=lead,
        nothing=Sentence("at most {POINTS:g}", POINTS),
        is_gain=lambda name: lead(name) > 1,
        loses=lambda _: "",
        by_chance=chance_of_lead(outputs, log_likelihoods, codes, seed),
    )


def kappa_value(labels: Labels, decided: np.ndarray) -> float:
    """Quadratic-weighted kappa of decisions."""
    return float(kappa(kappa_moments(labels.values, decided).mean(axis=0)))


def kappa_interval(labels: Labels, decided: np.ndarray, seed: int) -> Interval:
    """The same with its bootstrap interval."""
    moments = kappa_moments(labels.values, decided)

    def scores(weights: np.ndarray) -> np.ndarray:
        return np.asarray(kappa(weights @ moments / weights.sum(axis=1)[:, None]))[:, None]

    draws = resample(scores, len(labels), seed)
    return percentile_interval(kappa_value(labels, decided), draws[:, 0])


def squared_distances(labels: Labels, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Squared distances from the truth, and their mean were answers independent of it."""
    squares = (decided - labels.values).astype(np.float64) ** 2
    by_chance = decided.var() + labels.values.var() + (decided.mean() - labels.values.mean()) ** 2
    return squares, np.full(len(labels), max(float(by_chance), SMALLEST_PROBABILITY))
