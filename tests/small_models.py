"""Small real models on scikit-learn's digits, for tests of all that comes after training."""

import functools
import hashlib
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

from pellucid.bundle import FeatureModel, ImageModel
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.networks import NETWORKS, InputFacts, NetworkConfig, build, design
from pellucid.settings import Settings
from pellucid.targets import ABSENT, CLASSIFICATION, MULTILABEL, REGRESSION, UNKNOWN

SMALL = "small-cnn"
"""Name for tests of the `cnn` for little time."""

CLASSES = tuple(f"digit {number}" for number in range(10))
LABELS = ("odd", "prime", "round", "large")
"""Labels of a digit that may have several of them; 4 has none."""

_WITH = ((1, 3, 5, 7, 9), (2, 3, 5, 7), (0, 6, 8, 9), (5, 6, 7, 8, 9))
DIGITS = Preprocessing(8, 8, 1)


def designed(name: str, settings: Settings, facts: InputFacts) -> NetworkConfig:
    """The layers of a network by name, the one for little time among them."""
    if name != SMALL:
        return design(name, settings, facts)
    small = NETWORKS["cnn"].small
    assert small is not None
    return small(design("cnn", settings, facts))


@functools.cache
def digits() -> tuple[np.ndarray, np.ndarray]:
    """Pixels (1797, 8, 8, 1) and labels of the digits."""
    bunch = load_digits()
    return (bunch.images * 15).astype(np.uint8)[..., None], bunch.target.astype(np.int64)


@functools.cache
def states() -> np.ndarray:
    """Whether each of `LABELS` is present in each digit (1797, 4); of every tenth digit two are unknown."""
    found = np.stack([np.isin(digits()[1], each) for each in _WITH], axis=1).astype(np.int8)
    assert (found[digits()[1] == 4] == ABSENT).all()
    found[::10, :2] = UNKNOWN
    return found


def untrained_model(name: str = "cnn", *, mirror: bool = False, **given) -> ImageModel:
    """A model whose weights are random but whose standardisation is real."""
    classes = given.pop("classes", CLASSES)
    settings = Settings(model=name.removeprefix("small-"), width=given.pop("width", 8), **given)
    network = build(designed(name, settings, InputFacts((1, 8, 8), len(classes), 1000)))
    pixels, _ = digits()
    network.initialise_from_data(torch.from_numpy(pixels[:500]).permute(0, 3, 1, 2).float())
    return ImageModel(network, DIGITS, classes, CLASSIFICATION, mirror=mirror)


@functools.cache
def trained_model() -> ImageModel:
    """A perceptron with one hidden layer that reads most digits; trained on the first 1,000."""
    model = untrained_model("mlp", width=32, depth=1)
    pixels, labels = digits()
    images = torch.from_numpy(pixels[:1000]).permute(0, 3, 1, 2).float()
    optimiser = torch.optim.Adam(model.network.parameters(), lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(model.network(images), torch.from_numpy(labels[:1000])).backward()
        optimiser.step()
    model.network.eval()
    return model


def number_model(name: str = "cnn", *, mirror: bool = False) -> ImageModel:
    """An untrained model of numbers that lie where the digits do."""
    network = build(design(name, Settings(model=name, width=8), InputFacts((1, 8, 8), 1, 1000)))
    pixels, labels = digits()
    images = torch.from_numpy(pixels[:500]).permute(0, 3, 1, 2).float()
    network.initialise_from_data(images, torch.from_numpy(labels[:500]).double())
    return ImageModel(network, DIGITS, (), REGRESSION, mirror=mirror)


def label_model(name: str = "cnn", *, mirror: bool = False) -> ImageModel:
    """An untrained model of several labels, two of which have a threshold of their own."""
    network = build(design(name, Settings(model=name, width=8), InputFacts((1, 8, 8), len(LABELS), 1000)))
    pixels, _ = digits()
    network.initialise_from_data(torch.from_numpy(pixels[:500]).permute(0, 3, 1, 2).float())
    return with_labels(ImageModel(network, DIGITS, LABELS, MULTILABEL, mirror=mirror))


def with_labels(model):
    """A model with an output for each of `LABELS` as one that knows of several labels, with thresholds."""
    model = model.for_data(threshold={"odd": 0.4, "large": 0.7})
    model.target = MULTILABEL
    return model


def vector_model(classes: tuple[str, ...] = CLASSES) -> FeatureModel:
    """An untrained model of the digits' pixels as feature vectors; of numbers where there are no classes."""
    network = build(design("mlp", Settings(model="mlp", width=8), InputFacts((64,), len(classes) or 1, 1000)))
    rows, labels = vectors(), torch.from_numpy(digits()[1]).double()
    network.initialise_from_data(torch.from_numpy(rows), None if classes else labels)
    return FeatureModel(network, classes, CLASSIFICATION if classes else REGRESSION)


def vectors() -> np.ndarray:
    """The digits as rows of 64 numbers."""
    return digits()[0].reshape(len(digits()[0]), -1).astype(np.float32)


def write_digits(folder: Path, indices: range, *, by_class: bool = False) -> list[Path]:
    """Write digits as PNG files, in one folder or in a folder for each class."""
    pixels, labels = digits()
    paths = []
    for index in indices:
        place = folder / CLASSES[labels[index]] if by_class else folder
        place.mkdir(parents=True, exist_ok=True)
        paths.append(place / f"{index:04}.png")
        Image.fromarray(pixels[index, ..., 0]).save(paths[-1])
    return paths


def sealed(document: dict) -> bytes:
    """`model.json` with a right checksum of its own, as an attacker would make it."""

    def text(content: dict) -> bytes:
        return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()

    plain = {key: value for key, value in document.items() if key != "own_sha256"}
    return text({**plain, "own_sha256": hashlib.sha256(text(plain)).hexdigest()})


def reseal(folder: Path, **changes) -> None:
    """Change `model.json` and make every checksum right again."""
    document = json.loads((folder / "model.json").read_text())
    document["sha256"] = {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in document["sha256"]
    }
    (folder / "model.json").write_bytes(sealed({**document, **changes}))
