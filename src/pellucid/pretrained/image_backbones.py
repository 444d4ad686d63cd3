"""Backbones of images: from files of weights to a network that gives features.

Weights of a package are converted to safetensors once and kept in the cache. Weights of the user's own are
safetensors under timm's names; a classifier among them is left out.
"""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pellucid.data.images.cache import cache_folder
from pellucid.errors import ModelFileError, StorageError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.networks import Network, NetworkConfig
from pellucid.networks.backbone import ScaleAndStandardise, load_timm, timm_network
from pellucid.networks.config import Architecture
from pellucid.networks.families import outline
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import Rescale, Standardise
from pellucid.networks.network import Origin
from pellucid.pretrained.known_weights import OF_IMAGES, installed, origin_of
from pellucid.safety.files import make_folder, sha256, write_file
from pellucid.settings import Settings

_PREFIX = "body.backbone.layers."
_SEEN = {"quick": 128, "standard": 160, "best": 224}
_DEFAULT_DROPOUT = 0.2  # share
_DEFAULT_WIDTH = 256  # units of a hidden layer


class Packaged(NamedTuple):
    """Facts about weights that their package does not state."""

    architecture: str  # name of the network in timm that they are for
    converted: str  # SHA-256 of the same weights as safetensors under timm's names
    mean: tuple[float, ...]  # of red, green and blue, 0 to 1, that the network was trained with
    std: tuple[float, ...]  # likewise the standard deviation


_PACKAGED = {
    "efficientnet-lite0": Packaged(
        architecture="tf_efficientnet_lite0",
        converted="641a988bb298218421fbb803aa7e0368488e9b100f087f67296d3df14a3be604",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    )
}


@dataclass(frozen=True, eq=False)
class ImageBackbone:
    """Weights of a backbone and what is known about them."""

    architecture: str  # name in timm
    origin: Origin
    tensors: Mapping[str, Tensor]  # the weights under timm's names, without a classifier
    mean: tuple[float, ...]  # of red, green and blue, 0 to 1, that images are standardised with
    std: tuple[float, ...]  # likewise
    fixed_size: tuple[int, int] | None  # height and width, where the architecture takes no other

    def config_for(self, outputs: int, settings: Settings, shape: tuple[int, int, int]) -> NetworkConfig:
        """Config of the layers below a head for `outputs` (1 for a number) and images of a shape.

        The settings size the head; the preset decides at which size images (channels, height, width) are
        seen.
        """
        return NetworkConfig(
            name="backbone",
            input_shape=shape,
            outputs=outputs,
            activation=settings.activation or "relu",
            **head_sizes(settings),
            own=Architecture(
                backbone=self.architecture, seen=self.fixed_size or seen_size(shape[1:], settings.preset)
            ),
        )

    def network(self, config: NetworkConfig, generator: torch.Generator) -> Network:
        """Build the network in evaluation mode: these weights, and a head that has learnt nothing.

        Raises: `ModelFileError` if the weights are not those of the architecture.
        """
        network = outline(config)
        wanted = {name.removeprefix(_PREFIX) for name in network.state_dict() if name.startswith(_PREFIX)}
        found, origin = set(self.tensors), self.origin
        for words, names in (("misses", wanted - found), ("has, and the network has not,", found - wanted)):
            if names:
                raise ModelFileError(
                    "{source}: {words} {names} tensors, such as {names2}; give the weights "
                    "of {name} under timm's names",
                    origin.source,
                    words,
                    len(names),
                    min(names),
                    origin.name,
                )
        layers = network.body.get_submodule("backbone.layers")
        try:
            layers.load_state_dict(dict(self.tensors), assign=True)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelFileError(
                "{source}: the weights do not fit {architecture}: {reason}",
                origin.source,
                self.architecture,
                reason,
            ) from error
        unsaved = [name for name, each in layers.named_buffers() if each.is_meta]
        if unsaved:
            raise UsageError(
                "--backbone: {architecture} computes {unsaved} when it is built and does not save "
                "it, which is not supported; choose another network",
                self.architecture,
                unsaved[0],
            )
        return completed(network, self.mean, self.std, origin, generator)


def head_sizes(settings: Settings) -> dict[str, Any]:
    """Fields of a config that size the head above a backbone of images."""
    return {
        "dropout": _DEFAULT_DROPOUT if settings.dropout is None else settings.dropout,
        "widths": (settings.width or _DEFAULT_WIDTH,) * (settings.depth or 0),
    }


