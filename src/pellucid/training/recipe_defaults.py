"""Defaults of training by rule, for each kind of input, and the facts that they depend on."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from pellucid.data.wording import count_of
from pellucid.errors import UsageError
from pellucid.input_kinds import INPUT_KINDS, InputKind, InputName
from pellucid.language.sentence import Sentence
from pellucid.networks.config import MANY_CLASSES
from pellucid.settings import MOST_PARTS, Settings
from pellucid.targets import Target


@dataclass(frozen=True)
class Surroundings:
    """Facts that a recipe depends on besides the settings."""

    train_labels: np.ndarray  # of each training example: class, states of labels, or number to predict
    classes: int  # number of classes; 0 where numbers are predicted
    target: Target  # what is learnt
    takes: InputName
    precision: str
    device: str
    threads: int  # these three as chosen for this machine
    # family of the network, where the recipe depends on it: of texts, or one that makes images
    model: str = ""
    shortest_side: int = 0  # smaller of height and width in pixels; 0 without images
    channels: int = 0  # of the images: 1 of grey ones, 3 of coloured ones; 0 without images
    mirror_keeps_class: bool = False  # whether a mirrored image keeps its label
    shift_keeps_label: bool = True  # whether a shifted image does
    erase_keeps_label: bool = True  # whether an image of which a rectangle is erased does
    names: tuple[str, ...] = ()  # of the classes, where weights by class are asked for

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs."""
        return INPUT_KINDS[self.takes]


@dataclass(frozen=True)
class Preset:
    """Effort of a preset."""

    epochs: int  # passes over a training split of 50,000 examples
    epochs_of_many: int  # the same of `cnn`, from a training split of 40,000 images on
    erase: float  # probability of random erasing; half of it where images are mixed
    mix: float  # probability that `cnn`, learning classes, sees an image with a part of another one


# docs/experiments/images.md, "The course of `quick`" and "Mixed images" (benchmarks/fashion_mnist.py).
PRESETS: dict[str, Preset] = {
    "quick": Preset(epochs=8, epochs_of_many=6, erase=0.0, mix=0.0),
    "standard": Preset(epochs=16, epochs_of_many=16, erase=0.2, mix=0.0),
    "best": Preset(epochs=60, epochs_of_many=90, erase=0.4, mix=0.5),
}
# Below so many epochs images are shifted by half as much, and batches of `cnn` are smaller.
FEW_EPOCHS = 8
# Epochs from which mixed images are worth it; of fewer nothing was gained.
FEWEST_MIXED = 24
# Share of the epochs of `cnn` after which its first block stays as it is, where there are many images.
FROZEN_FROM = 2 / 3
# Share of the steps in which the weight of a divergence rises: all of it at once lets latent variables die.
WARM_UP = 0.2

_LABEL_SMOOTHING = 0.1
_LEARNING_RATES = {
    "gd": 0.5,
    "sgd": 0.1,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adam": 0.005,
    "adamw": 0.01,
    "muon": 0.24,
}
# Of adamw and, beside it, muon; else 0.
_WEIGHT_DECAY = 0.05
_WEIGHT_DECAY_OF_VECTORS = 1.0
_FEW_STEPS = 600  # fewer of muon, or fewer epochs than `FEW_EPOCHS`, have another learning rate
_RATE_OF_FEW = 0.12
# Learning rates of Adam, decoupled or not, in networks that make images.
_RATE_OF_AUTOENCODERS = 0.004
_RATE_OF_ADVERSARIES = 0.002
_UPDATES_OF_VECTORS = 25  # for each epoch of the preset: small tables would end after a few steps
_WHOLE = 50_000  # examples that get the epochs of a preset
_MOST_PASSES = 11_250  # images passed for each epoch of the preset, where there are fewer examples
_FACTOR = 1.25  # times the epochs of the preset above which that bound holds
_MANY = 40_000  # images from which on `cnn` has another number of epochs
_ADAMS = ("adam", "adamw")
_NORMED = ("cnn", "lenet", "mlp")  # networks whose batch norms cancel the scale of weights
_NORMED_OVER_BATCHES = (*_NORMED, "vae", "gan")  # a backbone keeps its statistics


