"""95 % intervals, where examples are independent and where they come in groups, and their words."""

import functools
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped, UInt16

from pellucid.arithmetic.rounding import figure, rounded, with_minus
from pellucid.data.wording import count_of
from pellucid.language.sentence import Sentence
from pellucid.targets import Labels

NORMAL_QUANTILE = 1.959963984540054
TAILS = (0.025, 0.975)
RESAMPLES = 1000
_BLOCK_BYTES = 16 << 20
# Counts, two bytes each, up to which those of one set of resamples are kept for the next model.
_MOST_KEPT = 1 << 24
# Degrees of freedom from which Student's distribution is the normal one to six digits.
_AS_NORMAL = 10_000
# Design effect from which a sentence says how many independent examples the test is worth.
_MUCH_WIDER = 2.0


class Interval(NamedTuple):
    """A score on the examples at hand, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def with_ends_of(self, other: "Interval") -> "Interval":
        """The same score with an interval that contains both."""
        return Interval(self.value, min(self.low, other.low), max(self.high, other.high))


# Groups of examples that are not independent: a speaker's recordings, a patient's images.
#
# Notation: $n$ examples in $G$ groups of sizes $m_g$. Where the answers within a group are alike, a mean over
# the examples varies as that of fewer independent ones: $n / D$, where $D$ is the design effect.
#
# Source: Kish 1965, "Survey Sampling", sections 5.4 and 8.2; Korn and Graubard 1998, "Confidence Intervals
# for Proportions With Small Expected Number of Positive Counts Estimated From Survey Data".


def _student(degrees: float) -> float:
    r"""97.5 % point of Student's distribution; without SciPy, which answering exported models does without.

    With $x = \sqrt{\nu} \tan \theta$ the density is proportional to $\cos^{\nu - 1} \theta$.
    """
    if degrees > _AS_NORMAL:
        return NORMAL_QUANTILE
    angles = np.linspace(0, math.pi / 2, 20_001)
    density = np.cos(angles) ** (degrees - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return math.sqrt(degrees) * math.tan(float(np.interp(0.95 * below[-1], below, angles)))


@dataclass(frozen=True, eq=False)
class Groups:
    """The groups of some examples: of each the number of its group, from 0 without gaps."""

    of: Int64[np.ndarray, " examples"]

    @classmethod
    def of_sets(cls, sets: Int64[np.ndarray, " examples"]) -> "Groups":
        """Groups by any numbers that are equal within a group."""
        return cls(np.unique(sets, return_inverse=True)[1].reshape(-1).astype(np.int64))

    @cached_property
    def sizes(self) -> Int64[np.ndarray, " groups"]:
        """Examples of each group."""
        return np.bincount(self.of).astype(np.int64)

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.sizes)

    @cached_property
    def size(self) -> float:
        r"""Size of the group that an example is in, on average: $\sum_g m_g^2 / n$."""
        return float((self.sizes.astype(np.float64) ** 2).sum() / len(self.of))

    @property
    def quantile(self) -> float:
        r"""97.5 % point of Student's distribution, in place of 1.96, by as many equal groups as there are.

        Its degrees of freedom are $n / (\sum_g m_g^2 / n) - 1$, at least 1.
        """
        return _student(max(1.0, len(self.of) / self.size - 1))

    def within(self, kept: np.ndarray) -> "Groups":
        """The groups of some of the examples, by positions or a mask."""
        return Groups.of_sets(self.of[kept])

    def sums(self, terms: Float64[np.ndarray, "examples ..."]) -> Float64[np.ndarray, "groups ..."]:
        """Add up the terms of each group."""
        found = np.zeros((self.count, *terms.shape[1:]))
        np.add.at(found, self.of, terms)
        return found

    def correlation(self, terms: Float64[np.ndarray, " examples"], rare: int) -> float:
        r"""Intra-group correlation of the terms of a mean, 0 to 1.

        With residuals $r_i$ from the mean, $V = \frac{G}{G-1} \sum_g (\sum_{i \in g} r_i)^2$ estimates the
        variance of their sum, and $\sum_i r_i^2$ what it were without groups; so
        $\hat\rho = (V / \sum_i r_i^2 - 1) / (\sum_g m_g^2 / n - 1)$. Few terms unlike the others, such as
        three wrong answers, say little of it, and none nothing: one more counts that comes with its whole
        group as likely as alone, $\rho = (k \hat\rho + 1/2) / (k + 1)$, where $k$ is `rare`, their number.
        """
        found, residuals = 0.0, terms - terms.mean()
        squares = float((residuals**2).sum())
        if squares > 0 and self.count > 1 and self.size > 1:
            of_sum = self.count / (self.count - 1) * float((self.sums(residuals) ** 2).sum())
            found = (of_sum / squares - 1) / (self.size - 1)
        return (rare * min(1.0, max(0.0, found)) + 0.5) / (rare + 1)

    def design_effect(self, terms: Float64[np.ndarray, " examples"], rare: int) -> float:
        r"""Variance of a mean to that of independent examples: $D = 1 + (\sum_g m_g^2 / n - 1) \rho$."""
        return 1 + (self.size - 1) * self.correlation(terms, rare)

    def effective(self, terms: Float64[np.ndarray, " examples"], rare: int) -> float:
        """Independent examples whose interval by the normal quantile is as wide as one by Student's."""
        return len(self.of) / self.design_effect(terms, rare) * (NORMAL_QUANTILE / self.quantile) ** 2

    @property
    def reach(self) -> float:
        r"""How many times farther from the score the ends of the middle 95 % of resampled groups belong.

        $\sqrt{G / (G - 1)} \, t_{G - 1} / z$ with $G$ groups of equal size: resamples of few groups vary too
        little by the root, and their percentiles are those of the normal distribution.

        Source: Hesterberg 2015, "What Teachers Should Know About the Bootstrap", section 4.4, where the
        percentiles are moved out; those of four groups have nowhere to go.
        """
        alike = max(2.0, len(self.of) / self.size)
        return math.sqrt(alike / (alike - 1)) * self.quantile / NORMAL_QUANTILE


