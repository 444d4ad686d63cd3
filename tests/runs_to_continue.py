"""Small real runs for the tests of going on: digits of some classes, texts that name them, their ink."""

import csv
import functools
import tempfile
from pathlib import Path

import numpy as np

import pellucid
from small_models import CLASSES, digits
from text_models import texts

OLD, NEW = range(7), range(7, 10)
TINY = {"model": "mlp", "width": 16, "epochs": 10, "threads": 1, "baselines": False, "quiet": True}
GENTLE = {"threads": 1, "baselines": False, "quiet": True, "epochs": 4}


def positions(classes, part: slice) -> np.ndarray:
    """Positions of the digits of some classes in a part of all."""
    rows = np.arange(len(digits()[1]))[part]
    return rows[np.isin(digits()[1][rows], list(classes))]


def write_npz(path: Path, classes, train: slice, test: slice) -> Path:
    """Digits of some classes with a test split."""
    pixels, labels = digits()
    names = np.array(CLASSES)
    fit, asked = positions(classes, train), positions(classes, test)
    np.savez(
        path,
        x_train=pixels[fit],
        y_train=names[labels[fit]],
        x_test=pixels[asked],
        y_test=names[labels[asked]],
    )
    return path


def write_texts(path: Path, classes, part: slice, *, numbers: bool = False) -> Path:
    """A table of texts that name digits, with their class or a number near it."""
    rows = positions(classes, part)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("text", "label"))
        for row in rows.tolist():
            label = int(digits()[1][row])
            table.writerow((texts()[row], f"{label}.{row % 7}" if numbers else CLASSES[label]))
    return path


@functools.cache
def home() -> Path:
    """A folder for runs that many tests share; it ends with the process."""
    folder = tempfile.TemporaryDirectory()
    _open.append(folder)
    return Path(folder.name)


_open: list[tempfile.TemporaryDirectory] = []


@functools.cache
def old_images() -> Path:
    """A run on digits 0 to 6."""
    data = write_npz(home() / "old.npz", OLD, slice(0, 900), slice(1300, None))
    return pellucid.train(data, out=home() / "old", **TINY).folder


@functools.cache
def old_texts() -> Path:
    """A run of a small text-cnn on texts that name 0 to 4."""
    data = write_texts(home() / "old.csv", range(5), slice(0, 900))
    given = {**TINY, "model": "text-cnn", "width": 8, "epochs": 3}
    return pellucid.train(data, out=home() / "old-texts", **given).folder


@functools.cache
def old_numbers() -> Path:
    """A run of a small text-cnn on texts with numbers."""
    data = write_texts(home() / "numbers.csv", range(5), slice(0, 900), numbers=True)
    given = {**TINY, "model": "text-cnn", "width": 8, "epochs": 3}
    return pellucid.train(data, out=home() / "old-numbers", **given).folder
