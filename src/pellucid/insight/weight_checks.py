r"""The gradient of one weight: the chain rule with numbers, and three ways to the same value.

A weight that is used at several places collects from all of them. With $\bar y$ the gradient at the
layer's units and $x_j$ the number that the weight $w$ meets at place $j$,

$$\frac{\partial L}{\partial w} = \sum_j \bar y_j x_j$$

Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 6; Goodfellow, Bengio and Courville 2016,
"Deep Learning", eq. 9.11, for weights that are shared.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from pellucid.insight.backward import Backward, loss_of
from pellucid.insight.opened import Opened
from pellucid.insight.opening import still
from pellucid.networks import Network
from pellucid.reference import Line
from pellucid.reference.differences import best_step
from pellucid.reference.patches import patches
from pellucid.reference.weighed_sum import factors

Index = tuple[int, ...]
Terms = tuple[Float64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]


@dataclass(frozen=True, eq=False)
class WeightCheck:
    """One weight's gradient.

    Attributes:
        layer: name of the layer.
        name: of the weight.
        index: of the number in it.
        weight: the number itself.
        above: gradients at the units that it takes part in; none where the chain is a recurrent one.
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
        """The sum of the chain rule's terms."""
        return float(self.above @ self.seen)

    @property
    def relative_error(self) -> float:
        """How far the three are apart at most, beside the largest of them."""
        three = (self.by_hand, self.by_autograd, self.by_difference)
        largest = max(map(abs, three))
        return (max(three) - min(three)) / largest if largest else 0.0

    def __repr__(self) -> str:
        return (
            f"{self.name}{list(self.index)}: by hand {self.by_hand:.9g}, autograd {self.by_autograd:.9g}, "
            f"central difference {self.by_difference:.9g}, relative error {self.relative_error:.1e}"
        )


class WeightChecker:
    """Checks single weights of one opened network.

    Args:
        network: that was opened; stays as it is.
        opened: the same network on the input.
        backward: its gradients.
    """

    def __init__(self, network: Network, opened: Opened, backward: Backward) -> None:
        self._asked = still(network).double().requires_grad_(False)
        self._tensors = dict(self._asked.named_parameters())
        self._inputs = torch.from_numpy(backward.values["inputs"])
        self._opened, self._backward = opened, backward

    def check(self, name: str, index: Sequence[int]) -> WeightCheck:
        """Compute one weight's gradient in three ways.

        Args:
            name: of a weight or bias that is learnt.
            index: of a number in it.

        Returns:
            The three, and the chain rule with numbers.

        Raises:
            ValueError: no weight is called so, or it has no such number.
        """
        at = tuple(int(each) for each in index)
        if name not in self._tensors:
            raise ValueError(f"{name}: no weight of this name; there are {', '.join(self._tensors)}")
        shape = tuple(self._tensors[name].shape)
        if len(at) != len(shape) or any(not 0 <= each < size for each, size in zip(at, shape, strict=True)):
            raise ValueError(f"{name}: number {at} is not within {shape}")
        line = next(line for line in self._opened.lines if name in line.takes)
        above, seen = self._terms(line, line.takes.index(name) - len(self._opened.sources(line)), at)
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

    def largest(self, each: int = 1) -> list[WeightCheck]:
        """Check, of every weight tensor, the numbers with the largest gradients.

        Args:
            each: how many of every tensor.

        Returns:
            Their checks, in the order of the layers.
        """
        found = []
        for line in self._opened.lines:
            for name in line.takes:
                if name not in self._tensors or name not in self._backward.by_autograd:
                    continue
                sizes = np.abs(self._backward.gradients[name])
                for at in np.argsort(-sizes.ravel(), kind="stable")[:each]:
                    index = [int(number) for number in np.unravel_index(at, sizes.shape)]
                    found.append(self.check(name, index))
        return found

    def _difference(self, name: str, index: Index) -> tuple[float, float]:
        """A central difference of the loss, and its step."""
        tensor, target = self._tensors[name], self._backward.target
        before = float(tensor[index])
        step = best_step(before, np.dtype(np.float64))
        losses = []
        with torch.no_grad():
            for number in (before + step, before - step):
                tensor[index] = number
                losses.append(float(loss_of(self._asked(self._inputs), target)))
            tensor[index] = before
        return (losses[0] - losses[1]) / ((before + step) - (before - step)), step

    def _terms(self, line: Line, part: int, index: Index) -> Terms:
        """The terms of the chain rule: gradients above, and the numbers that the weight meets."""
        if line.kind not in _TERMS:
            return np.zeros(0), np.zeros(0)
        above = self._backward.gradients[line.name][0]
        taken = [self._backward.values[name] for name in line.takes]
        return _TERMS[line.kind](line, above, taken, part, index)


def _of_bias(above: np.ndarray, index: Index) -> Terms:
    """A bias meets a 1 at each of its units; channels stand first, but of texts last."""
    of_unit = above[:, index[0]] if above.ndim == 2 else above[index[0]]
    gradients = np.asarray(of_unit, np.float64).ravel()
    return gradients, np.ones_like(gradients)


def _of_dense(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    unit, number = index
    return above[[unit]], taken[0][0, [number]]


def _of_convolution(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    filter_, channel, k, l = index  # noqa: E741
    seen = patches(taken[0], taken[1].shape[2:], line.settings["stride"], line.settings["padding"])
    return above[filter_].ravel(), seen[0, channel, :, :, k, l].ravel()


def _of_neighbours(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    filter_, number, k = index
    kernel = taken[1].shape[2]
    before = (kernel - 1) // 2
    padded = np.pad(taken[0][0, :, number], (before, kernel - 1 - before))
    return above[:, filter_], padded[k : k + len(above)]


def _of_norm(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    mean, variance = taken[3][index], taken[4][index]
    normalised = (taken[0][0, index[0]] - mean) / np.sqrt(variance + line.settings["epsilon"])
    return np.asarray(above[index[0]]).ravel(), np.asarray(normalised).ravel()


def _of_embedding(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    token, number = index
    places = np.flatnonzero(taken[0][0] == token)
    return above[places, number], np.ones(len(places))


def _of_weighed_sum(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    token, unit = index
    shares = factors(taken[0], taken[3], groups=line.settings["groups"])[0]
    return above[[unit]], shares[[token]]


_TERMS: dict[str, Callable[[Line, np.ndarray, list[np.ndarray], int, Index], Terms]] = {
    "dense": _of_dense,
    "convolution": _of_convolution,
    "neighbours": _of_neighbours,
    "fixed-norm": _of_norm,
    "embedding": _of_embedding,
    "weighed-sum": _of_weighed_sum,
}
"""The chain rule of the weights of each kind of layer; of a recurrent one it runs through time."""
