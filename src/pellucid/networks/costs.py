"""Cost of one answer of a network, and the design of one that a machine can afford."""

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from pellucid.errors import UsageError
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.language.sentence import Sentence, join
from pellucid.networks.autoencoder import Prior
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.families import GENERATORS, NETWORKS, outline
from pellucid.networks.network import Network
from pellucid.networks.text_encoders import Attend
from pellucid.networks.text_layers import EmbeddingBag, MeanAndMax
from pellucid.safety.budgets import MEMORY, WORK
from pellucid.settings import NEURAL, Settings, not_known

Found = TypeVar("Found")

_FLOAT_BYTES = 4
_LIVING = 2  # what goes into a layer and comes out of it, once more for what is kept meanwhile
_STEP = 1_000_000  # a step of a recurrent layer takes ten microseconds, however few its units
_CLASS = 5_000_000  # so does the prior of a class, five times that


class Cost(NamedTuple):
    """Cost of one answer."""

    memory: int  # bytes without the weights, at the layer that takes most
    multiply_adds: int  # multiplications followed by an addition, and what takes as long


class ExecutedLayer(NamedTuple):
    """A layer that was run on a batch of examples; shapes are without the batch."""

    name: str  # dotted name inside the network
    layer: nn.Module
    taken: tuple[tuple[int, ...], ...]  # shapes of what went in
    given: tuple[int, ...]  # shape of what came out


def require_affordable(config: NetworkConfig) -> None:
    """Refuse a network of which one answer costs more than the budgets allow, whatever its weights weigh.

    Raises: `ValueError` with the figures, or if the config says something impossible.
    """
    if _CLASS * config.conditions > WORK.value():
        raise ValueError(
            Sentence(
                "{conditions:,} classes of images to make are too many; {remedy}",
                config.conditions,
                WORK.remedy,
            )
        )
    cost = cost_of_answer(config)
    if cost.memory > MEMORY.value():
        raise ValueError(
            Sentence(
                "one answer would take {memory:,.1f} GB beside the weights; {remedy}",
                cost.memory / 1000000000.0,
                MEMORY.remedy,
            )
        )
    if cost.multiply_adds > WORK.value():
        raise ValueError(
            Sentence(
                "one answer would take {multiply_adds:,.0f} billion multiply-adds; {remedy}",
                cost.multiply_adds / 1000000000.0,
                WORK.remedy,
            )
        )


@functools.lru_cache(maxsize=64)
def cost_of_answer(config: NetworkConfig) -> Cost:
    """Cost of one answer of a network; of texts, of one as long as it takes.

    Raises: `ValueError` if the config says something impossible.
    """
    length = config.input_shape[0]
    memory = work = 0
    for _, layer, taken, given in executed_layers(config):
        values = sum(map(math.prod, taken)) + math.prod(given)
        work += multiply_adds(layer, given, length)
        # Values that a layer holds while it computes, besides what it takes and gives.
        if isinstance(layer, nn.RNNBase):  # the gates of every place
            values += length * sum(weight.shape[0] for weight in layer.parameters() if weight.ndim == 2)
            work += _STEP * length
        elif isinstance(layer, MeanAndMax):
            values += 3 * length * layer.weight.shape[1]
        elif isinstance(layer, Prior):
            values += 3 * math.prod(layer.means.shape[1:]) + 2 * len(layer.means)
            work += _CLASS * len(layer.means) + layer.means.numel()
        memory = max(memory, _LIVING * _FLOAT_BYTES * values)
    return Cost(memory, work)


