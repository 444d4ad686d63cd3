"""Scores of class probabilities, of rankings and of predicted numbers, without intervals.

Every score of class probabilities is a function of sums over examples, so each of them has two parts: what
one example contributes (`*_terms`), and the score of the added contributions. The bootstrap adds the same
contributions with other weights instead of computing them again.

Notation: $n$ examples, $K$ classes, $y_i$ the label and $p_{ik}$ the probability of class $k$.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, Shaped

# Scores of a ranking: how far the examples of one class stand above the others.
#
# Notation: $P$ positive and $N$ negative examples, ranked by the probability of being positive. At each
# distinct probability, from the largest on, stand $p_g$ positive and $n_g$ negative examples, and $P_g$
# positive ones of $A_g$ up to there.

# Rows of weights of the examples, such as how often each was drawn.
Weights = Float64[np.ndarray, "rows examples"]


def rarer_class(labels: Int64[np.ndarray, " examples"]) -> int:
    """Of two classes the one with fewer examples, which counts as positive; of equals the second."""
    first, second = np.bincount(labels, minlength=2)[:2]
    return int(second <= first)


def ranked(
    is_positive: Bool[np.ndarray, " examples"], probabilities: Float64[np.ndarray, " examples"]
) -> Callable[[Weights], tuple[np.ndarray, np.ndarray]]:
    """Function from weights to those of positive and of negative examples at each distinct probability.

    The largest probability stands first.
    """
    order = np.argsort(-probabilities, kind="stable")
    descending, positive = probabilities[order], is_positive[order].astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], descending[1:] != descending[:-1]]))

    def counted(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
        sorted_weights = weights[:, order]
        of_positive = np.add.reduceat(sorted_weights * positive, starts, axis=1)
        return of_positive, np.add.reduceat(sorted_weights, starts, axis=1) - of_positive

    return counted


def average_precision(
    positive: Float64[np.ndarray, "rows groups"], negative: Float64[np.ndarray, "rows groups"]
) -> Float64[np.ndarray, " rows"]:
    r"""Mean of the precision at every positive example, $\sum_g \frac{p_g}{P} \frac{P_g}{A_g}$.

    0 to 1; the share of the positive examples where all probabilities are equal, and 0 where there is no
    positive one.

    Source: Zhu 2004, "Recall, Precision and Average Precision".
    """
    up_to = positive.cumsum(axis=1)
    among = up_to + negative.cumsum(axis=1)
    precision = np.divide(up_to, among, out=np.zeros(among.shape), where=among > 0)
    return _divided((positive * precision).sum(axis=1), up_to[:, -1], otherwise=0.0)


def roc_auc(
    positive: Float64[np.ndarray, "rows groups"], negative: Float64[np.ndarray, "rows groups"]
) -> Float64[np.ndarray, " rows"]:
    r"""Probability that a positive example stands above a negative one: $\sum_g n_g (P_g - p_g / 2) / (P N)$.

    0 to 1, equals counting half; 0.5 where all examples are of one class.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".
    """
    above = positive.cumsum(axis=1) - positive / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _divided((negative * above).sum(axis=1), pairs, otherwise=0.5)


# Scores of rankings by their keys in `METRICS`.
OF_RANKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "average_precision": average_precision,
    "roc_auc": roc_auc,
}


def ranking_value(
    key: str, is_positive: Bool[np.ndarray, " examples"], probabilities: Float64[np.ndarray, " examples"]
) -> float:
    """One score of a ranking in which every example weighs the same."""
    return float(OF_RANKS[key](*ranked(is_positive, probabilities)(np.ones((1, len(is_positive)))))[0])


def _divided(above: np.ndarray, below: np.ndarray, *, otherwise: float) -> np.ndarray:
    found: np.ndarray = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return found


# Errors of predicted numbers.
#
# Notation: $n$ examples, $y_i$ the true number, $\hat y_i$ the prediction, $e_i = \hat y_i - y_i$.


class NumberErrors(NamedTuple):
    r"""Scores of predicted numbers, by their names in `metrics.json`.

    Attributes:
        mean_absolute_error: $\frac{1}{n} \sum_i |e_i|$, in the unit of the labels.
        root_mean_squared_error: $\sqrt{\frac{1}{n} \sum_i e_i^2}$, in the unit of the labels.
        r2: $1 - \sum_i e_i^2 / \sum_i (y_i - \bar y)^2$; of labels that are all equal, which leave
            nothing to explain, 1 where all are met exactly and 0 otherwise.
    """

    mean_absolute_error: float
    root_mean_squared_error: float
    r2: float


def number_errors(
    labels: Float64[np.ndarray, " examples"], predicted: Float64[np.ndarray, " examples"]
) -> NumberErrors:
    """Compare predicted numbers with true ones."""
    errors = predicted - labels
    squared, variance = float(np.square(errors).mean()), float(labels.var())
    if variance > 0:
        explained = 1 - squared / variance
    else:
        explained = 1.0 if squared == 0 else 0.0
    return NumberErrors(float(np.abs(errors).mean()), math.sqrt(squared), explained)


CALIBRATION_BINS = 15
SMALLEST_PROBABILITY = float(np.finfo(np.float64).eps)  # at 0 the log loss would be infinite


def accuracy(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> float:
    """Share of examples, 0 to 1, whose most probable class is their label (of equals, the first)."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def confusion_matrix(
    labels: Int64[np.ndarray, " examples"], predicted: Int64[np.ndarray, " examples"], classes: int
) -> Int64[np.ndarray, "classes classes"]:
    """Count the examples of each pair of label (rows) and prediction (columns)."""
    cells = np.bincount(labels * classes + predicted, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def log_loss(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> float:
    r"""Mean of $-\ln p_{i y_i}$, in nats; zero or more, smaller is better."""
    return float(log_loss_terms(labels, probabilities).mean())


def log_loss_terms(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> Float64[np.ndarray, " examples"]:
    """Log loss of each example in nats; probabilities below 2.2e-16 count as 2.2e-16."""
    of_label = probabilities[np.arange(len(labels)), labels]
    terms: np.ndarray = -np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1.0))
    return terms


class ClassCounts(NamedTuple):
    """Along the last axis, for each class: hits, examples of it, and predictions of it."""

    hits: np.ndarray
    labelled: np.ndarray
    predicted: np.ndarray


def class_counts(
    labels: Int64[np.ndarray, " examples"], predicted: Int64[np.ndarray, " examples"], classes: int
) -> ClassCounts:
    """Count the hits, labels and predictions of each class."""
    return ClassCounts(
        hits=np.bincount(labels[labels == predicted], minlength=classes),
        labelled=np.bincount(labels, minlength=classes),
        predicted=np.bincount(predicted, minlength=classes),
    )


def balanced_accuracy(counts: ClassCounts) -> np.ndarray:
    r"""Mean over classes of $\text{recall} = \text{hits} / \text{labelled}$, 0 to 1.

    A class without an example has no recall and is left out. With leading axes there is one score for each.

    Source: Brodersen et al. 2010, "The Balanced Accuracy and Its Posterior Distribution".
    """
    occurs = counts.labelled > 0
    recall = np.divide(counts.hits, counts.labelled, out=np.zeros(np.shape(counts.hits)), where=occurs)
    return np.asarray(recall.sum(axis=-1) / occurs.sum(axis=-1))


def macro_f1(counts: ClassCounts) -> np.ndarray:
    r"""Mean over classes of $F_1 = 2 \cdot \text{hits} / (\text{labelled} + \text{predicted})$; likewise.

    A class that is neither a label nor a prediction of any example has no $F_1$ and is left out.
    """
    total = counts.labelled + counts.predicted
    occurs = total > 0
    f1 = np.divide(2.0 * counts.hits, total, out=np.zeros(total.shape), where=occurs)
    return np.asarray(f1.sum(axis=-1) / occurs.sum(axis=-1))


def expected_calibration_error(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> float:
    r"""Mean gap between the confidence and the accuracy of answers.

    Answers are put into 15 bins of equal width by their confidence $c_i = \max_k p_{ik}$; then
    $\sum_b \frac{n_b}{n} |\text{accuracy}_b - \text{confidence}_b|$.

    0 to 1; smaller is better.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3.
    """
    confidence = probabilities.max(axis=1)
    return binned_error(calibration_bins(confidence), (probabilities.argmax(axis=1) == labels) - confidence)


def calibration_bins(confidence: Float64[np.ndarray, " answers"]) -> Int64[np.ndarray, " answers"]:
    """Bin of each answer by its confidence, from 0; each is open below and closed above."""
    bins: np.ndarray = np.ceil(confidence * CALIBRATION_BINS).astype(np.int64) - 1
    return np.asarray(np.clip(bins, 0, CALIBRATION_BINS - 1))


def binned_error(bins: Int64[np.ndarray, " answers"], gaps: Float64[np.ndarray, " answers"]) -> float:
    """Mean gap of bins, from what each answer adds: one if right, less its confidence; 0 without any."""
    sums = np.bincount(bins, weights=gaps, minlength=CALIBRATION_BINS)
    return float(np.abs(sums).sum() / max(1, len(gaps)))


# Functions of the classes' counts that are no mean over examples, by their keys in `METRICS`.
OF_COUNTS: dict[str, Callable[[ClassCounts], np.ndarray]] = {
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}

_OF_PROBABILITIES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": accuracy,
    "log_loss": log_loss,
    "expected_calibration_error": expected_calibration_error,
}

# What one example adds to a metric of classes, or of numbers, that is a mean over examples, by its key.
OF_CLASSES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "accuracy": lambda labels, probabilities: probabilities.argmax(axis=1) == labels,
    "log_loss": log_loss_terms,
}
OF_NUMBERS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean_absolute_error": lambda labels, predicted: np.abs(predicted - labels),
    "root_mean_squared_error": lambda labels, predicted: (predicted - labels) ** 2,
}


