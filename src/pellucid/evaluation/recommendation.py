"""Recommendation of a model: scores on what was held out, each compared with the best, and what follows."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.stats import rankdata

from pellucid.arithmetic.metrics import (
    OF_COUNTS,
    OF_RANKS,
    SMALLEST_PROBABILITY,
    log_loss_terms,
    metric_value,
    rarer_class,
)
from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of
from pellucid.evaluation.comparisons import (
    LEVEL,
    best_by_chance,
    exchange_p_value,
    flip_p_values,
    mcnemar,
    mean_difference,
    paired_interval,
    resampled_p_value,
    rmse_differences,
    shuffle_p_value,
)
from pellucid.evaluation.intervals import points, span
from pellucid.settings import DUMMIES, NEURAL, NUMBER_METRIC, Metric, metric_of

# Examples below which the dummy is compared by shuffled labels: a test of pairs takes the best of several
# models that know nothing for better than it.
FEW = 500
# Share of a log loss, with 0.01 added, or of a squared error, that no user would notice.
PRACTICALLY_NOTHING = 0.02
# The same of accuracy and of other shares of examples.
POINTS = 0.003
# Added to a loss before shares of it are taken: of hardly any log loss, any share is nothing.
ADDED = {"log_loss": 0.01, "root_mean_squared_error": 0.0}
_OF_LOSS = f"at most {100 * PRACTICALLY_NOTHING:g} % of the log loss"
_OF_ACCURACY = f"{100 * POINTS:g} points of accuracy"
# Standard deviation of differences between good models, as a share of the loss, by which they are shrunk; how
# good the choice is then: `benchmarks/few_examples.py`.
_SPREAD = 0.25
# Examples on which ranks are compared; enough to find the weakest correlation worth a model.
_MOST_RANKED = 2_000

# Answers by name of the model, simplest first; not a number where a model was not asked.
Outputs = Mapping[str, np.ndarray]
# The same of what each example adds to a score.
_Terms = Mapping[str, Float64[np.ndarray, " examples"]]


class ModelComparison(NamedTuple):
    """Scores on what was held out, and how a model is compared with the best."""

    metric: Metric  # by which they are compared
    scores: Mapping[str, float]  # expected of each model, simplest first; in the metric's own direction
    best: str  # name of the best
    terms: _Terms  # a number of every model and example, not a number where a model was not asked
    p_value: Callable[[str], float]  # of the difference between the named model and the best
    gain: Callable[[str], str]  # by how much the best is ahead of the named model, in words
    # scores of the best and of the named model on the examples that judged both
    pair: Callable[[str], tuple[float, float]]
    lead: Callable[[str], float]  # of the best over the named model; up to 1 it is practically nothing
    nothing: str  # what is practically nothing, in words
    # probability that answers which know nothing score like the best, every model counted; by metrics
    # that are no mean over examples two-sided; 0 where it is not asked for
    by_chance: float = 0.0

    @property
    def examples(self) -> int:
        """Examples held out."""
        return len(self.terms[self.best])

    def judged(self, name: str) -> int:
        """Number of the examples about which the best and another model were asked."""
        return int(_both(self.terms, name, self.best).sum())


def compare_classifiers(
    metric: Metric | None, labels: Int64[np.ndarray, " examples"], outputs: Outputs, seed: int
) -> ModelComparison:
    """Compare models of classes by a metric.

    Without one by log loss; then a lead is practically nothing only where that in accuracy is, too.
    """
    if metric is not None and metric.test in ("exchange", "resample"):
        return _by_whole(metric, labels, outputs, seed)
    hits = {
        name: np.where(np.isnan(rows[:, 0]), np.nan, rows.argmax(axis=1) == labels)
        for name, rows in outputs.items()
    }
    accuracy = _estimated(hits, sign=1)
    losses = {name: log_loss_terms(labels, rows) for name, rows in outputs.items()}
    by_chance = 0.0
    if len(labels) < FEW and any(name in DUMMIES for name in outputs):
        by_chance = _chance_of_lead(labels, outputs, seed)
    if metric is not None and metric.test == "mcnemar":
        return _by_accuracy(metric, hits, losses, accuracy, by_chance)
    scores = _estimated(losses, sign=-1)
    best = min(scores, key=lambda name: scores[name])

    def more(name: str) -> Float64[np.ndarray, " both"]:
        both = _both(losses, name, best)
        further: np.ndarray = losses[name][both] - losses[best][both]
        return further

    def lead(name: str) -> float:
        of_loss = _lead_of_loss(scores[best], scores[name])
        return of_loss if metric is not None else max(of_loss, (accuracy[best] - accuracy[name]) / POINTS)

    return ModelComparison(
        metric=metric_of("log-loss"),
        scores=scores,
        best=best,
        terms=losses,
        p_value=lambda name: float(flip_p_values(more(name)[:, None], seed)[0]),
        gain=lambda name: span(mean_difference(more(name), seed)),
        pair=lambda name: _pair(losses, name, best),
        lead=lead,
        nothing=_OF_LOSS if metric is not None else f"{_OF_LOSS} and {_OF_ACCURACY}",
        by_chance=by_chance,
    )


def _lead_of_loss(of_best: float, other: float) -> float:
    """Lead in log loss, in leads that are practically nothing."""
    return (other - of_best) / (PRACTICALLY_NOTHING * (of_best + ADDED["log_loss"]))


def _chance_of_lead(labels: Int64[np.ndarray, " examples"], outputs: Outputs, seed: int) -> float:
    """Probability of the largest lead in log loss over the dummy on shuffled labels."""
    places = np.arange(len(labels))
    merits = {name: np.log(np.maximum(rows, SMALLEST_PROBABILITY)) for name, rows in outputs.items()}
    dummy = next(name for name in merits if name in DUMMIES)

    def gains(shuffled: np.ndarray) -> Float64[np.ndarray, "rows models"]:
        values = {name: rows[places, shuffled] for name, rows in merits.items()}
        return np.stack([np.nanmean(each - values[dummy], axis=1) for each in values.values()], axis=1)

    return best_by_chance(gains, labels, seed)


def _by_accuracy(
    metric: Metric, hits: _Terms, losses: _Terms, scores: Mapping[str, float], by_chance: float
) -> ModelComparison:
    """Compare models of classes by accuracy and McNemar's exact test; log loss decides between equal ones."""
    loss = _estimated(losses, sign=-1)
    best = max(scores, key=lambda name: (scores[name], -loss[name]))

    def only(name: str) -> tuple[int, int]:
        ahead = hits[best] - hits[name]
        return int((ahead > 0).sum()), int((ahead < 0).sum())

    return ModelComparison(
        metric=metric,
        scores=scores,
        best=best,
        terms=hits,
        p_value=lambda name: mcnemar(*only(name)),
        gain=lambda name: points(paired_interval(*only(name), int(_both(hits, name, best).sum()))),
        pair=lambda name: _pair(hits, name, best),
        lead=lambda name: max((scores[best] - scores[name]) / POINTS, _lead_of_loss(loss[best], loss[name])),
        nothing=f"{_OF_LOSS} and {_OF_ACCURACY}",
        by_chance=by_chance,
    )


