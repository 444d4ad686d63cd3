"""Calibration error and temperature scaling."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import CALIBRATION_BINS, binned_error, calibration_bins
from pellucid.evaluation.intervals import NORMAL_QUANTILE, TAILS, Groups, Interval, share_interval
from pellucid.targets import Labels, Statements

# The expected calibration error with an interval that knows how chance inflates it.
#
# Notation: bin $b$ of $B$ has the share $\pi_b$ of $n$ answers, with mean confidence $c_b$; its part
# of the error is $|g_b|$, where $g_b = \pi_b (\text{accuracy}_b - c_b)$, estimated as $\hat g_b$.

DRAWS = 2000
_ERROR_STEPS = 41
_REACH = 4.0
_PRIOR_ANSWERS = 2.0


@dataclass(frozen=True, eq=False)
class _Bins:
    """The bins that hold an answer."""

    share: np.ndarray  # of all answers
    confidence: np.ndarray  # mean of the answers
    gap: np.ndarray  # of each bin, times its share
    examples: int  # in all bins
    together: np.ndarray | None = None  # with groups, covariance of the measured gaps, as the groups differ

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
        # Where all examples of a bin agree with their confidence, nothing deviates.
        wider = np.divide(np.diag(self.together), alone**2, out=np.ones_like(alone), where=alone > 0)
        return np.asarray(np.sqrt(np.maximum(1.0, wider)))

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


class _Binned(NamedTuple):
    """What was stated, in bins of confidence."""

    bins: np.ndarray  # of the confidence of each statement
    gaps: np.ndarray  # one if it holds, less the confidence
    confidence: np.ndarray
    groups: Groups | None  # of statements that are not independent

    @property
    def sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Statements in each bin, and the sum of their confidence."""
        return (
            np.bincount(self.bins, minlength=CALIBRATION_BINS),
            np.bincount(self.bins, self.confidence, CALIBRATION_BINS),
        )


def _binned(stated: Statements, groups: Groups | None) -> _Binned:
    """Statements in bins; where an example has several they are grouped, by examples or by their groups."""
    bins = calibration_bins(stated.confidence)
    if stated.example is not None:
        groups = Groups.of_sets(stated.example if groups is None else groups.of[stated.example])
    return _Binned(bins, stated.holds - stated.confidence, stated.confidence, groups)


