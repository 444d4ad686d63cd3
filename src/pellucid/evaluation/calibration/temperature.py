r"""Calibration of probabilities: reliability in bins, and the temperature fitted on validation.

Source: Guo et al. 2017, "On Calibration of Modern Neural Networks".
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from pellucid.arithmetic import at_temperature
from pellucid.arithmetic.draws import Purpose, generator
from pellucid.arithmetic.metrics import CALIBRATION_BINS, calibration_terms
from pellucid.evaluation.calibration.error import calibration_error
from pellucid.evaluation.groups import Groups
from pellucid.evaluation.intervals import Interval, share_interval

__all__ = [
    "Reliability",
    "ReliabilityBin",
    "at_temperature",
    "cross_fitted",
    "fit_temperature",
    "reliability",
]

COLDEST, HOTTEST = 0.05, 20.0
# Standard deviation of the logarithm of temperatures, as far as is known before any example is seen.
_SPREAD = 0.5

_MANY, _PARTS = 500, 5


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
    r"""The likeliest temperature, drawn towards 1 as far as few examples say little.

    With $z = \ln p$ and $\beta = e^{-t} = 1/T$ the smallest value is sought of
    $\sum_i \left( \ln \sum_k e^{\beta z_{ik}} - \beta z_{i y_i} \right) + \frac{t^2}{2 \sigma^2}$,
    the log loss of all examples and the logarithm of a normal prior on $t$ with $\sigma = 0.5$. A label whose
    probability is exactly 0 keeps it at every temperature and is left out.

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

    def loss(log_temperature: float) -> float:
        scaled = np.where(is_zero, -np.inf, logits * np.exp(-log_temperature))
        return float(logsumexp(scaled, axis=1).sum()) + log_temperature**2 / (2 * _SPREAD**2)

    bounds = float(np.log(COLDEST)), float(np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8}).x))


def cross_fitted(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    temperature: float,
    seed: int = 0,
) -> Float64[np.ndarray, "examples classes"]:
    """Probabilities at temperatures that no example took part in choosing for itself.

    Below 500 examples each of five parts, drawn by chance, gets the temperature that fits the other four;
    from there on one example moves the temperature too little to matter, and all get the given one.
    """
    count = len(labels)
    if count >= _MANY:
        return at_temperature(probabilities, temperature)
    part = generator(seed, Purpose.TEMPERATURES).permutation(count) % _PARTS
    found = np.empty_like(probabilities)
    for number in range(_PARTS):
        mine, others = part == number, part != number
        found[mine] = at_temperature(
            probabilities[mine], fit_temperature(labels[others], probabilities[others])
        )
    return found


def reliability(
    labels: Int64[np.ndarray, " examples"],
    probabilities: Float64[np.ndarray, "examples classes"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Reliability:
    """Compare confidence with accuracy, bin by bin; `seed` draws for the interval of the error.

    With `groups` intervals are by these.

    Raises: `ValueError` if there is no example.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to judge confidence by; at least one is needed")
    bins, _ = calibration_terms(labels, probabilities)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    confidence = np.bincount(bins, weights=probabilities.max(axis=1), minlength=CALIBRATION_BINS)
    right = probabilities.argmax(axis=1) == labels
    return Reliability(
        bins=tuple(
            ReliabilityBin(
                low=place / CALIBRATION_BINS,
                high=(place + 1) / CALIBRATION_BINS,
                examples=int(counts[place]),
                confidence=float(confidence[place] / counts[place]),
                accuracy=share_interval(
                    right[bins == place], None if groups is None else groups.within(bins == place)
                ),
            )
            for place in np.flatnonzero(counts).tolist()
        ),
        error=calibration_error(labels, probabilities, seed, groups),
    )
