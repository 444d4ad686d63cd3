"""Comparisons of models of several labels, on test examples and by what was held out.

Were two models equally good, it would not matter which of the two answered for an example. So their answers
are exchanged example by example, all labels of one together: these are not independent.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64

from pellucid.arithmetic.metrics import OF_LABEL_COUNTS, OF_LABEL_DECISIONS, SMALLEST_PROBABILITY, ClassCounts
from pellucid.arithmetic.probabilities import holm
from pellucid.arithmetic.rounding import figure
from pellucid.evaluation.comparisons import (
    EXCHANGES,
    FLIPS,
    Comparison,
    compared_shares,
    counted_examples,
    flip_p_values,
    flips,
    mean_difference,
)
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    block_rows,
    percentile_interval,
    points,
    resample,
)
from pellucid.evaluation.label_scores import cross_fitted_decisions, label_precisions
from pellucid.evaluation.model_comparisons import (
    AT_MOST_POINTS,
    FEW,
    POINTS,
    ModelComparison,
    Outputs,
    Terms,
    both_asked,
    by_log_loss,
    by_whole,
    chance_of_lead,
    chance_of_score,
    estimated,
    expected_wholes,
    is_of_wholes,
    log_likelihoods,
    losses_of,
    paired_means,
    rank_classes,
)
from pellucid.language.sentence import Sentence
from pellucid.settings import METRICS, Metric
from pellucid.targets import Labels, metric_value
from pellucid.targets.ordered import kappa, kappa_moments


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
        unlike = Sentence("{sum:,} of {examples}", int(disagree.sum()), examples)
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


def rank_labels(metric: Metric | None, labels: Labels, outputs: Outputs, seed: int) -> ModelComparison:
    """Compare models of several labels by a metric.

    Without one by log loss; then a lead is negligible only where that in micro-F1 is, too. Decisions
    are by thresholds that other examples chose.
    """
    decisions = _decisions(labels, outputs, seed)
    if metric is not None and is_of_wholes(metric):
        return by_whole(metric, labels, outputs, decisions, _p_value(metric, labels.values, seed), seed)
    losses = losses_of(labels, outputs)
    merits_of = partial(_merits, labels.values)
    by_chance = chance_of_lead(outputs, merits_of, np.arange(len(labels)), seed)
    if metric is not None and metric.key != "log_loss":
        return _by_terms(metric, labels, outputs, decisions, (losses, by_chance), seed)
    shares = _expected_micro_f1(labels, outputs, decisions) if metric is None else None
    return by_log_loss(losses, by_chance, seed, shares, "micro-F1")


def _decisions(labels: Labels, outputs: Outputs, seed: int) -> dict[str, np.ndarray]:
    """Decisions of every model, by thresholds that no example chose for itself."""
    found = {}
    for name, rows in outputs.items():
        asked = ~np.isnan(rows[:, 0])
        found[name] = np.zeros(labels.values.shape, np.int8)
        found[name][asked] = cross_fitted_decisions(labels.at(asked), rows[asked], seed)
    return found


def _expected_micro_f1(
    labels: Labels, outputs: Outputs, decisions: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Micro-F1 expected of every model."""

    def scored(name: str, asked: Bool[np.ndarray, " examples"]) -> float:
        of = labels.at(asked), outputs[name][asked]
        return metric_value(METRICS["micro_f1"], *of, predicted=decisions[name][asked])

    return expected_wholes({name: rows[:, 0] for name, rows in outputs.items()}, scored)[1]


def _merits(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, "examples examples"]:
    """Log likelihood of the labels of each example by each answer."""
    present, absent = log_likelihoods(probabilities), log_likelihoods(1 - probabilities)
    sums = present @ (labels == 1).T.astype(np.float64) + absent @ (labels == 0).T.astype(np.float64)
    return np.asarray(sums / (labels >= 0).sum(axis=1))


def _p_value(
    metric: Metric, labels: Int8[np.ndarray, "examples labels"], seed: int
) -> Callable[[Sequence[np.ndarray], Sequence[np.ndarray], Bool[np.ndarray, " examples"]], float]:
    """P-value of the difference of two models by a mean average precision, micro-F1 or macro-F1."""

    def p_value(
        answers: Sequence[np.ndarray], decided: Sequence[np.ndarray], both: Bool[np.ndarray, " examples"]
    ) -> float:
        if metric.test == "resample":
            return precision_p_value(labels[both], (answers[0], answers[1]), seed)
        return label_exchange_p_value(metric.key, labels[both], (decided[0], decided[1]), seed)

    return p_value


def _by_terms(
    metric: Metric,
    labels: Labels,
    outputs: Outputs,
    decisions: Mapping[str, np.ndarray],
    loss: tuple[Terms, float],
    seed: int,
) -> ModelComparison:
    """Compare models by a mean over examples; log loss decides between equal ones.

    The dummy's thresholds are made for F1, so that by other scores guesses may be better than it: from 500
    examples on the best is compared with its own answers on shuffled labels, too.
    """
    losses, by_chance = loss
    terms: dict[str, np.ndarray] = {}
    for name, rows in outputs.items():
        found = labels.target.terms(metric.key, labels.values, rows, decisions[name])
        # Decisions have no gaps; nor is there a score where no example has anything to rank.
        if metric.key in OF_LABEL_DECISIONS or np.isnan(found).all():
            found = np.where(np.isnan(rows[:, 0]), np.nan, np.nan_to_num(found))
        terms[name] = found
    scores, of_loss = estimated(terms, sign=1), estimated(losses, sign=-1)
    best = max(scores, key=lambda name: (scores[name], -of_loss[name]))
    if len(labels) >= FEW:
        asked = np.flatnonzero(~np.isnan(outputs[best][:, 0]))
        shuffled = chance_of_score(metric, labels, outputs[best], decisions[best], asked, seed)
        by_chance = shuffled * len(scores)

    def ahead(name: str) -> Float64[np.ndarray, " both"]:
        both = both_asked(terms, name, best)
        return np.asarray(terms[best][both] - terms[name][both])

    return ModelComparison(
        metric=metric,
        scores=scores,
        best=best,
        terms=terms,
        p_value=lambda name: float(flip_p_values(ahead(name)[:, None], seed)[0]),
        gain=lambda name: points(mean_difference(ahead(name), seed)),
        pair=lambda name: paired_means(terms, name, best),
        lead=lambda name: (scores[best] - scores[name]) / POINTS,
        nothing=AT_MOST_POINTS,
        is_gain=lambda name: scores[best] - scores[name] > POINTS,
        loses=lambda name: "log loss" if of_loss[best] > of_loss[name] else "",
        by_chance=by_chance,
    )


# Models of ordered classes: compared by quadratic-weighted kappa, or by distances.

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
        unlike = Sentence("{sum:,} of {examples}", int((predicted[a] != predicted[b]).sum()), examples)
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
