"""Recommendation of a model: the one that is expected to serve best, by what was held out."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.probabilities import LEVEL, weighted_mean
from pellucid.arithmetic.rounding import figure, figures
from pellucid.bundle.held_out import MOST_MEMBERS
from pellucid.data.wording import count_of
from pellucid.evaluation.by_target import SCORING
from pellucid.evaluation.model_comparisons import FEW, ModelComparison, Outputs
from pellucid.language.sentence import Sentence
from pellucid.settings import AVERAGE, DUMMIES, NEURAL, metric_of, metrics_of
from pellucid.targets import Labels

# Level at which the best of all models must beat a dummy where labels are shuffled for the comparison.
SURELY = 0.01
_ROUNDING = 1e-9


class Recommendation(NamedTuple):
    """The model to take."""

    name: str  # of the model
    reason: str  # one or two sentences with the figures
    # the model with which its cost is compared: the best of the simpler ones, or the best of all where
    # that one is ahead by a negligible margin; `None` without any
    rival: str | None = None


def recommend(
    labels: Labels,
    outputs: Outputs,
    metric: str | None = None,
    seed: int = 0,
    equally_simple: Sequence[Sequence[str]] = (),
    noun: str = "validation example",
) -> Recommendation:
    """Recommend a model and say why.

    Taken is the model of the least expected log loss, or the best by the metric that was asked for. A simpler
    one is taken only where it is behind by a negligible margin: 2 % of the log loss (with 0.01 added) and 0.3
    points of accuracy, of several labels micro-F1, or 0.3 points of the metric; never because few examples
    cannot prove a difference. Decisions about several labels are by thresholds that other examples chose.
    An average of several models is taken only where it gains more than a negligible margin over the best of
    the others, and has no fewer right answers; where shares of right answers decide, no more log loss.

    `majority` is taken only where nothing is expected to be better: where it is the best itself, or where the
    best is not ahead of it beyond chance. The best of several models that know nothing easily beats it by
    chance, so below 500 examples the best must be ahead by more than the best is on shuffled labels, at the
    level of 1 %; above, a test of pairs counts all comparisons (Bonferroni). By metrics of class counts it
    must also be better than the same answers on shuffled labels, since guessing already beats `majority`.

    Models of numbers go by squared error, whatever the metric; `mean` is taken where it is the best, or where
    no model's answers go along with the labels beyond chance.

    `outputs`, by name of the model, simplest first, are of examples that the models did not learn
    from, not a number where a model was not asked; `metric` is a value of `--metric`, or `None`. In each
    group of `equally_simple` names none is simpler than another. `noun` names one of the examples.

    Raises: `ValueError` if there is no model, or the metric is unknown or not one of such labels.
    """
    target = labels.target
    decides = None if metric is None else metric_of(target.metric or metric)
    if decides is not None and target.noun not in decides.targets:
        able = ", ".join(each.setting for each in metrics_of(target.noun) if each.test is not None)
        raise ValueError(
            Sentence(
                "metric: {metric!r} does not score models of this target; choose one of {able}", metric, able
            )
        )
    early = _without_a_comparison(list(outputs), len(labels))
    if early is not None:
        return early
    compare = SCORING[target].rank
    return _without_a_vain_average(
        outputs, lambda some: compare(decides, labels, some, seed), equally_simple, noun
    )


def _without_a_vain_average(
    outputs: Outputs,
    compare: Callable[[Outputs], ModelComparison],
    equally_simple: Sequence[Sequence[str]],
    noun: str,
) -> Recommendation:
    """Recommendation among all models; without an average that is not worth its cost."""
    found = compare(outputs)
    if found.best != AVERAGE:
        return _decide(found, equally_simple, noun)
    others = compare({name: rows for name, rows in outputs.items() if name != AVERAGE})
    name, is_gain, worse = others.best, found.is_gain(others.best), found.loses(others.best)
    if is_gain and not worse:
        return _decide(found, equally_simple, noun)
    taken = _decide(others, equally_simple, noun)
    first, second = figures(*found.pair(name))
    score = Sentence("{words} {first}", found.metric.words, first)
    more = Sentence(
        "An average of models is ahead by a negligible margin only: {score} against {second} of "
        "{name} alone.",
        score,
        second,
        name,
    )
    if is_gain:
        more = Sentence(
            "An average of models has {score} against {second} of {name} alone, but a worse {worse}.",
            score,
            second,
            name,
            worse,
        )
    return taken._replace(reason=Sentence("{reason} {more}", taken.reason, more))


def _without_a_comparison(names: list[str], examples: int) -> Recommendation | None:
    """Recommendation where nothing can be compared; `None` where something can."""
    if not names:
        raise ValueError("models: none to choose from; at least one is needed")
    if len(names) == 1:
        return Recommendation(names[0], Sentence("{names} is the only model to choose from.", names[0]))
    if examples == 0:
        name = next((name for name in names if name in NEURAL), names[-1])
        return Recommendation(
            name,
            Sentence(
                "There are no validation examples to choose by, so {name} is taken without a comparison.",
                name,
            ),
        )
    return None


def _decide(found: ModelComparison, equally_simple: Sequence[Sequence[str]], noun: str) -> Recommendation:
    """The best model, or a simpler one that is behind by a negligible margin, or the dummy."""
    best, names, words = found.best, list(found.scores), found.metric.words
    dummy = next((name for name in names if name in DUMMIES), None)
    if dummy is not None and (best == dummy or _is_chance(found, dummy)):
        return Recommendation(dummy, _why_the_dummy(found, dummy, noun))

    def simplicity(name: str) -> int:
        """Place of the model, or of the first that is as simple, among all from the simplest on."""
        group = next((each for each in equally_simple if name in each), (name,))
        return min(names.index(each) for each in group if each in names)

    simpler = [name for name in names if simplicity(name) < simplicity(best) and name != dummy]
    if not simpler:
        score, examples = (
            Sentence("{words} {best}", words, figure(found.pair(best)[0])),
            _examples(found, best, noun),
        )
        apart = "no other model" if dummy is None else Sentence("of the others only {dummy}", dummy)
        return Recommendation(
            best,
            Sentence(
                "{best} is the best on {examples}, with {score}; {apart} is simpler.",
                best,
                examples,
                score,
                apart,
            ),
        )
    equal = [name for name in simpler if found.lead(name) <= 1 + _ROUNDING]
    if equal:
        simplest = min(simplicity(name) for name in equal)
        name = min((each for each in equal if simplicity(each) == simplest), key=found.lead)
        first, second = figures(*found.pair(name))
        score = Sentence("{words} {first}", words, first)
        return Recommendation(
            name,
            Sentence(
                "On {found}, {best} scored best, {score} "
                "against {second}, but by a negligible margin ({nothing}); {name} is the simpler "
                "model.",
                _examples(found, name, noun),
                best,
                score,
                second,
                found.nothing,
                name,
            ),
            rival=best,
        )
    rival = min(simpler, key=found.lead)
    first, second = figures(*found.pair(rival))
    score = Sentence("{words} {first}", words, first)
    if dummy is not None and found.lead(rival) >= found.lead(dummy):
        return Recommendation(
            best,
            Sentence(
                "{best} is the best on {found}, with {score}; no simpler model is better than {dummy}.",
                best,
                _examples(found, rival, noun),
                score,
                dummy,
            ),
            rival=rival,
        )
    return Recommendation(
        best,
        Sentence(
            "{best} is the best on {found}, with {score}; the best of "
            "the simpler models, {rival}, has {second}, behind by {rival2}.",
            best,
            _examples(found, rival, noun),
            score,
            rival,
            second,
            found.gain(rival),
        ),
        rival=rival,
    )


def _is_chance(found: ModelComparison, dummy: str) -> bool:
    """True where the best may be ahead of the dummy by chance alone."""
    is_mean = found.metric.test not in ("exchange", "resample")
    if "number" in found.metric.targets or (found.examples < FEW and is_mean):
        return found.by_chance > SURELY
    return found.p_value(dummy) * (len(found.scores) - 1) > LEVEL or found.by_chance > LEVEL


def _examples(found: ModelComparison, name: str, noun: str) -> str:
    """The examples that judged both the best and a model."""
    whole, judged = count_of(found.examples, noun), found.judged(name)
    return whole if judged == found.examples else Sentence("{judged:,} of {whole}", judged, whole)


def _why_the_dummy(found: ModelComparison, dummy: str, noun: str) -> str:
    """Reason to take no model that looks at its inputs."""
    examples = _examples(found, dummy, noun)
    pair = found.pair(dummy)
    first, second = figures(*pair)
    score = Sentence("{words} {first}", found.metric.words, first)
    if found.best == dummy:
        return Sentence(
            "The trained models are no better than {dummy}: on {examples} it is the best, with {score}.",
            dummy,
            examples,
            score,
        )
    if pair[0] > pair[1] if found.metric.is_error else pair[0] < pair[1]:  # best on examples that others lack
        return Sentence(
            "The trained models are no better than {dummy}: on {examples}, {best} has {score}, "
            "{dummy2} {second}.",
            dummy,
            examples,
            found.best,
            score,
            dummy,
            second,
        )
    others = count_of(len(found.scores) - 1, "model")
    return Sentence(
        "The trained models are no better than {dummy}: on {examples}, {best} scored best, {score} "
        "against {second}, but the difference, {dummy2}, could be chance: the best of "
        "{others} that know nothing comes that far by chance.",
        dummy,
        examples,
        found.best,
        score,
        second,
        found.gain(dummy),
        others,
    )


# Average of models: which of them, and how much each counts, chosen greedily by what was held out.

_STEPS = 20  # models taken in, one after the other
_PARTS = 5  # of the held-out examples, each judged by weights of the others


def chosen_weights(
    labels: Labels, outputs: Sequence[Float64[np.ndarray, "examples ..."]]
) -> Int64[np.ndarray, " models"]:
    """Weight of every model in the average that loses least on some examples, at least one.

    Whole weights without a common divisor, 0 for a model that is no member; of models that serve equally the
    first is taken. `outputs` are the answers of every model, simplest first.
    """
    scoring = SCORING[labels.target]
    found = [scoring.averaged(labels, rows) for rows in outputs]
    terms, weights = np.stack([each.terms for each in found], axis=1), found[0].weights
    counts, best = np.zeros(len(outputs), np.int64), np.zeros(len(outputs), np.int64)
    least, total = np.inf, np.zeros(len(terms))
    for step in range(1, _STEPS + 1):
        means = (total[:, None] + terms) / step
        each = scoring.loss(means)
        losses = (weights[:, None] * each).sum(axis=0) / weights.sum()
        if (counts > 0).sum() == MOST_MEMBERS:
            losses[counts == 0] = np.inf
        taken = int(losses.argmin())
        counts[taken] += 1
        total += terms[:, taken]
        if losses[taken] < least:
            least, best = losses[taken], counts.copy()
    return np.asarray(best // np.gcd.reduce(best))


def cross_fitted_average(
    labels: Labels,
    outputs: Sequence[Float64[np.ndarray, "examples ..."]],
    seed: int = 0,
) -> Float64[np.ndarray, "examples ..."]:
    """Answers of averages that no example, of at least five, took part in choosing for itself."""
    part = generator(seed, Purpose.AVERAGE).permutation(len(labels)) % _PARTS
    found = np.empty_like(outputs[0])
    for mine in (part == number for number in range(_PARTS)):
        weights = chosen_weights(labels.at(~mine), [rows[~mine] for rows in outputs])
        found[mine] = weighted_mean([rows[mine] for rows in outputs], weights.tolist())
    return found
