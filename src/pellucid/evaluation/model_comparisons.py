"""Models compared by what was held out: the expected score of each, and how far the best is ahead of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64
from scipy.stats import rankdata

from pellucid.arithmetic.metrics import (
    OF_COUNTS,
    OF_RANKS,
    SMALLEST_PROBABILITY,
    rarer_class,
)
from pellucid.arithmetic.rounding import figure
from pellucid.evaluation.comparisons import (
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
from pellucid.language.sentence import Sentence
from pellucid.settings import DUMMIES, NUMBER_METRIC, Metric, metric_of
from pellucid.targets import Labels, metric_value

# Examples below which the dummy is compared by shuffled labels: a test of pairs takes the best of several
# models that know nothing for better than it.
FEW = 500
# Share of a log loss, with 0.01 added, or of a squared error, that no user would notice.
PRACTICALLY_NOTHING = 0.02
# The same of accuracy and of other shares of examples.
POINTS = 0.003
# Added to a loss before shares of it are taken: of hardly any log loss, any share is nothing.
ADDED = {"log_loss": 0.01, "root_mean_squared_error": 0.0, "mean_error_in_classes": 0.0}
_OF_LOSS = Sentence("at most {PRACTICALLY_NOTHING:g} % of the log loss", 100 * PRACTICALLY_NOTHING)
_OF_POINTS = Sentence("{POINTS:g} points", 100 * POINTS)
AT_MOST_POINTS = Sentence("at most {OF_POINTS}", _OF_POINTS)
# Standard deviation of differences between good models, as a share of the loss, by which they are shrunk; how
# good the choice is then: `benchmarks/few_examples.py`.
_SPREAD = 0.25
# Examples on which ranks are compared; enough to find the weakest correlation worth a model.
_MOST_RANKED = 2_000
# Examples with several labels that are shuffled 799 times, likewise.
_MOST_SHUFFLED = 1_000

# Answers by name of the model, simplest first; not a number where a model was not asked.
Outputs = Mapping[str, np.ndarray]
# The same of what each example adds to a score.
Terms = Mapping[str, Float64[np.ndarray, " examples"]]


class ModelComparison(NamedTuple):
    """Scores on what was held out, and how a model is compared with the best."""

    metric: Metric  # by which they are compared
    scores: Mapping[str, float]  # expected of each model, simplest first; in the metric's own direction
    best: str  # name of the best
    terms: Terms  # a number of every model and example, not a number where a model was not asked
    p_value: Callable[[str], float]  # of the difference between the named model and the best
    gain: Callable[[str], str]  # by how much the best is ahead of the named model, in words
    # scores of the best and of the named model on the examples that judged both
    pair: Callable[[str], tuple[float, float]]
    lead: Callable[[str], float]  # of the best over the named model; up to 1 it is negligible
    nothing: str  # what is negligible, in words
    # whether the best is ahead of the named model by more than a negligible margin in what decides alone
    is_gain: Callable[[str], bool]
    # the score beside it in which the best is behind the named model, in words; "" for none
    loses: Callable[[str], str]
    # probability that answers which know nothing score like the best, every model counted; by metrics
    # that are no mean over examples two-sided; 0 where it is not asked for
    by_chance: float = 0.0

    @property
    def examples(self) -> int:
        """Examples held out."""
        return len(self.terms[self.best])

    def judged(self, name: str) -> int:
        """Number of the examples about which the best and another model were asked."""
        return int(both_asked(self.terms, name, self.best).sum())


def rank_classes(metric: Metric | None, labels: Labels, outputs: Outputs, seed: int) -> ModelComparison:
    """Compare models of classes by a metric.

    Without one by log loss; then a lead is negligible only where that in accuracy is, too.
    """
    codes = labels.values
    if metric is not None and is_of_wholes(metric):
        return by_whole(metric, labels, outputs, {}, _class_p_value(metric, labels, seed), seed)
    losses, by_chance = losses_of(labels, outputs), chance_of_lead(outputs, log_likelihoods, codes, seed)
    hits = {
        name: np.where(np.isnan(rows[:, 0]), np.nan, rows.argmax(axis=1) == codes)
        for name, rows in outputs.items()
    }
    accuracy = estimated(hits, sign=1)
    if metric is not None and metric.test == "mcnemar":
        return _by_accuracy(metric, hits, losses, accuracy, by_chance)
    return by_log_loss(losses, by_chance, seed, accuracy if metric is None else None, "accuracy")


def is_of_wholes(metric: Metric) -> bool:
    """Whether a metric is one of counts or rankings, and no mean over examples."""
    return metric.test in ("exchange", "resample")


def losses_of(labels: Labels, outputs: Outputs) -> Terms:
    """Log loss of every model and example."""
    return {name: labels.target.terms("log_loss", labels.values, rows) for name, rows in outputs.items()}


def by_log_loss(
    losses: Terms, by_chance: float, seed: int, shares: Mapping[str, float] | None, words: str
) -> ModelComparison:
    """Compare models by log loss, and where shares of right answers are given practically by these, too."""
    scores = estimated(losses, sign=-1)
    best = min(scores, key=lambda name: scores[name])

    def more(name: str) -> Float64[np.ndarray, " both"]:
        both = both_asked(losses, name, best)
        further: np.ndarray = losses[name][both] - losses[best][both]
        return further

    def lead(name: str) -> float:
        of_loss = _lead_of_loss(scores[best], scores[name])
        return of_loss if shares is None else max(of_loss, (shares[best] - shares[name]) / POINTS)

    return ModelComparison(
        metric=metric_of("log-loss"),
        scores=scores,
        best=best,
        terms=losses,
        p_value=lambda name: float(flip_p_values(more(name)[:, None], seed)[0]),
        gain=lambda name: span(mean_difference(more(name), seed)),
        pair=lambda name: paired_means(losses, name, best),
        lead=lead,
        nothing=_OF_LOSS
        if shares is None
        else Sentence("{OF_LOSS} and {OF_POINTS} of {words}", _OF_LOSS, _OF_POINTS, words),
        is_gain=lambda name: _lead_of_loss(scores[best], scores[name]) > 1,
        loses=lambda name: words if shares is not None and shares[best] < shares[name] else "",
        by_chance=by_chance,
    )


def _lead_of_loss(of_best: float, other: float) -> float:
    """Lead in log loss, in leads that are just negligible."""
    return (other - of_best) / (PRACTICALLY_NOTHING * (of_best + ADDED["log_loss"]))


def log_likelihoods(
    probabilities: Float64[np.ndarray, "examples classes"],
) -> Float64[np.ndarray, "examples classes"]:
    """Logarithm of every probability; those below 2.2e-16 count as 2.2e-16."""
    return np.asarray(np.log(np.maximum(probabilities, SMALLEST_PROBABILITY)))


def chance_of_lead(
    outputs: Outputs,
    merits_of: Callable[[np.ndarray], Float64[np.ndarray, "examples kinds"]],
    kinds: Int64[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Probability of the largest lead in log loss over the dummy on shuffled labels.

    `merits_of` gives the log likelihood of each kind of labels by each answer, `kinds` is that of each
    example. 0 where it is not asked for: of many examples, or without a dummy.
    """
    dummy = next((name for name in outputs if name in DUMMIES), None)
    if dummy is None or len(kinds) >= FEW:
        return 0.0
    places, merits = np.arange(len(kinds)), {name: merits_of(rows) for name, rows in outputs.items()}

    def gains(shuffled: np.ndarray) -> Float64[np.ndarray, "rows models"]:
        values = {name: rows[places, shuffled] for name, rows in merits.items()}
        return np.stack([np.nanmean(each - values[dummy], axis=1) for each in values.values()], axis=1)

    return best_by_chance(gains, kinds, seed)


