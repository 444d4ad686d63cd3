"""Recommendation of a model: the one that is expected to serve best, by what was held out."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons import LEVEL
from pellucid.evaluation.model_comparison import FEW, ModelComparison, compare_classifiers, compare_regressors
from pellucid.settings import DUMMIES, NEURAL, metric_of

SURELY = 0.01
# Level at which the best of all models must beat a dummy where labels are shuffled for the comparison.


_ROUNDING = 1e-9
_OF_WHOLE = ("exchange", "resample")
# Tests of metrics that are no mean over examples.


class Recommendation(NamedTuple):
    """The model to take.

    Attributes:
        name: of the model.
        reason: one or two sentences with the figures.
        rival: the model with which its cost is compared: the best of the simpler ones, or the best of all
            where that one is ahead by practically nothing; `None` without any.
    """

    name: str
    reason: str
    rival: str | None = None


class _Manner(NamedTuple):
    """Arguments of a recommendation beside the answers, as `recommend` takes them."""

    equally_simple: Sequence[Sequence[str]]
    noun: str


def recommend(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    metric: str | None = None,
    seed: int = 0,
    equally_simple: Sequence[Sequence[str]] = (),
    noun: str = "validation example",
) -> Recommendation:
    """Recommend a model of classes, and say why.

    Taken is the model of the least expected log loss, or the best by the metric that was asked for. A simpler
    one is taken only where it is behind by practically nothing: 2 % of the log loss (with 0.01 added) and 0.3
    points of accuracy, or 0.3 points of the metric; never because few examples cannot prove a difference.

    `majority` is taken only where nothing is expected to be better: where it is the best itself, or where the
    best is not ahead of it beyond chance. The best of several models that know nothing easily beats it by
    chance, so below 500 examples the best must be ahead by more than the best is on shuffled labels, at the
    level of 1 %; above, a test of pairs counts all comparisons (Bonferroni). By metrics of class counts it
    must also be better than the same answers on shuffled labels, since guessing already beats `majority`.

    `probabilities`, by name of the model, simplest first, are of examples that the models did not learn
    from, not a number where a model was not asked; `metric` is a value of `--metric`, or `None`. In each
    group of `equally_simple` names none is simpler than another. `noun` names one of the examples.

    Raises: `ValueError` if there is no model, or the metric is unknown.
    """
    decides = None if metric is None else metric_of(metric)
    early = _without_a_contest(list(probabilities), len(labels))
    if early is not None:
        return early
    return _decide(compare_classifiers(decides, labels, probabilities, seed), _Manner(equally_simple, noun))


def recommend_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Mapping[str, Float64[np.ndarray, " examples"]],
    seed: int = 0,
    equally_simple: Sequence[Sequence[str]] = (),
    noun: str = "validation example",
) -> Recommendation:
    """Recommend a model of numbers by squared error, with the rule and arguments of `recommend`.

    `mean` is taken where it is the best, or where no model's answers go along with the labels beyond chance.

    Raises: `ValueError` if there is no model.
    """
    early = _without_a_contest(list(predicted), len(labels))
    if early is not None:
        return early
    return _decide(compare_regressors(labels, predicted, seed), _Manner(equally_simple, noun))


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


def _decide(contest: ModelComparison, manner: _Manner) -> Recommendation:
    """The best model, or a simpler one that is behind by practically nothing, or the dummy."""
    best, scores = contest.best, contest.scores
    dummy = next((name for name in scores if name in DUMMIES), None)
    if dummy is not None and (best == dummy or _is_chance(contest, dummy)):
        return Recommendation(dummy, _why_the_dummy(contest, dummy, manner.noun))
    simplicity = {name: _simplicity(name, list(scores), manner.equally_simple) for name in scores}
    simpler = [name for name in scores if simplicity[name] < simplicity[best] and name != dummy]
    if not simpler:
        score = f"{contest.metric.words} {figure(contest.pair(best)[0])}"
        place = _place(contest, best, manner.noun)
        return Recommendation(
            best, f"{best} is the best {place}, with {score}, and no other model is simpler."
        )
    equal = [name for name in simpler if contest.lead(name) <= 1 + _ROUNDING]
    if equal:
        simplest = min(simplicity[name] for name in equal)
        name = min((each for each in equal if simplicity[each] == simplest), key=contest.lead)
        first, second = contest.pair(name)
        place = _place(contest, name, manner.noun)
        return Recommendation(
            name,
            f"{place[0].upper()}{place[1:]} {best} scored best, {contest.metric.words} {figure(first)} "
            f"against {figure(second)}, but that lead is practically nothing ({contest.nothing}); {name} is "
            "the simpler model.",
            rival=best,
        )
    rival = min(simpler, key=contest.lead)
    place = _place(contest, rival, manner.noun)
    first, second = contest.pair(rival)
    return Recommendation(
        best,
        f"{best} is the best {place}, with {contest.metric.words} {figure(first)}; the best of the simpler "
        f"models, {rival}, has {figure(second)}, behind by {contest.gain(rival)}.",
        rival=rival,
    )


def _is_chance(contest: ModelComparison, dummy: str) -> bool:
    """True where the best may be ahead of the dummy by chance alone."""
    if contest.metric.target == "number" or (contest.examples < FEW and contest.metric.test not in _OF_WHOLE):
        return contest.by_chance > SURELY
    return contest.p_value(dummy) * (len(contest.scores) - 1) > LEVEL or contest.by_chance > LEVEL


def _simplicity(name: str, names: Sequence[str], equally_simple: Sequence[Sequence[str]]) -> int:
    """Place of the model, or of the first that is as simple, among all from the simplest on."""
    group = next((each for each in equally_simple if name in each), (name,))
    return min(names.index(each) for each in group if each in names)


def _place(contest: ModelComparison, name: str, noun: str) -> str:
    """The examples that judged both the best and a model."""
    whole, judged = count_of(contest.examples, noun), contest.judged(name)
    return f"on {whole}" if judged == contest.examples else f"on {judged} of {whole}"


def _why_the_dummy(contest: ModelComparison, dummy: str, noun: str) -> str:
    """Reason to take no model that looks at its inputs."""
    best, place = contest.best, _place(contest, dummy, noun)
    first, second = contest.pair(dummy)
    score = f"{contest.metric.words} {figure(first)}"
    if best == dummy:
        return f"The trained models are no better than {dummy}: {place} it is the best, with {score}."
    others = count_of(len(contest.scores) - 1, "model")
    return (
        f"The trained models are no better than {dummy}: {place} {best} scored best, {score} against "
        f"{figure(second)}, but the difference, {contest.gain(dummy)}, could be chance: the best of {others} "
        "that know nothing comes that far by chance."
    )
