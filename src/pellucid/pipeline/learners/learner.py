"""Learner: says its cost, takes its time, trains on labelled data, hands over candidates."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.run.time_budget import UNLIMITED, TimeBudget


@runtime_checkable
class Learner(Protocol):
    """Something that learns: a classical model, a network, models on a backbone."""

    @property
    def name(self) -> str:
        """Name of what it hands over, in words."""

    def cost(self, material: Material) -> float:
        """Seconds that training on some material takes, by counts alone, on a processor of no name.

        An order of magnitude: whatever is decided by it is the same on every machine.
        """

    def fit(self, material: Material, time: TimeBudget = UNLIMITED) -> Sequence[Candidate]:
        """Train within a time on labelled inputs, whose validation split may be empty.

        One candidate, or all that stand on one body, simplest first.

        Raises: `UsageError` if a setting contradicts the data, or the time is too short; `DivergedError`
        if the loss stopped being finite.
        """
