"""Numbers of adversarial training that no other training has."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class AdversarialRules:
    """Recipe by which generator and discriminator are trained against each other.

    Attributes:
        generator_rate: learning rate of the generator, as a part of the discriminator's.
        momentum: share of the mean of gradients that Adam keeps from step to step, for both.
        stretch: largest factor by which a layer of the discriminator may stretch what comes in; 0 for none.
        averaging: share of the averaged generator that is kept from step to step.
    """

    generator_rate: float
    momentum: float
    stretch: float
    averaging: float

    def to_json(self) -> dict[str, float]:
        """JSON form."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "AdversarialRules":
        """Rules that `to_json` wrote."""
        return cls(**document)


# The recipe that made the best images in equal time; `docs/benchmarks.md` says what lost.
BY_MEASUREMENT = AdversarialRules(generator_rate=1.0, momentum=0.0, stretch=1.0, averaging=0.999)
