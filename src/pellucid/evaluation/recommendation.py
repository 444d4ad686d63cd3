"""Recommendation of a model: the simplest whose difference from the best on validation could be chance."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import OF_COUNTS, class_counts, log_loss_terms
from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons.differences import paired_interval
from pellucid.evaluation.comparisons.exchange import exchange_p_value, shuffle_p_value
from pellucid.evaluation.comparisons.flips import flip_p_values, mean_difference, rmse_differences
from pellucid.evaluation.comparisons.paired import LEVEL, holm, mcnemar
from pellucid.evaluation.wording import points, span
from pellucid.settings import DUMMIES, NEURAL, NUMBER_METRIC, Metric, metric_of

_FEW = 500
"""Below so many validation examples the log loss judges whether a difference in accuracy could be chance."""


class Recommendation(NamedTuple):
    """The model to take.

    Attributes:
        name: of the model.
        reason: one or two sentences with the figures.
    """

    name: str
    reason: str


class _Contest(NamedTuple):
    """Scores on validation and how a model is compared with the best.

    Attributes:
        metric: by which they are compared.
        scores: of each model, simplest first; in the metric's own direction.
        best: name of the best.
        examples: of the validation split.
        p_value: of the difference between the named model and the best.
        gain: by how much the best is ahead of the named model, in words.
        by_chance: probability that answers which know nothing score like the best: two-sided, with
            every model counted.
        aside: what else shows that the best is ahead of the named model, in words; mostly nothing.
    """

    metric: Metric
    scores: Mapping[str, float]
    best: str
    examples: int
    p_value: Callable[[str], float]
    gain: Callable[[str], str]
    by_chance: float = 0.0
    aside: Callable[[str], str] = lambda name: ""


def recommend(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    metric: str,
    seed: int = 0,
    equally_simple: Sequence[str] = (),
) -> Recommendation:
    """Recommend a model of classes, and say why.

    The best by the metric is found; then the simplest model is taken whose difference from the best
    could be chance at the level of 5 %. Accuracy is tested by McNemar's exact test, the others by
    exchanging the two models' answers at random. Of fewer than 500 validation examples so few are told
    apart by one model and not by the other that accuracy alone would call almost any difference chance:
    there models are compared by accuracy, of equal ones the better log loss is best, and whether the
    difference could be chance is judged by the log loss, to which every example contributes. Against
    `majority` all comparisons are counted (Holm), since the best of several models that know nothing easily
    beats it by chance. By metrics of class counts the best must also be better than the same answers on
    shuffled labels, since guessing already beats `majority` there.

    Labels and `probabilities`, by name of the model, simplest first, are of the validation split; `metric` is
    a value of `--metric`. Of `equally_simple` names none is simpler than another; the first given that is not
    worse beyond chance is taken.

    Raises: `ValueError` if there is no model, or the metric is unknown.
    """
    decides = metric_of(metric)
    early = _without_a_contest(list(probabilities), len(labels))
    if early is not None:
        return early
    contest = {"mcnemar": _by_accuracy, "exchange": _by_counts, "sign-flip": _by_log_loss}[
        decides.test or "sign-flip"
    ]
    return _decide(contest(decides, labels, probabilities, seed), equally_simple)


def recommend_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Mapping[str, Float64[np.ndarray, " examples"]],
    seed: int = 0,
    equally_simple: Sequence[str] = (),
) -> Recommendation:
    """Recommend a model of numbers, by root mean squared error, with the rule of `recommend`.

    Labels and `predicted`, by name of the model, simplest first, are of the validation split;
    `equally_simple` as for `recommend`.

    Raises: `ValueError` if there is no model.
    """
    early = _without_a_contest(list(predicted), len(labels))
    if early is not None:
        return early
    squares = {name: (answers - labels) ** 2 for name, answers in predicted.items()}
    scores = {name: float(np.sqrt(errors.mean())) for name, errors in squares.items()}
    best = min(scores, key=lambda name: scores[name])

    def p_value(name: str) -> float:
        return float(flip_p_values((squares[name] - squares[best])[:, None], seed)[0])

    def gain(name: str) -> str:
        pair = np.stack([squares[name], squares[best]], axis=1)
        return span(rmse_differences(pair, np.array([[0, 1]]), seed)[0])

    contest = _Contest(NUMBER_METRIC, scores, best, len(labels), p_value, gain)
    return _decide(contest, equally_simple)


def _without_a_contest(names: list[str], examples: int) -> Recommendation | None:
    """Recommendation where nothing can be compared; `None` where something can."""
    if not names:
        raise ValueError("models: none to choose from; at least one is needed")
    if len(names) == 1:
        return Recommendation(names[0], f"{names[0]} is the only model that was trained.")
    if examples == 0:
        name = next((name for name in names if name in NEURAL), names[-1])
        return Recommendation(
            name, f"There are no validation examples to choose by, so {name} is taken without a comparison."
        )
    return None


def _by_accuracy(
    metric: Metric,
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    seed: int,
) -> _Contest:
    right = {name: rows.argmax(axis=1) == labels for name, rows in probabilities.items()}
    scores = {name: float(hits.mean()) for name, hits in right.items()}
    losses = {name: log_loss_terms(labels, rows) for name, rows in probabilities.items()}
    is_few = len(labels) < _FEW
    best = max(scores, key=lambda name: (scores[name], -losses[name].mean() if is_few else 0.0))

    def only(name: str) -> tuple[int, int]:
        return int((right[best] & ~right[name]).sum()), int((right[name] & ~right[best]).sum())

    def by_log_loss(name: str) -> float:
        more = losses[name] - losses[best]
        return float(flip_p_values(more[:, None], seed)[0]) if more.mean() > 0 else 1.0

    def aside(name: str) -> str:
        is_needed = is_few and mcnemar(*only(name)) > LEVEL >= by_log_loss(name)
        return ", and clearly by log loss" if is_needed else ""

    return _Contest(
        metric=metric,
        scores=scores,
        best=best,
        examples=len(labels),
        p_value=by_log_loss if is_few else lambda name: mcnemar(*only(name)),
        gain=lambda name: points(paired_interval(*only(name), len(labels))),
        aside=aside,
    )


def _by_log_loss(
    metric: Metric,
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    seed: int,
) -> _Contest:
    losses = {name: log_loss_terms(labels, rows) for name, rows in probabilities.items()}
    scores = {name: float(terms.mean()) for name, terms in losses.items()}
    best = min(scores, key=lambda name: scores[name])
    return _Contest(
        metric=metric,
        scores=scores,
        best=best,
        examples=len(labels),
        p_value=lambda name: float(flip_p_values((losses[name] - losses[best])[:, None], seed)[0]),
        gain=lambda name: span(mean_difference(losses[name] - losses[best], seed)),
    )


def _by_counts(
    metric: Metric,
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    seed: int,
) -> _Contest:
    predicted = {name: rows.argmax(axis=1) for name, rows in probabilities.items()}
    classes, measure = max(rows.shape[1] for rows in probabilities.values()), OF_COUNTS[metric.key]
    scores = {
        name: float(measure(class_counts(labels, answers, classes))) for name, answers in predicted.items()
    }
    best = max(scores, key=lambda name: scores[name])

    def p_value(name: str) -> float:
        return exchange_p_value(measure, labels, (predicted[best], predicted[name]), classes, seed)

    return _Contest(
        metric=metric,
        scores=scores,
        best=best,
        examples=len(labels),
        p_value=p_value,
        gain=lambda name: figure(scores[best] - scores[name]),
        by_chance=2 * len(scores) * shuffle_p_value(measure, labels, predicted[best], classes, seed),
    )


def _decide(contest: _Contest, equally_simple: Sequence[str]) -> Recommendation:
    """The simplest model that is not worse than the best beyond chance."""
    best, scores = contest.best, contest.scores
    others = [name for name in scores if name != best]
    p_values = {name: contest.p_value(name) for name in others}
    counted = dict(zip(others, holm(list(p_values.values())), strict=True))
    for name in DUMMIES:
        if name in p_values:
            p_values[name] = max(counted[name], min(1.0, contest.by_chance))
    name = next(name for name in scores if name == best or p_values[name] > LEVEL)
    place = f"on {count_of(contest.examples, 'validation example')}"
    of_best = f"{contest.metric.words} {figure(scores[best])}"
    if name == best:
        if best in DUMMIES:
            return Recommendation(
                best, f"The trained models are no better than {best}: {place} it is the best, with {of_best}."
            )
        simpler = list(scores)[: list(scores).index(best)]
        if not simpler:
            return Recommendation(
                best, f"{best} is the best {place}, with {of_best}, and no model is simpler."
            )
        nearest = min(simpler, key=lambda other: abs(scores[other] - scores[best]))
        return Recommendation(
            best,
            f"{best} is the best {place}, with {of_best}, and every simpler model is worse beyond chance; "
            f"{nearest}, with {figure(scores[nearest])}, by {contest.gain(nearest)}"
            f"{contest.aside(nearest)}.",
        )
    ahead = f"{best} scored best, {of_best} against {figure(scores[name])}"
    difference = f"the difference, {contest.gain(name)}, could be chance"
    if name in DUMMIES:
        return Recommendation(
            name,
            f"The trained models are no better than {name}: {place} {ahead}, but {difference}; the best of "
            f"{len(others)} comes that far by chance.",
        )
    is_tie = name in equally_simple and best in equally_simple
    merit = "is as simple and comes first" if is_tie else "is the simpler model"
    return Recommendation(name, f"{place[0].upper()}{place[1:]} {ahead}, but {difference}; {name} {merit}.")
