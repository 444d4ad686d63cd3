"""Every network family in one dict, and the two steps from settings to layers."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import torch

from pellucid.encoding.tokens.ragged import UNKNOWN
from pellucid.errors import UsageError
from pellucid.networks.architectures import (
    backbone,
    bag,
    cnn,
    gan,
    lenet,
    mlp,
    rnn,
    sentence,
    text_cnn,
    vae,
    word_vectors,
)
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.network import Network
from pellucid.settings import NEURAL, Settings
from pellucid.tasks import IMAGES, TEXTS, InputKind

MOST_PARAMETERS = 500_000_000


class Family(NamedTuple):
    """Functions that design and assemble one kind of network.

    Attributes:
        design: chooses layers and widths by a stated rule.
        assemble: puts the layers together, their values unset.
        input_kind: images (or feature vectors), or texts as ids.
    """

    design: Callable[[Settings, InputFacts], NetworkConfig]
    assemble: Callable[[NetworkConfig], Network]
    input_kind: InputKind = IMAGES


GENERATORS: dict[str, Family] = {
    "vae": Family(vae.design, vae.assemble),
    "gan": Family(gan.design, gan.assemble),
}
"""Networks that make images."""

NETWORKS: dict[str, Family] = {
    "cnn": Family(cnn.design, cnn.assemble),
    "lenet": Family(lenet.design, lenet.assemble),
    "mlp": Family(mlp.design, mlp.assemble),
    "text-cnn": Family(text_cnn.design, text_cnn.assemble, TEXTS),
    "rnn": Family(rnn.design, rnn.assemble, TEXTS),
    "bag": Family(bag.design, bag.assemble, TEXTS),
    "sentence-encoder": Family(sentence.design, sentence.assemble, TEXTS),
    "word-vectors": Family(word_vectors.design, word_vectors.assemble, TEXTS),
}

PRETRAINED: dict[str, Callable[[NetworkConfig], Network]] = {"backbone": backbone.assemble}
"""Families whose layers others designed and trained: their config comes with the weights."""


def design(name: str, settings: Settings, facts: InputFacts) -> NetworkConfig:
    """Choose a network's layers for data; the settings override the rule of the family `name`.

    Raises: `UsageError` if the name is unknown, the family cannot take such inputs, or the network would be
        too large.
    """
    families = NETWORKS | GENERATORS
    if name not in families:
        raise UsageError(f"--model: {name!r} is not known; choose one of {', '.join(_by_name())}")
    given, taken = TEXTS if facts.vocabulary else IMAGES, families[name].input_kind
    if taken is not given:
        fitting = [other for other in _by_name() if NETWORKS[other].input_kind is given]
        raise UsageError(f"--model: {name} takes {taken.nouns}; choose one of {', '.join(fitting)}")
    try:
        config = families[name].design(settings, facts)
        outline(config)
    except UsageError:
        raise
    except ValueError as error:
        smaller = "--width or --depth" if given is TEXTS else "--image-size, --width or --depth"
        raise UsageError(f"--model {name}: {error}; choose a smaller {smaller}") from error
    return config


def _by_name() -> list[str]:
    """Families that users can ask for; the others come with weights that were learnt elsewhere."""
    return [name for name in NETWORKS if name in NEURAL]


def build(config: NetworkConfig, generator: torch.Generator | None = None) -> Network:
    """Build a network with freshly drawn weights on the CPU, in training mode.

    Torch's global generator is left alone; by default a new one with seed 0 draws.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large.
    """
    network = outline(config).to_empty(device="cpu")
    network.initialise(torch.Generator().manual_seed(0) if generator is None else generator)
    return network


def outline(config: NetworkConfig) -> Network:
    """Build the layers on the meta device: shapes without memory.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large, `UsageError` if it is a
        backbone and timm is not installed.
    """
    families = NETWORKS | GENERATORS
    if config.name not in families | PRETRAINED:
        raise ValueError(f"name: {config.name[:40]!r} is not one of {', '.join(families | PRETRAINED)}")
    if config.name in families:
        _require_fitting_inputs(config, families[config.name])
    assemble = PRETRAINED.get(config.name) or families[config.name].assemble
    with torch.device("meta"):
        network = assemble(config)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters > MOST_PARAMETERS:
        raise ValueError(f"{parameters:,} parameters is over the limit of {MOST_PARAMETERS:,}")
    return network


def _require_fitting_inputs(config: NetworkConfig, family: Family) -> None:
    """Refuse texts for a network of images and the other way round.

    Raises: `ValueError` naming what the family takes.
    """
    takes = family.input_kind
    if takes is IMAGES and config.vocabulary:
        raise ValueError(f"{config.name} takes images or feature vectors, not ids of texts")
    if takes is TEXTS and (config.vocabulary <= UNKNOWN or len(config.input_shape) != 1):
        raise ValueError(
            f"{config.name} takes texts: one length and a vocabulary of at least {UNKNOWN + 1} ids expected, "
            f"{list(config.input_shape)} and {config.vocabulary} found"
        )


def parameter_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors in the network's `state_dict`, buffers included, without allocating any.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large.
    """
    return {name: tuple(tensor.shape) for name, tensor in outline(config).state_dict().items()}


def hidden_size(network: Network) -> int:
    """Count the units of the last hidden layer without computing it."""
    return _hidden_size(network.config)


@functools.lru_cache(maxsize=64)
def _hidden_size(config: NetworkConfig) -> int:
    """The same of a config: to sketch a backbone of timm takes a third of a second, and many ask."""
    sketch = outline(config).eval()
    kind = torch.int64 if config.vocabulary else torch.float32
    nothing = torch.empty((1, *config.input_shape), dtype=kind, device="meta")
    return int(sketch.features(nothing).shape[1])
