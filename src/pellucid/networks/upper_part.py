"""Upper part of a network on a backbone: its last blocks and its head, on what the blocks below gave once."""

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from pellucid.networks.backbone import Backbone, keep_statistics
from pellucid.networks.config import NetworkConfig
from pellucid.networks.families import outline
from pellucid.networks.network import HeadAlone, Network
from pellucid.networks.vision_transformers import VisionTransformer

_BLOCKS = 2  # of a convolutional backbone, the uppermost
_LAYERS = 3  # of a transformer


class LastBlocks(nn.Module):
    """Last blocks of a network of timm in the form of EfficientNet, shared with it.

    A row has the means of the lower maps that belong to the features, then the maps that these blocks take.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        layers: Any = backbone.layers
        self.first = len(layers.blocks) - _BLOCKS
        self.blocks = layers.blocks[self.first :]
        self.convolution, self.norm, self.pool = layers.conv_head, layers.bn2, layers.global_pool
        self.stage_ends = backbone.stage_ends
        self.shape: tuple[int, ...] = ()  # of the maps of an image, once it is known

    @staticmethod
    def are_in(body: nn.Module) -> bool:
        """Whether a backbone has that form."""
        layers: Any = getattr(body, "layers", None)
        parts = ("conv_stem", "bn1", "blocks", "conv_head", "bn2", "global_pool", "stage_ends")
        is_alike = isinstance(body, Backbone) and all(hasattr(layers, name) for name in parts)
        return is_alike and len(layers.blocks) > _BLOCKS and layers.stage_ends[-1] == len(layers.blocks)

    def train(self, mode: bool = True) -> "LastBlocks":
        """Switch dropout and the like; batch norm stays in evaluation mode."""
        super().train(mode)
        keep_statistics(self)
        return self

    def below(
        self, backbone: Backbone, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch numbers"]:
        """Rows of images, through the blocks below."""
        layers: Any = backbone.layers
        maps, means = layers.bn1(layers.conv_stem(images)), []
        for number, block in enumerate(layers.blocks[: self.first], start=1):
            maps = block(maps)
            if number in self.stage_ends:
                means.append(maps.mean((2, 3)))
        self.shape = tuple(maps.shape[1:])
        return torch.cat([*means, maps.flatten(1)], 1)

    def forward(self, rows: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch features"]:
        """Features, as the whole backbone gives them."""
        size = math.prod(self.shape)
        means, maps = [rows[:, :-size]], rows[:, -size:].reshape(-1, *self.shape)
        maps = maps.contiguous(memory_format=torch.channels_last)
        for number, block in enumerate(self.blocks, start=self.first + 1):
            maps = block(maps)
            if number in self.stage_ends:
                means.append(maps.mean((2, 3)))
        return torch.cat([*means, self.pool(self.norm(self.convolution(maps)))], 1)


class LastLayers(nn.Module):
    """Last layers of a vision transformer, shared with it; a row has the states of all tokens."""

    def __init__(self, encoder: VisionTransformer) -> None:
        super().__init__()
        self.first = encoder.layers - _LAYERS
        numbers = range(self.first + 1, encoder.layers + 1)
        self.blocks = nn.ModuleList(encoder.get_submodule(f"layer{number}") for number in numbers)
        self.norm, self.pool = encoder.norm, encoder.pool
        self.size = int(encoder.prefix.weight.shape[1])

    @staticmethod
    def are_in(body: nn.Module) -> bool:
        """Whether a body is such a transformer."""
        return isinstance(body, VisionTransformer) and body.layers > _LAYERS

    def below(
        self, encoder: VisionTransformer, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch numbers"]:
        """Rows of images, through the layers below."""
        states = encoder.states_after(images, self.first)
        return states.flatten(1)

    def forward(self, rows: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch features"]:
        """Features, as the whole transformer gives them."""
        states = rows.reshape(len(rows), -1, self.size)
        for layer in self.blocks:
            states = layer(states)
        features: Tensor = self.pool(self.norm(states))
        return features


class UpperPart(HeadAlone):
    """Last blocks and head of a network, shared with it, to be trained on rows computed before."""

    upper: LastBlocks | LastLayers

    def __init__(self, network: Network) -> None:
        super().__init__(network)
        body = _backbone_of(network)
        self.upper = LastBlocks(body) if isinstance(body, Backbone) else LastLayers(body)

    @staticmethod
    def is_in(network: Network) -> bool:
        """Whether a network has such a part."""
        body = _backbone_of(network)
        return LastBlocks.are_in(body) or LastLayers.are_in(body)

    def below(
        self, network: Network, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch numbers"]:
        """Rows of images, raw pixel values 0 to 255, through what is below in its network."""
        rows: Tensor = self.upper.below(_backbone_of(network), network.body.get_submodule("prepare")(images))
        return rows

    def forward(self, rows: Float[Tensor, "batch numbers"]) -> Float[Tensor, "batch outputs"]:
        """Outputs for rows, as the whole network gives them."""
        outputs: Tensor = self.head(self.upper(rows))
        return outputs


def row_length(config: NetworkConfig) -> int:
    """Numbers of a row of a network's upper part; 0 where it has none."""
    network = outline(config)
    if not UpperPart.is_in(network):
        return 0
    image = torch.empty(1, *config.input_shape, device="meta")
    return UpperPart(network).below(network, image).shape[1]


def _backbone_of(network: Network) -> Any:
    """What follows the preparation of images; for other networks their last layer."""
    *_, last = network.body.children()
    return last
