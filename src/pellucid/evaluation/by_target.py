"""What scores and comparisons do by target: one row each in `SCORING`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.metrics import SMALLEST_PROBABILITY
from pellucid.evaluation.comparisons import (
    Comparison,
    compare_all,
    compare_numbers,
)
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    percentile_interval,
    resample,
    share_interval,
    wilson,
)
from pellucid.evaluation.label_comparisons import (
    KAPPA,
    compare_labels,
    compare_ordered,
    kappa_interval,
    kappa_value,
    rank_labels,
    rank_ordered,
    squared_distances,
)
from pellucid.evaluation.label_issues import (
    LabelError,
    LabelJudgement,
    judge_cells,
    judge_label_issues,
)
from pellucid.evaluation.label_scores import (
    cross_fitted_decisions,
    fit_thresholds,
    micro_f1_interval,
    score_labels,
    wrong_and_all,
)
from pellucid.evaluation.model_comparisons import (
    ModelComparison,
    Outputs,
    rank_classes,
    rank_numbers,
)
from pellucid.evaluation.scores import Scores, score_classes, score_numbers
from pellucid.settings import METRICS, Metric, metrics_of
from pellucid.targets import ABSENT, CLASSIFICATION, MULTILABEL, ORDERED, PRESENT, REGRESSION, Labels, Target
from pellucid.targets.ordered import kappa, kappa_moments

# Numbers count as changed where the error does by more than this share of the labels' standard deviation.
_NOTICEABLE = 0.01


# Scores of answers, each metric of the target with its interval: by a seed, groups, the positive class of two
# and the decisions, as of `score`.
Score = Callable[[Labels, np.ndarray, int, Groups | None, int | None, np.ndarray | None], Scores]
# Comparisons of every pair of models by their decisions, by name, with groups and a seed.
Compare = Callable[[np.ndarray, Mapping[str, np.ndarray], Groups | None, int], tuple[Comparison, ...]]


class Terms(NamedTuple):
    """Terms whose mean over models are those of the models' mean, and the weight of each in its loss."""

    terms: Float64[np.ndarray, " terms"]
    weights: Float64[np.ndarray, " terms"]