def completed(
    network: Network, mean: Sequence[float], std: Sequence[float], origin: Origin, generator: torch.Generator
) -> Network:
    """The network, whose layers below the head have their weights, in evaluation mode with a fresh head.

    `mean` and `std` of red, green and blue are 0 to 1.
    """
    prepare = network.body.get_submodule("prepare")
    assert isinstance(prepare, ScaleAndStandardise)
    prepare.mean = 255.0 * torch.tensor(mean).reshape(3, 1, 1)
    prepare.std = 255.0 * torch.tensor(std).reshape(3, 1, 1)
    network.head.to_empty(device="cpu")
    initialise_layers(network.head, network.config.activation, generator)
    initialise_layers(network.head.get_submodule("linear"), "softmax", generator)
    for layer in network.head.children():
        if isinstance(layer, (Standardise, Rescale)):
            nn.init.zeros_(layer.mean)
            nn.init.ones_(layer.std)
    network.origin = origin
    return network.eval()


def seen_size(size: tuple[int, int], preset: str) -> tuple[int, int]:
    """Height and width in pixels at which a backbone sees images of a stored size.

    The longer side becomes 160 pixels (128 with the preset `quick`, 224 with `best`), also of smaller
    images; the shorter side in proportion, rounded to a multiple of 8 and at least 32.
    """
    longer = _SEEN[preset]
    height, width = (max(32, 8 * round(side * longer / max(size) / 8)) for side in size)
    return height, width


def packaged_backbone(name: str) -> ImageBackbone:
    """Take a backbone, a key of `OF_IMAGES`, out of its package, or out of the cache of converted ones.

    Raises: `UsageError` if its package, or timm, is not installed; `ModelFileError` if a file of the package
    is missing, or is not the one that was published.
    """
    packaged = _PACKAGED[name]
    return ImageBackbone(
        architecture=packaged.architecture,
        origin=OF_IMAGES[name].origin,
        tensors=_converted(name, packaged),
        mean=packaged.mean,
        std=packaged.std,
        fixed_size=None,
    )


def timm_backbone(architecture: str, weights: Path) -> ImageBackbone:
    """Take the weights of any network of timm from a local safetensors file under timm's names.

    Raises: `UsageError` if timm is not installed or does not know the architecture; `ModelFileError` if the
    file is missing, damaged or of another kind.
    """
    load_timm()
    try:
        with torch.device("meta"):
            network = timm_network(architecture)
    except ValueError as error:
        raise UsageError(
            "--backbone: {architecture!r} is neither the name of a package of weights "
            "({OF_IMAGES}) nor of a network in timm; see timm.list_models()",
            architecture,
            ", ".join(OF_IMAGES),
        ) from error
    known = getattr(network, "pretrained_cfg", None) or {}
    classifier = known.get("classifier") or ()
    heads = tuple(f"{head}." for head in ([classifier] if isinstance(classifier, str) else classifier))
    tensors = {name: tensor for name, tensor in _read(weights).items() if not name.startswith(heads)}
    size = known.get("input_size", (3, 224, 224))
    digest = sha256(weights)
    stated = Origin(
        name=architecture.replace("_", "-"),
        title=Sentence("{architecture}, weights given by the user", architecture),
        source=Sentence("the file {name}", weights.name[:200]),
        licence="not stated",
        sha256=digest,
    )
    return ImageBackbone(
        architecture=architecture,
        origin=origin_of(digest, stated),
        tensors=tensors,
        mean=tuple(known.get("mean", (0.485, 0.456, 0.406))),
        std=tuple(known.get("std", (0.229, 0.224, 0.225))),
        fixed_size=(size[1], size[2]) if known.get("fixed_input_size") else None,
    )


def _read(weights: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file; refused with a `ModelFileError`."""
    if not weights.is_file():
        raise ModelFileError("--weights: {weights}: there is no such file; give a .safetensors file", weights)
    try:
        with safe_open(weights, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            "--weights: {weights}: not a safetensors file, which are the only ones that are read "
            "({error}); convert it, or give another",
            weights,
            str(error)[:100],
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelFileError(
                "--weights: {weights}: {name} holds weights that are not finite", weights, name
            )
    return {name: each.float() if each.is_floating_point() else each for name, each in tensors.items()}


def _converted(name: str, packaged: Packaged) -> dict[str, Tensor]:
    """Weights of a package, whose layers are in timm's order under other names; converted once."""
    path = cache_folder().parent / "pretrained" / f"{name}.safetensors"
    if path.is_file() and sha256(path) == packaged.converted:
        return _read(path)
    found: Mapping[str, Tensor] = torch.load(installed(name), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        wanted = timm_network(packaged.architecture).state_dict()
    pairs = list(zip(wanted.items(), found.values(), strict=False))
    if any(like.shape != tensor.shape for (_, like), tensor in pairs) or len(pairs) < len(wanted):
        raise ModelFileError(
            "{name}: its weights do not fit {architecture} of this version of timm; install timm 1.0",
            name,
            packaged.architecture,
        )
    tensors = {own: tensor.contiguous() for (own, _), tensor in pairs}
    with contextlib.suppress(StorageError):  # without a cache it takes half a second next time too
        make_folder(path.parent)
        write_file(path, save(tensors))
    return tensors
