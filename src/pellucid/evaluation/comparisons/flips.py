r"""Paired tests by exchanging answers, and intervals of differences by the bootstrap.

Were two models equally good, it would not matter which answer came from which; exchanging the two
answers of an example flips the sign of its difference. So the differences seen are compared with
those under random signs.
"""

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.evaluation.groups import Groups
from pellucid.evaluation.intervals import Interval, percentile_interval, resample

FLIPS = 4999  # the answers as they are count as one more: p-values are multiples of 1/5000
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
    """Draw which examples have their answers exchanged.

    Ones and zeros, each with probability one half.
    """
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
