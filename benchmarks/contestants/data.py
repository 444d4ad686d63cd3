"""The data a contestant is handed: images or texts."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np

MEASURED, WARM_UP = "measured", "warm-up"


@dataclass(frozen=True)
class Cut:
    """Examples cut into steps; its fields are arrays and single values."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] if file[name].ndim else file[name].item() for name in file})

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        np.savez(path, **{each.name: np.asarray(getattr(self, each.name)) for each in fields(self)})

    def part(self, which: str) -> slice:
        """The examples of an epoch: all of them, or those of the warm-up."""
        return slice(None) if which == MEASURED else slice(vars(self)["warm_up_steps"] * vars(self)["batch"])


@dataclass(frozen=True)
class Data(Cut):
    """Images, labels and how they are cut.

    Attributes:
        pixels: uint8 (n, height, width, channels), as stored.
        labels: int64 (n,).
        classes: number of classes.
        batch: examples per step; divides n.
        warm_up_steps: steps of the epoch that is not measured.
    """

    pixels: np.ndarray
    labels: np.ndarray
    classes: int
    batch: int
    warm_up_steps: int

    def standardised(self) -> np.ndarray:
        """float32 (n, height, width, channels) with mean 0 and deviation 1 over all images."""
        floats = self.pixels.astype(np.float32)
        mean, deviation = floats.mean(dtype=np.float64), floats.std(dtype=np.float64)
        return ((floats - mean) / deviation).astype(np.float32)


@dataclass(frozen=True)
class Texts(Cut):
    """Token ids, labels and how they are cut.

    Attributes:
        ids: int32 (n, length), filled up at the end with 0.
        labels: int64 (n,).
        classes: number of classes.
        vocabulary: number of ids.
        network: `rnn` or `text-cnn`.
        batch: examples per step; divides n.
        warm_up_steps: steps of the epoch that is not measured.
    """

    ids: np.ndarray
    labels: np.ndarray
    classes: int
    vocabulary: int
    network: str
    batch: int
    warm_up_steps: int