def _by_whole(
    metric: Metric, labels: Int64[np.ndarray, " examples"], outputs: Outputs, seed: int
) -> ModelComparison:
    """Compare models of classes by a metric of class counts or rankings, which is no mean over examples."""
    first = {name: rows[:, 0] for name, rows in outputs.items()}
    positive = rarer_class(labels) if metric.of_two else 0

    def scored(name: str, asked: Bool[np.ndarray, " examples"]) -> float:
        return metric_value(metric, labels[asked], outputs[name][asked], positive)

    reference = _best_of_most_asked(first, lambda name: scored(name, ~np.isnan(first[name])))
    asked = {name: _both(first, name, reference) for name in outputs}
    whole = scored(reference, asked[reference])
    scores = {
        name: scored(name, both) if both.all() else whole + scored(name, both) - scored(reference, both)
        for name, both in asked.items()
    }
    best = max(scores, key=lambda name: scores[name])

    def pair(name: str) -> tuple[float, float]:
        both = _both(first, name, best)
        return scored(best, both), scored(name, both)

    def p_value(name: str) -> float:
        both = _both(first, name, best)
        of_best, of_other = outputs[best][both], outputs[name][both]
        if metric.of_two:
            columns = of_best[:, positive], of_other[:, positive]
            return resampled_p_value(OF_RANKS[metric.key], labels[both] == positive, columns, seed)
        answers = of_best.argmax(axis=1), of_other.argmax(axis=1)
        return exchange_p_value(OF_COUNTS[metric.key], labels[both], answers, of_best.shape[1], seed)

    shuffled = shuffle_p_value(
        lambda each: metric_value(metric, each, outputs[best][asked[best]], positive),
        labels[asked[best]],
        seed,
    )
    return ModelComparison(
        metric=metric,
        scores=scores,
        best=best,
        terms=first,
        p_value=p_value,
        gain=lambda name: figure(pair(name)[0] - pair(name)[1]),
        pair=pair,
        lead=lambda name: (scores[best] - scores[name]) / POINTS,
        nothing=f"at most {POINTS:g}",
        by_chance=2 * len(scores) * shuffled,
    )


