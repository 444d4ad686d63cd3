"""95 % intervals: Wilson's for a share, the bootstrap for scores without a formula."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

RESAMPLES = 1000
_NORMAL_QUANTILE = 1.959963984540054
_TAILS = (0.025, 0.975)
_BLOCK_BYTES = 16 << 20


class Interval(NamedTuple):
    """A score with its 95 % interval.

    Attributes:
        value: the score on the examples at hand.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float


def wilson(hits: int, examples: int) -> Interval:
    r"""Interval of a share, right even for few examples and for shares near 0 and 1.

    $\frac{1}{1 + z^2/n} \left( \hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n}
    + \frac{z^2}{4 n^2}} \right)$ with $z = 1.96$.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".

    Args:
        hits: examples that count.
        examples: all examples, at least one.

    Returns:
        The share and its interval.
    """
    share, z2 = hits / examples, _NORMAL_QUANTILE**2
    middle = share + z2 / (2 * examples)
    spread = _NORMAL_QUANTILE * math.sqrt(share * (1 - share) / examples + z2 / (4 * examples**2))
    scale = 1 + z2 / examples
    low = 0.0 if hits == 0 else (middle - spread) / scale
    high = 1.0 if hits == examples else (middle + spread) / scale
    return Interval(share, low, high)


def bootstrap(
    scores: Callable[[Float64[np.ndarray, "resamples examples"]], Float64[np.ndarray, "resamples scores"]],
    examples: int,
    seed: int,
    resamples: int = RESAMPLES,
) -> list[Interval]:
    """Percentile intervals of several scores at once, from the same resamples.

    A resample draws as many examples as there are, with replacement; it is given as how often
    each example was drawn. Blocks of resamples bound the memory.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".

    Args:
        scores: from weights, one row for each resample, to scores, one column for each.
        examples: how many examples there are.
        seed: seed of the draws.
        resamples: how many resamples to draw.

    Returns:
        For each score its value with every example once, and the interval.
    """
    values = scores(np.ones((1, examples)))[0]
    generator = np.random.default_rng(seed)
    rows = max(1, min(resamples, _BLOCK_BYTES // (8 * examples)))
    found = []
    for start in range(0, resamples, rows):
        weights = np.empty((min(rows, resamples - start), examples))
        for row in weights:
            row[:] = np.bincount(generator.integers(examples, size=examples), minlength=examples)
        found.append(scores(weights))
    lows, highs = np.quantile(np.concatenate(found), _TAILS, axis=0)
    return [Interval(*map(float, ends)) for ends in zip(values, lows, highs, strict=True)]
