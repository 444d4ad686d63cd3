"""EfficientNet-Lite0 with its published weights, seeing small pieces of a real photograph."""

import dataclasses
import functools

import numpy as np
import torch
from torch import nn

from pellucid.bundle import ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.insight.opened_networks import Opened, layered, one_thread, open_network
from pellucid.networks import Network
from pellucid.networks.config import Architecture
from pellucid.networks.network import Origin
from pellucid.pretrained import ImageBackbone, packaged_backbone
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from photographs import pieces

SIDE = 24
CLASSES = ("china", "flower", "other")


@functools.cache
def photograph(channels: int = 3, side: int = SIDE) -> np.ndarray:
    """A piece of a photograph, uint8 (1, height, width, channels)."""
    image = pieces("china", 1, 200)[:, :: 200 // side, :: 200 // side][:, :side, :side]
    return np.ascontiguousarray(image[..., :channels])


def given(channels: int = 3, side: int = SIDE) -> np.ndarray:
    """The same as a network takes it."""
    return photograph(channels, side).transpose(0, 3, 1, 2).astype(np.float32)


@functools.cache
def lite(channels: int = 3, seen: tuple[int, int] = (64, 64), side: int = SIDE) -> ImageModel:
    """The network below a head that has learnt nothing."""
    return _model(packaged_backbone("efficientnet-lite0"), channels, seen, side)


def drawn(architecture: str, seen: tuple[int, int] = (64, 64)) -> ImageModel:
    """Any network of timm, its weights drawn by chance."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model(architecture, pretrained=False, num_classes=0)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 2)
    origin = Origin(architecture, architecture, "drawn by chance", "none", "0" * 64)
    found = ImageBackbone(
        architecture, origin, network.state_dict(), (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), None
    )
    return _model(found, 3, seen, SIDE)


def _model(backbone: ImageBackbone, channels: int, seen: tuple[int, int], side: int) -> ImageModel:
    config = backbone.config_for(len(CLASSES), Settings(), (channels, side, side))
    config = dataclasses.replace(config, own=Architecture(backbone=backbone.architecture, seen=seen))
    network = backbone.network(config, torch.Generator().manual_seed(0))
    return ImageModel(network, Preprocessing(side, side, channels), CLASSES, CLASSIFICATION)


@functools.cache
def opened_lite() -> Opened:
    """The network opened on the photograph."""
    with one_thread():
        return open_network(lite().network, given())


def linear_copy(network: Network) -> Network:
    """A copy in which every path counts: weights above zero, norms and activations left out."""
    copy = layered(network).double()
    for name, layer in list(copy.named_modules()):
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1e-3)
        elif isinstance(layer, (nn.BatchNorm2d, nn.ReLU6)):
            copy.set_submodule(name, nn.Identity())
    return copy