def compare_regressors(
    labels: Float64[np.ndarray, " examples"], outputs: Outputs, seed: int
) -> ModelComparison:
    """Compare models of numbers by root mean squared error.

    Ranks decide whether any model knows something of the labels: a few large squared errors would hide it.
    """
    squares = {name: (answers - labels) ** 2 for name, answers in outputs.items()}
    scores = {name: float(np.sqrt(max(0.0, mean))) for name, mean in _estimated(squares, sign=-1).items()}
    best = min(scores, key=lambda name: scores[name])

    def both(name: str) -> Float64[np.ndarray, "both 2"]:
        asked = _both(squares, name, best)
        return np.stack([squares[name][asked], squares[best][asked]], axis=1)

    def p_value(name: str) -> float:
        pair = both(name)
        return float(flip_p_values((pair[:, 0] - pair[:, 1])[:, None], seed)[0])

    def roots(name: str) -> tuple[float, float]:
        first, second = _pair(squares, name, best)
        return float(np.sqrt(first)), float(np.sqrt(second))

    def lead(name: str) -> float:
        least = max(scores[best] ** 2, float(np.finfo(np.float64).tiny))
        return (scores[name] ** 2 - scores[best] ** 2) / (PRACTICALLY_NOTHING * least)

    return ModelComparison(
        metric=NUMBER_METRIC,
        scores=scores,
        best=best,
        terms=squares,
        p_value=p_value,
        gain=lambda name: span(rmse_differences(both(name), np.array([[0, 1]]), seed)[0]),
        pair=roots,
        lead=lead,
        nothing=f"at most {100 * PRACTICALLY_NOTHING:g} % of the squared error",
        by_chance=_chance_of_ranks(labels, outputs, seed),
    )


def _chance_of_ranks(labels: Float64[np.ndarray, " examples"], outputs: Outputs, seed: int) -> float:
    """Probability of the largest rank correlation of a model's answers with the labels, were these shuffled.

    Source: Spearman 1904, "The Proof and Measurement of Association between Two Things".
    """
    some = np.random.default_rng(seed).permutation(len(labels))[:_MOST_RANKED]
    wanted = _standard_ranks(labels[some])
    answers = np.stack([_standard_ranks(rows[some]) for rows in outputs.values()], axis=1)
    return best_by_chance(lambda shuffled: shuffled @ answers, wanted, seed)