def class_value(
    key: str,
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    positive: int | None = None,
) -> float:
    """Value of a metric of classes by its key; the positive of two is `positive`, or else the rarer."""
    if key in OF_COUNTS:
        counts = class_counts(labels, probabilities.argmax(axis=1), probabilities.shape[1])
        return float(OF_COUNTS[key](counts))
    if key in OF_RANKS:
        positive = rarer_class(labels) if positive is None else positive
        return ranking_value(key, labels == positive, probabilities[:, positive])
    return _OF_PROBABILITIES[key](labels, probabilities)


# Several labels of one example, of which some cells may not be known.


def ranked_labels(labels: Int8[np.ndarray, "examples labels"]) -> Bool[np.ndarray, " labels"]:
    """The labels with a present and an absent cell, whose examples can be ranked."""
    found: np.ndarray = (labels == 1).any(axis=0) & (labels == 0).any(axis=0)
    return found


def label_counts(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"]
) -> ClassCounts:
    """Count the hits, present cells and answers of each label, among the known cells."""
    present, answered = labels == 1, (predicted == 1) & (labels >= 0)
    return ClassCounts(
        hits=(present & answered).sum(axis=0),
        labelled=present.sum(axis=0),
        predicted=answered.sum(axis=0),
    )


def micro_f1(counts: ClassCounts) -> np.ndarray:
    r"""$F_1 = 2 \sum y \hat y / (\sum y + \sum \hat y)$ over all cells; 1 with nothing to find or answered.

    0 to 1. With leading axes there is one score for each.
    """
    total = (counts.labelled + counts.predicted).sum(axis=-1)
    hits = 2.0 * counts.hits.sum(axis=-1)
    return np.asarray(np.divide(hits, total, out=np.ones(np.shape(total)), where=total > 0))


