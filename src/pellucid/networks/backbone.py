"""`backbone`, `vision-transformer`, `closed-encoder`: timm, our own layers or a file, trained by others.

And heads on features that were learnt elsewhere.
"""

import re
from collections import OrderedDict
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks.closed_encoders import ClosedEncoder
from pellucid.networks.config import Architecture, ClosedFile, NetworkConfig, PatchAttention
from pellucid.networks.layers import Divide, Standardise, make_activation, make_dropout
from pellucid.networks.network import Network
from pellucid.networks.vision_transformers import VisionTransformer
from pellucid.settings import Settings

INSTALL = "pip install 'pellucid[pretrained]'"
_STAGES = 3
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


class ScaleAndStandardise(nn.Module):
    r"""Images at the size, in the channels and in the units that a backbone was trained on.

    $$y = (x - \mu) / \sigma$$ after bilinear scaling, antialiased where the image gets smaller.
    """

    mean: Tensor  # of each channel, in raw units (pixels 0 to 255)
    std: Tensor  # likewise
    size: tuple[int, int]  # height and width that the backbone sees

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(3, 1, 1))
        self.register_buffer("std", torch.ones(3, 1, 1))

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch 3 seen_height seen_width"]:
        """Scaled and standardised images."""
        if images.shape[1] == 1:
            images = images.expand(-1, 3, -1, -1)
        own = (images.shape[2], images.shape[3])
        if own != self.size:
            is_smaller = self.size[0] < own[0] or self.size[1] < own[1]
            images = functional.interpolate(
                images, self.size, mode="bilinear", align_corners=False, antialias=is_smaller
            )
        standardised: Tensor = (images - self.mean) / self.std
        return standardised


class Backbone(nn.Module):
    """Network of timm without its own head, whose batch norm never changes its statistics."""

    layers: nn.Module

    def __init__(self, name: str) -> None:
        super().__init__()
        self.layers = timm_network(name)

    def train(self, mode: bool = True) -> "Backbone":
        """Switch dropout and the like; batch norm stays in evaluation mode."""
        super().train(mode)
        keep_statistics(self)
        return self

    @property
    def stage_ends(self) -> list[int]:
        """Numbers of the blocks, from 1, whose maps belong to the features, where the network has them."""
        layers: Any = self.layers
        return list(layers.stage_ends[-_STAGES:])

    def forward(self, images: Float[Tensor, "batch 3 height width"]) -> Float[Tensor, "batch features"]:
        """Features of the last stages, then of the end."""
        layers: Any = self.layers
        if not hasattr(layers, "forward_intermediates"):
            features: Tensor = layers(images)
            return features
        end, maps = layers.forward_intermediates(images, indices=_STAGES)
        pooled = [each.mean((2, 3)) for each in maps]
        return torch.cat([*pooled, layers.forward_head(end, pre_logits=True)], dim=1)


