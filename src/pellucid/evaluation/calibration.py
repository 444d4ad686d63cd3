r"""Calibration of probabilities: reliability in bins, and the temperature fitted on validation.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import brentq

from pellucid.arithmetic import at_temperature
from pellucid.arithmetic.metrics import CALIBRATION_BINS, calibration_terms
from pellucid.evaluation.calibration_error import calibration_error
from pellucid.evaluation.intervals import Interval, wilson

__all__ = ["Reliability", "ReliabilityBin", "at_temperature", "fit_temperature", "reliability"]

COLDEST, HOTTEST = 0.05, 20.0


class ReliabilityBin(NamedTuple):
    """Answers of about the same confidence.

    Attributes:
        low: smallest confidence, not included.
        high: largest confidence, included.
        examples: how many answers, at least one.
        confidence: their mean confidence.
        accuracy: share of right ones, with Wilson's interval.
    """

    low: float
    high: float
    examples: int
    confidence: float
    accuracy: Interval


@dataclass(frozen=True)
class Reliability:
    """Confidence of the answers against how often they are right.

    Attributes:
        bins: of 15 bins of equal width those that hold an answer, ascending.
        error: expected calibration error.
    """

    bins: tuple[ReliabilityBin, ...]
    error: Interval


def fit_temperature(
    labels: Int64[np.ndarray, " examples"], probabilities: Float64[np.ndarray, "examples classes"]
) -> float:
    r"""The temperature that makes the log loss on these examples smallest.

    With $z = \ln p$ and $\beta = 1/T$ the loss
    $\frac{1}{n} \sum_i \left( \ln \sum_k e^{\beta z_{ik}} - \beta z_{i y_i} \right)$
    is convex, so its slope has one root. A label whose probability is exactly 0 keeps it at every
    temperature and is left out.

    Labels are of the validation split. 0.05 to 20; 1 where nothing can be fitted: no example, labels of one
    class only, answers that are all right or all wrong, or classes equally probable in all of them.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    possible = probabilities[np.arange(len(labels)), labels] > 0
    labels, probabilities = labels[possible], probabilities[possible]
    right = probabilities.argmax(axis=1) == labels
    if right.all() or not right.any() or len(np.unique(labels)) == 1:
        return 1.0
    is_zero = probabilities == 0
    logits = np.log(np.where(is_zero, 1.0, probabilities))
    logits -= logits[np.arange(len(labels)), labels][:, None]

    def slope(log_temperature: float) -> float:
        scaled = np.where(is_zero, -np.inf, logits * np.exp(-log_temperature))
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return float(((powers * logits).sum(axis=1) / powers.sum(axis=1)).mean())

    cold, hot = float(np.log(COLDEST)), float(np.log(HOTTEST))
    if slope(cold) == 0 and slope(hot) == 0:
        return 1.0
    if slope(cold) <= 0:
        return COLDEST
    if slope(hot) >= 0:
        return HOTTEST
    return float(np.exp(brentq(slope, cold, hot, xtol=1e-10)))


def reliability(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
) -> Reliability:
    """Compare confidence with accuracy, bin by bin; `seed` draws for the interval of the error.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to judge confidence by; at least one is needed")
    bins, _ = calibration_terms(labels, probabilities)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    confidence = np.bincount(bins, weights=probabilities.max(axis=1), minlength=CALIBRATION_BINS)
    right = probabilities.argmax(axis=1) == labels
    hits = np.bincount(bins[right], minlength=CALIBRATION_BINS)
    return Reliability(
        bins=tuple(
            ReliabilityBin(
                low=place / CALIBRATION_BINS,
                high=(place + 1) / CALIBRATION_BINS,
                examples=int(counts[place]),
                confidence=float(confidence[place] / counts[place]),
                accuracy=wilson(int(hits[place]), int(counts[place])),
            )
            for place in np.flatnonzero(counts).tolist()
        ),
        error=calibration_error(labels, probabilities, seed),
    )
