"""Every network family in one dict, and the step from a config to layers."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

from pellucid.encoding.encoder import UNKNOWN
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.networks import adversarial, autoencoder, backbone, image_networks, text_networks
from pellucid.networks.config import InputFacts, NetworkConfig
from pellucid.networks.network import Network
from pellucid.settings import Settings

MOST_PARAMETERS = 500_000_000
_DRAWING = frozenset({"normal_", "uniform_", "trunc_normal_", "kaiming_uniform_", "kaiming_normal_"})


class Family(NamedTuple):
    """Functions that design and assemble one kind of network."""

    design: Callable[[Settings, InputFacts], NetworkConfig]  # chooses layers and widths by a stated rule
    assemble: Callable[[NetworkConfig], Network]  # puts the layers together, their values unset
    input_kind: InputKind = IMAGES  # or feature vectors
    # Makes of a network one that learns more in little time, where there is such a form.
    small: Callable[[NetworkConfig], NetworkConfig] | None = None


# Networks that make images.
GENERATORS: dict[str, Family] = {
    "vae": Family(autoencoder.design_vae, autoencoder.assemble_vae),
    "gan": Family(adversarial.design_gan, adversarial.assemble_gan),
}

NETWORKS: dict[str, Family] = {
    "cnn": Family(image_networks.design_cnn, image_networks.assemble_cnn, small=image_networks.small_cnn),
    "lenet": Family(image_networks.design_lenet, image_networks.assemble_lenet),
    "mlp": Family(image_networks.design_mlp, image_networks.assemble_mlp),
    "text-cnn": Family(text_networks.design_text_cnn, text_networks.assemble_text_cnn, TEXTS),
    "rnn": Family(text_networks.design_rnn, text_networks.assemble_rnn, TEXTS),
    "bag": Family(text_networks.design_bag, text_networks.assemble_bag, TEXTS),
    "sentence-encoder": Family(
        text_networks.design_sentence_encoder, text_networks.assemble_sentence_encoder, TEXTS
    ),
    "word-vectors": Family(text_networks.design_word_vectors, text_networks.assemble_word_vectors, TEXTS),
}

# Families whose layers others designed and trained: their config comes with the weights.
PRETRAINED: dict[str, Callable[[NetworkConfig], Network]] = {"backbone": backbone.assemble_backbone}


def build(config: NetworkConfig, generator: torch.Generator | None = None) -> Network:
    """Build a network with freshly drawn weights on the CPU, in training mode.

    Torch's global generator is left alone; by default a new one with seed 0 draws.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large.
    """
    network = allocated(config)
    network.initialise(torch.Generator().manual_seed(0) if generator is None else generator)
    return network


def allocated(config: NetworkConfig) -> Network:
    """Build the layers on the CPU, their numbers whatever memory held; the same errors as of `outline`."""
    # torch's own `to_empty` asks its compiler for the order of axes, whose import takes half a second.
    network = outline(config)
    network._apply(lambda each: torch.empty(each.shape, dtype=each.dtype))  # type: ignore[no-untyped-call]
    return network


def outline(config: NetworkConfig) -> Network:
    """Build the layers on the meta device: shapes without memory.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large, `UsageError` if it is a
        backbone and timm is not installed.
    """
    families = NETWORKS | GENERATORS
    if config.name not in families | PRETRAINED:
        raise ValueError(
            Sentence(
                "name: {name!r} is not one of {families}", config.name[:40], ", ".join(families | PRETRAINED)
            )
        )
    if config.name in families:
        takes = families[config.name].input_kind
        if takes is IMAGES and config.vocabulary:
            raise ValueError(
                Sentence("{name} takes images or feature vectors, not ids of texts", config.name)
            )
        if takes is TEXTS and (config.vocabulary <= UNKNOWN or len(config.input_shape) != 1):
            raise ValueError(
                Sentence(
                    "{name} takes texts: one length and a vocabulary of at least {UNKNOWN} ids "
                    "expected, {input_shape} and {vocabulary} found",
                    config.name,
                    UNKNOWN + 1,
                    list(config.input_shape),
                    config.vocabulary,
                )
            )
    assemble = PRETRAINED.get(config.name) or families[config.name].assemble
    with torch.device("meta"), _Unset():
        network = assemble(config)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    if parameters > MOST_PARAMETERS:
        raise ValueError(
            Sentence(
                "{parameters:,} parameters is over the limit of {MOST_PARAMETERS:,}",
                parameters,
                MOST_PARAMETERS,
            )
        )
    return network


class _Unset(TorchFunctionMode):
    """Leaves values as they are: on the meta device torch takes seconds to learn how it would draw none."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in _DRAWING:
            return args[0] if args else given["tensor"]
        return func(*args, **given)


def parameter_shapes(config: NetworkConfig) -> dict[str, tuple[int, ...]]:
    """Shapes of all tensors in the network's `state_dict`, buffers included, without allocating any.

    Raises: `ValueError` if the config is unknown, contradicts itself or is too large.
    """
    return {name: tuple(tensor.shape) for name, tensor in outline(config).state_dict().items()}