@dataclass(frozen=True)
class TextRecipe:
    """Training defaults of a family of networks for texts."""

    epochs: dict[str, int]  # passes over a training split of up to 20,000 texts, for each preset
    batch: int  # most texts of a batch, unless the data is large
    learning_rate: float  # largest learning rate of `adam` and `adamw`
    # the same where there are fewer than eight classes, or a number: each word then says so much that a
    # fast learner soon memorises texts
    rate_of_few: float
    weight_decay: float  # of `adamw`
    word_dropout: float  # share of the ids of a training text that are replaced by `UNKNOWN`
    word_dropout_of_few: float  # the same where there are fewer than eight classes, or a number
    in_bf16: bool  # whether bf16 makes its steps faster, where the processor has it
    in_one_thread: bool = False  # whether its steps are too small to be shared out


# docs/experiments/texts.md, "Recipes of `text-cnn` and `rnn`" and "The course of `bag`".
_RNN = TextRecipe(
    epochs={"quick": 6, "standard": 10, "best": 20},
    batch=64,
    learning_rate=0.008,
    rate_of_few=0.004,
    weight_decay=0.01,
    word_dropout=0.3,
    word_dropout_of_few=0.3,
    in_bf16=True,
)
TEXTS: dict[str, TextRecipe] = {
    "text-cnn": replace(_RNN, rate_of_few=0.002),
    "rnn": _RNN,
    "transformer": replace(_RNN, learning_rate=0.005, rate_of_few=0.003),
    "bag": TextRecipe(
        epochs={"quick": 5, "standard": 6, "best": 16},
        batch=128,
        learning_rate=0.01,
        rate_of_few=0.0025,
        weight_decay=0.0,
        word_dropout=0.1,
        word_dropout_of_few=0.3,
        in_bf16=False,
        in_one_thread=True,
    ),
}
# Least updates in all, for each preset; small data gets more epochs to reach it.
UPDATES_OF_TEXTS = {"quick": 200, "standard": 400, "best": 800}
_WHOLE_OF_TEXTS = 20_000  # texts that get the epochs of a preset
_MOST_EPOCHS_OF_TEXTS = 100


class Defaults(NamedTuple):
    """Numbers of training by rule, as in `Recipe`."""

    epochs: int
    batch_size: int  # the user's where one was given
    learning_rate: float
    weight_decay: float
    precision: str
    threads: int
    label_smoothing: float = 0.0  # where the loss is cross-entropy
    word_dropout: float = 0.0
    frozen_from: float | None = None


def _of_pixels(
    settings: Settings,
    around: Surroundings,
    optimizer: str,
    *,
    whole: int,
    largest: int,
    adam: float | None = None,
) -> Defaults:
    """Defaults of networks of images: epochs where 50,000 images get `whole`, and batches up to `largest`.

    Small data gets more epochs, in proportion to the square root of what it lacks to 50,000 examples, up to
    twenty times as many; above a quarter more, up to 11,250 images passed for each of `whole`. The batch is
    at most a 64th of the training split, a power of two from 16 on; of `muon`, whose steps cost more and gain
    by larger batches, a 32nd, from an eighth of the split or 64 on. `adam` is the learning rate of an Adam,
    decoupled or not, where it is not the usual one.
    """
    examples = len(around.train_labels)
    factor = min(20.0, math.sqrt(_WHOLE / max(1, examples)))
    factor = max(1.0, min(factor, max(_FACTOR, _MOST_PASSES / max(1, examples))))
    part, smallest = 64, 16
    if optimizer == "muon":
        part, smallest = 32, _batch_size(examples, part=8, smallest=16, largest=64)
    return Defaults(
        epochs=round(whole * factor),
        batch_size=settings.batch_size or _batch_size(examples, part, smallest, largest),
        learning_rate=adam if adam and optimizer in _ADAMS else _LEARNING_RATES[optimizer],
        weight_decay=_WEIGHT_DECAY if optimizer in ("adamw", "muon") else 0.0,
        precision=around.precision,
        threads=around.threads,
    )


def optimizer_of(settings: Settings, around: Surroundings) -> str:
    """The optimiser asked for, or by rule: `muon` where `cnn` learns coloured images, else `adamw`.

    A learning rate that is given without an optimiser is one of `adamw`. On grey images `muon` gained nothing
    (docs/experiments/images.md, "Muon").

    Raises: `UsageError` if `muon` is asked for where no norm cancels the scale of the weights.
    """
    is_fit = around.model in _NORMED and settings.batch_norm
    if settings.optimizer == "muon" and not is_fit:
        raise UsageError(
            "--optimizer: muon learns weights that a batch norm follows, as in cnn, lenet and mlp; "
            "choose adamw"
        )
    gains = around.model == "cnn" and is_fit and around.channels > 1 and settings.learning_rate is None
    return settings.optimizer or ("muon" if gains else "adamw")