def calibration_error(
    labels: Labels,
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Interval:
    r"""Expected calibration error with its 95 % interval, both from 0 to 1, of at least one example.

    Chance moves the error up only, so that percentiles of resamples lie above the truth. Here the
    interval contains every error $\theta$ under which the measured one, $\hat\theta$, is no surprise:
    gaps are taken to be $\theta \hat g_b / \hat\theta$, measured ones are drawn around them with
    binomial variance, and $\theta$ is kept while $\hat\theta$ lies within the middle 95 % of their
    $\sum_b |g_b|$. The measured error is always kept. With `groups` they are drawn with the covariance that
    sums over groups show, where that is larger. Several statements about one example are a group: its labels
    are not independent.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", eq. 3, for the error;
    Carpenter 1999, "Test inversion bootstrap confidence intervals", for the interval.
    """
    answers = _binned(labels.target.statements(labels.values, probabilities), groups)
    (counts, confidence), total = answers.sums, len(answers.bins)
    held = counts > 0
    measured = _Bins(
        share=counts[held] / total,
        confidence=confidence[held] / counts[held],
        gap=np.bincount(answers.bins, answers.gaps, CALIBRATION_BINS)[held] / total,
        examples=total,
        together=None if answers.groups is None else _covariance(answers, held, answers.groups),
    )
    value = binned_error(answers.bins, answers.gaps)
    low, high = _inverted(measured, value, seed)
    return Interval(value, min(low, value), min(1.0, max(high, value)))


def _covariance(
    answers: _Binned, held: Bool[np.ndarray, " bins"], groups: Groups
) -> Float64[np.ndarray, "held held"]:
    """Covariance of the measured gaps, from how the sums of the groups lie around their mean."""
    count, examples = groups.count, len(groups.of)
    sums = np.zeros((count, len(held)))
    np.add.at(sums, (groups.of, answers.bins), answers.gaps)
    residuals = sums[:, held] - np.outer(groups.sizes, sums[:, held].sum(axis=0) / examples)
    reach = (groups.quantile / NORMAL_QUANTILE) ** 2
    return residuals.T @ residuals * (reach * count / max(1, count - 1) / examples**2)


def _inverted(measured: _Bins, value: float, seed: int) -> tuple[float, float]:
    """Smallest and largest error under which the measured one is no surprise."""
    direction = measured.gap / value if value > 0 else measured.share
    reach = _REACH * float(np.sqrt((measured.deviations(measured.gap) ** 2).sum()))
    reach += float(measured.deviations(0 * measured.gap).sum())
    thetas = np.linspace(max(0.0, value - reach), value + reach, _ERROR_STEPS)
    noise = measured.noise(seed)
    ends = np.empty((_ERROR_STEPS, 2))
    for step, theta in enumerate(thetas):
        gaps = theta * direction + measured.deviations(theta * direction) * noise
        ends[step] = np.quantile(np.abs(gaps).sum(axis=1), TAILS)
    lowest, highest = np.maximum.accumulate(ends, axis=0).T
    return float(np.interp(value, highest, thetas)), float(np.interp(value, lowest, thetas))


class ReliabilityBin(NamedTuple):
    """Answers of a confidence above `low` and up to `high`."""

    low: float  # smallest confidence, not included
    high: float  # largest confidence, included
    examples: int  # how many answers, at least one; of several labels each is one
    confidence: float  # their mean confidence
    accuracy: Interval  # share of right ones, or of present labels, with Wilson's interval


@dataclass(frozen=True)
class Reliability:
    """Of 15 bins of confidence those that hold an answer, ascending, and the expected calibration error."""

    bins: tuple[ReliabilityBin, ...]
    error: Interval


def reliability(
    labels: Labels,
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Reliability:
    """Compare confidence with accuracy, bin by bin; `seed` draws for the interval of the error.

    Of several labels the probability of each known one is compared with how often labels are present. With
    `groups` intervals are by these, those of several labels at least by examples.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to judge confidence by; at least one is needed")
    stated = labels.target.statements(labels.values, probabilities)
    answers = _binned(stated, groups)
    bins, within = answers.bins, answers.groups
    counts, confidence = answers.sums
    return Reliability(
        bins=tuple(
            ReliabilityBin(
                low=place / CALIBRATION_BINS,
                high=(place + 1) / CALIBRATION_BINS,
                examples=int(counts[place]),
                confidence=float(confidence[place] / counts[place]),
                accuracy=share_interval(
                    stated.holds[bins == place], None if within is None else within.within(bins == place)
                ),
            )
            for place in np.flatnonzero(counts).tolist()
        ),
        error=calibration_error(labels, probabilities, seed, groups),
    )


COLDEST = 0.05  # temperature
HOTTEST = 20.0  # temperature
# Standard deviation of the logarithm of temperatures, as far as is known before any example is seen;
# calibration errors with it: `benchmarks/few_examples.py`.
_SPREAD = 0.5
# Examples from which on one of them moves a temperature too little to matter; parts below that.
_MANY = 500
_PARTS = 5


def fit_temperature(labels: Labels, probabilities: Float64[np.ndarray, "examples classes"]) -> float:
    r"""The likeliest temperature, drawn towards 1 as far as few examples say little.

    With $z = \ln p$ and $\beta = e^{-t} = 1/T$ the smallest value is sought of
    $\sum_i \left( \ln \sum_k e^{\beta z_{ik}} - \beta z_{i y_i} \right) + \frac{t^2}{2 \sigma^2}$,
    the log loss of all examples and the logarithm of a normal prior on $t$ with $\sigma = 0.5$. A label whose
    probability is exactly 0 keeps it at every temperature and is left out.

    Of several labels each known one is an answer of two classes, absent and present.

    Labels are of the validation split. 0.05 to 20; 1 where nothing can be fitted: no example, labels of one
    class only, answers that are all right or all wrong, or classes equally probable in all of them.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    stated = labels.target.statements(labels.values, probabilities)
    possible = stated.of_truth > 0
    codes, probabilities = stated.codes[possible], stated.probabilities[possible]
    right = probabilities.argmax(axis=1) == codes
    if right.all() or not right.any() or len(np.unique(codes)) == 1:
        return 1.0
    is_zero = probabilities == 0
    logits = np.log(np.where(is_zero, 1.0, probabilities))
    logits -= logits[np.arange(len(codes)), codes][:, None]

    def loss(log_temperature: float) -> float:
        scaled = np.where(is_zero, -np.inf, logits * np.exp(-log_temperature))
        return float(logsumexp(scaled, axis=1).sum()) + log_temperature**2 / (2 * _SPREAD**2)

    bounds = float(np.log(COLDEST)), float(np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x))


def cross_fitted(
    labels: Labels,
    probabilities: Float64[np.ndarray, "examples classes"],
    temperature: float,
    seed: int = 0,
) -> Float64[np.ndarray, "examples classes"]:
    """Probabilities at temperatures that no example took part in choosing for itself.

    Below 500 examples each of five parts, drawn by chance, gets the temperature that fits the other four;
    from there on one example moves the temperature too little to matter, and all get the given one.
    """
    count, tempered = len(labels), labels.target.calibrated
    if count >= _MANY:
        return tempered(probabilities, temperature)
    part = generator(seed, Purpose.TEMPERATURES).permutation(count) % _PARTS
    found = np.empty_like(probabilities)
    for mine in (part == number for number in range(_PARTS)):
        fitted = fit_temperature(labels.at(~mine), probabilities[~mine])
        found[mine] = tempered(probabilities[mine], fitted)
    return found
