"""Findings: faults of a training found in its history, each with its numbers and its remedy."""

from collections.abc import Callable, Sequence

from pellucid.insight.findings.course import Course
from pellucid.insight.findings.finding import Finding
from pellucid.insight.findings.fitting import cut_short, generalisation_gap, overfitting, underfitting
from pellucid.insight.findings.gradients import exploding_gradients, vanishing_gradients
from pellucid.insight.findings.labels import suspicious_labels
from pellucid.insight.findings.learning_rate import learning_rate_too_high, learning_rate_too_low
from pellucid.insight.findings.units import dead_units, saturated_units

__all__ = ["CAUSES", "FINDINGS", "WITHOUT_CAUSES", "Course", "Finding", "find"]

_Look = Callable[[Course], Finding | None]

# Findings that keep a network from learning.
CAUSES: tuple[_Look, ...] = (
    learning_rate_too_high,
    learning_rate_too_low,
    exploding_gradients,
    vanishing_gradients,
    dead_units,
    saturated_units,
)

# Findings looked for only without a cause: they follow from one, or a sound network must judge them.
WITHOUT_CAUSES: tuple[_Look, ...] = (underfitting, cut_short, suspicious_labels)

_FITTING: tuple[_Look, ...] = (overfitting, generalisation_gap)

# Everything that is looked for, in the order in which it is reported.
FINDINGS = (*CAUSES, *_FITTING, *WITHOUT_CAUSES)


def find(course: Course) -> Sequence[Finding]:
    """Faults of a training, causes first; none where it was sound."""
    causes = [finding for look in CAUSES if (finding := look(course)) is not None]
    others = (*_FITTING, *(() if causes else WITHOUT_CAUSES))
    return [*causes, *(finding for look in others if (finding := look(course)) is not None)]
