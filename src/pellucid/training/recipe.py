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

from pellucid.data.augmentation import Augmentation, usual_shift
from pellucid.errors import UsageError
from pellucid.settings import Settings

IMBALANCE = 5.0
NUMBER_METRIC = "root-mean-squared-error"
"""What selects the best epoch where numbers are predicted."""


@dataclass(frozen=True)
class Preset:
    """What a preset spends.

    Attributes:
        epochs: passes over a training split of 50,000 examples.
        erase: probability of random erasing.
        label_smoothing: share of each target spread over all classes.
    """

    epochs: int
    erase: float
    label_smoothing: float


PRESETS: dict[str, Preset] = {
    "quick": Preset(epochs=8, erase=0.0, label_smoothing=0.1),
    "standard": Preset(epochs=16, erase=0.2, label_smoothing=0.1),
    "best": Preset(epochs=60, erase=0.4, label_smoothing=0.1),
}

_LEARNING_RATES = {"gd": 0.5, "sgd": 0.1, "momentum": 0.05, "nesterov": 0.05, "adam": 0.005, "adamw": 0.01}
_WEIGHT_DECAYS = {"adamw": 0.05}
_WEIGHT_DECAYS_OF_VECTORS = {"adamw": 1.0}
_UPDATES_OF_VECTORS = 25
_WHOLE, _MOST_PASSES, _FACTOR = 50_000, 11_250, 1.25


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
        metric: score that decides which epoch is best: one of the settings', or `NUMBER_METRIC`.
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
        train_labels: class of each training example, or number to predict.
        classes: number of classes; 0 where numbers are predicted.
        is_pictures: False for tables of feature vectors.
        shortest_side: smaller of height and width in pixels.
        mirror_keeps_class: whether a mirrored picture keeps its label.
        precision: arithmetic chosen for this machine.
        device: device chosen for this machine.
        threads: threads chosen for this machine.
        shift_keeps_label: whether a shifted picture does.
        erase_keeps_label: whether a picture of which a rectangle is erased does.
    """

    train_labels: np.ndarray
    classes: int
    is_pictures: bool
    shortest_side: int
    mirror_keeps_class: bool
    precision: str
    device: str
    threads: int
    shift_keeps_label: bool = True
    erase_keeps_label: bool = True

    @property
    def is_numbers(self) -> bool:
        """Whether numbers are predicted and not classes."""
        return self.classes == 0


def choose_recipe(settings: Settings, around: Surroundings) -> Recipe:
    """Decide every number of training.

    Rules for pictures: small data gets more epochs, in proportion to the square root of what it
    lacks to 50,000 examples, up to twenty times the preset's; above a quarter more, up to 11,250
    pictures passed for each of the preset's; the batch is at most a 64th of the training split, a
    power of two from 16 to 512.

    Rules for feature vectors, whose steps take less than a millisecond: at least 25 updates for each
    of the preset's epochs; a batch of a sixteenth of the training split, from 32 to 256; a stronger
    weight decay; fp32 and one thread, since there is too little work to share.

    A batch by rule grows by a few examples where the last one of an epoch would hold a single
    example, which batch normalisation cannot take.

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
    epochs = settings.epochs or (
        _epochs(preset, examples)
        if around.is_pictures
        else _epochs_of_vectors(preset, 1 if optimizer == "gd" else math.ceil(examples / batch_size))
    )
    decays = _WEIGHT_DECAYS if around.is_pictures else _WEIGHT_DECAYS_OF_VECTORS
    smoothing = settings.label_smoothing
    if around.is_numbers:
        _refuse_settings_of_classes(settings)
    loss = settings.loss or ("mse" if around.is_numbers else "cross-entropy")
    if smoothing is None:
        smoothing = preset.label_smoothing if loss == "cross-entropy" and around.is_pictures else 0.0
    return Recipe(
        epochs=epochs,
        total_steps=epochs * batches_per_epoch(examples, batch_size),
        batch_size=min(batch_size, examples),
        optimizer=optimizer,
        learning_rate=_first_given(settings.learning_rate, _LEARNING_RATES[optimizer]),
        weight_decay=_first_given(settings.weight_decay, decays.get(optimizer, 0.0)),
        schedule=settings.schedule or ("constant" if optimizer == "gd" else "one-cycle"),
        loss=loss,
        label_smoothing=smoothing,
        class_weights=_class_weights(settings, around),
        augmentation=_augmentation(settings, preset, around),
        patience=settings.patience,
        metric=NUMBER_METRIC if around.is_numbers else settings.metric,
        precision=around.precision if around.is_pictures or settings.precision != "auto" else "fp32",
        device=around.device,
        threads=around.threads if around.is_pictures or settings.threads is not None else 1,
        seed=settings.seed,
    )


def _refuse_settings_of_classes(settings: Settings) -> None:
    """Refuse what has a meaning for classes only.

    Raises:
        UsageError: naming the setting, and that numbers are predicted.
    """
    of_classes = {
        "--loss cross-entropy": settings.loss == "cross-entropy",
        "--label-smoothing": bool(settings.label_smoothing),
        "--class-weight balanced": settings.class_weight == "balanced",
        f"--metric {settings.metric}": settings.metric != Settings.metric,
    }
    for flag, is_given in of_classes.items():
        if is_given:
            raise UsageError(
                f"{flag}: belongs to classes, but numbers are predicted; leave it out, or give --target class"
            )


def batches_per_epoch(examples: int, batch_size: int) -> int:
    """How many batches one pass over the training split takes.

    A single example left over joins the batch before it: one example alone has no variance that
    batch norm could learn from.

    Args:
        examples: size of the training split.
        batch_size: examples per batch.

    Returns:
        At least 1.
    """
    return max(1, math.ceil((examples - 1) / batch_size))


def _first_given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _batch_size(examples: int, is_pictures: bool) -> int:
    part, smallest, largest = (64, 16, 512) if is_pictures else (16, 32, 256)
    share: int = 2 ** math.floor(math.log2(max(1, examples / part)))
    batch_size = max(min(smallest, examples), min(largest, share))
    while batch_size > 1 and examples % batch_size == 1:
        batch_size += 1
    return batch_size


def _epochs(preset: Preset, examples: int) -> int:
    factor = min(20.0, math.sqrt(_WHOLE / max(1, examples)))
    return round(preset.epochs * max(1.0, min(factor, max(_FACTOR, _MOST_PASSES / max(1, examples)))))


def _epochs_of_vectors(preset: Preset, updates_per_epoch: int) -> int:
    return max(preset.epochs, math.ceil(_UPDATES_OF_VECTORS * preset.epochs / updates_per_epoch))


def _class_weights(settings: Settings, around: Surroundings) -> tuple[float, ...] | None:
    """Inverse class frequencies with mean 1 over the examples, where imbalance asks for them."""
    if around.is_numbers:
        return None
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
    """Shift by a fourteenth of the side, mirror, erase by preset: each only where the label is kept."""
    wanted = around.is_pictures if settings.augment is None else settings.augment
    if wanted and not around.is_pictures:
        raise UsageError("--augment: feature vectors cannot be shifted or mirrored; leave it out")
    if not wanted:
        return Augmentation()
    return Augmentation(
        mirror=around.mirror_keeps_class,
        shift=usual_shift(around.shortest_side) if around.shift_keeps_label else 0,
        erase=preset.erase if around.erase_keeps_label else 0.0,
    )
