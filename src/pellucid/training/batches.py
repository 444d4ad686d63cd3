"""Which examples make up each step, and how they look in it: functions of (seed, step) alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64
from torch import Tensor

from pellucid.data.augmentation import augmented_batch
from pellucid.training.determinism import Purpose, generator
from pellucid.training.recipe import Recipe, batches_per_epoch


@dataclass(frozen=True)
class Examples:
    """What training sees of a data set.

    Attributes:
        inputs: uint8 pictures (n, height, width, channels) or float32 features (n, features).
        labels: int64 class of each, or float64 number to predict.
        train: ascending positions of the training split.
        validation: ascending positions of the validation split; may be empty.
        classes: number of classes; 0 where numbers are predicted.
    """

    inputs: np.ndarray
    labels: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    classes: int

    @property
    def is_numbers(self) -> bool:
        """Whether numbers are predicted and not classes."""
        return self.classes == 0


class Batch(NamedTuple):
    """One step's examples.

    Attributes:
        inputs: raw pixel values or features.
        labels: class of each, or number to predict.
        indices: their positions in the data set, for messages.
    """

    inputs: Float[Tensor, "batch ..."]
    labels: Int64[Tensor, " batch"] | Float64[Tensor, " batch"]
    indices: np.ndarray


class Batches:
    """The training split cut into batches, in an order drawn anew for each epoch."""

    def __init__(self, examples: Examples, recipe: Recipe) -> None:
        self.examples = examples
        self.recipe = recipe

    @property
    def per_epoch(self) -> int:
        """Batches in one pass over the training split."""
        return batches_per_epoch(len(self.examples.train), self.recipe.batch_size)

    @cached_property
    def _mirror_bits(self) -> np.ndarray:
        draws = generator(self.recipe.seed, Purpose.MIRROR)
        return draws.integers(0, 2, size=len(self.examples.labels), dtype=np.int8)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Batches of one epoch.

        A picture mirrored in one epoch is shown as it is in the next, and the other way round
        (Jordan, "94% on CIFAR-10 in 3.29 seconds", 2024, section 3.6).

        Args:
            epoch: passes already made over the training split.
            start: batches of this epoch already used.

        Yields:
            Batches ready for the network.
        """
        order = generator(self.recipe.seed, Purpose.ORDER, epoch).permutation(self.examples.train)
        size = self.recipe.batch_size
        for position in range(start, self.per_epoch):
            is_last = position == self.per_epoch - 1
            indices = order[position * size : None if is_last else (position + 1) * size]
            yield self._batch(indices, epoch, epoch * self.per_epoch + position)

    def _batch(self, indices: np.ndarray, epoch: int, number: int) -> Batch:
        augmentation = self.recipe.augmentation
        labels = torch.from_numpy(self.examples.labels[indices])
        if augmentation.is_off:
            return Batch(to_tensor(self.examples.inputs[indices]), labels, indices)
        mirrored = (self._mirror_bits[indices] + epoch) % 2 == 1
        pictures = augmented_batch(
            self.examples.inputs,
            indices,
            mirrored & augmentation.mirror,
            augmentation,
            generator(self.recipe.seed, Purpose.AUGMENTATION, number),
        )
        return Batch(to_tensor(pictures), labels, indices)


def to_tensor(inputs: np.ndarray) -> Float[Tensor, "batch ..."]:
    """Pictures or features as the network takes them.

    Args:
        inputs: uint8 (batch, height, width, channels) or float32 (batch, features).

    Returns:
        float32: (batch, channels, height, width) laid out channels-last, or (batch, features).
    """
    if inputs.ndim == 2:
        return torch.from_numpy(np.ascontiguousarray(inputs, dtype=np.float32))
    return torch.from_numpy(np.ascontiguousarray(inputs)).permute(0, 3, 1, 2).float()