def _by_accuracy(
    metric: Metric, hits: Terms, losses: Terms, scores: Mapping[str, float], by_chance: float
) -> ModelComparison:
    """Compare models of classes by accuracy and McNemar's exact test; log loss decides between equal ones."""
    loss = estimated(losses, sign=-1)
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
        gain=lambda name: points(paired_interval(*only(name), int(both_asked(hits, name, best).sum()))),
        pair=lambda name: paired_means(hits, name, best),
        lead=lambda name: max((scores[best] - scores[name]) / POINTS, _lead_of_loss(loss[best], loss[name])),
        nothing=Sentence("{OF_LOSS} and {OF_POINTS} of accuracy", _OF_LOSS, _OF_POINTS),
        is_gain=lambda name: scores[best] - scores[name] > POINTS,
        loses=lambda name: "log loss" if loss[best] > loss[name] else "",
        by_chance=by_chance,
    )


# P-value of the difference of two models' answers, and of their decisions, if any, to some examples.
_PValue = Callable[[Sequence[np.ndarray], Sequence[np.ndarray], Bool[np.ndarray, " examples"]], float]


def _class_p_value(metric: Metric, labels: Labels, seed: int) -> _PValue:
    """That of a metric of class counts, or of rankings of two classes."""
    codes = labels.values

    def p_value(
        answers: Sequence[np.ndarray], _: Sequence[np.ndarray], both: Bool[np.ndarray, " examples"]
    ) -> float:
        first, second = answers
        if metric.of_two:
            positive = rarer_class(codes)
            columns = first[:, positive], second[:, positive]
            return resampled_p_value(OF_RANKS[metric.key], codes[both] == positive, columns, seed)
        decided = first.argmax(axis=1), second.argmax(axis=1)
        return exchange_p_value(OF_COUNTS[metric.key], codes[both], decided, first.shape[1], seed)

    return p_value


