"""Every network family in one dict, and the step from a config to layers."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Float64, Int64, Shaped
from torch import Tensor, nn
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
    "transformer": Family(text_networks.design_transformer, text_networks.assemble_transformer, TEXTS),
    "sentence-encoder": Family(
        text_networks.design_sentence_encoder, text_networks.assemble_sentence_encoder, TEXTS
    ),
    "ngram-encoder": Family(text_networks.design_ngram_encoder, text_networks.assemble_ngram_encoder, TEXTS),
    "word-vectors": Family(text_networks.design_word_vectors, text_networks.assemble_word_vectors, TEXTS),
}

# Families whose layers others designed and trained: their config comes with the weights.
PRETRAINED: dict[str, Callable[[NetworkConfig], Network]] = {
    "backbone": backbone.assemble_backbone,
    "vision-transformer": backbone.assemble_vision_transformer,
    "closed-encoder": backbone.assemble_closed_encoder,
}


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


# Continual training with other classes: old ones keep their weights, new ones get fresh rows.


def copied(network: Network) -> Network:
    """Trainable copy of a network on the processor; frozen parameters stay frozen."""
    return _filled(network, network.state_dict())


def with_classes(
    network: Network, origins: Sequence[int | None], centres: Callable[[], "Centres"]
) -> Network:
    """Copy of a network for other classes, or the same in another order, in training mode.

    `origins` give for each class, in the new order, its place among the old ones; `None` for a new one.
    `centres` give where the examples of each class lie; they are asked for only where there is a new class.

    Raises: `ValueError` if the network ends in no dense layer with a row for each of its classes.
    """
    name, layer = _last_layer(network)
    weight, bias = layer.weight.detach().double(), layer.bias.detach().double()
    rows = [0 if place is None else place for place in origins]
    new = [place for place, origin in enumerate(origins) if origin is None]
    state = dict(network.state_dict())
    new_weight, new_bias = weight[rows], bias[rows]
    if new:
        found = centres()
        length = (weight - weight.mean(0)).norm(dim=1).mean()
        for place in new:
            away = found.of_class[place] - found.of_all
            direction = away / away.norm().clamp(min=torch.finfo(torch.float32).tiny)
            new_weight[place] = weight.mean(0) + length * direction
            new_bias[place] = bias.mean() - length * direction @ found.of_all
    state[f"{name}.weight"], state[f"{name}.bias"] = new_weight.float(), new_bias.float()
    return _filled(network, state, len(origins))


@dataclasses.dataclass(frozen=True)
class Centres:
    """Mean inputs of the last dense layer."""

    of_all: Float64[Tensor, " hidden"]  # over all examples
    of_class: Float64[Tensor, "classes hidden"]  # over those of each class; of all where a class has none


@torch.no_grad()
def centres_of(
    network: Network, batches: Iterable[tuple[Shaped[Tensor, "_ ..."], Int64[Tensor, " _"]]], classes: int
) -> Centres:
    """Mean inputs, in float64, of the last dense layer, over all examples and over those of each class.

    The network is on the processor; its mode is left as it was. `batches` are inputs as `Network.features`
    takes them, and the class of each.

    Raises: `ValueError` if the network ends in no dense layer with a row for each of its classes.
    """
    layer = _last_layer(network)[1]
    sums = torch.zeros(classes, layer.in_features, dtype=torch.float64)
    counts = torch.zeros(classes, dtype=torch.float64)
    given: list[Float[Tensor, "batch hidden"]] = []
    was_training = network.training
    network.eval()
    with_hook = layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0]))
    try:
        for inputs, labels in batches:
            network(inputs)
            sums.index_add_(0, labels, given.pop().double())
            counts += torch.bincount(labels, minlength=classes)
    finally:
        with_hook.remove()
        network.train(was_training)
    of_all = sums.sum(0) / counts.sum().clamp(min=1)
    means = sums / counts.clamp(min=1)[:, None]
    return Centres(of_all, torch.where(counts[:, None] > 0, means, of_all))


def _last_layer(network: Network) -> tuple[str, nn.Linear]:
    """Dense layer of the head that has one row for each class, and its name in the network.

    Raises: `ValueError` if there is none.
    """
    dense = [(name, layer) for name, layer in network.named_modules() if isinstance(layer, nn.Linear)]
    name, layer = dense[-1] if dense else ("", None)
    if layer is None or not name.startswith("head") or layer.out_features != network.config.outputs:
        raise ValueError(
            Sentence(
                "{name}: its head does not end in a dense layer of {outputs} units",
                network.config.name,
                network.config.outputs,
            )
        )
    return name, layer


def _filled(network: Network, state: dict[str, Tensor], outputs: int | None = None) -> Network:
    """Network of the same layers with the given tensors, and with so many outputs where given."""
    config = network.config if outputs is None else dataclasses.replace(network.config, outputs=outputs)
    filled = allocated(config)
    filled.load_state_dict(state)
    frozen = {name for name, parameter in network.named_parameters() if not parameter.requires_grad}
    for name, parameter in filled.named_parameters():
        parameter.requires_grad_(name not in frozen)
    return filled.train()
