"""Recommendation of a model: the simplest that is not worse than the best on what was held out."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons.paired import LEVEL, holm
from pellucid.evaluation.comparisons.resampled import level_of_one_error
from pellucid.evaluation.contests import FEW, Contest, Said, contest_of_classes, contest_of_numbers
from pellucid.settings import AVERAGE, DUMMIES, NEURAL, metric_of

SURELY = 0.01
"""Level at which the best of all models must beat a dummy there."""


class Recommendation(NamedTuple):
    """The model to take.

    Attributes:
        name: of the model.
        reason: one or two sentences with the figures.
    """

    name: str
    reason: str


class _Manner(NamedTuple):
    """Arguments of a recommendation beside the answers, as `recommend` takes them."""

    equally_simple: Sequence[str]
    noun: str
    folds: int


def recommend(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Mapping[str, Float64[np.ndarray, "examples classes"]],
    metric: str,
    seed: int = 0,
    equally_simple: Sequence[str] = (),
    noun: str = "validation example",
    folds: int = 0,
) -> Recommendation:
    """Recommend a model of classes, and say why.

    The best by the metric is found; then the simplest model is taken whose difference from the best
    could be chance at the level of 5 %. Accuracy is tested by McNemar's exact test, the others by
    exchanging the two models' answers at random. Below 500 examples the log loss stands for accuracy, and the
    simplest model within one standard error of the best is taken: a level of 5 % would give away much of
    what the best is ahead by. Against `majority` all comparisons are counted (Holm), since the best of
    several models that know nothing easily beats it by chance; below 500 examples the best must be ahead of
    it by more than the best is on shuffled labels, at the level of 1 %. By metrics of class counts it must
    also be better than the same answers on shuffled labels, since guessing already beats `majority` there.

    `probabilities`, by name of the model, simplest first, are of examples that the models did not learn
    from, not a number where a model was not asked; `metric` is a value of `--metric`. Of `equally_simple`
    names none is simpler than another; the first given that is as good as the best is taken. `noun` names
    one of the examples. Where folds judged models that are then trained once more, `folds` is their number,
    and below 500 examples an error counts the chance of training as well (`level_of_one_error`); else 0.

    The average of models is taken only where every single model is worse; else these are compared among
    themselves.

    Raises: `ValueError` if there is no model, or the metric is unknown.

    Source: after the rule of one standard error in Breiman et al. 1984, "Classification and Regression
    Trees", section 3.4.3.
    """
    decides = metric_of(metric)
    early = _without_a_contest(list(probabilities), len(labels))
    if early is not None:
        return early
    return _recommended(
        probabilities,
        lambda said: contest_of_classes(decides, labels, said, seed),
        _Manner(equally_simple, noun, folds),
    )


def recommend_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Mapping[str, Float64[np.ndarray, " examples"]],
    seed: int = 0,
    equally_simple: Sequence[str] = (),
    noun: str = "validation example",
    folds: int = 0,
) -> Recommendation:
    """Recommend a model of numbers, by root mean squared error, with the rule and arguments of `recommend`.

    Raises: `ValueError` if there is no model.
    """
    early = _without_a_contest(list(predicted), len(labels))
    if early is not None:
        return early
    return _recommended(
        predicted,
        lambda said: contest_of_numbers(labels, said, seed),
        _Manner(equally_simple, noun, folds),
    )


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


def _recommended(said: Said, contest: Callable[[Said], Contest], manner: _Manner) -> Recommendation:
    """The average where every single model is worse than it; else one of these, chosen among themselves.

    Beside an average a single model that is much unlike it would be excused by the large error of the
    difference, and one that is nearly it would not.
    """
    alone = {name: rows for name, rows in said.items() if name != AVERAGE}
    if len(alone) in (0, len(said)):
        return _decide(contest(said), manner)
    of_all = contest(said)
    # Its answers come from averages that chose without the example, and hold less of one training's chance.
    with_average = _decide(of_all, manner._replace(folds=0))
    if with_average.name == AVERAGE or with_average.name in DUMMIES or len(alone) == 1:
        return with_average
    found = _decide(contest(alone)._replace(by_chance=of_all.by_chance), manner)
    if of_all.best != AVERAGE:
        return found
    ahead = "by more than one standard error" if of_all.examples < FEW else "beyond chance"
    return found._replace(
        reason=f"{found.reason} Their {AVERAGE} scored better, but is not ahead of every one {ahead}."
    )


def _decide(contest: Contest, manner: _Manner) -> Recommendation:
    """The simplest model that is not worse than the best."""
    best, scores = contest.best, contest.scores
    few = contest.examples < FEW
    p_values = {name: contest.p_value(name) for name in scores if name != best}
    counted = dict(zip(p_values, holm(list(p_values.values())), strict=True))

    def is_as_good(name: str) -> bool:
        """True where the difference of a model from the best could be chance, by the rule of `recommend`."""
        if name in DUMMIES and few and contest.metric.test not in ("exchange", "resample"):
            return contest.by_chance > SURELY
        if name in DUMMIES:
            return counted[name] > LEVEL or contest.by_chance > LEVEL
        judged = manner.folds * contest.judged(name) / contest.examples
        return p_values[name] > (level_of_one_error(judged, manner.folds) if few else LEVEL)

    name = next(name for name in scores if name == best or is_as_good(name))
    place = _place(contest, name, manner.noun)
    if name == best:
        return Recommendation(best, _why_the_best(contest, place, few))
    of_best, of_name = contest.pair(name)
    ahead = f"{best} scored best, {contest.metric.words} {figure(of_best)} against {figure(of_name)}"
    difference = f"the difference, {contest.gain(name)}, could be chance"
    if name in DUMMIES:
        return Recommendation(
            name,
            f"The trained models are no better than {name}: {place} {ahead}, but {difference}; the best of "
            f"{len(p_values)} comes that far by chance.",
        )
    if few:
        difference = f"the difference, {contest.gain(name)}, is within one standard error"
    is_tie = name in manner.equally_simple and best in manner.equally_simple
    merit = "is as simple and comes first" if is_tie else "is the simpler model"
    return Recommendation(name, f"{place[0].upper()}{place[1:]} {ahead}, but {difference}; {name} {merit}.")


def _place(contest: Contest, name: str, noun: str) -> str:
    """The examples that judged both the best and a model."""
    whole, judged = count_of(contest.examples, noun), contest.judged(name)
    return f"on {whole}" if judged == contest.examples else f"on {judged} of {whole}"


def _why_the_best(contest: Contest, place: str, few: bool) -> str:
    """Reason to take the best model itself; figures are of the examples that judged it."""
    best, scores = contest.best, contest.scores
    of_best = f"{contest.metric.words} {figure(contest.pair(best)[0])}"
    if best in DUMMIES:
        return f"The trained models are no better than {best}: {place} it is the best, with {of_best}."
    simpler = list(scores)[: list(scores).index(best)]
    if not simpler:
        return f"{best} is the best {place}, with {of_best}, and no model is simpler."
    nearest = min(simpler, key=lambda other: abs(scores[other] - scores[best]))
    worse = "by more than one standard error" if few else "beyond chance"
    return (
        f"{best} is the best {place}, with {of_best}, and every simpler model is worse {worse}; "
        f"{nearest}, with {figure(contest.pair(nearest)[1])}, by {contest.gain(nearest)}."
    )
