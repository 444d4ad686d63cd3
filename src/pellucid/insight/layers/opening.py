"""Forward pass on one input that keeps what comes out of every layer."""

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor, nn

from pellucid.bundle.models.answering import answering
from pellucid.insight.layers.bridge import SAME, taken_apart, weights_of
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.unfolding import unfold
from pellucid.insight.programs.program import Program
from pellucid.networks import Network
from pellucid.networks.layers.transformer import Attend
from pellucid.reference import LAYERS

_Asked = TypeVar("_Asked", bound=nn.Module)

# Values of a recurrent layer: all its states, and the last ones.
_States = tuple[Tensor, object]


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
    """Copy of a network to look at: on the CPU, in evaluation mode, in single precision."""
    return copy.deepcopy(network).cpu().float().eval()


def layered(network: _Asked) -> _Asked:
    """Copy of a network to look at, as `still`, in which each step is a layer: a backbone is unfolded.

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
    computed by torch from the queries and keys that it was given. The inputs are a batch of one: raw pixels
    (1, channel, row, column), features, or ids of a text.

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
    seen = _recorded(asked)
    with answering(asked, torch.device("cpu")):
        ask({name: torch.from_numpy(np.ascontiguousarray(each)) for name, each in given.items()})
    weights = weights_of(asked)
    values: dict[str, np.ndarray] = dict(given)
    for line in lines:
        if line.name in seen:
            values[line.name] = seen[line.name]
        else:
            taken = [values[name] for name in line.takes]
            values[line.name] = LAYERS[line.kind].forward(*taken, **line.settings)
    return Opened(tuple(lines), values, weights, output, tuple(given))


def _recorded(network: nn.Module) -> dict[str, np.ndarray]:
    """Hooks that record what each layer gives; the dict holds that once the network was asked."""
    seen: dict[str, np.ndarray] = {}
    for name, layer in network.named_modules():
        if type(layer) in SAME and getattr(layer, "gives_values", True):

            def record(_: object, __: object, output: Tensor | _States, name: str = name) -> None:
                values = output if isinstance(output, Tensor) else output[0]
                seen[name] = values.detach().clone().numpy()

            layer.register_forward_hook(record)
        if isinstance(layer, Attend):

            def record_weights(layer: Attend, taken: tuple[Tensor, Tensor], name: str = name) -> None:
                seen[f"{name}.weights"] = layer.weights(*taken).numpy()

            layer.register_forward_pre_hook(record_weights)
    return seen