def by_whole(
    metric: Metric,
    labels: Labels,
    outputs: Outputs,
    decisions: Mapping[str, np.ndarray],
    p_value_of: _PValue,
    seed: int,
) -> ModelComparison:
    """Compare models by a metric of counts or rankings, which is no mean over examples.

    `decisions` are those about several labels.
    """
    first = {name: rows[:, 0] for name, rows in outputs.items()}
    positive = rarer_class(labels.values) if metric.of_two else 0

    def scored(name: str, asked: Bool[np.ndarray, " examples"]) -> float:
        decided = decisions[name][asked] if decisions else None
        return metric_value(metric, labels.at(asked), outputs[name][asked], positive, decided)

    reference, scores = expected_wholes(first, scored)
    best = max(scores, key=lambda name: scores[name])

    def pair(name: str) -> tuple[float, float]:
        both = both_asked(first, name, best)
        return scored(best, both), scored(name, both)

    def p_value(name: str) -> float:
        both = both_asked(first, name, best)
        answers, decided = (
            [of[each][both] for each in (best, name)] if of else [] for of in (outputs, decisions)
        )
        return p_value_of(answers, decided, both)

    asked = np.flatnonzero(both_asked(first, best, reference))
    shuffled = chance_of_score(metric, labels, outputs[best], decisions.get(best), asked, seed)
    return ModelComparison(
        metric=metric,
        scores=scores,
        best=best,
        terms=first,
        p_value=p_value,
        gain=lambda name: figure(pair(name)[0] - pair(name)[1]),
        pair=pair,
        lead=lambda name: (scores[best] - scores[name]) / POINTS,
        nothing=Sentence("at most {POINTS:g}", POINTS),
        is_gain=lambda name: scores[best] - scores[name] > POINTS,
        loses=lambda _: "",
        by_chance=len(scores) * shuffled,
    )


def chance_of_score(
    metric: Metric,
    labels: Labels,
    answers: Float64[np.ndarray, "examples classes"],
    decisions: Int8[np.ndarray, "examples labels"] | None,
    asked: Int64[np.ndarray, " asked"],
    seed: int,
) -> float:
    """Probability, two-sided, of a score of answers to some examples, were the labels of these shuffled.

    Of examples with several labels, about which there are decisions, at most 1,000 are shuffled.
    """
    some, decided = asked, None
    positive = rarer_class(labels.values) if metric.of_two else 0
    if decisions is not None:
        some = np.random.default_rng(seed).permutation(asked)[:_MOST_SHUFFLED]
        decided = decisions[some]
    target = labels.target
    return 2 * shuffle_p_value(
        lambda each: target.value(metric.key, each, answers[some], decided, positive),
        labels.values[some],
        seed,
    )


