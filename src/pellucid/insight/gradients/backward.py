r"""Backpropagation shown: the gradient at every layer, by hand and by autograd, in double precision.

The loss is the cross-entropy of the network's logits $z$ against one class $k$, or where a number is
predicted that number itself; that of a network of several parts is the sum of its terms, as minus the
evidence lower bound is of an autoencoder:

$$L = -\ln \frac{e^{z_k}}{\sum_j e^{z_j}}, \qquad L = \hat y, \qquad L = \sum_i f_i t_i$$

By hand is `pellucid.reference`, line by line; by autograd is torch. They are two programs that know
nothing of each other, so where they agree both are right. One thing is settled between them: where a maximum
is reached at several places, as in a plain background, rounding decides which of them is the first, and the
gradient by hand then goes where torch's goes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Shaped
from torch import Tensor
from torch.nn import functional

from pellucid.insight.layers.bridge import SAME
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.opening import layered
from pellucid.insight.programs.program import Program
from pellucid.networks import Network
from pellucid.reference import Line, walk, walk_back
from pellucid.reference.texts.gru import gru_sum_gradients
from pellucid.reference.texts.lstm import lstm_sum_gradients

_LOSS = "loss"
_OF_MAXIMA = ("max-pool", "global-max", "text-max")
_ROUNDING = 1e-12
_States = tuple[Tensor, object]


@dataclass(frozen=True, eq=False)
class Backward:
    """Gradients of one loss.

    Attributes:
        target: the class that the loss is against; `None` where a number is predicted, or an image made.
        loss: its value; the number itself where one is predicted.
        values: of every line, by hand, for a batch of one.
        gradients: by name of a value (for a batch of one) or of a weight, by hand.
        by_autograd: the same by torch, for what torch has a layer or a weight for.
        terms: layers whose numbers add up to the loss, each with its factor; none where the loss is of the
            output.
        sums: by name of a recurrent layer, the gradients at the sums inside its gates (step, gate): those
            that the input's weights meet, and those that the state's weights meet.
    """

    target: int | None
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
        apart = float(np.abs(by_hand - by_autograd).max(initial=0.0))
        return apart / largest if largest else apart


def go_back(network: Network | Program, opened: Opened, target: int | None) -> Backward:
    """Gradients of the loss at every layer and of every weight of an opened network, in two ways."""
    given: dict[str, np.ndarray] = {name: each.astype(np.float64) for name, each in opened.weights.items()}
    for name in opened.given:
        each = opened.values[name]
        given[name] = each if each.dtype == np.int64 else each.astype(np.float64)
    by_autograd, theirs = _by_autograd(network, {name: given[name] for name in opened.given}, target)
    lines, start = [*opened.lines], _start(network, opened, target)
    if target is not None:
        lines.append(Line(_LOSS, "cross-entropy", (opened.output, "labels")))
        given["labels"] = np.array([target])
    values = walk(lines, given)
    with_ties = {**values, **_settled(lines, values, theirs)}
    for name, factor in start.items():
        if np.ndim(values[name]):
            start[name] = np.full_like(values[name], factor)
    gradients = walk_back(lines, with_ties, start)
    loss = sum(float(np.sum(factor * values[name])) for name, factor in start.items())
    if target is not None:
        del values[_LOSS], gradients[_LOSS]
    for found in (values, gradients):
        found.update({name: np.full((1, 1), each) for name, each in found.items() if np.ndim(each) == 0})
    terms = network.terms if isinstance(network, Program) else {}
    return Backward(target, loss, values, gradients, by_autograd, terms, _sums(opened, values, gradients))


def _start(network: Network | Program, opened: Opened, target: int | None) -> dict[str, Any]:
    """Gradients that the way back starts from."""
    if isinstance(network, Program):
        return dict(network.terms)
    return {_LOSS: 1.0} if target is not None else {opened.output: np.ones((1, 1))}


def _settled(
    lines: Sequence[Line], values: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Inputs of layers that take a maximum, as torch rounded them, where they differ by rounding alone."""
    found = {}
    for line in lines:
        name = line.takes[0]
        if line.kind in _OF_MAXIMA and name in theirs:
            size = float(np.abs(values[name]).max(initial=0.0))
            if np.abs(values[name] - theirs[name]).max(initial=0.0) <= _ROUNDING * size:
                found[name] = theirs[name]
    return found


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


def loss_of(outputs: Tensor, target: int | None) -> Tensor:
    """Loss of the logits for one input against a class, or the predicted number where `target` is `None`."""
    if target is None:
        return outputs[0, 0]
    return functional.cross_entropy(outputs, torch.tensor([target]))


def loss_at(asked: Network | Program, given: Mapping[str, Tensor], target: int | None) -> Float[Tensor, ""]:
    """Loss of a network for what it is given, by name."""
    if isinstance(asked, Program):
        return asked.loss(given)
    return loss_of(asked(given["inputs"]), target)


def _by_autograd(
    network: Network | Program, given: Mapping[str, np.ndarray], target: int | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gradients of values and weights by torch, and the values."""
    asked = layered(network).double().requires_grad_(True)
    found: dict[str, np.ndarray] = {}
    seen: dict[str, np.ndarray] = {}
    for name, layer in asked.named_modules():
        if type(layer) not in SAME:
            continue

        def watch(_: object, __: object, output: Tensor | _States, name: str = name) -> None:
            """Keep what a layer gives, and ask for its gradient."""
            values = output if isinstance(output, Tensor) else output[0]
            seen[name] = values.detach().clone().numpy()
            # A hook of a tensor is told the gradient of what it was before a later layer wrote over it.
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
