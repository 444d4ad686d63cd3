"""Network opened on one input: its lines, and the value that every one of them had."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Shaped

from pellucid.reference import Line


@dataclass(frozen=True, eq=False)
class Opened:
    """Computation of a network on one input, by itself and in its own precision.

    Attributes:
        lines: what it does, in order, each under the name of its layer.
        values: by name, `inputs` included, each for a batch of one example.
        weights: by the names that the lines use.
        output: name of the line whose value are the logits, the predicted number, or the image made.
        given: names of what the network was given; `inputs` is among them.
        parts: part of the network that each line belongs to, by name; none where there is one part alone.
    """

    lines: tuple[Line, ...]
    values: Mapping[str, Shaped[np.ndarray, "1 ..."]]
    weights: Mapping[str, np.ndarray]
    output: str
    given: tuple[str, ...] = ("inputs",)
    parts: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def by_name(self) -> dict[str, Line]:
        """Lines by name."""
        return {line.name: line for line in self.lines}

    def line(self, name: str) -> Line:
        """Line of the layer `name`.

        Raises: `ValueError` if none is called so.
        """
        if name not in self.by_name:
            raise ValueError(f"{name}: no layer of this name; there are {', '.join(self.by_name)}")
        return self.by_name[name]

    def value(self, name: str) -> Shaped[np.ndarray, "..."]:
        """Value of a layer, or of `inputs`: (channel, row, column), (place, channel) or a vector.

        Raises: `ValueError` if nothing is called so.
        """
        if name not in self.values:
            self.line(name)
        found: np.ndarray = self.values[name][0]
        return found

    def sources(self, line: Line) -> list[str]:
        """Names of the values that a line takes, its weights left out."""
        return [name for name in line.takes if name in self.values]

    def weights_of(self, line: Line) -> list[Shaped[np.ndarray, "..."]]:
        """Weights that a line takes, in order."""
        return [self.weights[name] for name in line.takes if name in self.weights]
