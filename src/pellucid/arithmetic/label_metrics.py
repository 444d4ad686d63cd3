r"""Scores of the labels of examples that may have several, without intervals.

Labels are 1 where present, 0 where absent and -1 where nobody knows: an unknown cell counts in no score.
Decisions are 1 and 0, probabilities those of presence, which do not exclude each other.

Notation: $n$ examples, $L$ labels, $y_{il}$ whether example $i$ has label $l$, $\hat y_{il}$ whether it is
answered, $p_{il}$ its probability; sums are over the known cells, of which example $i$ has $k_i$.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int8, Shaped

from pellucid.arithmetic.metrics import (
    SMALLEST_PROBABILITY,
    ClassCounts,
    binned_error,
    calibration_bins,
    ranking_value,
)


def scored_labels(labels: Int8[np.ndarray, "examples labels"]) -> Bool[np.ndarray, " labels"]:
    """The labels with a present cell: no other counts in macro-F1, for nothing of it could be found."""
    found: np.ndarray = (labels == 1).any(axis=0)
    return found


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


def macro_f1(counts: ClassCounts) -> np.ndarray:
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
    "macro_f1": macro_f1,
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
