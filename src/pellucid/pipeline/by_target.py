"""What a run does by target: how well guessing fares, and which variations of images keep a label."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int8, Int64, UInt8

from pellucid.data import Dataset, Listing
from pellucid.data.by_target import with_labels
from pellucid.data.images.augmentation import probe_mirroring, probe_variations, usual_shift
from pellucid.data.labels import read_number
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import GENERATIVE
from pellucid.targets import CLASSIFICATION, GENERATION, MULTILABEL, ORDERED, REGRESSION, Labels, Target

# Labels that a refusal names.
_NAMES_SHOWN = 10

Pixels = UInt8[np.ndarray, "n height width channels"]
Positions = Int64[np.ndarray, " some"]


class Guessing(NamedTuple):
    """How well a model would answer that knows the training labels alone."""

    accuracy: float = 0.0  # 0 where there is none
    loss: float = 1.0  # of training; numbers are learnt divided by their standard deviation


class Variations(NamedTuple):
    """Which variations of an image keep its label, by the training data or the user."""

    mirrors: bool = False
    shifts: bool = False
    erases: bool = False
    reasons: tuple[str, ...] = ()  # sentences


# From whether mirroring is asked for (`None` where it is not), images, labels, positions of the training
# examples and draws.
_Vary = Callable[[bool | None, Pixels, Labels, Positions, np.random.Generator], Variations]


class Continued(NamedTuple):
    """How data is read for a network that continues training."""

    # the listing with labels as the network answers them, or a `DataError` that says why it has none
    fitting: Callable[[Listing], Listing]
    read_as: str | None = None  # value of `--target` by which it is read, whatever the settings ask for


@dataclass(frozen=True)
class Ways:
    """What a run does for one target."""

    guessing: Callable[[Labels], Guessing]  # by the training labels
    vary: _Vary
    of_example: str  # what the labels of an example are, for people
    # likewise, where a network that makes images cannot learn from them; empty where it can
    not_conditions: str = ""
    continued: Continued | None = None  # `None` where no network can continue training
    answers: str = "several labels"  # what a network answers that cannot continue training, for people
    makes_images: bool = False  # whether nothing is predicted, so that other facts are reported


def _guess_class(labels: Labels) -> Guessing:
    """The commonest class; the loss is at most this, whatever weights of classes make of it."""
    counts = np.bincount(labels.values, minlength=1)
    loss = math.log(max(1, int((counts > 0).sum())))
    return Guessing(float(counts.max()) / max(1, int(counts.sum())), loss)


def _guess_order(labels: Labels) -> Guessing:
    """The commonest class; the loss is that of the shares of higher classes."""
    above = (labels.values[:, None] > np.arange(max(1, len(labels.names) - 1))).mean(axis=0)
    shares: Float64[np.ndarray, " questions"] = above.clip(1e-6, 1 - 1e-6)
    loss = float(-(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean())
    return Guessing(_guess_class(labels).accuracy, loss)


def _guess_labels(labels: Labels) -> Guessing:
    """The share of each label."""
    states: Int8[np.ndarray, "n labels"] = labels.values.clip(min=0)
    shares: Float64[np.ndarray, " labels"] = states.mean(axis=0).clip(1e-6, 1 - 1e-6)
    loss = float(-(shares * np.log(shares) + (1 - shares) * np.log(1 - shares)).mean())
    return Guessing(loss=loss)


def _guess_number(labels: Labels) -> Guessing:
    """The mean."""
    return Guessing()


def _as_asked(mirrors: bool) -> str:
    return "mirroring is on, as --mirror asks" if mirrors else "mirroring is off, as --no-mirror asks"


def _vary_names(*, erases: bool) -> _Vary:
    """Variations of images of classes, which survive a shift, and a missing piece where `erases`."""

    def vary(
        mirror: bool | None, pixels: Pixels, labels: Labels, train: Positions, draws: np.random.Generator
    ) -> Variations:
        if mirror is not None:
            return Variations(mirror, True, erases, (_as_asked(mirror),))
        probe = probe_mirroring(pixels, labels.codes(), train, draws)
        return Variations(probe.keeps_class, True, erases, (probe.sentence(),))

    return vary


def _vary_numbers(
    mirror: bool | None, pixels: Pixels, labels: Labels, train: Positions, draws: np.random.Generator
) -> Variations:
    """What a number measures may be the very amount or place of something.

    So it must be shown to survive; noise in a piece never is.
    """
    shift = usual_shift(min(pixels.shape[1:3]))
    mirroring, shifting = probe_variations(pixels, labels.values, train, shift, draws)
    mirrors = mirroring.keeps_number if mirror is None else mirror
    reason = mirroring.sentence() if mirror is None else _as_asked(mirror)
    return Variations(mirrors, shifting.keeps_number, False, (reason, shifting.sentence()))


def _vary_nothing(
    mirror: bool | None, pixels: Pixels, labels: Labels, train: Positions, draws: np.random.Generator
) -> Variations:
    return Variations()


def _with_classes(listing: Listing) -> Listing:
    """The listing as it is, or a `DataError` where its labels are no classes."""
    if listing.target is MULTILABEL:
        raise DataError(
            "{place}: an example has several labels, such as {labels!r}, and the network "
            "that continues training answers one class; give single labels, or --target class",
            listing.place,
            listing.labels[0],
        )
    if listing.target is REGRESSION:
        raise DataError(
            "{place}: the labels are numbers, such as {labels}, and the network that "
            "continues training answers classes; give classes, or take these numbers as such with --target "
            "class",
            listing.place,
            listing.labels[0],
        )
    return listing


def _with_numbers(listing: Listing) -> Listing:
    """The listing with its labels as numbers, or a `DataError` that names those that are none."""
    read = [read_number(label) for label in listing.labels]
    wrong = [index for index, value in enumerate(read) if value is None]
    if wrong:
        named = [
            Sentence("{labels} at {sources}", quoted(listing.labels[index]), listing.sources[index])
            for index in wrong
        ]
        raise DataError(
            "{place}: the network that continues training predicts numbers, but not every label is "
            "one: {named}; fix or remove {word}",
            listing.place,
            some(named, _NAMES_SHOWN),
            "it" if len(wrong) == 1 else "them",
        )
    labels = Labels(np.array(read, np.float64), (), REGRESSION)
    # What reading decided about the labels is for the network to decide.
    warnings = tuple(each for each in listing.warnings if "--target" not in each)
    return with_labels(dataclasses.replace(listing, warnings=warnings), labels)


WAYS: dict[Target, Ways] = {
    CLASSIFICATION: Ways(
        _guess_class, _vary_names(erases=True), "classes", continued=Continued(_with_classes)
    ),
    ORDERED: Ways(
        _guess_order,
        _vary_names(erases=True),
        "ordered classes",
        "ordered classes",
        answers="ordered classes",
    ),
    # Of several labels one may be of the very piece that is missing.
    MULTILABEL: Ways(
        _guess_labels, _vary_names(erases=False), "several of an example", "several of an image"
    ),
    # Numbers are read by the rule of the network that continues training.
    REGRESSION: Ways(
        _guess_number, _vary_numbers, "numbers", "numbers", continued=Continued(_with_numbers, "class")
    ),
    GENERATION: Ways(_guess_number, _vary_nothing, "images", makes_images=True),
}


def target_of_run(model: str, dataset: Dataset) -> Target:
    """What a model of this name learns from the data: images, or what there are labels of."""
    return GENERATION if model in GENERATIVE else dataset.target


def continued_target(classes: Sequence[str]) -> Target:
    """Target of a network that continued training on data with these classes, of which numbers have none."""
    return CLASSIFICATION if classes else REGRESSION


def target_of_task(task: str) -> Target | None:
    """Target of a task as `metrics.json` names it, such as `image-classification`; `None` for no such one."""
    name = task.partition("-")[2]
    return next((each for each in WAYS if each.name == name), None)
