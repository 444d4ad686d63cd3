r"""Scores of predicted numbers.

Notation: $n$ examples, $y_i$ the true number, $\hat y_i$ the prediction, $e_i = \hat y_i - y_i$.
"""

import math

import numpy as np
from jaxtyping import Float64

from pellucid.evaluation.groups import Groups
from pellucid.evaluation.intervals import Interval, percentile_interval, resample, studentised_interval
from pellucid.evaluation.scores import Scores, widened

# Logarithms whose exponential is a number; beyond lie those of resamples without an error.
_ENDS = -700.0, 700.0


def score_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Float64[np.ndarray, " examples"],
    seed: int = 0,
    groups: Groups | None = None,
) -> Scores:
    r"""Score predicted numbers against true ones.

    Mean absolute error $\frac{1}{n} \sum_i |e_i|$ and root mean squared error
    $\sqrt{\frac{1}{n} \sum_i e_i^2}$ are in the unit of the labels;
    $R^2 = 1 - \sum_i e_i^2 / \sum_i (y_i - \bar y)^2$ is 1 where all is predicted exactly and 0 where the
    mean alone does as well.

    The intervals are studentised, those of the squared errors on the scale of $\ln$, where they are
    nearly symmetric: squared errors have a long tail, and percentiles would be too narrow. By `groups`
    they are percentiles of resampled groups on the same scales, since sums over groups have shorter tails,
    and never narrower than without.

    Raises: `ValueError` if there is no example.

    Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", sections 12.5 and 12.6.
    """
    if len(labels) == 0:
        raise ValueError("labels: no example to score; at least one is needed")
    moments = _moments(labels, predicted)

    def scores(weights: np.ndarray) -> np.ndarray:
        return _scores(weights @ moments / weights.sum(axis=1)[:, None], len(labels))

    value = scores(np.ones((1, len(labels))))[0]
    draws = resample(scores, len(labels), seed, groups=groups)
    if groups is None:
        found = [studentised_interval(*value[[k, k + 3]], *draws[:, [k, k + 3]].T) for k in range(3)]
    else:
        found = [percentile_interval(float(value[k]), np.clip(draws[:, k], *_ENDS), groups) for k in range(3)]
    absolute, squared, ratio = found
    r2 = Interval(*(1 - _exp(end) for end in ratio))
    intervals = {
        "mean_absolute_error": Interval(absolute.value, max(0.0, absolute.low), absolute.high),
        "root_mean_squared_error": Interval(*(_exp(end / 2) for end in squared)),
        "r2": Interval(r2.value, r2.high, r2.low),
    }
    if groups is not None:
        intervals = widened(intervals, score_numbers(labels, predicted, seed))
    return Scores(intervals, len(labels))


def _moments(
    labels: Float64[np.ndarray, " examples"], predicted: Float64[np.ndarray, " examples"]
) -> Float64[np.ndarray, "examples moments"]:
    """Terms of each example in the sums that scores and their standard errors are made of."""
    errors, centred = predicted - labels, labels - labels.mean()
    squares = errors**2
    powers = [centred**power for power in (1, 2, 3, 4)]
    crossed = [squares * centred, squares * centred**2]
    return np.stack([np.abs(errors), squares, squares**2, *powers, *crossed], axis=1)


def _scores(means: Float64[np.ndarray, "sets moments"], examples: int) -> Float64[np.ndarray, "sets 6"]:
    r"""Mean absolute error, $\ln$ of the mean squared error and of $1 - R^2$; their standard errors.

    A standard error is that of the mean of the score's influence: $|e|$, $e^2 / \overline{e^2}$, and
    $e^2 / \overline{e^2} - (y - \bar y)^2 / s_y^2$.
    """
    absolute, squared, fourth, first, second, third, quartic, crossed, crossed_twice = means.T
    variance = np.maximum(second - first**2, 0)
    spread = quartic - 4 * third * first + 6 * second * first**2 - 3 * first**4
    together = crossed_twice - 2 * crossed * first + first**2 * squared
    with np.errstate(divide="ignore", invalid="ignore"):
        of_squared = fourth / squared**2 - 1
        of_ratio = fourth / squared**2 + spread / variance**2 - 2 * together / (squared * variance)
        logs = [np.log(squared), np.where(squared == 0, -np.inf, np.log(squared / variance))]
    variances = [squared - absolute**2, of_squared, of_ratio]
    errors = [np.sqrt(np.maximum(each, 0) / examples) for each in variances]
    # equal labels leave nothing to explain: 1 where all are met, 0 otherwise
    logs[1] = np.where((variance == 0) & (squared > 0), 0.0, logs[1])
    return np.stack([absolute, *logs, *errors], axis=1)


def _exp(logarithm: float) -> float:
    """Exponential, bounded so that an interval stays finite."""
    return math.exp(min(logarithm, _ENDS[1]))
