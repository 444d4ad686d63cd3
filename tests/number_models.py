"""Small real models of numbers, and classical ones of classes, on scikit-learn's digits."""

import functools
from pathlib import Path

import numpy as np

import pellucid
from pellucid.bundle import Model
from small_models import CLASSES, digits, write_digits

TRAINED_ON = 400


@functools.cache
def ink() -> np.ndarray:
    """How bright each digit is, 0 to 255 on average; a number with a fraction that pixels decide."""
    pixels, _ = digits()
    return pixels.reshape(len(pixels), -1).mean(axis=1)


@functools.cache
def number_model(name: str) -> Model:
    """A model of the ink: `mean`, `ridge`, `svm`, `random-forest` or a network."""
    pixels, _ = digits()
    given = {"epochs": 12} if name in ("mlp", "cnn", "lenet") else {}
    estimator = pellucid.ImageRegressor(model=name, threads=1, **given)
    return estimator.fit(pixels[:TRAINED_ON], ink()[:TRAINED_ON]).model_


@functools.cache
def classical_model(name: str) -> Model:
    """A classical model of the digits' classes."""
    pixels, labels = digits()
    estimator = pellucid.ImageClassifier(model=name, threads=1)
    return estimator.fit(pixels[:TRAINED_ON], np.array(CLASSES)[labels[:TRAINED_ON]]).model_


def write_ink(folder: Path, indices: range, *, name: str = "ink.csv") -> Path:
    """Write digits as PNG files with a table of their ink."""
    paths = write_digits(folder, indices)
    rows = [f"{path.name},{float(ink()[index])}" for path, index in zip(paths, indices, strict=True)]
    (folder / name).write_text("\n".join(["image,ink", *rows]) + "\n")
    return folder / name
