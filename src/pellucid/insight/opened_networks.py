"""Networks opened on one input: a forward pass that keeps what comes out of every layer."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from pellucid.bundle.network_answers import answering
from pellucid.insight.reference_lines import SAME, taken_apart, weights_of
from pellucid.insight.unfolded_layers import Program
from pellucid.insight.unfolding import unfold
from pellucid.networks import Network
from pellucid.networks.transformer import Attend
from pellucid.reference import LAYERS, Line
from pellucid.reference.notation import Bound, Declaration


@dataclass(frozen=True, eq=False)
class Opened:
    """Computation of a network on one input, by itself and in its own precision.

    `lines`: what it does, in order, each under the name of its layer; `values`: by name, `inputs` included,
    each for a batch of one example; `weights`: by the names that the lines use; `output`: name of the line
    whose value are the logits, the predicted number, or the image made; `given`: names of what the network
    was given; `inputs` is among them; `parts`: part of the network that each line belongs to, by name; none
    where there is one part alone.
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

    def taken(self, line: Line) -> list[Shaped[np.ndarray, "..."]]:
        """Everything that a line takes, in order: values without the batch, and weights."""
        return [self.values[name][0] if name in self.values else self.weights[name] for name in line.takes]

    def bound(self, line: Line) -> Bound | None:
        """Line of index notation that is declared of a layer, with its arrays; `None` where there is none."""
        if line.name not in self._bound:
            declared = LAYERS[line.kind].declared if line.kind in LAYERS else None
            self._bound[line.name] = (
                declared.bind(self.taken(line), self.value(line.name).shape, line.settings)
                if isinstance(declared, Declaration)
                else None
            )
        return self._bound[line.name]

    @cached_property
    def _bound(self) -> dict[str, Bound | None]:
        return {}

    def weights_of(self, line: Line) -> list[Shaped[np.ndarray, "..."]]:
        """Weights that a line takes, in order."""
        return [self.weights[name] for name in line.takes if name in self.weights]


_Asked = TypeVar("_Asked", bound=nn.Module)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Compute in one thread for a while: sums then come out the same everywhere, and small ones sooner."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def still(network: _Asked) -> _Asked:
    """Copy of a network on the CPU, in evaluation mode and single precision."""
    return copy.deepcopy(network).cpu().float().eval()


def layered(network: _Asked) -> _Asked:
    """Copy of a network as of `still`, in which each step is a layer: a backbone is unfolded.

    Raises: `ValueError` if a backbone cannot be followed.
    """
    copied = still(network)
    if isinstance(copied, Network):
        unfold(copied)
    return copied


def open_network(network: Network, inputs: Shaped[np.ndarray, "1 ..."]) -> Opened:
    """Compute a network's answer to one input, and keep every line, value and weight on the way.

    The values are those of torch in single precision, each copied before a later layer may write over it.
    Lines that torch has no layer for only pick values, put them in another order or add two of them, which
    rounds to the same everywhere. Weights of an attention, which its fused operation keeps to itself, are
    computed by torch from the queries and keys that it was given. Inputs are raw pixels (1, channel, row,
    column), features, or ids of a text.

    Raises: `ValueError` if a layer is of a kind that the reference does not have, or a backbone cannot be
    followed.
    """
    asked = layered(network)
    given = inputs if asked.config.vocabulary else inputs.astype(np.float32)
    return _opened(asked, {"inputs": given}, lambda tensors: asked(tensors["inputs"]))


def open_program(program: Program, given: Mapping[str, Shaped[np.ndarray, "1 ..."]]) -> Opened:
    """Compute all steps of a program for one input, and keep every value on the way, as `open_network`.

    It is given a batch of one each, by name. Each line has the part of the network that it belongs to.
    """
    asked = layered(program)
    found = _opened(asked, {name: each.astype(np.float32) for name, each in given.items()}, asked)
    return replace(found, parts={line.name: program.part_of(line.name) for line in found.lines})


def _opened(
    asked: Network | Program, given: dict[str, np.ndarray], ask: Callable[[dict[str, Tensor]], object]
) -> Opened:
    """Ask a network that may be changed, and keep what its layers give."""
    lines, output = taken_apart(asked)
    seen: dict[str, np.ndarray] = {}
    for name, layer in asked.named_modules():
        if type(layer) in SAME and getattr(layer, "gives_values", True):

            def record(_: object, __: object, output: Any, name: str = name) -> None:
                values = output if isinstance(output, Tensor) else output[0]  # all states, and the last ones
                seen[name] = values.detach().clone().numpy()

            layer.register_forward_hook(record)
        if isinstance(layer, Attend):

            def record_weights(layer: Attend, taken: tuple[Tensor, Tensor], name: str = name) -> None:
                seen[f"{name}.weights"] = layer.weights(*taken).numpy()

            layer.register_forward_pre_hook(record_weights)
    with answering(asked, torch.device("cpu")):
        ask({name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in given.items()})
    values: dict[str, np.ndarray] = dict(given)
    for line in lines:
        if line.name in seen:
            values[line.name] = seen[line.name]
        else:
            taken = [values[name] for name in line.takes]
            values[line.name] = LAYERS[line.kind].forward(*taken, **line.settings)
    return Opened(tuple(lines), values, weights_of(asked), output, tuple(given))