@dataclass(frozen=True)
class Scoring:
    """How answers to one kind of labels are scored and compared.

    Decisions are codes of classes, states of several labels, or numbers.
    """

    score: Score
    compare: Compare
    metric: Metric  # by which `compare` compares
    # the models compared by what was held out, by a metric or the target's own rule
    rank: Callable[[Metric | None, Labels, Outputs, int], ModelComparison]
    # probability from which on each label is answered, by held-out answers; empty without thresholds
    thresholds: Callable[[Labels, np.ndarray], Mapping[str, float]]
    # decisions by thresholds that no example took part in choosing for itself; and a seed
    decide: Callable[[Labels, np.ndarray, int], np.ndarray]
    # value of `metric` for decisions, and that with its interval, by a seed
    value: Callable[[Labels, np.ndarray], float]
    interval: Callable[[Labels, np.ndarray, int], Interval]
    # sums over examples whose ratio is 1 less the metric, or the square of an error
    errors: Callable[[Labels, np.ndarray], tuple[np.ndarray, np.ndarray]]
    # rows of examples about which the second decisions are better, and worse
    changed: Callable[[Labels, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
    became: tuple[str, str]  # the same in words
    judge: Callable[[Labels, np.ndarray], LabelJudgement]  # of labels that answers contradict
    # what an average of models is chosen by, and the loss of each term
    averaged: Callable[[Labels, np.ndarray], Terms]
    loss: Callable[[np.ndarray], np.ndarray]


def _without_thresholds(labels: Labels, answers: np.ndarray) -> Mapping[str, float]:
    return {}


def _as_it_is(labels: Labels, answers: np.ndarray, seed: int) -> np.ndarray:
    """The most probable class, or the number."""
    return labels.target.labels(answers)


def _thresholds(labels: Labels, answers: np.ndarray) -> Mapping[str, float]:
    return dict(zip(labels.names, fit_thresholds(labels.values, answers).tolist(), strict=True))


def _share_right(labels: Labels, decided: np.ndarray) -> float:
    return float((~labels.target.wrong(decided, labels.values)).mean())


def _micro_f1(labels: Labels, decided: np.ndarray) -> float:
    return labels.target.value("micro_f1", labels.values, decided.astype(np.float64), decided)


def _root_mean_squared_error(labels: Labels, decided: np.ndarray) -> float:
    return labels.target.value("root_mean_squared_error", labels.values, decided)


def _of_shares(labels: Labels, decided: np.ndarray, seed: int) -> Interval:
    return wilson(int((decided == labels.values).sum()), len(labels))


def _of_errors(labels: Labels, decided: np.ndarray, seed: int) -> Interval:
    return score_numbers(labels, decided, seed)["root_mean_squared_error"]


def _wrong(labels: Labels, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (decided != labels.values).astype(np.float64), np.ones(len(labels))


def _squares(labels: Labels, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (decided - labels.values) ** 2, np.ones(len(labels))


def newly_right(
    labels: Labels, first: Shaped[np.ndarray, "n ..."], second: Shaped[np.ndarray, "n ..."]
) -> tuple[Int64[np.ndarray, " right"], Int64[np.ndarray, " wrong"]]:
    """Rows that only the second decisions have right, and only the first."""
    before, after = (labels.target.wrong(each, labels.values) for each in (first, second))
    right, wrong = (np.flatnonzero(rows).astype(np.int64) for rows in (before & ~after, ~before & after))
    return right, wrong


def nearer(
    labels: Labels, first: Float64[np.ndarray, " n"], second: Float64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " right"], Int64[np.ndarray, " wrong"]]:
    """Rows whose second number is nearer to the truth, and farther from it, the largest change first."""
    before, after = (np.abs(each - labels.values) for each in (first, second))
    less, least = before - after, _NOTICEABLE * float(labels.values.std())
    order = np.argsort(-np.abs(less), kind="stable").astype(np.int64)
    return order[less[order] > least], order[less[order] < -least]


def _classes_judged(labels: Labels, answers: np.ndarray) -> LabelJudgement:
    return judge_label_issues(labels.values, answers)


def _none_judged(labels: Labels, answers: np.ndarray) -> LabelJudgement:
    return LabelJudgement([], 0, 0, is_able=False, share=0.0)


def _cells_judged(labels: Labels, answers: np.ndarray) -> LabelJudgement:
    """Each label of an example by itself."""
    cells = judge_cells(labels.values, answers)
    found = [
        LabelError(
            position=each.position,
            suggested=each.label,
            probability=1 - each.probability if each.is_present else each.probability,
            probability_of_label=each.probability if each.is_present else 1 - each.probability,
            probability_wrong=each.probability_wrong,
        )
        for each in cells.found
    ]
    absent, present = ((labels.values == state).sum() for state in (ABSENT, PRESENT))
    share = (cells.missing * absent + cells.extra * present) / max(1, cells.examined)
    return LabelJudgement(found, cells.examined, cells.agreed, bool(cells.able.any()), float(share))


def _truth(labels: Labels, answers: np.ndarray) -> Terms:
    """Probabilities of what is true; statements about one example share its weight."""
    stated = labels.target.statements(labels.values, answers)
    if stated.example is None:
        return Terms(stated.of_truth, np.ones(len(labels)))
    return Terms(stated.of_truth, 1 / np.bincount(stated.example)[stated.example])


def _distances(labels: Labels, answers: np.ndarray) -> Terms:
    return Terms(answers - labels.values, np.ones(len(labels)))


def _log_loss(means: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(np.maximum(means, SMALLEST_PROBABILITY)))


def _score_ordered(
    labels: Labels,
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Int64[np.ndarray, " examples"] | None = None,
) -> Scores:
    """Scores as of classes, and of distances from the truth, with resampled intervals of means and kappa."""
    decided = labels.target.labels(probabilities) if predicted is None else predicted
    of_classes = replace(labels, target=CLASSIFICATION)
    plain = score_classes(of_classes, probabilities, seed, groups, positive, decided)
    distances = np.abs(decided - labels.values)
    terms = np.column_stack([distances, kappa_moments(labels.values, decided)])

    def scores(weights: np.ndarray) -> np.ndarray:
        means = weights @ terms / weights.sum(axis=1)[:, None]
        return np.stack([means[:, 0], kappa(means[:, 1:])], axis=1)

    values, draws = scores(np.ones((1, len(labels))))[0], resample(scores, len(labels), seed, groups=groups)
    own = {"within_one_class": share_interval(distances <= 1, groups)}
    for key, value, drawn in zip(("mean_error_in_classes", KAPPA.key), values, draws.T, strict=True):
        own[key] = percentile_interval(float(value), drawn, groups, METRICS[key].bounds)
    found = {**plain.intervals, **own}
    return replace(plain, intervals={each.key: found[each.key] for each in metrics_of(labels.target.noun)})


SCORING: dict[Target, Scoring] = {
    CLASSIFICATION: Scoring(
        score=score_classes,
        compare=compare_all,
        metric=METRICS["accuracy"],
        rank=rank_classes,
        thresholds=_without_thresholds,
        decide=_as_it_is,
        value=_share_right,
        interval=_of_shares,
        errors=_wrong,
        changed=newly_right,
        became=("newly right", "newly wrong"),
        judge=_classes_judged,
        averaged=_truth,
        loss=_log_loss,
    ),
    ORDERED: Scoring(
        score=_score_ordered,
        compare=compare_ordered,
        metric=KAPPA,
        rank=rank_ordered,
        thresholds=_without_thresholds,
        decide=_as_it_is,
        value=kappa_value,
        interval=kappa_interval,
        errors=squared_distances,
        changed=newly_right,
        became=("newly right", "newly wrong"),
        judge=_classes_judged,
        averaged=_truth,
        loss=_log_loss,
    ),
    REGRESSION: Scoring(
        score=score_numbers,
        compare=compare_numbers,
        metric=METRICS["root_mean_squared_error"],
        rank=rank_numbers,
        thresholds=_without_thresholds,
        decide=_as_it_is,
        value=_root_mean_squared_error,
        interval=_of_errors,
        errors=_squares,
        changed=nearer,
        became=("nearer to the truth", "farther from it"),
        judge=_none_judged,
        averaged=_distances,
        loss=np.square,
    ),
    MULTILABEL: Scoring(
        score=score_labels,
        compare=compare_labels,
        metric=METRICS["micro_f1"],
        rank=rank_labels,
        thresholds=_thresholds,
        decide=cross_fitted_decisions,
        value=_micro_f1,
        interval=micro_f1_interval,
        errors=wrong_and_all,
        changed=newly_right,
        became=("newly right", "newly wrong"),
        judge=_cells_judged,
        averaged=_truth,
        loss=_log_loss,
    ),
}


def score(
    labels: Labels,
    answers: Float64[np.ndarray, "examples ..."],
    seed: int = 0,
    groups: Groups | None = None,
    positive: int | None = None,
    predicted: Shaped[np.ndarray, "examples ..."] | None = None,
) -> Scores:
    """Score answers against labels, every score with its interval.

    With `groups` intervals are by these, and never narrower than without: how much few groups differ is known
    badly. Of two classes `positive` is the one that rankings are about, by default the rarer; they are scored
    where both classes occur. `predicted` are the decisions, by default the most probable classes, or labels
    from one half on.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to score; at least one is needed")
    scored = SCORING[labels.target].score
    found = scored(labels, answers, seed, groups, positive, predicted)
    if groups is None:
        return found
    return found.with_ends_of(scored(labels, answers, seed, None, positive, predicted))
