"""Tests by exchanged answers, resamples and shuffled labels, or by shuffling what is in which split."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.sparse import csr_array

from pellucid.arithmetic.metrics import ClassCounts, class_counts
from pellucid.arithmetic.ranking import ranked
from pellucid.evaluation.comparisons.flips import flips
from pellucid.evaluation.intervals import block_rows, resample_within

EXCHANGES, SHUFFLES = 1999, 799

_Metric = Callable[[ClassCounts], np.ndarray]


def exchange_p_value(
    metric: _Metric,
    labels: Int64[np.ndarray, " examples"],
    predicted: tuple[Int64[np.ndarray, " examples"], Int64[np.ndarray, " examples"]],
    classes: int,
    seed: int,
) -> float:
    """Two-sided p-value of the difference of two models' scores, by exchanging their answers at random.

    Above 0, to 1.
    """
    first, second = predicted
    counts = [class_counts(labels, each, classes) for each in predicted]
    seen = abs(float(metric(counts[0])) - float(metric(counts[1])))
    apart = np.flatnonzero(first != second)
    if len(apart) == 0:
        return 1.0
    change = _changes(labels[apart], first[apart], second[apart], classes)
    cells = [np.concatenate([each.hits, each.predicted]) for each in counts]
    generator, as_large = np.random.default_rng(seed), 1

    def scores(cells: np.ndarray) -> np.ndarray:
        return metric(ClassCounts(cells[:, :classes], counts[0].labelled, cells[:, classes:]))

    for rows in block_rows(EXCHANGES, len(apart)):
        moved = np.asarray((change @ flips(generator, rows, len(apart)).T).T)
        gaps = np.abs(scores(cells[0] + moved) - scores(cells[1] - moved))
        as_large += int((gaps >= seen - 1e-12).sum())
    return as_large / (EXCHANGES + 1)


def resampled_p_value(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray],
    is_positive: Bool[np.ndarray, " examples"],
    said: tuple[Float64[np.ndarray, " examples"], Float64[np.ndarray, " examples"]],
    seed: int,
) -> float:
    """Two-sided p-value of the difference of two rankings of the same examples, by resampling these.

    Above 0, to 1. How far apart two models' probabilities lie says nothing about their rankings, so answers
    cannot be exchanged between them.
    """
    first, second = (ranked(is_positive, each) for each in said)

    def gap(weights: np.ndarray) -> np.ndarray:
        found: np.ndarray = metric(*first(weights)) - metric(*second(weights))
        return found[:, None]

    gaps = resample_within(gap, is_positive, seed)[:, 0]
    as_far = min((gaps <= 1e-12).sum(), (gaps >= -1e-12).sum())
    return float(min(1.0, 2 * (1 + as_far) / (1 + len(gaps))))


def shuffle_p_value(
    score: Callable[[Int64[np.ndarray, " examples"]], float],
    labels: Int64[np.ndarray, " examples"],
    seed: int,
) -> float:
    """One-sided p-value of a score of answers to labels against its values for shuffled labels.

    Above 0, to 1; small where the answers depend on the labels.
    """
    generator = np.random.default_rng(seed)
    seen = score(labels)
    shuffled = (score(generator.permutation(labels)) for _ in range(SHUFFLES))
    return (1 + sum(each >= seen - 1e-12 for each in shuffled)) / (SHUFFLES + 1)


def best_by_chance(
    gains: Callable[[np.ndarray], Float64[np.ndarray, "rows models"]],
    labels: Shaped[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Probability that the largest of several models' gains is as large where no model knows the labels.

    `gains` takes rows of labels, each in another order, and gives what each model is ahead of an answer that
    is the same for all. All models meet the same shuffled labels, so models that answer alike do not count
    twice.

    Above 0, to 1.

    Source: Westfall and Young 1993, "Resampling-Based Multiple Testing", section 2.3.
    """
    generator = np.random.default_rng(seed)
    seen, as_large = float(gains(labels[None]).max()), 1
    for rows in block_rows(SHUFFLES, len(labels)):
        shuffled = generator.permuted(np.tile(labels, (rows, 1)), axis=1)
        as_large += int((gains(shuffled).max(axis=1) >= seen - 1e-12).sum())
    return as_large / (SHUFFLES + 1)


def splits_p_value(
    terms: Float64[np.ndarray, " examples"],
    in_second: Bool[np.ndarray, " examples"],
    sets: Int64[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Two-sided p-value of the difference of mean scores in two splits, by shuffling what is in which.

    Sets that stay together, such as the images of one person, are shuffled whole: they are not independent.

    Args:
        terms: what each example adds to the score.
        in_second: whether it is in the second split; some are, and some are not.
        sets: number of the set that each example belongs to.
        seed: of the shuffles.

    Returns:
        Above 0, to 1.
    """
    keys, of = np.unique(2 * sets + in_second, return_inverse=True)
    sums, sizes = np.bincount(of, weights=terms), np.bincount(of).astype(np.float64)
    total, count = sums.sum(), sizes.sum()

    def gaps(chosen: np.ndarray) -> np.ndarray:
        of_sum, of_count = chosen @ sums, chosen @ sizes
        found: np.ndarray = np.abs(of_sum / of_count - (total - of_sum) / (count - of_count))
        return found

    is_second = (keys % 2).astype(np.float64)
    seen, generator, as_large = float(gaps(is_second[None])[0]), np.random.default_rng(seed), 1
    for rows in block_rows(SHUFFLES, len(keys)):
        shuffled = generator.permuted(np.tile(is_second, (rows, 1)), axis=1)
        as_large += int((gaps(shuffled) >= seen - 1e-12).sum())
    return as_large / (SHUFFLES + 1)


def _changes(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: int) -> csr_array:
    """Change of the first model's hits and predictions by class when an example's answers are exchanged."""
    columns = np.arange(len(labels))
    rows, values, places = [], [], []
    for answers, sign in ((second, 1.0), (first, -1.0)):
        hit = answers == labels
        rows += [answers[hit], classes + answers]
        places += [columns[hit], columns]
        values += [np.full(int(hit.sum()), sign), np.full(len(labels), sign)]
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(places)))
    return csr_array(cells, shape=(2 * classes, len(labels)))
