"""Gradients at every layer and of one weight: by hand, by autograd and by central differences."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor

from pellucid.insight.by_target import Against, loss_against
from pellucid.insight.opened_networks import Opened, layered
from pellucid.insight.reference_lines import SAME
from pellucid.insight.unfolded_layers import Program
from pellucid.language.sentence import Sentence
from pellucid.networks import Network
from pellucid.reference import LAYERS, Line, walk, walk_back
from pellucid.reference.autoencoder import mixture_density_backward
from pellucid.reference.normalisation import normalised
from pellucid.reference.notation import Declaration
from pellucid.reference.recurrent import gru_sum_gradients, lstm_sum_gradients
from pellucid.reference.walk import best_step

_LOSS = "loss"
_ROUNDING = 1e-12
_States = tuple[Tensor, object]


@dataclass(frozen=True, eq=False)
class Backward:
    """Gradients of one loss.

    `target`: the class that the loss is against, or the state of each of several labels, of which those that
    are not known count nowhere; `None` where a number is predicted, or an image made; `loss`: its value, the
    number itself where one is predicted; `values`: of every line, by hand, for a batch of one; `gradients`:
    by name of a value (for a batch of one) or of a weight, by hand; `by_autograd`: the same by torch, for
    what torch has a layer or a weight for; `terms`: layers whose numbers add up to the loss, each with its
    factor, none where the loss is of the output; `sums`: by name of a recurrent layer, the gradients at the
    sums inside its gates (step, gate): those that the input's weights meet, and those that the state's
    weights meet.
    """

    target: Against
    loss: float
    values: Mapping[str, Shaped[np.ndarray, "..."]]
    gradients: Mapping[str, Float64[np.ndarray, "..."]]
    by_autograd: Mapping[str, Float64[np.ndarray, "..."]]
    terms: Mapping[str, float]
    sums: Mapping[str, tuple[Float64[np.ndarray, "steps gates"], Float64[np.ndarray, "steps gates"]]]

    def gradient(self, name: str) -> Float64[np.ndarray, "..."] | None:
        """Gradient at a layer (or `inputs`), in the shape of its value; `None` of ids, which have none."""
        return self.gradients[name][0] if name in self.gradients else None

    def norm(self, name: str) -> float | None:
        """Euclidean norm of the gradient at a layer (or `inputs`); `None` where it has none."""
        gradient = self.gradient(name)
        return None if gradient is None else float(np.sqrt((gradient**2).sum()))

    def disagreement(self, name: str) -> float | None:
        """Largest difference of both gradients over the largest entry; `None` if torch lacks the name."""
        if name not in self.by_autograd or name not in self.gradients:
            return None
        by_hand, by_autograd = self.gradients[name], self.by_autograd[name]
        largest = float(np.abs(by_autograd).max(initial=0.0))
        difference = float(np.abs(by_hand - by_autograd).max(initial=0.0))
        return difference / largest if largest else difference


def go_back(network: Network | Program, opened: Opened, target: Against) -> Backward:
    """Gradients of the loss at every layer and of every weight of an opened network, in two ways."""
    given: dict[str, np.ndarray] = {name: each.astype(np.float64) for name, each in opened.weights.items()}
    for name in opened.given:
        each = opened.values[name]
        given[name] = each if each.dtype == np.int64 else each.astype(np.float64)
    by_autograd, theirs = _by_autograd(network, {name: given[name] for name in opened.given}, target)
    lines, terms = [*opened.lines], dict(network.terms) if isinstance(network, Program) else {}
    factors = terms or {opened.output: 1.0}
    if target is not None:
        own = loss_against(target)
        lines.append(Line(_LOSS, own.loss_kind, (opened.output, "labels")))
        given["labels"] = np.array([target], own.dtype)
        factors = {_LOSS: 1.0}
    values = walk(lines, given)
    with_ties = dict(values)
    for line in lines:
        # Maxima are taken as torch rounded what they are taken of, where it differs by rounding alone.
        name, bound = line.takes[0], opened.bound(line)
        if bound is not None and bound.notation.operation == "max" and name in theirs:
            size = float(np.abs(values[name]).max(initial=0.0))
            if np.abs(values[name] - theirs[name]).max(initial=0.0) <= _ROUNDING * size:
                with_ties[name] = theirs[name]
    start: dict[str, Any] = {
        name: np.full_like(values[name], factor) if np.ndim(values[name]) else factor
        for name, factor in factors.items()
    }
    gradients = walk_back(lines, with_ties, start)
    loss = sum(float(np.sum(factor * values[name])) for name, factor in start.items())
    if target is not None:
        del values[_LOSS], gradients[_LOSS]
    for found in (values, gradients):
        found.update({name: np.full((1, 1), each) for name, each in found.items() if np.ndim(each) == 0})
    return Backward(target, loss, values, gradients, by_autograd, terms, _sums(opened, values, gradients))


def _sums(
    opened: Opened, values: Mapping[str, np.ndarray], gradients: Mapping[str, np.ndarray]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Gradients inside the gates of recurrent layers."""
    found = {}
    for line in opened.lines:
        taken = [values[name] for name in line.takes]
        if line.kind == "lstm":
            (inside,) = lstm_sum_gradients(gradients[line.name], *taken)
            found[line.name] = (inside, inside)
        elif line.kind == "gru":
            of_inputs, of_state = gru_sum_gradients(gradients[line.name], *taken)
            found[line.name] = (of_inputs[0], of_state[0])
    return found


