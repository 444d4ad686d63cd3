"""95 % intervals: Wilson's for a share, the bootstrap for scores without a formula."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, UInt16

from pellucid.evaluation.groups import NORMAL_QUANTILE, Groups

RESAMPLES = 1000
_TAILS = (0.025, 0.975)
_BLOCK_BYTES = 16 << 20
# Counts, two bytes each, up to which those of one set of resamples are kept for the next model.
_MOST_KEPT = 1 << 24


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

    def with_ends_of(self, other: "Interval") -> "Interval":
        """The same score with an interval that holds both."""
        return Interval(self.value, min(self.low, other.low), max(self.high, other.high))


def wilson(hits: float, examples: float, quantile: float = NORMAL_QUANTILE) -> Interval:
    r"""Interval of a share, right even for few examples and for shares near 0 and 1.

    $\frac{1}{1 + z^2/n} \left( \hat p + \frac{z^2}{2n} \pm z \sqrt{\frac{\hat p (1 - \hat p)}{n}
    + \frac{z^2}{4 n^2}} \right)$ with $z$ the `quantile`, 1.96 for 95 %.

    $n$, `examples`, is above 0, and $\hat p$ is the share of `hits`; neither need be whole.

    Source: Wilson 1927, "Probable Inference, the Law of Succession, and Statistical Inference".
    """
    share, z2 = hits / examples, quantile**2
    middle = share + z2 / (2 * examples)
    spread = quantile * math.sqrt(share * (1 - share) / examples + z2 / (4 * examples**2))
    scale = 1 + z2 / examples
    low = 0.0 if hits == 0 else (middle - spread) / scale
    high = 1.0 if hits == examples else (middle + spread) / scale
    return Interval(share, low, high)


def share_interval(
    hits: Bool[np.ndarray, " examples"], groups: Groups | None, quantile: float = NORMAL_QUANTILE
) -> Interval:
    """Wilson's interval of the share of hits; with groups, of as many examples as these are worth.

    Source: Franco, Little, Louis and Slud 2019, "Comparative Study of Confidence Intervals for Proportions in
    Complex Sample Surveys", for effective numbers in Wilson's formula.
    """
    right, examples = int(hits.sum()), len(hits)
    if groups is None:
        return wilson(right, examples, quantile)
    worth = groups.effective(hits.astype(np.float64), min(right, examples - right))
    return wilson(right / examples * worth, worth, quantile)._replace(value=right / examples)


def resample(
    scores: Callable[[Float64[np.ndarray, "resamples examples"]], Float64[np.ndarray, "resamples scores"]],
    examples: int,
    seed: int,
    resamples: int = RESAMPLES,
    groups: Groups | None = None,
) -> Float64[np.ndarray, "resamples scores"]:
    """Scores of bootstrap resamples, one row for each.

    A resample draws as many examples as there are, with replacement; it is given as how often
    each example was drawn. Blocks of resamples bound the memory. All models scored on as many examples with
    one seed share the resamples. With groups, whole ones are drawn, as many as there are.

    `scores` makes of weights, one row for each resample, scores, one column for each.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    drawn = examples if groups is None else groups.count
    are_few = resamples * drawn <= _MOST_KEPT
    blocks: Iterable[np.ndarray] = (_kept if are_few else _drawn)(drawn, seed, resamples)
    if groups is not None:
        blocks = _of_examples(blocks, groups)
    return np.concatenate([scores(counts.astype(np.float64)) for counts in blocks])


def _of_examples(
    blocks: Iterable[np.ndarray], groups: Groups
) -> Iterator[UInt16[np.ndarray, "rows examples"]]:
    """Resamples of groups as how often each example stands in them, in blocks that are small again."""
    for counts in blocks:
        for part in np.array_split(counts, len(block_rows(len(counts), len(groups.of)))):
            yield part[:, groups.of]


def resample_within(
    scores: Callable[[Float64[np.ndarray, "resamples examples"]], Float64[np.ndarray, "resamples scores"]],
    is_positive: Bool[np.ndarray, " examples"],
    seed: int,
) -> Float64[np.ndarray, "resamples scores"]:
    """Scores of bootstrap resamples that draw within each of two classes, as `resample` gives them.

    Of few positive examples a plain resample may hold none, and then says nothing about a ranking.
    """
    generator, found = np.random.default_rng(seed), []
    sides = [np.flatnonzero(is_positive), np.flatnonzero(~is_positive)]
    for rows in block_rows(RESAMPLES, len(is_positive)):
        counts = np.zeros((rows, len(is_positive)))
        for side in sides:
            for row in counts if len(side) else ():
                row[side] = np.bincount(generator.integers(len(side), size=len(side)), minlength=len(side))
        found.append(scores(counts))
    return np.concatenate(found)


@functools.lru_cache(maxsize=3)  # of validation, of the test split, and of it without siblings
def _kept(examples: int, seed: int, resamples: int) -> list[UInt16[np.ndarray, "rows examples"]]:
    return list(_drawn(examples, seed, resamples))


def _drawn(examples: int, seed: int, resamples: int) -> Iterator[UInt16[np.ndarray, "rows examples"]]:
    """Draw resamples, block by block: how often each example stands in each."""
    generator = np.random.default_rng(seed)
    for rows in block_rows(resamples, examples):
        counts = np.empty((rows, examples), np.uint16)
        for row in counts:
            row[:] = np.bincount(generator.integers(examples, size=examples), minlength=examples)
        yield counts


def block_rows(rows: int, columns: int) -> list[int]:
    """Cut the rows of a large float64 matrix into blocks of bounded size.

    Rows of each block, at least one.
    """
    most = max(1, _BLOCK_BYTES // (8 * columns))
    return [min(most, rows - start) for start in range(0, rows, most)]


def percentile_interval(
    value: float,
    draws: Float64[np.ndarray, " resamples"],
    groups: Groups | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """The middle 95 % of the resamples; those of few groups are moved out, within the bounds of the score."""
    low, high = (float(end) for end in np.quantile(draws, _TAILS))
    if groups is None:
        return Interval(value, low, high)
    low, high = (value + groups.reach * (end - value) for end in (min(low, value), max(high, value)))
    return Interval(value, max(low, bounds[0]), min(high, bounds[1]))


def studentised_interval(
    value: float,
    error: float,
    draws: Float64[np.ndarray, " resamples"],
    draw_errors: Float64[np.ndarray, " resamples"],
) -> Interval:
    r"""Interval, holding the score, from how many standard errors the resamples lie away from it.

    $[v - t_{97.5} \, \sigma, \; v - t_{2.5} \, \sigma]$ with the percentiles of
    $t = (v^* - v) / \sigma^*$. Where a standard error cannot be had in half of the resamples, as with
    two examples, the percentiles of the finite resamples themselves serve.

    $v$ is `value`, $\sigma$ `error`, $v^*$ the `draws` of the resamples and $\sigma^*$ their `draw_errors`.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 12.5.
    """
    usable = np.isfinite(draws) & np.isfinite(draw_errors) & (draw_errors > 1e-9 * abs(error))
    if not math.isfinite(value):
        return Interval(value, value, value)
    if error > 0 and math.isfinite(error) and usable.sum() > len(draws) / 2:
        first, last = np.quantile((draws - value)[usable] / draw_errors[usable], _TAILS)
        low, high = value - last * error, value - first * error
    else:
        low, high = np.quantile(np.append(draws[np.isfinite(draws)], value), _TAILS)
    return Interval(float(value), float(min(low, value)), float(max(high, value)))
