"""Program: a network of several parts as steps, each a layer with what it takes and the part it belongs to.

A classifier is a chain of layers from one input. A network that makes images is more: an encoder and a
decoder, a draw between them that takes noise, perhaps a second network that judges. Taken apart into steps it
is opened like any other, layer by layer and part by part, and its loss is a sum of some of its steps.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Step(NamedTuple):
    """Step of a program.

    Attributes:
        name: of its layer.
        part: of the network, in words.
        takes: names of the given values, or of the steps, that the layer takes.
    """

    name: str
    part: str
    takes: tuple[str, ...]


class Program(nn.Module):
    """Network of several parts, step by step.

    Attributes:
        steps: in the order of computation.
        given: names of what it is given; `inputs` is the image.
        output: name of the step that gives its answer.
        terms: steps that add up to the loss, each a number for each example, and the factor of each.

    Args:
        layers: of the steps, by name; names of weights are theirs.
        steps: see the attribute.
        given: likewise.
        output: likewise.
        terms: likewise.
    """

    steps: tuple[Step, ...]
    given: tuple[str, ...]
    output: str
    terms: Mapping[str, float]

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        steps: Sequence[Step],
        *,
        given: Sequence[str],
        output: str,
        terms: Mapping[str, float],
    ) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)
        self.steps, self.given = tuple(steps), tuple(given)
        self.output, self.terms = output, dict(terms)

    def forward(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Values of all steps, by name, and what was given."""
        values = dict(given)
        for step in self.steps:
            values[step.name] = self.get_submodule(step.name)(*(values[name] for name in step.takes))
        return values

    def loss(self, given: Mapping[str, Tensor]) -> Float[Tensor, ""]:
        """Sum of the terms, each times its factor."""
        values = self(given)
        return torch.stack([factor * values[name].sum() for name, factor in self.terms.items()]).sum()

    def part_of(self, line: str) -> str:
        """Part of the network that a layer belongs to."""
        return next(step.part for step in self.steps if line == step.name or line.startswith(f"{step.name}."))
