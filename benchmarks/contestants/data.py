"""The data a contestant is handed: images or texts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

MEASURED, WARM_UP = "measured", "warm-up"


@dataclass(frozen=True)
class Data:
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

    @classmethod
    def load(cls, path: Path) -> "Data":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            classes, batch, warm_up_steps = file["numbers"].tolist()
            return cls(file["pixels"], file["labels"], classes, batch, warm_up_steps)

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        numbers = np.array([self.classes, self.batch, self.warm_up_steps])
        np.savez(path, pixels=self.pixels, labels=self.labels, numbers=numbers)

    def part(self, which: str) -> slice:
        """The examples of an epoch: all of them, or those of the warm-up."""
        return slice(None) if which == MEASURED else slice(self.warm_up_steps * self.batch)

    def standardised(self) -> np.ndarray:
        """float32 (n, height, width, channels) with mean 0 and deviation 1 over all images."""
        floats = self.pixels.astype(np.float32)
        mean, deviation = floats.mean(dtype=np.float64), floats.std(dtype=np.float64)
        return ((floats - mean) / deviation).astype(np.float32)


@dataclass(frozen=True)
class Texts:
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

    @classmethod
    def load(cls, path: Path) -> "Texts":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            classes, vocabulary, batch, warm_up_steps = file["numbers"].tolist()
            network = str(file["network"])
            return cls(file["ids"], file["labels"], classes, vocabulary, network, batch, warm_up_steps)

    def save(self, path: Path) -> None:
        """Write an `.npz` file."""
        numbers = np.array([self.classes, self.vocabulary, self.batch, self.warm_up_steps])
        np.savez(path, ids=self.ids, labels=self.labels, numbers=numbers, network=np.array(self.network))

    def part(self, which: str) -> slice:
        """The examples of an epoch: all of them, or those of the warm-up."""
        return slice(None) if which == MEASURED else slice(self.warm_up_steps * self.batch)