def of_images(settings: Settings, around: Surroundings) -> Defaults:
    """Defaults for images.

    The batch is at most 512; where `cnn` learns for fewer than 8 epochs 256, since more steps then teach it
    more. Muon's learning rate is then half of the usual one, as in fewer than 600 steps. The first block, the
    dearest, learns for two thirds of the epochs where there are 40,000 images or more.
    """
    is_cnn = around.model == "cnn"
    preset, optimizer = PRESETS[settings.preset], optimizer_of(settings, around)
    are_many = is_cnn and len(around.train_labels) >= _MANY
    whole = preset.epochs_of_many if are_many else preset.epochs
    found = _of_pixels(settings, around, optimizer, whole=whole, largest=512)
    epochs = settings.epochs or found.epochs
    if is_cnn and epochs < FEW_EPOCHS:
        found = _of_pixels(settings, around, optimizer, whole=whole, largest=256)
    steps = epochs * math.ceil(len(around.train_labels) / found.batch_size)
    if optimizer == "muon" and (epochs < FEW_EPOCHS or steps < _FEW_STEPS):
        found = found._replace(learning_rate=_RATE_OF_FEW)
    frozen_from = FROZEN_FROM if are_many and optimizer != "gd" else None
    return found._replace(label_smoothing=_LABEL_SMOOTHING, frozen_from=frozen_from)


def of_values(settings: Settings, around: Surroundings) -> Defaults:
    """Defaults for feature vectors, whose steps take less than a millisecond.

    At least 25 updates for each of the preset's epochs; a batch of a sixteenth of the training
    split, from 32 to 256; a stronger weight decay; fp32 and one thread, since there is too little
    work to share.
    """
    preset, examples = PRESETS[settings.preset], len(around.train_labels)
    optimizer = settings.optimizer or "adamw"
    batch_size = settings.batch_size or _batch_size(examples, part=16, smallest=32, largest=256)
    updates = 1 if optimizer == "gd" else math.ceil(examples / batch_size)
    return Defaults(
        epochs=max(preset.epochs, math.ceil(_UPDATES_OF_VECTORS * preset.epochs / updates)),
        batch_size=batch_size,
        learning_rate=_LEARNING_RATES[optimizer],
        weight_decay=_WEIGHT_DECAY_OF_VECTORS if optimizer == "adamw" else 0.0,
        precision="fp32" if settings.precision == "auto" else around.precision,
        threads=1 if settings.threads is None else around.threads,
    )


def of_texts(settings: Settings, around: Surroundings) -> Defaults:
    """Defaults for texts: the row of the network's family in `TEXTS`, fitted to the size of the data.

    The batch is a 32nd of the training split, a power of two from 16 to 128 (64 in all networks but
    bag); of large data a 256th of it, up to 512. Above 20,000 texts epochs shrink with the square
    root of the size; below, there are at least as many as the least number of updates takes, up to
    100.

    Raises: `UsageError` if the family cannot take texts.
    """
    if around.model not in TEXTS:
        raise UsageError(
            "--model: {model} cannot learn from texts; choose one of {TEXTS}", around.model, ", ".join(TEXTS)
        )
    recipe, examples = TEXTS[around.model], len(around.train_labels)
    optimizer = settings.optimizer or "adamw"
    batch_size = settings.batch_size or max(
        _batch_size(examples, part=32, smallest=16, largest=recipe.batch),
        _batch_size(examples, part=256, smallest=1, largest=512),
    )
    are_few = around.classes < MANY_CLASSES
    rate = recipe.rate_of_few if are_few else recipe.learning_rate
    in_fp32 = settings.precision == "auto" and not recipe.in_bf16
    shrunk = recipe.epochs[settings.preset] * min(1.0, math.sqrt(_WHOLE_OF_TEXTS / max(1, examples)))
    needed = math.ceil(UPDATES_OF_TEXTS[settings.preset] / math.ceil(examples / batch_size))
    return Defaults(
        epochs=max(1, round(shrunk), min(_MOST_EPOCHS_OF_TEXTS, needed)),
        batch_size=batch_size,
        learning_rate=rate if optimizer in _ADAMS else _LEARNING_RATES[optimizer],
        weight_decay=recipe.weight_decay if optimizer == "adamw" else 0.0,
        label_smoothing=_LABEL_SMOOTHING,
        word_dropout=recipe.word_dropout_of_few if are_few else recipe.word_dropout,
        precision="fp32" if in_fp32 else around.precision,
        threads=1 if recipe.in_one_thread and settings.threads is None else around.threads,
    )


