r"""Gradient of one weight: the chain rule with numbers, and three ways to the same value.

By hand is the sum of the terms of `weight_terms`, as `pellucid.reference` adds them up; by autograd is torch;
the third is a central difference of the loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from pellucid.insight.gradients.backward import Backward, loss_at
from pellucid.insight.gradients.weight_terms import Index, terms_of
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.opening import layered
from pellucid.insight.programs.program import Program
from pellucid.networks import Network
from pellucid.reference.differences import best_step

# A backbone bends at hundreds of thousands of places; a shorter step to both sides passes fewer of them.
_NEARER = 64


@dataclass(frozen=True, eq=False)
class WeightCheck:
    """Gradient of one weight in three ways.

    Attributes:
        layer: name of the layer.
        name: of the weight.
        index: of the number in it.
        weight: the number itself.
        above: gradients at the units that it takes part in; in a recurrent layer at the sums of its gates.
        seen: the numbers that it meets there.
        by_hand: the gradient by `pellucid.reference`.
        by_autograd: the same by torch.
        by_difference: a central difference of the loss.
        step: how far the weight was moved for that, to both sides.
    """

    layer: str
    name: str
    index: Index
    weight: float
    above: Float64[np.ndarray, " terms"]
    seen: Float64[np.ndarray, " terms"]
    by_hand: float
    by_autograd: float
    by_difference: float
    step: float

    @property
    def chained(self) -> float:
        """Sum of the chain rule's terms."""
        return float(self.above @ self.seen)

    @property
    def relative_error(self) -> float:
        """Largest difference of the three, beside the largest of them."""
        three = (self.by_hand, self.by_autograd, self.by_difference)
        largest = max(map(abs, three))
        return (max(three) - min(three)) / largest if largest else 0.0

    def __repr__(self) -> str:
        return (
            f"{self.name}{list(self.index)}: by hand {self.by_hand:.9g}, autograd {self.by_autograd:.9g}, "
            f"central difference {self.by_difference:.9g}, relative error {self.relative_error:.1e}"
        )


class WeightChecker:
    """Checks of single weights of one opened network."""

    def __init__(self, network: Network | Program, opened: Opened, backward: Backward) -> None:
        self._asked = layered(network).double().requires_grad_(False)
        self._tensors = dict(self._asked.named_parameters())
        self._given = {name: torch.from_numpy(backward.values[name]) for name in opened.given}
        self._opened, self._backward = opened, backward
        self._nearer = _NEARER if isinstance(network, Network) and network.config.backbone else 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the weights and biases that are learnt, in the order of the layers."""
        taken = [name for line in self._opened.lines for name in line.takes if name in self._tensors]
        return tuple(name for name in taken if name in self._backward.by_autograd)

    def check(self, name: str, index: Sequence[int]) -> WeightCheck:
        """Compute one weight's gradient in three ways, with the terms of its chain rule.

        Raises: `ValueError` if no weight that is learnt is called so, or it has no such number.
        """
        at = tuple(int(each) for each in index)
        if name not in self.names:
            raise ValueError(f"{name}: no weight of this name; there are {', '.join(self.names)}")
        shape = tuple(self._tensors[name].shape)
        if len(at) != len(shape) or any(not 0 <= each < size for each, size in zip(at, shape, strict=True)):
            raise ValueError(f"{name}: number {at} is not within {shape}")
        line = next(line for line in self._opened.lines if name in line.takes)
        above, seen = terms_of(
            line, self._backward, line.takes.index(name) - len(self._opened.sources(line)), at
        )
        difference, step = self._difference(name, at)
        return WeightCheck(
            layer=line.name,
            name=name,
            index=at,
            weight=float(self._backward.values[name][at]),
            above=above,
            seen=seen,
            by_hand=float(self._backward.gradients[name][at]),
            by_autograd=float(self._backward.by_autograd[name][at]),
            by_difference=difference,
            step=step,
        )

    def largest(self, each: int = 1, most: int | None = None) -> list[WeightCheck]:
        """Checks of the `each` numbers with the largest gradients of every weight tensor, in layer order.

        Where there are more than `most` tensors, of so many, spread evenly over the network.
        """
        count = len(self.names) if most is None else min(most, len(self.names))
        found = []
        for name in [self.names[at * len(self.names) // count] for at in range(count)]:
            sizes = np.abs(self._backward.gradients[name])
            for at in np.argsort(-sizes.ravel(), kind="stable")[:each]:
                index = [int(number) for number in np.unravel_index(at, sizes.shape)]
                found.append(self.check(name, index))
        return found

    def _difference(self, name: str, index: Index) -> tuple[float, float]:
        """Central difference of the loss, and its step."""
        tensor, target = self._tensors[name], self._backward.target
        before = float(tensor[index])
        step = best_step(before, np.dtype(np.float64)) / self._nearer
        losses = []
        with torch.no_grad():
            for number in (before + step, before - step):
                tensor[index] = number
                losses.append(float(loss_at(self._asked, self._given, target)))
            tensor[index] = before
        return (losses[0] - losses[1]) / ((before + step) - (before - step)), step
