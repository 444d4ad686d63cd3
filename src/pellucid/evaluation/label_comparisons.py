"""Comparisons of models of several labels, by metrics that are no mean over examples.

Were two models equally good, it would not matter which of the two answered for an example. So their answers
are exchanged example by example, all labels of one together: these are not independent.
"""

from collections.abc import Callable, Mapping
from itertools import combinations

import numpy as np
from jaxtyping import Float64, Int8, Int64

from pellucid.arithmetic.label_metrics import OF_LABEL_COUNTS
from pellucid.arithmetic.metrics import ClassCounts
from pellucid.arithmetic.probabilities import holm
from pellucid.evaluation.comparisons import (
    FLIPS,
    Comparison,
    compared_shares,
    counted_examples,
    flips,
)
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    block_rows,
    percentile_interval,
    resample,
)
from pellucid.evaluation.label_scores import label_precisions


def compare_labels(
    labels: Int8[np.ndarray, "examples labels"],
    predicted: Mapping[str, Int8[np.ndarray, "examples labels"]],
    groups: Groups | None = None,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare the micro-F1 of every pair of models, as `compare_all` does accuracies.

    `predicted` are decisions by name of the model. Intervals are from resampled examples. With `groups`
    whole groups are exchanged and resampled.

    Raises: `ValueError` if there is no example.
    """
    examples = counted_examples(labels, groups)
    pairs = list(combinations(predicted, 2))
    if not pairs:
        return ()
    sides = np.array(list(combinations(range(len(predicted)), 2)))
    differences = micro_f1_differences(labels, list(predicted.values()), sides, seed, groups)
    p_values = [
        label_exchange_p_value("micro_f1", labels, (predicted[a], predicted[b]), seed, groups)
        for a, b in pairs
    ]
    found = []
    adjusted = zip(p_values, holm(p_values), strict=True)
    for (a, b), difference, both in zip(pairs, differences, adjusted, strict=True):
        disagree = ((predicted[a] != predicted[b]) & (labels >= 0)).any(axis=1)
        unlike = f"{int(disagree.sum()):,} of {examples}"
        found.append(compared_shares((a, b), difference, both, unlike, len(pairs), "micro_f1"))
    return tuple(found)


def micro_f1_differences(
    labels: Int8[np.ndarray, "examples labels"],
    predicted: list[Int8[np.ndarray, "examples labels"]],
    sides: Int64[np.ndarray, "pairs 2"],
    seed: int,
    groups: Groups | None = None,
) -> list[Interval]:
    """Differences of the micro-F1 of pairs of models, with bootstrap intervals."""
    present = (labels == 1).sum(axis=1).astype(np.float64)
    counts = np.stack([_hits_and_answers(labels, each, "micro_f1") for each in predicted], axis=2)
    hits, answered = counts[:, 0], counts[:, 1]

    def scores(weights: np.ndarray) -> np.ndarray:
        total = (weights @ present)[:, None] + weights @ answered
        f1 = np.divide(2 * (weights @ hits), total, out=np.ones(total.shape), where=total > 0)
        return np.asarray(f1[:, sides[:, 0]] - f1[:, sides[:, 1]])

    values = scores(np.ones((1, len(labels))))[0]
    draws = resample(scores, len(labels), seed, groups=groups)
    return [percentile_interval(float(value), draws[:, pair], groups) for pair, value in enumerate(values)]


def _hits_and_answers(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"], key: str
) -> Float64[np.ndarray, "examples counts"]:
    """Hits of each example, then answers: of each label, or of all together where only sums matter."""
    answered = (predicted == 1) & (labels >= 0)
    both = [answered & (labels == 1), answered]
    if key == "micro_f1":
        return np.stack([each.sum(axis=1).astype(np.float64) for each in both], axis=1)
    return np.concatenate(both, axis=1).astype(np.float64)


def label_exchange_p_value(
    key: str,
    labels: Int8[np.ndarray, "examples labels"],
    predicted: tuple[Int8[np.ndarray, "examples labels"], Int8[np.ndarray, "examples labels"]],
    seed: int,
    groups: Groups | None = None,
) -> float:
    """Two-sided p-value, above 0, of the difference of two models' micro-F1 or macro-F1 (`key`).

    By exchanging the answers of examples, or of whole groups, between the models.
    """
    first, second = (_hits_and_answers(labels, each, key) for each in predicted)
    present = labels == 1
    labelled = present.sum(axis=0) if key != "micro_f1" else np.array([present.sum()])
    totals, change = (first.sum(axis=0), second.sum(axis=0)), second - first
    change = change if groups is None else groups.sums(change)
    change = change[change.any(axis=1)]
    if len(change) == 0:
        return 1.0
    metric: Callable[[ClassCounts], np.ndarray] = OF_LABEL_COUNTS[key]

    def score(counts: np.ndarray) -> np.ndarray:
        hits, answered = np.split(counts, 2, axis=-1)
        return metric(ClassCounts(hits, labelled, answered))

    seen = abs(float(score(totals[0]) - score(totals[1])))
    generator, as_large = np.random.default_rng(seed), 1
    for rows in block_rows(FLIPS, len(change)):
        moved = flips(generator, rows, len(change)) @ change
        as_large += int((np.abs(score(totals[0] + moved) - score(totals[1] - moved)) >= seen - 1e-12).sum())
    return as_large / (FLIPS + 1)


def precision_p_value(
    labels: Int8[np.ndarray, "examples labels"],
    probabilities: tuple[Float64[np.ndarray, "examples labels"], Float64[np.ndarray, "examples labels"]],
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of two mean average precisions, resampling examples.

    How much two models' probabilities differ says nothing about their rankings, so answers cannot be
    exchanged between them.
    """
    first, second = (label_precisions(labels, each) for each in probabilities)

    def gaps(weights: np.ndarray) -> np.ndarray:
        # The same labels can be ranked in both, so that they are left out of both.
        differences = first(weights) - second(weights)
        able = np.isfinite(differences)
        mean = np.where(able, differences, 0.0).sum(axis=1) / np.maximum(able.sum(axis=1), 1)
        return np.asarray(mean)[:, None]

    drawn = resample(gaps, len(labels), seed)[:, 0]
    as_far = min((drawn <= 1e-12).sum(), (drawn >= -1e-12).sum())
    return float(min(1.0, 2 * (1 + as_far) / (1 + len(drawn))))
