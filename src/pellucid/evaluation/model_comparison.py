"""Model comparison: scores of several models on held-out examples, each compared with the best."""

from collections.abc import Callable, Mapping
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
from pellucid.evaluation.comparisons import mcnemar, paired_interval
from pellucid.evaluation.exchange_tests import (
    best_by_chance,
    exchange_p_value,
    flip_p_values,
    mean_difference,
    resampled_p_value,
    rmse_differences,
    shuffle_p_value,
)
from pellucid.evaluation.intervals import points, span
from pellucid.settings import DUMMIES, NUMBER_METRIC, Metric, metric_of

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
# Standard deviation of differences between good models, as a share of the loss, by which they are shrunk.
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
    examples: int  # that judged
    p_value: Callable[[str], float]  # of the difference between the named model and the best
    gain: Callable[[str], str]  # by how much the best is ahead of the named model, in words
    # scores of the best and of the named model on the examples that judged both
    pair: Callable[[str], tuple[float, float]]
    judged: Callable[[str], int]  # number of the examples that judged the best and the named model
    lead: Callable[[str], float]  # of the best over the named model; up to 1 it is practically nothing
    nothing: str  # what is practically nothing, in words
    # probability that answers which know nothing score like the best, every model counted; by metrics
    # that are no mean over examples two-sided; 0 where it is not asked for
    by_chance: float = 0.0


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
        logarithms = {name: np.log(np.maximum(rows, SMALLEST_PROBABILITY)) for name, rows in outputs.items()}
        by_chance = _chance_of_lead(labels, logarithms, seed)
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
        examples=len(labels),
        p_value=lambda name: float(flip_p_values(more(name)[:, None], seed)[0]),
        gain=lambda name: span(mean_difference(more(name), seed)),
        pair=lambda name: _pair(losses, name, best),
        judged=lambda name: int(_both(losses, name, best).sum()),
        lead=lead,
        nothing=_OF_LOSS if metric is not None else f"{_OF_LOSS} and {_OF_ACCURACY}",
        by_chance=by_chance,
    )


def _lead_of_loss(of_best: float, other: float) -> float:
    """Lead in log loss, in leads that are practically nothing."""
    return (other - of_best) / (PRACTICALLY_NOTHING * (of_best + ADDED["log_loss"]))


def _chance_of_lead(
    labels: Int64[np.ndarray, " examples"],
    merits: Mapping[str, Float64[np.ndarray, "examples classes"]],
    seed: int,
) -> float:
    """Probability of the largest lead over the dummy on shuffled labels; `merits` are of every label."""
    places = np.arange(len(labels))
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
        examples=len(hits[best]),
        p_value=lambda name: mcnemar(*only(name)),
        gain=lambda name: points(paired_interval(*only(name), int(_both(hits, name, best).sum()))),
        pair=lambda name: _pair(hits, name, best),
        judged=lambda name: int(_both(hits, name, best).sum()),
        lead=lambda name: max((scores[best] - scores[name]) / POINTS, _lead_of_loss(loss[best], loss[name])),
        nothing=f"{_OF_LOSS} and {_OF_ACCURACY}",
        by_chance=by_chance,
    )


def _by_whole(
    metric: Metric, labels: Int64[np.ndarray, " examples"], outputs: Outputs, seed: int
) -> ModelComparison:
    """Compare models of classes by a metric that is no mean over examples.

    Of class counts the models' answers are exchanged by chance, of rankings the examples are resampled.
    """
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
        examples=len(labels),
        p_value=p_value,
        gain=lambda name: figure(pair(name)[0] - pair(name)[1]),
        pair=pair,
        judged=lambda name: int(_both(first, name, best).sum()),
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
        examples=len(labels),
        p_value=p_value,
        gain=lambda name: span(rmse_differences(both(name), np.array([[0, 1]]), seed)[0]),
        pair=roots,
        judged=lambda name: len(both(name)),
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