def label_macro_f1(counts: ClassCounts) -> np.ndarray:
    r"""Mean of the labels' own $F_1$; a label without a present cell is left out; 0 where all are.

    0 to 1. With leading axes there is one score for each.
    """
    occurs = counts.labelled > 0
    f1 = np.where(occurs, 2.0 * counts.hits / np.maximum(counts.labelled + counts.predicted, 1), 0.0)
    return np.asarray(f1.sum(axis=-1) / np.maximum(np.broadcast_to(occurs, f1.shape).sum(axis=-1), 1))


def sample_f1_terms(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " examples"]:
    """F1 of each example's labels, 0 to 1; 1 where it has none and none is answered."""
    present, answered = labels == 1, (predicted == 1) & (labels >= 0)
    total = present.sum(axis=1) + answered.sum(axis=1)
    hits = 2.0 * (present & answered).sum(axis=1)
    return np.asarray(np.divide(hits, total, out=np.ones(len(labels)), where=total > 0))


def is_subset_right(
    labels: Int8[np.ndarray, "examples labels"], predicted: Int8[np.ndarray, "examples labels"]
) -> Bool[np.ndarray, " examples"]:
    """Whether every known label of an example is answered right."""
    found: np.ndarray = ((labels < 0) | (labels == predicted)).all(axis=1)
    return found


def label_average_precisions(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " labels"]:
    """Average precision of each label over the examples in which it is known; not a number for one unranked.

    That of `average_precision`.
    """
    found = np.full(labels.shape[1], np.nan)
    for label in np.flatnonzero(ranked_labels(labels)).tolist():
        known = labels[:, label] >= 0
        is_present, ranks = labels[known, label] == 1, probabilities[known, label]
        found[label] = ranking_value("average_precision", is_present, ranks)
    return found


