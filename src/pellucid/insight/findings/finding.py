"""Finding: a fault of a training."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """Fault of a training, in words and numbers.

    Attributes:
        name: such as `dead-units`; stays the same.
        sentence: what went wrong, in words.
        evidence: what was measured, in words and numbers.
        remedy: what to do about it.
        method: how it is found, with the threshold and where that comes from.
        numbers: what was measured, by name.
    """

    name: str
    sentence: str
    evidence: str
    remedy: str
    method: str
    numbers: Mapping[str, float]

    def to_json(self) -> dict[str, Any]:
        """Entry of `findings` in `metrics.json`."""
        return dataclasses.asdict(self)
