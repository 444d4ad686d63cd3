r"""Scale that makes the softmax of decision values honest probabilities.

A share of each label, $\epsilon = 1 / (n + 2)$, counts for all classes alike, as in Platt's method,
so that a few examples without an error do not call for certainty.

Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999), section 2.2; Guo et al.,
"On Calibration of Modern Neural Networks" (2017), section 4.2, whose temperature is one over this scale.
"""

import numpy as np
from jaxtyping import Float64, Int64

_LOG_LOW, _LOG_HIGH, _STEPS = -7.0, 7.0, 60
_GOLDEN = (5**0.5 - 1) / 2


def best_scale(labels: Int64[np.ndarray, " n"], decisions: Float64[np.ndarray, "n classes"]) -> float:
    r"""Scale $s$, about 0.001 to 1,100, of least log loss of $\mathrm{softmax}(s z)$; it is convex in $s$."""
    smooth = 1 / (len(labels) + 2)
    right = (1 - smooth) * decisions[np.arange(len(labels)), labels] + smooth * decisions.mean(axis=1)
    largest = decisions.max(axis=1)

    def loss(logarithm: float) -> float:
        s = np.exp(logarithm)
        partition = np.log(np.exp(s * (decisions - largest[:, np.newaxis])).sum(axis=1))
        return float((partition + s * (largest - right)).mean())

    low, high = _LOG_LOW, _LOG_HIGH
    first, second = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_first, at_second = loss(first), loss(second)
    for _ in range(_STEPS):
        if at_first <= at_second:
            high, second, at_second = second, first, at_first
            first = high - _GOLDEN * (high - low)
            at_first = loss(first)
        else:
            low, first, at_first = first, second, at_second
            second = low + _GOLDEN * (high - low)
            at_second = loss(second)
    return float(np.exp((low + high) / 2))
