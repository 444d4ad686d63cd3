"""Backbones of pictures: from files of weights to a network that gives features.

Weights of a package are converted to safetensors once and kept in the cache. Weights of the user's own are
safetensors under timm's names; a classifier among them is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pellucid.data.cache import cache_folder
from pellucid.errors import ModelFileError, StorageError, UsageError
from pellucid.files import make_folder, sha256, write_file
from pellucid.networks import Network, NetworkConfig
from pellucid.networks.backbone import ScaleAndStandardise, load_timm, timm_network
from pellucid.networks.families import outline
from pellucid.networks.initialisation import initialise_layers
from pellucid.networks.layers import Rescale, Standardise
from pellucid.networks.origin import Origin
from pellucid.pretrained.packages import PICTURE_PACKAGES, Package, weights_file

_PREFIX = "body.backbone.layers."


@dataclass(frozen=True, eq=False)
class PictureBackbone:
    """Weights and what is known about them.

    Attributes:
        architecture: name in timm.
        origin: where the weights come from.
        tensors: the weights under timm's names, without a classifier.
        mean: of red, green and blue, 0 to 1, that pictures are standardised with.
        std: likewise.
        fixed_size: height and width, where the architecture takes no other.
    """

    architecture: str
    origin: Origin
    tensors: Mapping[str, Tensor]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fixed_size: tuple[int, int] | None

    def network(self, config: NetworkConfig, generator: torch.Generator) -> Network:
        """Build the network: these weights, and a head that has learnt nothing.

        Args:
            config: of the family `backbone` and this architecture.
            generator: source of the head's draws.

        Returns:
            The network in evaluation mode.

        Raises:
            ModelFileError: the weights are not those of the architecture.
        """
        network = outline(config)
        wanted = {name.removeprefix(_PREFIX) for name in network.state_dict() if name.startswith(_PREFIX)}
        _require_same_names(wanted, set(self.tensors), self.origin)
        layers = network.body.get_submodule("backbone.layers")
        try:
            layers.load_state_dict(dict(self.tensors), assign=True)
        except RuntimeError as error:
            reason = " ".join(str(error).split())[:200]
            raise ModelFileError(
                f"{self.origin.source}: the weights do not fit {self.architecture}: {reason}"
            ) from error
        unsaved = [name for name, each in layers.named_buffers() if each.is_meta]
        if unsaved:
            raise UsageError(
                f"--backbone: {self.architecture} computes {unsaved[0]} when it is built and does not save "
                "it, which is not supported; choose another network"
            )
        prepare = network.body.get_submodule("prepare")
        assert isinstance(prepare, ScaleAndStandardise)
        prepare.mean = 255.0 * torch.tensor(self.mean).reshape(3, 1, 1)
        prepare.std = 255.0 * torch.tensor(self.std).reshape(3, 1, 1)
        _start_head(network, config, generator)
        network.origin = self.origin
        return network.eval()


def packaged_backbone(name: str) -> PictureBackbone:
    """Take a backbone out of its package, or out of the cache where it was converted before.

    Args:
        name: key in `PICTURE_PACKAGES`.

    Returns:
        The backbone.

    Raises:
        ModelFileError: the package is not installed, or its file is another than it was.
        UsageError: timm is not installed.
    """
    package = PICTURE_PACKAGES[name]
    return PictureBackbone(
        architecture=package.architecture,
        origin=package.origin,
        tensors=_converted(package),
        mean=package.mean,
        std=package.std,
        fixed_size=None,
    )


def timm_backbone(architecture: str, weights: Path) -> PictureBackbone:
    """Take the weights of any network of timm from a local file.

    Args:
        architecture: name in timm.
        weights: safetensors under timm's names.

    Returns:
        The backbone.

    Raises:
        UsageError: timm is not installed or does not know the architecture.
        ModelFileError: the file is missing, damaged or of another kind.
    """
    load_timm()
    try:
        with torch.device("meta"):
            network = timm_network(architecture)
    except ValueError as error:
        raise UsageError(
            f"--backbone: {architecture!r} is neither the name of a package of weights "
            f"({', '.join(PICTURE_PACKAGES)}) nor of a network in timm; see timm.list_models()"
        ) from error
    known = getattr(network, "pretrained_cfg", None) or {}
    classifier = known.get("classifier") or ()
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    tensors = {
        name: tensor
        for name, tensor in _read(weights).items()
        if not name.startswith(tuple(f"{head}." for head in heads) or ("\0",))
    }
    size = known.get("input_size", (3, 224, 224))
    return PictureBackbone(
        architecture=architecture,
        origin=Origin(
            name=architecture.replace("_", "-"),
            title=f"{architecture}, weights given by the user",
            source=weights.name[:200],
            licence="not stated: see where the weights come from",
            sha256=sha256(weights),
        ),
        tensors=tensors,
        mean=tuple(known.get("mean", (0.485, 0.456, 0.406))),
        std=tuple(known.get("std", (0.229, 0.224, 0.225))),
        fixed_size=(size[1], size[2]) if known.get("fixed_input_size") else None,
    )


def _read(weights: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file.

    Raises:
        ModelFileError: it is missing, damaged or of another kind.
    """
    if not weights.is_file():
        raise ModelFileError(f"--weights: {weights}: there is no such file; give a .safetensors file")
    try:
        with safe_open(weights, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise ModelFileError(
            f"--weights: {weights}: not a safetensors file, which are the only ones that are read "
            f"({str(error)[:100]}); convert it, or give another"
        ) from error
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(tensor.isfinite().all()):
            raise ModelFileError(f"--weights: {weights}: {name} holds weights that are not finite")
    return {name: each.float() if each.is_floating_point() else each for name, each in tensors.items()}


def _converted(package: Package) -> dict[str, Tensor]:
    """The weights of a package under timm's names, converted once."""
    path = cache_folder().parent / "pretrained" / f"{package.origin.name}.safetensors"
    if path.is_file() and sha256(path) == package.converted:
        return _read(path)
    tensors = _under_names_of_timm(package)
    try:
        make_folder(path.parent)
        write_file(path, save(tensors))
    except StorageError:
        return tensors  # a cache that cannot be written to costs half a second next time
    return tensors


def _under_names_of_timm(package: Package) -> dict[str, Tensor]:
    """The weights of a package, whose layers stand in the order of timm's under other names."""
    found: Mapping[str, Tensor] = torch.load(weights_file(package), map_location="cpu", weights_only=True)
    with torch.device("meta"):
        wanted = timm_network(package.architecture).state_dict()
    pairs = list(zip(wanted.items(), found.values(), strict=False))
    if any(like.shape != tensor.shape for (_, like), tensor in pairs) or len(pairs) < len(wanted):
        raise ModelFileError(
            f"{package.distribution}: its weights do not fit {package.architecture} of this version of timm; "
            "install timm 1.0"
        )
    return {name: tensor.contiguous() for (name, _), tensor in pairs}


def _require_same_names(wanted: set[str], found: set[str], origin: Origin) -> None:
    """Refuse weights of another network.

    Raises:
        ModelFileError: naming what is missing or too much.
    """
    for words, names in (("misses", wanted - found), ("has, and the network has not,", found - wanted)):
        if names:
            raise ModelFileError(
                f"{origin.source}: {words} {len(names)} tensors, such as {min(names)}; give the weights of "
                f"{origin.name} under timm's names"
            )


@torch.no_grad()
def _start_head(network: Network, config: NetworkConfig, generator: torch.Generator) -> None:
    """Give the head memory and a start."""
    network.head.to_empty(device="cpu")
    initialise_layers(network.head, config.activation, generator)
    last: nn.Module = network.head.get_submodule("linear")
    initialise_layers(last, "softmax", generator)
    for layer in network.head.children():
        if isinstance(layer, (Standardise, Rescale)):
            nn.init.zeros_(layer.mean)
            nn.init.ones_(layer.std)
