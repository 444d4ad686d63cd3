"""From what the user asked for and what the data is to every number training needs.

A preset is a row of `PRESETS`. Whatever the user set stands; the rest comes from the preset or
from a rule stated here. The finished recipe is printed and saved in `config.json`.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pellucid.data.augmentation import Augmentation
from pellucid.errors import UsageError
from pellucid.settings import Settings

IMBALANCE = 5.0


@dataclass(frozen=True)
class Preset:
    """What a preset spends.

    Attributes:
        epochs: passes over a training split of 50,000 examples.
        erase: probability of random erasing.
        label_smoothing: share of each target spread over all classes.
        width_factor: multiple of the network's usual width.
    """

    epochs: int
    erase: float
    label_smoothing: float
    width_factor: float


PRESETS: dict[str, Preset] = {
    "quick": Preset(epochs=5, erase=0.0, label_smoothing=0.1, width_factor=1.0),
    "standard": Preset(epochs=10, erase=0.0, label_smoothing=0.1, width_factor=1.0),
    "best": Preset(epochs=30, erase=0.3, label_smoothing=0.1, width_factor=1.5),
}

_LEARNING_RATES = {"gd": 0.5, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adam": 0.005, "adamw": 0.01}
_WEIGHT_DECAYS = {"adamw": 0.05}


@dataclass(frozen=True)
class Recipe:
    """Every number that decides the result of training.

    Attributes:
        epochs: passes over the training split.
        total_steps: batches in all; below `epochs` full passes when time is limited.
        batch_size: examples per batch; one optimiser step each, but one per epoch for `gd`.
        optimizer: `gd`, `sgd`, `momentum`, `nesterov`, `adam` or `adamw`.
        learning_rate: largest learning rate.
        weight_decay: pull towards zero (decoupled for AdamW, added to the gradient elsewhere).
        schedule: `one-cycle`, `cosine` or `constant`.
        loss: `cross-entropy` or `mse`.
        label_smoothing: share of each target spread over all classes, 0 to 0.9.
        class_weights: weight of each class in the loss, or `None` for equal weights.
        augmentation: how training pictures are varied.
        patience: epochs without gain before training stops, or `None`.
        metric: score that decides which epoch is best.
        precision: `fp32` or `bf16`.
        device: where training runs.
        threads: processor threads.
        seed: seed of every draw.
    """

    epochs: int
    total_steps: int
    batch_size: int
    optimizer: str
    learning_rate: float
    weight_decay: float
    schedule: str
    loss: str
    label_smoothing: float
    class_weights: tuple[float, ...] | None
    augmentation: Augmentation
    patience: int | None
    metric: str
    precision: str
    device: str
    threads: int
    seed: int

    def to_json(self) -> dict[str, Any]:
        """The recipe as JSON can hold it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "Recipe":
        """The recipe that `to_json` wrote."""
        values = dict(document)
        values["augmentation"] = Augmentation(**values["augmentation"])
        if values["class_weights"] is not None:
            values["class_weights"] = tuple(values["class_weights"])
        return cls(**values)


@dataclass(frozen=True)
class Surroundings:
    """What a recipe depends on besides the settings.

    Attributes:
        train_labels: class of each training example.
        classes: number of classes.
        is_pictures: False for tables of feature vectors.
        shortest_side: smaller of height and width in pixels.
        mirror_keeps_class: what the data says about mirroring.
        precision: arithmetic chosen for this machine.
        device: device chosen for this machine.
        threads: threads chosen for this machine.
    """

    train_labels: np.ndarray
    classes: int
    is_pictures: bool
    shortest_side: int
    mirror_keeps_class: bool
    precision: str
    device: str
    threads: int


def choose_recipe(settings: Settings, around: Surroundings) -> Recipe:
    """Decide every number of training.

    Rules: small data gets more epochs, so that the number of steps does not fall below a quarter
    of what 50,000 examples get, up to twenty times the preset's epochs; the batch is at most a
    sixteenth of the training split, a power of two from 16 to 512.

    Args:
        settings: what the user asked for.
        around: the data and the machine.

    Returns:
        The finished recipe.

    Raises:
        UsageError: a setting contradicts the data or another setting.
    """
    preset = PRESETS[settings.preset]
    examples = len(around.train_labels)
    optimizer = settings.optimizer or "adamw"
    if optimizer == "gd" and settings.batch_size is not None:
        raise UsageError("--batch-size: gd takes the whole training split in each step; leave one out")
    batch_size = settings.batch_size or _batch_size(examples, around.is_pictures)
    epochs = settings.epochs or _epochs(preset, examples)
    smoothing = settings.label_smoothing
    if smoothing is None:
        smoothing = preset.label_smoothing if settings.loss == "cross-entropy" and around.is_pictures else 0.0
    return Recipe(
        epochs=epochs,
        total_steps=epochs * math.ceil(examples / batch_size),
        batch_size=min(batch_size, examples),
        optimizer=optimizer,
        learning_rate=_first_given(settings.learning_rate, _LEARNING_RATES[optimizer]),
        weight_decay=_first_given(settings.weight_decay, _WEIGHT_DECAYS.get(optimizer, 0.0)),
        schedule=settings.schedule or ("constant" if optimizer == "gd" else "one-cycle"),
        loss=settings.loss,
        label_smoothing=smoothing,
        class_weights=_class_weights(settings, around),
        augmentation=_augmentation(settings, preset, around),
        patience=settings.patience,
        metric=settings.metric,
        precision=around.precision,
        device=around.device,
        threads=around.threads,
        seed=settings.seed,
    )


def _first_given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _batch_size(examples: int, is_pictures: bool) -> int:
    largest = 512 if is_pictures else 256
    sixteenth: int = 2 ** math.floor(math.log2(max(1, examples / 16)))
    return max(min(16, examples), min(largest, sixteenth))


def _epochs(preset: Preset, examples: int) -> int:
    factor = math.sqrt(50_000 / max(1, examples)) if examples < 50_000 else 1.0
    return round(preset.epochs * min(20.0, factor))


def _class_weights(settings: Settings, around: Surroundings) -> tuple[float, ...] | None:
    """Inverse class frequencies with mean 1 over the examples, where imbalance asks for them."""
    counts = np.bincount(around.train_labels, minlength=around.classes).astype(np.float64)
    present = counts[counts > 0]
    wanted = settings.class_weight
    if wanted is None:
        wanted = "balanced" if present.max() > IMBALANCE * present.min() else "none"
    if wanted == "none":
        return None
    weights = np.divide(counts.sum(), len(present) * counts, out=np.zeros_like(counts), where=counts > 0)
    return tuple(float(weight) for weight in weights)


def _augmentation(settings: Settings, preset: Preset, around: Surroundings) -> Augmentation:
    """Shift by a fourteenth of the side; mirror only where the data allows; erase by preset."""
    wanted = around.is_pictures if settings.augment is None else settings.augment
    if wanted and not around.is_pictures:
        raise UsageError("--augment: feature vectors cannot be shifted or mirrored; leave it out")
    if not wanted:
        return Augmentation()
    return Augmentation(
        mirror=around.mirror_keeps_class,
        shift=round(around.shortest_side / 14),
        erase=preset.erase,
    )
