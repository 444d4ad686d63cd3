"""Facts of the data and the machine that the choice of a recipe depends on besides the settings."""

from dataclasses import dataclass

import numpy as np

from pellucid.settings import GENERATIVE
from pellucid.tasks import GENERATION, INPUT_KINDS, InputKind, InputName, Target, target_of


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
        model: family of the network, where the recipe depends on it: of texts, or one that makes images.
        shortest_side: smaller of height and width in pixels; 0 without images.
        mirror_keeps_class: whether a mirrored image keeps its label.
        shift_keeps_label: whether a shifted image does.
        erase_keeps_label: whether an image of which a rectangle is erased does.
        names: of the classes, where weights by class are asked for.
    """

    train_labels: np.ndarray
    classes: int
    takes: InputName
    precision: str
    device: str
    threads: int
    model: str = ""
    shortest_side: int = 0
    mirror_keeps_class: bool = False
    shift_keeps_label: bool = True
    erase_keeps_label: bool = True
    names: tuple[str, ...] = ()

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs."""
        return INPUT_KINDS[self.takes]

    @property
    def target(self) -> Target:
        """Target that is learnt: classes, numbers or images."""
        return GENERATION if self.model in GENERATIVE else target_of(self.classes)
