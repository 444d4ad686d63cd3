r"""The expected calibration error with an interval that knows how chance inflates it.

Notation: bin $b$ of $B$ holds the share $\pi_b$ of $n$ answers, with mean confidence $c_b$; its part
of the error is $|g_b|$, where $g_b = \pi_b (\text{accuracy}_b - c_b)$, estimated as $\hat g_b$.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64

from pellucid.arithmetic.metrics import CALIBRATION_BINS, calibration_terms, expected_calibration_error
from pellucid.evaluation.intervals import Interval

DRAWS = 2000
_STEPS = 41
_REACH = 4.0
_TAILS = (0.025, 0.975)
_PRIOR_ANSWERS = 2.0


class _Bins(NamedTuple):
    """The bins that hold an answer.

    Attributes:
        share: of all answers.
        confidence: mean of the answers.
        gap: of each bin, times its share.
        examples: in all bins.
    """

    share: np.ndarray
    confidence: np.ndarray
    gap: np.ndarray
    examples: int

    def deviations(self, gap: np.ndarray) -> np.ndarray:
        """Standard deviations of the measured gaps where `gap`, broadcast over bins, is the truth."""
        of_bin = np.clip(gap / self.share, -1, 1)
        answers = self.share * self.examples
        rate = np.clip(self.confidence + of_bin * answers / (answers + _PRIOR_ANSWERS), 0, 1)
        variance = self.share * rate * (1 - rate) + self.share * (1 - self.share) * of_bin**2
        return np.asarray(np.sqrt(variance / self.examples))


def calibration_error(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
) -> Interval:
    r"""Expected calibration error with its 95 % interval, both from 0 to 1, of at least one example.

    Chance moves the error up only, so that percentiles of resamples lie above the truth. Here the
    interval holds every error $\theta$ under which the measured one, $\hat\theta$, is no surprise:
    gaps are taken to be $\theta \hat g_b / \hat\theta$, measured ones are drawn around them with
    binomial variance, and $\theta$ is kept while $\hat\theta$ lies within the middle 95 % of their
    $\sum_b |g_b|$. The measured error is always kept.

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
    )
    value = expected_calibration_error(labels, probabilities)
    low, high = _inverted(measured, value, seed)
    return Interval(value, min(low, value), min(1.0, max(high, value)))


def _inverted(measured: _Bins, value: float, seed: int) -> tuple[float, float]:
    """Smallest and largest error under which the measured one is no surprise."""
    direction = measured.gap / value if value > 0 else measured.share
    reach = _REACH * float(np.sqrt((measured.deviations(measured.gap) ** 2).sum()))
    reach += float(measured.deviations(0 * measured.gap).sum())
    thetas = np.linspace(max(0.0, value - reach), value + reach, _STEPS)
    noise = np.random.default_rng(seed).normal(size=(DRAWS, len(direction)))
    ends = np.empty((_STEPS, 2))
    for step, theta in enumerate(thetas):
        gaps = theta * direction + measured.deviations(theta * direction) * noise
        ends[step] = np.quantile(np.abs(gaps).sum(axis=1), _TAILS)
    lowest, highest = np.maximum.accumulate(ends, axis=0).T
    low = float(np.interp(value, highest, thetas))
    return low, float(np.interp(value, lowest, thetas))
