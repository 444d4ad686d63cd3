"""Tests of macro-F1, which is no mean over examples: by exchanging answers, and by shuffling labels."""

import numpy as np
from jaxtyping import Int64
from scipy.sparse import csr_array

from pellucid.arithmetic.metrics import ClassCounts, macro_f1, macro_f1_of_counts
from pellucid.evaluation.comparisons.flips import flips
from pellucid.evaluation.intervals import block_rows

MACRO_FLIPS, MACRO_SHUFFLES = 1999, 799


def macro_f1_p_value(
    labels: Int64[np.ndarray, " examples"],
    first: Int64[np.ndarray, " examples"],
    second: Int64[np.ndarray, " examples"],
    classes: int,
    seed: int,
) -> float:
    """Two-sided p-value of the difference of two macro-F1 scores, by exchanging answers.

    Args:
        labels: class indices.
        first: answers of one model.
        second: answers of the other.
        classes: how many classes there are.
        seed: seed of the exchanges.

    Returns:
        Above 0, to 1.
    """
    seen = abs(macro_f1(labels, first, classes) - macro_f1(labels, second, classes))
    apart = np.flatnonzero(first != second)
    if len(apart) == 0:
        return 1.0
    change = _changes(labels[apart], first[apart], second[apart], classes)
    labelled = np.bincount(labels, minlength=classes)
    counts = [
        np.concatenate(
            [
                np.bincount(labels[labels == answers], minlength=classes),
                np.bincount(answers, minlength=classes),
            ]
        )
        for answers in (first, second)
    ]
    generator, as_large = np.random.default_rng(seed), 1

    def scores(cells: np.ndarray) -> np.ndarray:
        return macro_f1_of_counts(ClassCounts(cells[:, :classes], labelled, cells[:, classes:]))

    for rows in block_rows(MACRO_FLIPS, len(apart)):
        moved = np.asarray((change @ flips(generator, rows, len(apart)).T).T)
        gaps = np.abs(scores(counts[0] + moved) - scores(counts[1] - moved))
        as_large += int((gaps >= seen - 1e-12).sum())
    return as_large / (MACRO_FLIPS + 1)


def macro_f1_by_chance(
    labels: Int64[np.ndarray, " examples"],
    predicted: Int64[np.ndarray, " examples"],
    classes: int,
    seed: int,
) -> float:
    """P-value of a macro-F1 against the same answers on shuffled labels, one-sided.

    Args:
        labels: class indices.
        predicted: answers of the model.
        classes: how many classes there are.
        seed: seed of the shuffles.

    Returns:
        Above 0, to 1; small where the answers know something of the labels.
    """
    generator, seen = np.random.default_rng(seed), macro_f1(labels, predicted, classes)
    shuffled = (macro_f1(generator.permutation(labels), predicted, classes) for _ in range(MACRO_SHUFFLES))
    return (1 + sum(score >= seen - 1e-12 for score in shuffled)) / (MACRO_SHUFFLES + 1)


def _changes(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: int) -> csr_array:
    """How the first model's hits and predictions of each class change by exchanging an example's answers."""
    columns = np.arange(len(labels))
    rows, values, places = [], [], []
    for answers, sign in ((second, 1.0), (first, -1.0)):
        hit = answers == labels
        rows += [answers[hit], classes + answers]
        places += [columns[hit], columns]
        values += [np.full(int(hit.sum()), sign), np.full(len(labels), sign)]
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(places)))
    return csr_array(cells, shape=(2 * classes, len(labels)))