def keep_statistics(module: nn.Module) -> None:
    """Put every batch norm into evaluation mode."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.train(False)


def timm_network(name: str) -> nn.Module:
    """Build a network of timm, named without a tag of weights, with pooling and without classifier.

    Nothing is downloaded; the weights have no meaning.

    Raises: `ValueError` if timm does not know the name, `UsageError` if timm is not installed.
    """
    timm = load_timm()
    # `create_model` also takes addresses of hubs; a plain name of its own list leads nowhere else.
    if not _NAME.fullmatch(name) or not timm.is_model(name):
        raise ValueError(
            Sentence(
                "backbone: {name!r} is not the name of a network in timm {version}",
                name[:64],
                timm.__version__,
            )
        )
    network: nn.Module = timm.create_model(name, pretrained=False, num_classes=0)
    return network


def load_timm() -> Any:
    """Import timm, which takes seconds, when it is needed.

    Raises: `UsageError` if it is not installed.
    """
    try:
        import timm
    except ImportError as error:
        raise UsageError("backbone: needs timm, which is not installed; {INSTALL}", INSTALL) from error
    return timm


def assemble_backbone(config: NetworkConfig) -> Network:
    """Assemble the network of timm `config.backbone` and a head with hidden layers `config.widths`.

    Raises: `ValueError` if the config does not describe a backbone, `UsageError` if timm is not installed.
    """
    own = config.layers(Architecture)
    height, width = own.seen
    backbone = Backbone(own.backbone)
    units = int(
        backbone.eval()(torch.empty(1, 3, height, width)).shape[1]
    )  # on the meta device: shapes alone
    return _above_prepared(config, units, backbone=backbone)


def assemble_vision_transformer(config: NetworkConfig) -> Network:
    """Assemble the layers of `config.own` on vectors of `config.embedding` numbers, and a head.

    Raises: `ValueError` if the config does not describe a vision transformer.
    """
    own = config.layers(PatchAttention)
    sizes = (config.embedding, own.transformer_layers, own.attention_heads, own.feed_forward, *own.grid)
    if not all(sizes) or config.embedding % own.attention_heads or any(side % own.patch for side in own.seen):
        raise ValueError(
            Sentence(
                "vision-transformer: {embedding} numbers in {attention_heads} heads, {transformer_layers} "
                "layers of {feed_forward} units, and images of {seen} in patches of {patch} do not fit",
                config.embedding,
                own.attention_heads,
                own.transformer_layers,
                own.feed_forward,
                "x".join(map(str, own.seen)),
                own.patch,
            )
        )
    encoder = VisionTransformer(3, config.embedding, own, config.activation)
    return _above_prepared(config, config.embedding * (2 if own.pooled == "both" else 1), encoder=encoder)


def assemble_closed_encoder(config: NetworkConfig) -> Network:
    """Assemble the encoder of the file `config.own`, and a head.

    Raises: `ValueError` if the config does not describe one.
    """
    own = config.layers(ClosedFile)
    return _above_prepared(config, own.features, encoder=ClosedEncoder(own))


def _above_prepared(config: NetworkConfig, units: int, **body: nn.Module) -> Network:
    """Network whose body, of so many features, takes images as it was trained on them.

    Raises: `ValueError` if the inputs are not images.
    """
    if len(config.input_shape) != 3 or config.input_shape[0] not in (1, 3):
        raise ValueError(
            Sentence(
                "backbone: input_shape {input_shape} is no image, grey or in colour", list(config.input_shape)
            )
        )
    height, width = config.seen
    layers = OrderedDict[str, nn.Module](prepare=ScaleAndStandardise((height, width)), **body)
    network = Network(config, nn.Sequential(layers), _head(config, units))
    network.standardise = nn.Identity()  # the body brings its own
    return network


def _head(config: NetworkConfig, units: int) -> nn.Sequential:
    """Head from the features to the outputs."""
    layers = OrderedDict[str, nn.Module](standardise=Standardise((units,)))
    for number, width in enumerate(config.widths, start=1):
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        layers[f"linear{number}"] = nn.Linear(units, width)
        layers[f"activation{number}"] = make_activation(config.activation)
        units = width
    layers["dropout"] = make_dropout(config.dropout)
    layers["linear"] = nn.Linear(units, config.outputs)
    return nn.Sequential(layers)


_HEAD_WIDTH = 128  # units
_HEAD_DROPOUT = 0.1  # share


class HeadSizes(NamedTuple):
    """Sizes of a head above features of texts that were learnt elsewhere."""

    widths: tuple[int, ...]  # units of each hidden layer
    dropout: float  # before each layer

    @classmethod
    def of(cls, settings: Settings) -> "HeadSizes":
        """Sizes by the settings; by default no hidden layer, 128 units where there are some, dropout 0.1."""
        return cls(
            (settings.width or _HEAD_WIDTH,) * (settings.depth or 0),
            _HEAD_DROPOUT if settings.dropout is None else settings.dropout,
        )


def make_head(config: NetworkConfig, units: int) -> nn.Sequential:
    r"""Build a head of hidden layers `config.widths` on `units` features of length 1.

    They are multiplied by $\sqrt{n}$ first, so that each of the $n$ numbers is about 1 and not tiny,
    which is what the start of the weights and the usual learning rates go by.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    layers["scale"] = Divide(units**-0.5)
    layers["dropout"] = make_dropout(config.dropout)
    for number, width in enumerate(config.widths, start=1):
        layers[f"linear{number}"] = nn.Linear(units, width)
        layers[f"activation{number}"] = make_activation(config.activation)
        layers[f"dropout{number}"] = make_dropout(config.dropout)
        units = width
    layers["linear"] = nn.Linear(units, config.outputs)
    return nn.Sequential(layers)