def expected_wholes(
    asked: Terms, scored: Callable[[str, Bool[np.ndarray, " examples"]], float]
) -> tuple[str, dict[str, float]]:
    """The best model of those asked about most examples, and the score on all that is expected of each.

    `scored` is the score of a model on some examples.
    """
    reference = _best_of_most_asked(asked, lambda name: scored(name, ~np.isnan(asked[name])))
    both = {name: both_asked(asked, name, reference) for name in asked}
    whole = scored(reference, both[reference])
    return reference, {
        name: scored(name, of) if of.all() else whole + scored(name, of) - scored(reference, of)
        for name, of in both.items()
    }


def rank_numbers(metric: Metric | None, labels: Labels, outputs: Outputs, seed: int) -> ModelComparison:
    """Compare models of numbers by root mean squared error, whatever the metric.

    Ranks decide whether any model knows something of the labels: a few large squared errors would hide it.
    """
    del metric
    squares = {name: (answers - labels.values) ** 2 for name, answers in outputs.items()}
    scores = {name: float(np.sqrt(max(0.0, mean))) for name, mean in estimated(squares, sign=-1).items()}
    best = min(scores, key=lambda name: scores[name])

    def both(name: str) -> Float64[np.ndarray, "both 2"]:
        asked = both_asked(squares, name, best)
        return np.stack([squares[name][asked], squares[best][asked]], axis=1)

    def p_value(name: str) -> float:
        pair = both(name)
        return float(flip_p_values((pair[:, 0] - pair[:, 1])[:, None], seed)[0])

    def roots(name: str) -> tuple[float, float]:
        first, second = paired_means(squares, name, best)
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
        nothing=Sentence("at most {PRACTICALLY_NOTHING:g} % of the squared error", 100 * PRACTICALLY_NOTHING),
        is_gain=lambda name: lead(name) > 1,
        loses=lambda _: "",
        by_chance=_chance_of_ranks(labels.values, outputs, seed),
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


def _best_of_most_asked(terms: Terms, merit: Callable[[str], float]) -> str:
    """Of the models that were asked about most examples the one of most merit, of equals the simplest."""
    asked = {name: int((~np.isnan(values)).sum()) for name, values in terms.items()}
    return max((name for name in terms if asked[name] == max(asked.values())), key=merit)


def both_asked(terms: Terms, name: str, other: str) -> Bool[np.ndarray, " examples"]:
    """The examples about which two models were asked."""
    found: np.ndarray = ~np.isnan(terms[name]) & ~np.isnan(terms[other])
    return found


def paired_means(terms: Terms, name: str, best: str) -> tuple[float, float]:
    """Means of the best and of another model on the examples about which both were asked."""
    both = both_asked(terms, name, best)
    return float(terms[best][both].mean()), float(terms[name][both].mean())


def estimated(terms: Terms, sign: int) -> dict[str, float]:
    r"""Expected mean of every model on all examples; `sign` is 1 where more is better, else -1.

    A model that was asked about fewer examples has a mean difference $\bar d$ from the best of those asked
    about more. It counts as $\bar d \, \tau^2 / (\tau^2 + s^2)$, with $s$ its standard error and $\tau$ a
    share of the loss. A tuned network is so compared with its frozen features, where the noise is small.

    Source: James and Stein 1961, "Estimation with Quadratic Loss", with a variance known beforehand.
    """
    asked = {name: int((~np.isnan(values)).sum()) for name, values in terms.items()}
    most = max(asked.values())
    found = {name: float(np.nanmean(terms[name])) for name in terms if asked[name] == most}
    for count in sorted({*asked.values()} - {most}, reverse=True):
        reference = max(found, key=lambda name: sign * found[name])
        whole = found[reference]
        variance = (_SPREAD * (whole if sign < 0 else 1 - whole)) ** 2
        for name in (each for each in terms if asked[each] == count):
            both = both_asked(terms, name, reference)
            differences = terms[name][both] - terms[reference][both]
            noise = float(differences.var()) / len(differences)
            kept = variance / (variance + noise) if variance + noise > 0 else 1.0
            found[name] = whole + kept * float(differences.mean())
    return {name: found[name] for name in terms}
