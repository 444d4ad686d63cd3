"""Tests by exchanging answers, resampling or shuffling, and intervals of differences by the bootstrap.

Were two models equally good, it would not matter which answer came from which; exchanging the two answers of
an example flips the sign of its difference. So differences are compared with those under random signs.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.sparse import csr_array

from pellucid.arithmetic.metrics import ClassCounts, class_counts, ranked
from pellucid.evaluation.intervals import (
    Groups,
    Interval,
    block_rows,
    percentile_interval,
    resample,
    resample_within,
)

FLIPS = 4999  # the answers as they are count as one more: p-values are multiples of 1/5000
EXCHANGES, SHUFFLES = 1999, 799
_MOST_PARTS = 10_000
_EVERY_SIGN = 12  # their 4,096 choices of signs are fewer than those drawn otherwise
_BLOCK = 500


def flip_p_values(
    differences: Float64[np.ndarray, "examples pairs"], seed: int, groups: Groups | None = None
) -> Float64[np.ndarray, " pairs"]:
    r"""Two-sided p-values, above 0, of mean differences under random signs; one for each column.

    Up to 12 examples every choice of signs is tried, and the share with
    $|\sum_i s_i d_i| \ge |\sum_i d_i|$ is exact; above, 4,999 random ones, and the p-value is
    $(1 + \text{as large}) / 5000$. More than 10,000 examples are flipped in that many parts. Examples of one
    of the `groups` are flipped together.

    Source: Fisher 1935, "The Design of Experiments", section 21; Phipson and Smyth 2010,
    "Permutation P-values Should Never Be Zero", for the one added.
    """
    if groups is not None:
        differences = groups.sums(differences)
    parts = min(len(differences), _MOST_PARTS)
    if parts < len(differences):
        padded = np.zeros((-(-len(differences) // parts) * parts, differences.shape[1]))
        padded[: len(differences)] = differences
        differences = padded.reshape(-1, parts, differences.shape[1]).sum(axis=0)
    seen = np.abs(differences.sum(axis=0))
    slack = 1e-12 * np.abs(differences).sum(axis=0)
    if parts <= _EVERY_SIGN:
        signs = 1.0 - 2.0 * (np.arange(2**parts)[:, None] >> np.arange(parts) & 1)
        return np.asarray((np.abs(signs @ differences) >= seen - slack).mean(axis=0))
    generator, as_large = np.random.default_rng(seed), np.ones(len(seen))
    for start in range(0, FLIPS, _BLOCK):
        rows = min(_BLOCK, FLIPS - start)
        flipped = flips(generator, rows, parts) @ differences
        as_large += (np.abs(differences.sum(axis=0) - 2 * flipped) >= seen - slack).sum(axis=0)
    return np.asarray(as_large / (FLIPS + 1))


def flips(generator: np.random.Generator, rows: int, examples: int) -> Float64[np.ndarray, "rows examples"]:
    """Draw which examples have their answers exchanged: ones and zeros, each with probability one half."""
    packed = np.frombuffer(generator.bytes(rows * -(-examples // 8)), np.uint8).reshape(rows, -1)
    return np.unpackbits(packed, axis=1, count=examples).astype(np.float64)


def rmse_differences(
    squares: Float64[np.ndarray, "examples models"],
    sides: Int64[np.ndarray, "pairs 2"],
    seed: int,
    groups: Groups | None = None,
) -> list[Interval]:
    """Differences of root mean squared errors, with bootstrap intervals."""
    examples = len(squares)

    def scores(weights: np.ndarray) -> np.ndarray:
        errors = np.sqrt(weights @ squares / weights.sum(axis=1)[:, None])
        return np.asarray(errors[:, sides[:, 0]] - errors[:, sides[:, 1]])

    values = scores(np.ones((1, examples)))[0]
    draws = resample(scores, examples, seed, groups=groups)
    return [percentile_interval(float(value), draws[:, pair], groups) for pair, value in enumerate(values)]


def mean_difference(
    differences: Float64[np.ndarray, " examples"], seed: int, groups: Groups | None = None
) -> Interval:
    """Mean of paired differences, with its bootstrap interval."""

    def means(weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ differences / weights.sum(axis=1))[:, None]

    draws = resample(means, len(differences), seed, groups=groups)
    return percentile_interval(float(differences.mean()), draws[:, 0], groups)


def exchange_p_value(
    metric: Callable[[ClassCounts], np.ndarray],
    labels: Int64[np.ndarray, " examples"],
    predicted: tuple[Int64[np.ndarray, " examples"], Int64[np.ndarray, " examples"]],
    classes: int,
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of two models' scores, by exchanging their answers."""
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


def resampled_p_value(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray],
    is_positive: Bool[np.ndarray, " examples"],
    scores: tuple[Float64[np.ndarray, " examples"], Float64[np.ndarray, " examples"]],
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of two rankings of the same examples, resampling these.

    How far apart two models' probabilities lie says nothing about their rankings, so answers cannot be
    exchanged between them.
    """
    first, second = (ranked(is_positive, each) for each in scores)

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
    """One-sided p-value, above 0, of a score of answers to labels against its values for shuffled labels."""
    generator = np.random.default_rng(seed)
    seen = score(labels)
    shuffled = (score(generator.permutation(labels)) for _ in range(SHUFFLES))
    return (1 + sum(each >= seen - 1e-12 for each in shuffled)) / (SHUFFLES + 1)


def best_by_chance(
    gains: Callable[[np.ndarray], Float64[np.ndarray, "rows models"]],
    labels: Shaped[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Probability, above 0, that the largest of several models' gains is as large on shuffled labels.

    `gains` takes rows of labels, each in another order, and gives what each model is ahead of an answer that
    is the same for all. All models meet the same shuffled labels, so models that answer alike do not count
    twice.

    Source: Westfall and Young 1993, "Resampling-Based Multiple Testing", section 2.3.
    """
    return _shuffled(lambda rows: gains(rows).max(axis=1), labels, seed)


def splits_p_value(
    terms: Float64[np.ndarray, " examples"],
    in_second: Bool[np.ndarray, " examples"],
    sets: Int64[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of mean scores in two splits, by shuffling the splits.

    Sets that stay together, such as the images of one person, are shuffled whole: they are not independent.
    `terms` are what each example adds to the score, `in_second` whether it is in the second split, as some
    are and some are not, and `sets` the number of the set that it belongs to.
    """
    keys, of = np.unique(2 * sets + in_second, return_inverse=True)
    sums, sizes = np.bincount(of, weights=terms), np.bincount(of).astype(np.float64)
    total, count = sums.sum(), sizes.sum()

    def gaps(chosen: np.ndarray) -> np.ndarray:
        of_sum, of_count = chosen @ sums, chosen @ sizes
        found: np.ndarray = np.abs(of_sum / of_count - (total - of_sum) / (count - of_count))
        return found

    return _shuffled(gaps, (keys % 2).astype(np.float64), seed)


def _shuffled(statistic: Callable[[np.ndarray], np.ndarray], values: np.ndarray, seed: int) -> float:
    """Share of orders of some values, the given one among them, of a statistic at least as large."""
    seen, generator, as_large = float(statistic(values[None])[0]), np.random.default_rng(seed), 1
    for rows in block_rows(SHUFFLES, len(values)):
        shuffled = generator.permuted(np.tile(values, (rows, 1)), axis=1)
        as_large += int((statistic(shuffled) >= seen - 1e-12).sum())
    return as_large / (SHUFFLES + 1)
