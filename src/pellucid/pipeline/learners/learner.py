"""Learner: says its cost, takes an allowance of the time, trains on labelled data, hands over candidates."""

import time
from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from pellucid.pipeline.learners.candidates import Candidate
from pellucid.pipeline.learners.planning.preparation import Material


class Allowance(NamedTuple):
    """A learner's share of a time limit; without one it takes what its settings ask for.

    Attributes:
        deadline: reading of `time.monotonic` by which it should have trained and answered; `None` without a
            limit.
        least: seconds that training gets in any case, even where the deadline is over.
        asked_after: examples that the model will be asked about before the deadline.
        granted: seconds for all classical models together, decided before the first; `None` for what follows
            from the settings. They become counts, so that the clock decides nothing while one is fitted.
    """

    deadline: float | None = None
    least: float = 0.0
    asked_after: int = 0
    granted: float | None = None

    @property
    def seconds(self) -> float | None:
        """Seconds left until the deadline, below 0 after it; `None` without a limit."""
        return None if self.deadline is None else self.deadline - time.monotonic()


UNLIMITED = Allowance()


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

    def fit(self, material: Material, allowance: Allowance = UNLIMITED) -> Sequence[Candidate]:
        """Train within an allowance on labelled inputs, whose validation split may be empty.

        One candidate, or all that stand on one body, simplest first.

        Raises: `UsageError` if a setting contradicts the data, or the allowance is too small; `DivergedError`
        if the loss stopped being finite.
        """