def ranking_precision_terms(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " examples"]:
    r"""How far an example's own labels rank above its others, 0 to 1.

    Mean over $y_{il} = 1$ of
    $\frac{|\{j: y_{ij} = 1, \, p_{ij} \ge p_{il}\}|}{|\{j: p_{ij} \ge p_{il}\}|}$.

    Not a number where an example has no present or no absent label, as it has nothing to rank. Scikit-learn
    counts these as 1, with which examples without labels would flatter every model.

    Source: Schapire and Singer 2000, "BoosTexter: A Boosting-based System for Text Categorization".
    """
    present = labels == 1
    found = np.full(len(labels), np.nan)
    with_both = np.flatnonzero(present.any(axis=1) & (labels == 0).any(axis=1))
    merits = np.where(labels[with_both] >= 0, probabilities[with_both], -np.inf)  # the unknown rank last
    own = present[with_both]
    order = np.argsort(-merits, axis=1, kind="stable")
    ranked, ours = np.take_along_axis(merits, order, axis=1), np.take_along_axis(own, order, axis=1)
    # Of equal probabilities each has as many above it as the last of them.
    width = ranked.shape[1]
    ends = np.concatenate([ranked[:, 1:] != ranked[:, :-1], np.ones((len(ranked), 1), bool)], axis=1)
    places = np.where(ends, np.arange(width), width - 1)
    last = np.minimum.accumulate(places[:, ::-1], axis=1)[:, ::-1]
    above = np.take_along_axis(ours.cumsum(axis=1), last, axis=1)
    found[with_both] = (ours * above / (last + 1)).sum(axis=1) / own.sum(axis=1)
    found[np.isnan(probabilities).any(axis=1)] = np.nan
    return found


def label_log_loss_terms(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> Float64[np.ndarray, " examples"]:
    r"""Log loss of each example, $-\frac{1}{k_i} \sum_l (y \ln p + (1 - y) \ln (1 - p))$, in nats.

    Probabilities below 2.2e-16 count as 2.2e-16.
    """
    known = labels >= 0
    of_true = np.clip(np.where(labels == 1, probabilities, 1 - probabilities), SMALLEST_PROBABILITY, 1.0)
    terms: np.ndarray = -np.where(known, np.log(of_true), 0.0).sum(axis=1) / known.sum(axis=1)
    return terms


def label_calibration_error(
    labels: Int8[np.ndarray, "examples labels"], probabilities: Float64[np.ndarray, "examples labels"]
) -> float:
    r"""Mean gap between the probabilities of labels and how often they are present, over all known cells.

    Cells are binned by $p_{il}$ itself, so that a probability of 0.1 is right where one of ten is present.
    0 to 1; smaller is better; 0 without a known cell.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3, for one label of two states.
    """
    known = labels >= 0
    stated = probabilities[known]
    return binned_error(calibration_bins(stated), (labels[known] == 1) - stated)


# Scores of counts, and of what single examples contribute to a mean, by their keys in `METRICS`.
OF_LABEL_COUNTS: dict[str, Callable[[ClassCounts], np.ndarray]] = {
    "micro_f1": micro_f1,
    "macro_f1": label_macro_f1,
}
OF_LABEL_DECISIONS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "sample_f1": sample_f1_terms,
    "subset_accuracy": is_subset_right,
}
OF_LABEL_PROBABILITIES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "ranking_average_precision": ranking_precision_terms,
    "log_loss": label_log_loss_terms,
}


def label_terms(
    key: str,
    labels: Int8[np.ndarray, "examples labels"],
    probabilities: Float64[np.ndarray, "examples labels"],
    decided: Int8[np.ndarray, "examples labels"],
) -> Shaped[np.ndarray, " examples"]:
    """What one example adds to a metric of labels that is a mean over examples, by its key."""
    if key in OF_LABEL_DECISIONS:
        return OF_LABEL_DECISIONS[key](labels, decided)
    return OF_LABEL_PROBABILITIES[key](labels, probabilities)


def label_value(
    key: str,
    labels: Int8[np.ndarray, "examples labels"],
    probabilities: Float64[np.ndarray, "examples labels"],
    decided: Int8[np.ndarray, "examples labels"],
) -> float:
    """Value of a metric of labels by its key; 0 where no label, or no example, has anything to rank."""
    if key in OF_LABEL_COUNTS:
        return float(OF_LABEL_COUNTS[key](label_counts(labels, decided)))
    if key == "expected_calibration_error":
        return label_calibration_error(labels, probabilities)
    if key == "mean_average_precision":
        terms = label_average_precisions(labels, probabilities)
    else:
        terms = label_terms(key, labels, probabilities, decided)
    return float(np.nanmean(terms)) if np.isfinite(terms).any() else 0.0