def _standard_ranks(values: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """Ranks of numbers, of mean 0 and length 1; 0 for what is none, and everywhere where all are equal."""
    asked = ~np.isnan(values)
    found = np.zeros(len(values))
    ranks = rankdata(values[asked])
    centred = ranks - ranks.mean() if len(ranks) else ranks
    length = float(np.sqrt((centred**2).sum()))
    found[asked] = centred / length if length > 0 else 0.0
    return found


def _best_of_most_asked(terms: _Terms, merit: Callable[[str], float]) -> str:
    """Of the models that were asked about most examples the one of most merit, of equals the simplest."""
    asked = {name: int((~np.isnan(values)).sum()) for name, values in terms.items()}
    return max((name for name in terms if asked[name] == max(asked.values())), key=merit)


def _both(terms: _Terms, name: str, other: str) -> Bool[np.ndarray, " examples"]:
    """The examples about which two models were asked."""
    found: np.ndarray = ~np.isnan(terms[name]) & ~np.isnan(terms[other])
    return found


def _pair(terms: _Terms, name: str, best: str) -> tuple[float, float]:
    """Means of the best and of another model on the examples about which both were asked."""
    both = _both(terms, name, best)
    return float(terms[best][both].mean()), float(terms[name][both].mean())


def _estimated(terms: _Terms, sign: int) -> dict[str, float]:
    r"""Expected mean of every model on all examples; `sign` is 1 where more is better, else -1.

    A model that was asked about fewer examples has a mean difference $\bar d$ from the best one asked about
    most. It counts as $\bar d \, \tau^2 / (\tau^2 + s^2)$, with $s$ its standard error and $\tau$ a share of
    the loss.

    Source: James and Stein 1961, "Estimation with Quadratic Loss", with a variance known beforehand.
    """
    reference = _best_of_most_asked(terms, lambda name: sign * float(np.nanmean(terms[name])))
    whole = float(np.nanmean(terms[reference]))
    variance = (_SPREAD * (whole if sign < 0 else 1 - whole)) ** 2
    found = {}
    for name, values in terms.items():
        if np.isnan(values).sum() == np.isnan(terms[reference]).sum():
            found[name] = float(np.nanmean(values))
        else:
            both = _both(terms, name, reference)
            differences = values[both] - terms[reference][both]
            noise = float(differences.var()) / len(differences)
            kept = variance / (variance + noise) if variance + noise > 0 else 1.0
            found[name] = whole + kept * float(differences.mean())
    return found


# Recommendation: the model that is expected to serve best, by what was held out.

# Level at which the best of all models must beat a dummy where labels are shuffled for the comparison.
SURELY = 0.01
_ROUNDING = 1e-9


class Recommendation(NamedTuple):
    """The model to take."""

    name: str  # of the model
    reason: str  # one or two sentences with the figures
    # the model with which its cost is compared: the best of the simpler ones, or the best of all where
    # that one is ahead by practically nothing; `None` without any
    rival: str | None = None


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
    early = _without_a_comparison(list(probabilities), len(labels))
    if early is not None:
        return early
    return _decide(compare_classifiers(decides, labels, probabilities, seed), equally_simple, noun)


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
    early = _without_a_comparison(list(predicted), len(labels))
    if early is not None:
        return early
    return _decide(compare_regressors(labels, predicted, seed), equally_simple, noun)


def _without_a_comparison(names: list[str], examples: int) -> Recommendation | None:
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


def _decide(found: ModelComparison, equally_simple: Sequence[Sequence[str]], noun: str) -> Recommendation:
    """The best model, or a simpler one that is behind by practically nothing, or the dummy."""
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
        score, place = f"{words} {figure(found.pair(best)[0])}", _place(found, best, noun)
        return Recommendation(
            best, f"{best} is the best {place}, with {score}, and no other model is simpler."
        )
    equal = [name for name in simpler if found.lead(name) <= 1 + _ROUNDING]
    if equal:
        simplest = min(simplicity(name) for name in equal)
        name = min((each for each in equal if simplicity(each) == simplest), key=found.lead)
        first, second = found.pair(name)
        place = _place(found, name, noun)
        return Recommendation(
            name,
            f"{place[0].upper()}{place[1:]} {best} scored best, {words} {figure(first)} "
            f"against {figure(second)}, but that lead is practically nothing ({found.nothing}); {name} is "
            "the simpler model.",
            rival=best,
        )
    rival = min(simpler, key=found.lead)
    first, second = found.pair(rival)
    return Recommendation(
        best,
        f"{best} is the best {_place(found, rival, noun)}, with {words} {figure(first)}; the best of the "
        f"simpler models, {rival}, has {figure(second)}, behind by {found.gain(rival)}.",
        rival=rival,
    )


def _is_chance(found: ModelComparison, dummy: str) -> bool:
    """True where the best may be ahead of the dummy by chance alone."""
    is_mean = found.metric.test not in ("exchange", "resample")
    if "number" in found.metric.targets or (found.examples < FEW and is_mean):
        return found.by_chance > SURELY
    return found.p_value(dummy) * (len(found.scores) - 1) > LEVEL or found.by_chance > LEVEL


def _place(found: ModelComparison, name: str, noun: str) -> str:
    """The examples that judged both the best and a model."""
    whole, judged = count_of(found.examples, noun), found.judged(name)
    return f"on {whole}" if judged == found.examples else f"on {judged} of {whole}"


def _why_the_dummy(found: ModelComparison, dummy: str, noun: str) -> str:
    """Reason to take no model that looks at its inputs."""
    place = _place(found, dummy, noun)
    first, second = found.pair(dummy)
    score = f"{found.metric.words} {figure(first)}"
    if found.best == dummy:
        return f"The trained models are no better than {dummy}: {place} it is the best, with {score}."
    others = count_of(len(found.scores) - 1, "model")
    return (
        f"The trained models are no better than {dummy}: {place} {found.best} scored best, {score} against "
        f"{figure(second)}, but the difference, {found.gain(dummy)}, could be chance: the best of {others} "
        "that know nothing comes that far by chance."
    )
