r"""The 95 % interval of the difference of two accuracies on the same examples.

Notation: of $n$ examples, $b$ are answered right by the first model only, $c$ by the second only.
"""

import math

from scipy.optimize import brentq

from pellucid.evaluation.groups import NORMAL_QUANTILE
from pellucid.evaluation.intervals import Interval

_NUDGE = 1e-12  # without variance at the difference itself, the excess is zero there too


def paired_interval(only_a: float, only_b: float, examples: float) -> Interval:
    r"""Tango's score interval of $d = (b - c) / n$, from -1 to 1, where $b$ is `only_a` and $c$ `only_b`.

    It holds every $\delta$ with $|b - c - n \delta| \le z \sqrt{n (2 \tilde q + \delta (1 - \delta))}$,
    where $\tilde q$, the likeliest share of answers right for the second model only when the
    difference is $\delta$, is the larger root of
    $2 n q^2 + (-b - c + (2n - b + c) \delta) \, q - c \, \delta (1 - \delta) = 0$.

    $n$, `examples`, is above 0; no count need be whole, as with groups (`Groups.effective`).

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17.
    """
    value = (only_a - only_b) / examples

    def excess(delta: float) -> float:
        gap = only_a - only_b - examples * delta
        return gap * gap - NORMAL_QUANTILE**2 * _variance(only_a, only_b, examples, delta)

    low = -1.0 if value <= -1 or excess(-1.0) <= 0 else float(brentq(excess, -1.0, value - _NUDGE))
    high = 1.0 if value >= 1 or excess(1.0) <= 0 else float(brentq(excess, value + _NUDGE, 1.0))
    return Interval(value, low, high)


def _variance(only_a: float, only_b: float, examples: float, delta: float) -> float:
    """Variance of the difference of counts where the true difference is `delta`."""
    linear = -only_a - only_b + (2 * examples - only_a + only_b) * delta
    root = math.sqrt(max(0.0, linear**2 + 8 * examples * only_b * delta * (1 - delta)))
    share = (root - linear) / (4 * examples)
    return max(0.0, examples * (2 * share + delta * (1 - delta)))