def loss_at(asked: Network | Program, given: Mapping[str, Tensor], target: Against) -> Float[Tensor, ""]:
    """Loss of a network for what it is given, by name: against a class or labels, or the predicted number."""
    if isinstance(asked, Program):
        return asked.loss(given)
    outputs: Tensor = asked(given["inputs"])
    return outputs[0, 0] if target is None else loss_against(target).loss(outputs, target)


def _by_autograd(
    network: Network | Program, given: Mapping[str, np.ndarray], target: Against
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gradients of values and weights by torch, and the values."""
    asked = layered(network).double().requires_grad_(True)
    found: dict[str, np.ndarray] = {}
    seen: dict[str, np.ndarray] = {}
    for name, layer in asked.named_modules():
        if type(layer) not in SAME:
            continue

        def watch(_: object, __: object, output: Tensor | _States, name: str = name) -> None:
            values = output if isinstance(output, Tensor) else output[0]
            seen[name] = values.detach().clone().numpy()
            # A tensor's hook gets the gradient of what it was before a later layer wrote over it.
            values.register_hook(  # type: ignore[no-untyped-call]
                lambda gradient: found.__setitem__(name, gradient.clone().numpy())
            )

        layer.register_forward_hook(watch)
    tensors = {name: torch.from_numpy(each) for name, each in given.items()}
    for tensor in tensors.values():
        tensor.requires_grad_(tensor.is_floating_point())
    loss_at(asked, tensors, target).backward()  # type: ignore[no-untyped-call]
    for name, weight in (*tensors.items(), *asked.named_parameters()):
        if weight.grad is not None:
            found[name] = weight.grad.numpy()
    return found, seen


Index = tuple[int, ...]
Terms = tuple[Float64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]


def terms_of(line: Line, backward: Backward, part: int, index: Index) -> Terms:
    r"""Terms that add up to the gradient of one number of a layer's weight: gradients above, numbers met.

    $$\frac{\partial L}{\partial w} = \sum_j \bar y_j x_j$$

    with $\bar y$ the gradient at the layer's units and $x_j$ the number that the weight $w$ meets at place
    $j$; in a recurrent layer the gradient at the sum inside a gate at step $j$, which contains all later
    steps.

    Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 6; Goodfellow, Bengio and Courville 2016,
        "Deep Learning", eq. 9.11, for weights that are shared; Werbos 1990, eq. 12, for steps.
    """
    taken, declared = [backward.values[name] for name in line.takes], LAYERS[line.kind].declared
    if line.name in backward.sums:
        # Weights of the input and of the state before meet these, biases a 1, at every step.
        above = backward.sums[line.name][part % 2][:, index[0]]
        if part >= 2:
            return above, np.ones_like(above)
        if part == 0:
            return above, taken[0][0, :, index[1]]
        states = backward.values[line.name][0, :, index[1]]
        return above, np.concatenate([[0.0], states[:-1]])
    above = backward.gradients[line.name][0]
    if isinstance(declared, Declaration):
        name = declared.names[1 + part]
        arrays = [taken[0][0], *taken[1:]]
        return declared.bind(arrays, above.shape, line.settings).terms(name, index, above)
    return _TERMS[line.kind](line, above, taken, part, index)


def _of_norm(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    """A scale meets the normalised numbers, a shift a 1; channels are the first axis, of texts the last."""
    axis = -1 if line.kind == "layer-norm" else 0
    gradients = np.asarray(np.take(above, index[0], axis), np.float64).ravel()
    if part:
        return gradients, np.ones_like(gradients)
    if line.kind == "layer-norm":
        values, _ = normalised(taken[0][0], line.settings["epsilon"])
        return gradients, values[..., index[0]].ravel()
    values = (taken[0][0, index[0]] - taken[3][index]) / np.sqrt(taken[4][index] + line.settings["epsilon"])
    return gradients, np.asarray(values).ravel()


def _of_mixture(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    """A number of a prior meets the slope of the density by it: there is one term alone."""
    slopes = mixture_density_backward(1.0, *taken)[1 + part]
    return np.asarray(above, np.float64).ravel(), np.array([slopes[index]])


def _of_rows(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    """A number of a table meets a 1 at each place whose row it is: that of the id, or of the place itself."""
    places = np.arange(len(above))
    rows = taken[0][0] if line.kind == "embedding" else np.minimum(places, len(taken[1]) - 1)
    gradients = above[rows == index[0], index[1]]
    return gradients, np.ones_like(gradients)


# Weights whose chain rule does not follow from a line of index notation.
_TERMS: dict[str, Callable[[Line, np.ndarray, list[np.ndarray], int, Index], Terms]] = {
    "fixed-norm": _of_norm,
    "layer-norm": _of_norm,
    "embedding": _of_rows,
    "places": _of_rows,
    "mixture-density": _of_mixture,
}


# A backbone bends at hundreds of thousands of places; a shorter step to both sides passes fewer of them.
_NEARER = 64


@dataclass(frozen=True, eq=False)
class WeightCheck:
    """Gradient of one weight in three ways.

    `index`: of the number in the weight `name`; `weight`: the number; `above`: gradients at the units that it
    takes part in, in a recurrent layer at the sums of its gates; `seen`: the numbers that it meets there;
    `by_hand`: the gradient by `pellucid.reference`; `by_autograd`: by torch; `by_difference`: a central
    difference of the loss; `step`: how far the weight was moved for that, to both sides.
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
        """Largest difference of the three, relative to the largest of them."""
        three = (self.by_hand, self.by_autograd, self.by_difference)
        largest = max(map(abs, three))
        return (max(three) - min(three)) / largest if largest else 0.0

    def __repr__(self) -> str:
        return Sentence(
            "{name}{index}: by hand {by_hand:.9g}, autograd {by_autograd:.9g}, "
            "central difference {by_difference:.9g}, relative error {relative_error:.1e}",
            self.name,
            list(self.index),
            self.by_hand,
            self.by_autograd,
            self.by_difference,
            self.relative_error,
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
            raise ValueError(
                Sentence("{name}: no weight of this name; there are {names}", name, ", ".join(self.names))
            )
        shape = tuple(self._tensors[name].shape)
        if len(at) != len(shape) or any(not 0 <= each < size for each, size in zip(at, shape, strict=True)):
            raise ValueError(Sentence("{name}: number {at} is not within {shape}", name, at, shape))
        line = next(line for line in self._opened.lines if name in line.takes)
        part = line.takes.index(name) - len(self._opened.sources(line))
        above, seen = terms_of(line, self._backward, part, at)
        tensor = self._tensors[name]
        before = float(tensor[at])
        step = best_step(before, np.dtype(np.float64)) / self._nearer
        losses = []
        with torch.no_grad():
            for number in (before + step, before - step):
                tensor[at] = number
                losses.append(float(loss_at(self._asked, self._given, self._backward.target)))
            tensor[at] = before
        return WeightCheck(
            layer=line.name,
            name=name,
            index=at,
            weight=float(self._backward.values[name][at]),
            above=above,
            seen=seen,
            by_hand=float(self._backward.gradients[name][at]),
            by_autograd=float(self._backward.by_autograd[name][at]),
            by_difference=(losses[0] - losses[1]) / ((before + step) - (before - step)),
            step=step,
        )

    def largest(self, count: int = 1, most: int | None = None) -> list[WeightCheck]:
        """Checks of the `count` numbers with the largest gradients of every weight tensor, in layer order.

        Where there are more than `most` tensors, of so many, spread evenly over the network.
        """
        names, found = self.names, []
        tensors = len(names) if most is None else min(most, len(names))
        for name in [names[at * len(names) // tensors] for at in range(tensors)]:
            sizes = np.abs(self._backward.gradients[name])
            for at in np.argsort(-sizes.ravel(), kind="stable")[:count]:
                found.append(self.check(name, [int(each) for each in np.unravel_index(at, sizes.shape)]))
        return found
