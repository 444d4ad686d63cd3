r"""Scale that makes the softmax of decision values honest probabilities.

A share of each label, $\epsilon = 1 / (n + 2)$, counts for all classes alike, as in Platt's method,
so that a few examples without an error do not call for certainty. Decision values are of examples that the
model did not learn from: of few examples each is held out once.

Source: Platt, "Probabilistic Outputs for Support Vector Machines" (1999), section 2.2; Guo et al.,
"On Calibration of Modern Neural Networks" (2017), section 4.2, whose temperature is one over this scale.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64, Int64

# Examples of which a fifth, held out once, says little about the scale.
FEW = 1_000

_HELD, _PARTS = 1_000, 5
_LOG_LOW, _LOG_HIGH, _STEPS = -7.0, 7.0, 60
_GOLDEN = (5**0.5 - 1) / 2


def best_scale(
    labels: Int64[np.ndarray, " n"],
    decisions: Float64[np.ndarray, "n classes"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    r"""Scale $s$, about 0.001 to 1,100, of least log loss of $\mathrm{softmax}(s z)$; it is convex in $s$."""
    smooth = 1 / (len(labels) + 2)
    right = (1 - smooth) * decisions[np.arange(len(labels)), labels] + smooth * decisions.mean(axis=1)
    largest = decisions.max(axis=1)

    def loss(logarithm: float) -> float:
        s = np.exp(logarithm)
        partition = np.log(np.exp(s * (decisions - largest[:, np.newaxis])).sum(axis=1))
        losses = partition + s * (largest - right)
        return float(losses.mean() if weights is None else np.average(losses, weights=weights))

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


def parts_held_out(
    labels: Int64[np.ndarray, " n"], *, once: bool = False
) -> list[Int64[np.ndarray, " held"]]:
    """Positions to hold out, one part after the other: five parts of few examples, the last of many.

    With `once` it is one part in any case.

    Every class keeps an example outside each part: what would leave it none is not held out.
    """
    part = np.full(len(labels), -1)
    if len(labels) > FEW:
        first = len(labels) - min(_HELD, len(labels) // _PARTS)
        part[first:][np.isin(labels[first:], labels[:first])] = 0
    else:
        for number, each in enumerate(np.unique(labels)):
            members = np.flatnonzero(labels == each)
            if len(members) > 1:
                part[members] = (np.arange(len(members)) + number) % _PARTS
    held_out = [held for number in range(_PARTS) if len(held := np.flatnonzero(part == number))]
    return held_out[:1] if once else held_out


def scale_out_of_sample(
    labels: Int64[np.ndarray, " n"],
    decide: Callable[[Int64[np.ndarray, " held"]], Float64[np.ndarray, "held classes"]],
    *,
    once: bool = False,
    weights: Float64[np.ndarray, " n"] | None = None,
) -> float:
    """Scale for a model of these examples, by `decide`: decision values of some that a model learnt without.

    With `once` a single part is held out, which serves models that are compared and forgotten. 1 where no
    example can be held out.
    """
    parts = parts_held_out(labels, once=once)
    if not parts:
        return 1.0
    held_out = np.concatenate(parts)
    own = None if weights is None else weights[held_out]
    return best_scale(labels[held_out], np.concatenate([decide(held) for held in parts]), own)