class Worth(NamedTuple):
    """How many independent examples a test of groups is worth, for a model's accuracy or its mean error."""

    groups: int  # number of them
    examples: int  # in them
    correlation: float  # of answers within a group, 0 to 1
    design_effect: float  # variance of the score to that of independent examples

    @property
    def independent(self) -> float:
        """Number of independent examples that say as much."""
        return self.examples / self.design_effect

    def to_json(self) -> dict[str, float]:
        """The value of `models.NAME.by_groups` in `metrics.json`."""
        return {**self._asdict(), "independent_examples": self.independent}

    def sentence(self, noun: str) -> str:
        """How intervals were made, and where answers of a group are much alike, what the test is worth."""
        how = Sentence(
            "95 % intervals are from resampling the {groups} tested, not single {noun}s.",
            count_of(self.groups, "group"),
            noun,
        )
        if self.design_effect < _MUCH_WIDER:
            return how
        return Sentence(
            "{how} Answers about one group are alike (intra-group correlation {correlation}): "
            "these {examples} say as much as about "
            "{independent:,} independent ones.",
            how,
            figure(self.correlation),
            count_of(self.examples, noun),
            max(1, round(self.independent)),
        )


def worth(
    groups: Groups,
    labels: Labels,
    answers: Float64[np.ndarray, "examples ..."],
    predicted: Shaped[np.ndarray, "examples ..."] | None = None,
) -> Worth:
    """What examples are worth for a model's accuracy, or for its mean absolute error.

    Of several labels all must be right. `predicted` are decisions, by default the most probable classes, or
    labels from one half on.
    """
    terms, rare = labels.target.outcomes(labels.values, answers, predicted), len(labels)
    if labels.target.right:
        rare = int(min(terms.sum(), len(terms) - terms.sum()))
    correlation, effect = groups.correlation(terms, rare), groups.design_effect(terms, rare)
    return Worth(groups.count, len(labels), correlation, effect)


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


