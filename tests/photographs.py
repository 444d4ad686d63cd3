"""Real photographs in two classes: pieces of the two that come with scikit-learn."""

from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from pellucid.data.images.pixels import fit_image

CLASSES = ("china", "flower")


def pieces(name: str, count: int, side: int, seed: int = 0) -> np.ndarray:
    """Pieces of a photograph at places drawn by chance, uint8 (count, side, side, 3)."""
    image = load_sample_image(f"{name}.jpg")
    draws = np.random.default_rng((seed, len(name)))
    tops = draws.integers(0, image.shape[0] - side, count)
    lefts = draws.integers(0, image.shape[1] - side, count)
    return np.stack(
        [image[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)]
    )


def class_folders(folder: Path, count: int = 40, side: int = 64) -> Path:
    """A folder of class folders with so many pieces of each photograph made smaller, as PNG."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number, piece in enumerate(pieces(name, count, 200)):
            Image.fromarray(fit_image(piece, (side, side), 3)).save(folder / name / f"{number:03d}.png")
    return folder