def rows_at_once(config: NetworkConfig, most: int) -> int:
    """Examples, at least one and at most so many, that a network is asked about at once within the budget."""
    return max(1, min(most, MEMORY.value() // max(1, cost_of_answer(config).memory)))


@functools.lru_cache(maxsize=64)
def hidden_units(config: NetworkConfig) -> int:
    """Count the units of the last hidden layer.

    Raises: `ValueError` if the config says something impossible.
    """
    network, inputs = _weightless(config)
    with torch.inference_mode():
        return int(_tried(network, inputs, network.features).shape[1])


def executed_layers(config: NetworkConfig) -> list[ExecutedLayer]:
    """Every layer with weights or without parts, as it was run, in the order of computation.

    Raises: `ValueError` if layers do not fit each other.
    """
    network, inputs = _weightless(config)
    found: list[ExecutedLayer] = []
    for name, layer in network.named_modules():
        is_leaf = next(layer.children(), None) is None and not isinstance(layer, nn.Identity)
        if is_leaf or next(layer.parameters(recurse=False), None) is not None:

            def record(layer: nn.Module, taken: Any, given: Any, name: str = name) -> None:
                values = given if isinstance(given, Tensor) else next(iter(given))
                shapes = (tuple(each.shape[1:]) for each in taken if isinstance(each, Tensor))
                found.append(ExecutedLayer(name, layer, tuple(shapes), tuple(values.shape[1:])))

            layer.register_forward_hook(record)

    def run(batch: Tensor) -> None:
        found.clear()
        network.every_layer(batch)

    with torch.inference_mode():
        _tried(network, inputs, run)
    return found


def _weightless(config: NetworkConfig) -> tuple[Network, Tensor]:
    """The layers with weights that take no memory, and a batch of no examples."""
    network = outline(config).eval()
    weights = {name: torch.zeros((), dtype=each.dtype).expand(each.shape)
               for name, each in network.state_dict().items()}  # fmt: skip
    network.load_state_dict(weights, assign=True)
    for module in network.modules():
        if isinstance(module, nn.RNNBase):  # its states are not computed, which takes time for no example too
            module.forward = lambda inputs, size=module.hidden_size: (
                inputs.new_empty((*inputs.shape[:2], size)),
                None,
            )
        for name, buffer in module.named_buffers(recurse=False):  # some are not saved
            if buffer.device.type == "meta":
                module.register_buffer(name, torch.zeros((), dtype=buffer.dtype).expand(buffer.shape), False)
    kind = torch.int64 if config.vocabulary else torch.float32
    return network, torch.empty((0, *config.input_shape), dtype=kind)


def _tried(network: Network, inputs: Tensor, ask: Callable[[Tensor], Found]) -> Found:
    """Run layers on no example; a few layers of others cannot do that, and get one on the meta device."""
    try:
        return ask(inputs)
    except RuntimeError:
        pass  # what is wrong shows on the meta device as well
    try:
        network.to("meta")
        return ask(torch.empty((1, *inputs.shape[1:]), dtype=inputs.dtype, device="meta"))
    except RuntimeError as error:
        raise ValueError(
            Sentence("layers do not fit each other: {split}", " ".join(str(error).split())[:200])
        ) from error


def multiply_adds(layer: nn.Module, output_shape: tuple[int, ...], length: int) -> int:
    """Multiplications followed by an addition of one layer for one example.

    Counted for convolutions, linear and recurrent layers, attention and sums of vectors, 0 elsewhere, as is
    usual. `length` is that of a text.
    """
    if isinstance(layer, nn.Conv2d):
        return layer.weight.numel() * output_shape[1] * output_shape[2]
    if isinstance(layer, nn.ConvTranspose2d):  # each output meets one place of a kernel in so many
        places = math.prod(output_shape[1:]) / math.prod(pair(layer.stride))
        return round(layer.weight.numel() * places)
    if isinstance(layer, nn.Conv1d):
        return layer.weight.numel() * length
    if isinstance(layer, nn.RNNBase):
        return length * sum(weight.numel() for weight in layer.parameters() if weight.ndim == 2)
    if isinstance(layer, EmbeddingBag):
        return length * output_shape[0]
    if isinstance(layer, MeanAndMax):  # the mean alone multiplies
        return length * output_shape[0] // 2
    if isinstance(layer, Attend):  # queries by keys, then weights by values
        return 2 * output_shape[0] * math.prod(output_shape)
    return layer.weight.numel() * math.prod(output_shape[:-1]) if isinstance(layer, nn.Linear) else 0


def pair(value: int | tuple[int, ...]) -> tuple[int, int]:
    """Height and width, where one number may stand for both."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def design(name: str, settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose a network's layers for data; the settings override the rule of the family `name`.

    Raises: `UsageError` if the name is unknown, the family cannot take such inputs, or the network would be
        too large.
    """
    families = NETWORKS | GENERATORS
    names = [name for name in NETWORKS if name in NEURAL]  # the others come with weights learnt elsewhere
    if name not in families:
        raise UsageError("--model: {name}", not_known(name, names))
    given, taken = TEXTS if facts.vocabulary else IMAGES, families[name].input_kind
    if taken is not given:
        fitting = [other for other in names if NETWORKS[other].input_kind is given]
        raise UsageError(
            "--model: {name} takes {nouns}; choose one of {fitting}", name, taken.nouns, join(", ", fitting)
        )
    try:
        config = families[name].design(settings, facts)
        require_affordable(config)
    except UsageError:
        raise
    except ValueError as error:
        smaller = "--width or --depth" if given is TEXTS else "--image-size, --width or --depth"
        raise UsageError(
            "--model {name}: {error}; choose a smaller {smaller}", name, error, smaller
        ) from error
    return config