Resampled = Callable[
    [Float64[np.ndarray, "resamples examples"]], Float64[np.ndarray, "resamples scores"]
]  # from weights of the examples, one row for each resample, to scores, one column for each


def resample(
    scores: Resampled, examples: int, seed: int, resamples: int = RESAMPLES, groups: Groups | None = None
) -> Float64[np.ndarray, "resamples scores"]:
    """Scores of bootstrap resamples, one row for each.

    A resample draws as many examples as there are, with replacement; it is given as how often
    each example was drawn. Blocks of resamples bound the memory. All models scored on as many examples with
    one seed share the resamples. With groups, whole ones are drawn, as many as there are.

    Source: Efron 1979, "Bootstrap Methods: Another Look at the Jackknife".
    """
    drawn = examples if groups is None else groups.count
    are_few = resamples * drawn <= _MOST_KEPT
    blocks: Iterable[np.ndarray] = (_kept if are_few else _drawn)(drawn, seed, resamples)
    if groups is not None:
        # How often each example is drawn, in blocks that are small again.
        parts = (
            part
            for counts in blocks
            for part in np.array_split(counts, len(block_rows(len(counts), examples)))
        )
        blocks = (part[:, groups.of] for part in parts)
    return np.concatenate([scores(counts.astype(np.float64)) for counts in blocks])


def resample_within(
    scores: Resampled, is_positive: Bool[np.ndarray, " examples"], seed: int
) -> Float64[np.ndarray, "resamples scores"]:
    """Scores of bootstrap resamples that draw within each of two classes, as `resample` gives them.

    Of few positive examples a plain resample may contain none, and then says nothing about a ranking.
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
    """Draw resamples, block by block: how often each example is in each."""
    generator = np.random.default_rng(seed)
    for rows in block_rows(resamples, examples):
        counts = np.empty((rows, examples), np.uint16)
        for row in counts:
            row[:] = np.bincount(generator.integers(examples, size=examples), minlength=examples)
        yield counts


def block_rows(rows: int, columns: int) -> list[int]:
    """Rows, at least one, of each of the blocks of bounded size that a large float64 matrix is cut into."""
    most = max(1, _BLOCK_BYTES // (8 * columns))
    return [min(most, rows - start) for start in range(0, rows, most)]


def percentile_interval(
    value: float,
    draws: Float64[np.ndarray, " resamples"],
    groups: Groups | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    """The middle 95 % of the resamples; the ends of few groups are moved out, within the bounds."""
    low, high = (float(end) for end in np.quantile(draws, TAILS))
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
    r"""Interval, containing the score, from how many standard errors the resamples lie away from it.

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
        first, last = np.quantile((draws - value)[usable] / draw_errors[usable], TAILS)
        low, high = value - last * error, value - first * error
    else:
        low, high = np.quantile(np.append(draws[np.isfinite(draws)], value), TAILS)
    return Interval(float(value), float(min(low, value)), float(max(high, value)))


def span(interval: Interval, unit: str = "") -> str:
    """A difference with its interval in words, in as many decimals as the width deserves."""
    value, low, high = _shown(interval)
    return f"{value}{' ' + unit if unit else ''} [{low}, {high}]"


def _shown(interval: Interval) -> list[str]:
    width, largest = interval.high - interval.low, max(abs(end) for end in interval)
    decimals = 1 - math.floor(math.log10(width / 2)) if width > 0 else 12 if largest > 0 else 0
    if largest > 0:
        decimals = min(decimals, 2 - math.floor(math.log10(largest)))
    decimals = min(max(decimals, 0), 12)
    return [with_minus(rounded(end, decimals)) for end in interval]


def points(interval: Interval) -> str:
    """A difference of shares, -1 to 1, in percent points, such as `1.9 points [1.1, 2.7]`."""
    shown = _shown(Interval(*(float(rounded(100 * end, 12)) for end in interval)))
    return Sentence("{value} points [{low}, {high}]", *shown)
