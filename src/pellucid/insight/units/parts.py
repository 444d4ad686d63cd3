"""Calculation of a unit before it is set beside the network's own value."""

from typing import NamedTuple

from pellucid.insight.units.arithmetic import Choice, Step, Weighing


class Parts(NamedTuple):
    """Calculation; see `Arithmetic` for what each part is."""

    value: float
    magnitude: float
    weighings: tuple[Weighing, ...] = ()
    choice: Choice | None = None
    steps: tuple[Step, ...] = ()
    source: tuple[int, ...] | None = None
