r"""The expected calibration error with an interval that knows how chance inflates it.

Notation: bin $b$ of $B$ holds the share $\pi_b$ of $n$ answers, with mean confidence $c_b$; its part
of the error is $|g_b|$, where $g_b = \pi_b (\text{accuracy}_b - c_b)$, estimated as $\hat g_b$.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import CALIBRATION_BINS, calibration_terms, expected_calibration_error
from pellucid.evaluation.groups import NORMAL_QUANTILE, Groups
from pellucid.evaluation.intervals import Interval

DRAWS = 2000
_STEPS = 41
_REACH = 4.0
_TAILS = (0.025, 0.975)
_PRIOR_ANSWERS = 2.0


@dataclass(frozen=True, eq=False)
class _Bins:
    """The bins that hold an answer.

    Attributes:
        share: of all answers.
        confidence: mean of the answers.
        gap: of each bin, times its share.
        examples: in all bins.
        together: with groups, covariance of the measured gaps, as the groups differ.
    """

    share: np.ndarray
    confidence: np.ndarray
    gap: np.ndarray
    examples: int
    together: np.ndarray | None = None

    def deviations(self, gap: np.ndarray) -> np.ndarray:
        """Standard deviations of the measured gaps where `gap`, broadcast over bins, is the truth."""
        of_bin = np.clip(gap / self.share, -1, 1)
        answers = self.share * self.examples
        rate = np.clip(self.confidence + of_bin * answers / (answers + _PRIOR_ANSWERS), 0, 1)
        variance = self.share * rate * (1 - rate) + self.share * (1 - self.share) * of_bin**2
        return np.asarray(np.sqrt(variance / self.examples)) * self.wider

    @cached_property
    def wider(self) -> np.ndarray | float:
        """How many times the deviations are those of independent examples; at least once."""
        if self.together is None:
            return 1.0
        alone = replace(self, together=None).deviations(self.gap)
        return np.asarray(np.sqrt(np.maximum(1.0, np.diag(self.together) / alone**2)))

    def noise(self, seed: int) -> np.ndarray:
        """Draws of unit variance for each bin; with groups those of one group move together."""
        drawn = np.random.default_rng(seed).normal(size=(DRAWS, len(self.gap)))
        if self.together is None:
            return drawn
        deviations = np.sqrt(np.diag(self.together))
        scale = np.where(deviations > 0, deviations, 1.0)
        values, vectors = np.linalg.eigh(self.together / np.outer(scale, scale))
        alike = drawn @ (vectors * np.sqrt(np.maximum(values, 0.0))).T
        return np.where(deviations > 0, alike, drawn)


def calibration_error(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Interval:
    r"""Expected calibration error with its 95 % interval, both from 0 to 1, of at least one example.

    Chance moves the error up only, so that percentiles of resamples lie above the truth. Here the
    interval holds every error $\theta$ under which the measured one, $\hat\theta$, is no surprise:
    gaps are taken to be $\theta \hat g_b / \hat\theta$, measured ones are drawn around them with
    binomial variance, and $\theta$ is kept while $\hat\theta$ lies within the middle 95 % of their
    $\sum_b |g_b|$. The measured error is always kept. With `groups` they are drawn with the covariance that
    sums over groups show, where that is larger.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3, for the error;
    Carpenter 1999, "Test inversion bootstrap confidence intervals", for the interval.
    """
    bins, gaps = calibration_terms(labels, probabilities)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    held, confidence = counts > 0, np.bincount(bins, probabilities.max(axis=1), CALIBRATION_BINS)
    measured = _Bins(
        share=counts[held] / len(labels),
        confidence=confidence[held] / counts[held],
        gap=np.bincount(bins, gaps, CALIBRATION_BINS)[held] / len(labels),
        examples=len(labels),
        together=None if groups is None else _covariance(bins, gaps, held, groups),
    )
    value = expected_calibration_error(labels, probabilities)
    low, high = _inverted(measured, value, seed)
    return Interval(value, min(low, value), min(1.0, max(high, value)))


def _covariance(
    bins: np.ndarray, gaps: np.ndarray, held: np.ndarray, groups: Groups
) -> Float64[np.ndarray, "bins bins"]:
    """Covariance of the measured gaps, from how the sums of the groups lie around their mean."""
    count, examples = groups.count, len(groups.of)
    sums = np.zeros((count, len(held)))
    np.add.at(sums, (groups.of, bins), gaps)
    apart = sums[:, held] - np.outer(groups.sizes, sums[:, held].sum(axis=0) / examples)
    reach = (groups.quantile / NORMAL_QUANTILE) ** 2
    return apart.T @ apart * (reach * count / max(1, count - 1) / examples**2)


def _inverted(measured: _Bins, value: float, seed: int) -> tuple[float, float]:
    """Smallest and largest error under which the measured one is no surprise."""
    direction = measured.gap / value if value > 0 else measured.share
    reach = _REACH * float(np.sqrt((measured.deviations(measured.gap) ** 2).sum()))
    reach += float(measured.deviations(0 * measured.gap).sum())
    thetas = np.linspace(max(0.0, value - reach), value + reach, _STEPS)
    noise = measured.noise(seed)
    ends = np.empty((_STEPS, 2))
    for step, theta in enumerate(thetas):
        gaps = theta * direction + measured.deviations(theta * direction) * noise
        ends[step] = np.quantile(np.abs(gaps).sum(axis=1), _TAILS)
    lowest, highest = np.maximum.accumulate(ends, axis=0).T
    low = float(np.interp(value, highest, thetas))
    return low, float(np.interp(value, lowest, thetas))
