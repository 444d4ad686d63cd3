r"""Groups of examples that are no independent witnesses: a speaker's recordings, a patient's images.

Notation: $n$ examples in $G$ groups of sizes $m_g$. Where the answers within a group are alike, a mean over
the examples varies as that of fewer independent ones: $n / D$, where $D$ is the design effect.

Source: Kish 1965, "Survey Sampling", sections 5.4 and 8.2; Korn and Graubard 1998, "Confidence Intervals for
Proportions With Small Expected Number of Positive Counts Estimated From Survey Data".
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.arithmetic.rounding import figure
from pellucid.data.wording import count_of

# Design effect from which a sentence says how many independent examples the test is worth.
_MUCH_WIDER = 2.0

NORMAL_QUANTILE = 1.959963984540054
_AS_NORMAL = 10_000


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
    """The groups that some examples fall into.

    Attributes:
        of: number of the group of each example, from 0 without gaps.
    """

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
        $\hat\rho = (V / \sum_i r_i^2 - 1) / (\sum_g m_g^2 / n - 1)$. Of few terms unlike the others, as of
        three wrong answers, it tells little, and of none nothing: one more counts that comes with its whole
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
        """Number of independent examples whose interval by the normal quantile is as wide as it should be.

        Less than `n / D`, since few groups tell little of how much they differ: Student's quantile is due.
        """
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
    """How much a test of groups is worth for the share that a model gets right, or its mean error.

    Attributes:
        groups: number of them.
        examples: in them.
        correlation: of answers within a group, 0 to 1.
        design_effect: variance of the score to that of independent examples.
    """

    groups: int
    examples: int
    correlation: float
    design_effect: float

    @property
    def independent(self) -> float:
        """Number of independent examples that say as much."""
        return self.examples / self.design_effect

    def to_json(self) -> dict[str, float]:
        """The form of `models.NAME.by_groups` in `metrics.json`."""
        return {**self._asdict(), "independent_examples": self.independent}

    def sentence(self, noun: str) -> str:
        """How intervals were made, and where answers of a group are much alike, what the test is worth."""
        said = (
            f"95 % intervals are from resampling the {count_of(self.groups, 'group')} tested, not single "
            f"{noun}s."
        )
        if self.design_effect < _MUCH_WIDER:
            return said
        return (
            f"{said} Answers about one group are alike (intra-group correlation {figure(self.correlation)}): "
            f"these {count_of(self.examples, noun)} say as much as about "
            f"{max(1, round(self.independent)):,} independent ones."
        )


def worth(
    groups: Groups, labels: Shaped[np.ndarray, " examples"], answers: Float64[np.ndarray, "examples ..."]
) -> Worth:
    """What examples are worth for a model's accuracy, or for its mean absolute error."""
    if answers.ndim == 1:
        terms, rare = np.abs(answers - labels), len(labels)
    else:
        terms = (answers.argmax(axis=1) == labels).astype(np.float64)
        rare = int(min(terms.sum(), len(terms) - terms.sum()))
    correlation, effect = groups.correlation(terms, rare), groups.design_effect(terms, rare)
    return Worth(groups.count, len(labels), correlation, effect)
