"""Facts of the data and the machine that the choice of a recipe depends on besides the settings."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Takes = Literal["images", "texts", "values"]
"""Kinds of input: images, texts as token ids, or tables of feature vectors."""


@dataclass(frozen=True)
class Surroundings:
    """Facts that a recipe depends on besides the settings.

    Attributes:
        train_labels: class of each training example, or number to predict.
        classes: number of classes; 0 where numbers are predicted.
        takes: kind of input.
        precision: arithmetic chosen for this machine.
        device: device chosen for this machine.
        threads: threads chosen for this machine.
        model: family of the network, where the recipe depends on it; texts only.
        shortest_side: smaller of height and width in pixels; 0 without images.
        mirror_keeps_class: whether a mirrored image keeps its label.
        shift_keeps_label: whether a shifted image does.
        erase_keeps_label: whether an image of which a rectangle is erased does.
    """

    train_labels: np.ndarray
    classes: int
    takes: Takes
    precision: str
    device: str
    threads: int
    model: str = ""
    shortest_side: int = 0
    mirror_keeps_class: bool = False
    shift_keeps_label: bool = True
    erase_keeps_label: bool = True

    @property
    def is_images(self) -> bool:
        """True where the inputs are images."""
        return self.takes == "images"

    @property
    def is_numbers(self) -> bool:
        """True where numbers are predicted and not classes."""
        return self.classes == 0