def of_autoencoders(settings: Settings, around: Surroundings) -> Defaults:
    """Defaults for `vae`.

    As many epochs as for a classifier of images. The batch is at most 128: a generator gains by more steps,
    not by larger ones. Fp32 unless asked otherwise: at maps of a few pixels bf16 gains nothing on processors,
    and some have convolutions that are a hundred times slower in it.
    """
    whole, optimizer = PRESETS[settings.preset].epochs, settings.optimizer or "adamw"
    found = _of_pixels(settings, around, optimizer, whole=whole, largest=128, adam=_RATE_OF_AUTOENCODERS)
    return found._replace(precision="fp32") if settings.precision == "auto" else found


def of_adversaries(settings: Settings, around: Surroundings) -> Defaults:
    """Defaults for `gan`.

    Twice the epochs of a classifier of images. The batch is at most 64: the two networks follow each other in
    many small steps. One thread unless asked otherwise, since such a batch has one part.
    """
    whole, optimizer = PRESETS[settings.preset].epochs, settings.optimizer or "adam"
    found = _of_pixels(settings, around, optimizer, whole=whole, largest=64, adam=_RATE_OF_ADVERSARIES)
    threads = 1 if settings.threads is None else around.threads
    return found._replace(epochs=2 * found.epochs, weight_decay=0.0, threads=threads)


# For networks that make images, by their family; for the others by what they take.
GENERATORS: dict[str, Callable[[Settings, Surroundings], Defaults]] = {
    "vae": of_autoencoders,
    "gan": of_adversaries,
}
DEFAULTS: dict[InputName, Callable[[Settings, Surroundings], Defaults]] = {
    "images": of_images,
    "texts": of_texts,
    "values": of_values,
}


# Least examples of a part, for each family of networks whose batches are computed in parts
# (`benchmarks/shared_batches.py`); the others are too small, or learn from too few examples at a time.
_OF_PART = {
    "cnn": 64,
    "lenet": 64,
    "vae": 64,
    "rnn": 32,
    "text-cnn": 32,
    "transformer": 32,
    "backbone": 16,
    "sentence-encoder": 8,
}
# Of fewer examples batch norms learn nothing of use.
_LEAST_OF_NORMS = 8


def choose_parts(settings: Settings, model: str, takes: InputName, batch_size: int, device: str) -> int:
    """Parts of a batch: as asked for where it can fill them, or by rule such as hold enough examples."""
    if settings.parts is not None:
        return min(settings.parts, most_parts(settings, model, batch_size).parts)
    of_part = _OF_PART.get(model, batch_size) if takes != "values" and device == "cpu" else batch_size
    return max(1, min(MOST_PARTS, batch_size // of_part))


class MostParts(NamedTuple):
    """Bound of the parts of a batch."""

    parts: int
    reason: str  # a clause


def most_parts(settings: Settings, model: str, batch_size: int) -> MostParts:
    """The most parts that a batch can fill."""
    if model == "bag":
        return MostParts(1, "bag learns from each batch as a whole")
    has_norms = settings.batch_norm and model in _NORMED_OVER_BATCHES
    least = _LEAST_OF_NORMS if has_norms else 1
    needs = (
        Sentence(" and batch norm needs {least} in each part", count_of(least, "example"))
        if has_norms
        else ""
    )
    return MostParts(
        max(1, batch_size // least),
        Sentence("a batch has {batch_size}{needs}", count_of(batch_size, "example"), needs),
    )


def _batch_size(examples: int, part: int, smallest: int, largest: int) -> int:
    """Part of the examples as a power of two within bounds, and a few more where one would be left over.

    A batch of a single example is more than batch normalisation can take.
    """
    share: int = 2 ** math.floor(math.log2(max(1, examples / part)))
    batch_size = max(min(smallest, examples), min(largest, share))
    while batch_size > 1 and examples % batch_size == 1:
        batch_size += 1
    return batch_size
