"""Gradients that fade or grow on their way from the last layer down to the first."""

import math
from statistics import median

from pellucid.arithmetic.rounding import figure
from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding

FEWEST_LAYERS = 3
# Of the last layer's gradient, what the lowest third of the layers gets at least in a sound network.
VANISHED = 0.01

# Times the last layer's gradient, or that of the first measured epoch, that a sound network stays below.
EXPLODED = 100.0

_SOURCE = "Hochreiter 1991 and Bengio and others 1994 show why gradients fade or grow by a factor per layer"


def vanishing_gradients(course: Course) -> Finding | None:
    """Vanishing gradients, so that the lowest layers hardly learn.

    Found where, in the median of the measured epochs, the lowest third of the layers gets less than a
    hundredth of the last layer's gradient; `None` elsewhere.
    """
    low, last = _ends(course)
    ratios = [below / above for below, above in zip(low, last, strict=True) if above > 0]
    if not ratios or median(ratios) >= VANISHED:
        return None
    ratio = median(ratios)
    return Finding(
        "vanishing-gradients",
        "Gradients vanish on their way down: the lowest layers hardly learn.",
        f"The gradient of the lowest third of the layers is {figure(ratio)} times as long as that of the "
        "last layer.",
        course.remedy(
            "Use relu or gelu in place of sigmoid or tanh, keep batch normalisation on, or take fewer layers."
        ),
        f"Found where that is below {VANISHED:g} in the median of the measured epochs. {_SOURCE}; Glorot and "
        "Bengio 2010 measure it layer by layer. In sound trainings of our own it stays above 0.05.",
        {"lowest_to_last": ratio},
    )


def exploding_gradients(course: Course) -> Finding | None:
    """Exploding gradients, on the way down or in time.

    Found where the lowest third of the layers gets more than a hundred times the last layer's
    gradient, or the whole gradient grows a hundredfold since the first measured epoch; `None` elsewhere.
    """
    low, last = _ends(course)
    steepest = max((below / above for below, above in zip(low, last, strict=True) if above > 0), default=0.0)
    lengths = [math.hypot(*epoch) for epoch in course.epochs("gradient_norm")]
    growth = max(lengths) / lengths[0] if lengths and lengths[0] > 0 else 0.0
    if max(steepest, growth) <= EXPLODED:
        return None
    evidence = (
        f"The gradient of the lowest third of the layers was up to {figure(steepest)} times as long as that "
        "of the last layer."
        if steepest > EXPLODED
        else f"The gradient grew to {figure(growth)} times its length in the first measured epoch."
    )
    return Finding(
        "exploding-gradients",
        "Gradients explode: they grow many times over on their way down, or from epoch to epoch.",
        evidence,
        course.remedy("Lower the learning rate, keep batch normalisation on, or take fewer or wider layers."),
        f"Found above a factor of {EXPLODED:g} in either. {_SOURCE}; Pascanu and others 2013 describe the "
        "walls in the loss that such gradients come from.",
        {"lowest_to_last": steepest, "growth": growth},
    )


def _ends(course: Course) -> tuple[list[float], list[float]]:
    """Gradients of the lowest third of the layers (its median) and of the last, for each measured epoch."""
    deep = [epoch for epoch in course.epochs("gradient_norm") if len(epoch) >= FEWEST_LAYERS]
    return [median(epoch[: len(epoch) // 3]) for epoch in deep], [epoch[-1] for epoch in deep]
