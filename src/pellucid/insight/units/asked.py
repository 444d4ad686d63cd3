"""Request for a unit, and the calculation that most units have in common: numbers, weighed and added up."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pellucid.insight.units.arithmetic import Weighing
from pellucid.insight.units.parts import Parts

Index = tuple[int, ...]
Settings = Mapping[str, Any]


class Asked(NamedTuple):
    """Input of a unit's calculation.

    Attributes:
        taken: what the layer takes, weights included, values without the batch.
        settings: of the layer.
        unit: which number.
    """

    taken: list[np.ndarray]
    settings: Settings
    unit: Index


def wide(array: Any) -> Any:
    """Numbers in double precision."""
    return np.asarray(array, np.float64)


def weighed(patch: Any, weights: Any, bias: Any = 0.0) -> Parts:
    """Sum of numbers, each times its weight, and a bias."""
    weighing = Weighing("", wide(patch), wide(weights), float(bias))
    return Parts(weighing.value, weighing.magnitude, weighings=(weighing,))


def bias_of(asked: Asked, place: int) -> float:
    """Bias of one filter or unit; 0 of a layer without."""
    return float(asked.taken[2][place]) if len(asked.taken) > 2 else 0.0
