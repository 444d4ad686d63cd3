"""Listings: examples as read, before a single image is decoded; and decoded images."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np

from pellucid.data.data_files import File
from pellucid.data.raw_texts import Texts
from pellucid.data.wording import public_name
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.targets import Labels, Target, class_labels

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
UNDECIDED = ""

# Every usual name of a split, in small letters: of folders, and in columns of tables.
SPLIT_OF_NAME = {
    "train": TRAIN, "training": TRAIN,
    "val": VALIDATION, "valid": VALIDATION, "validation": VALIDATION, "dev": VALIDATION,
    "test": TEST, "testing": TEST,
}  # fmt: skip


class LazyTexts(Sequence[str]):
    """Texts that are made or found when they are asked for instead of kept, by their position."""

    def __init__(self, size: int, at: Callable[[int], str]) -> None:
        self._size, self._at = size, at

    def __len__(self) -> int:
        return self._size

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice) -> list[str]: ...

    def __getitem__(self, which: int | slice) -> str | list[str]:
        """One text by its position, or a list of them by a slice."""
        places = range(self._size)[which]
        return self._at(places) if isinstance(places, int) else list(map(self._at, places))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Listing:
    """Every example of DATA, in a fixed order, column by column."""

    place: str  # DATA as the user gave it
    # `class folders`, `split folders`, `folder`, `table`, `tables`, `table beside images`, `webdataset`,
    # `idx`, `npz`, `arrays`, `data set` or `list`
    form: str
    sources: Sequence[str]  # where each example comes from: a path, or `file:row` (rows count from 1)
    labels: Sequence[str]  # class of each example, its labels joined by `;`, or its number, as text
    # `train`, `validation`, `test`, or `UNDECIDED`, the default, where Pellucid must choose
    splits: Sequence[str] = ()
    # examples of one group are never in two splits; empty text, the default, is no group
    groups: Sequence[str] = ()
    # file of each example where images are files, on the disk or in a container
    paths: Sequence[File] | None = None
    # the images themselves where they came as arrays in memory: (n, height, width, channels), 8-bit, 16-bit
    # or float
    pixels: np.ndarray | None = None
    # reads such an array from `array_files` (IDX, npz), so that nothing is unpacked while the cache already
    # holds it. Exactly one of `paths`, `pixels`, `load_pixels` and `texts` is given
    load_pixels: Callable[[], np.ndarray] | None = None
    array_files: tuple[Path, ...] = ()  # the files that `load_pixels` reads
    warnings: tuple[str, ...] = ()  # sentences for the user that refuse nothing
    # what the labels are, where that was decided (`by_target.py`); `None` where each text is a class
    decided: Labels | None = None
    has_label_columns: bool = False  # whether each of several labels has a column of 0 and 1
    texts: Texts | None = None  # the texts themselves where the inputs are texts
    problems: tuple["Problem", ...] = ()  # texts that cannot be used, found while reading
    # columns of a table that group related examples, each as one number an example, equal for
    # equal values and 0 where there is none
    columns_of_sources: Mapping[str, np.ndarray] = field(default_factory=dict)
    # seconds since 1970 of each example, where a column of times was asked for
    times: np.ndarray | None = None
    # value of each example in the column by whose values scores are reported, where one was asked for
    slices: Sequence[str] | None = None
    # columns of a table whose texts were joined to one text; none elsewhere
    joined_columns: tuple[str, ...] = ()
    # what a model remembers of how the table separates and quotes fields, where that is not usual
    dialect: Mapping[str, str] = field(default_factory=dict)
    # every other column of a table: a code for each example, -1 where a cell is empty, and the texts of codes
    other_columns: Mapping[str, tuple[np.ndarray, Sequence[str]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("splits", "groups"):
            if len(getattr(self, name)) == 0:
                object.__setattr__(self, name, [""] * len(self))

    def with_warnings(self, *more: str) -> "Listing":
        """The same with more warnings behind its own."""
        return replace(self, warnings=(*self.warnings, *more))

    def in_split(self, split: str) -> "Listing":
        """The same, all of it in one split; as it is where there is none."""
        return replace(self, splits=[split] * len(self)) if split else self

    @cached_property
    def names(self) -> Sequence[str]:
        """Names of the examples in what a run writes: sources without the folders above DATA."""
        return LazyTexts(len(self), lambda index: public_name(self.sources[index], self.place))

    @property
    def input_kind(self) -> InputKind:
        """Kind of the inputs: images or texts."""
        return IMAGES if self.texts is None else TEXTS

    @property
    def noun(self) -> str:
        """One example, for people: `image` or `text`."""
        return self.input_kind.noun

    @property
    def target(self) -> Target:
        """Target of a model that learns from it."""
        return self.coded.target

    @cached_property
    def coded(self) -> Labels:
        """The labels as codes of classes, numbers, or states of several labels."""
        return class_labels(self.labels) if self.decided is None else self.decided

    def __len__(self) -> int:
        return len(self.sources)


@dataclass(frozen=True)
class Problem:
    """One example that cannot be used."""

    index: int  # position in the listing
    source: str  # path or `file:row`
    reason: str  # what was found, such as `truncated image`


@dataclass(frozen=True)
class Images:
    """Decoded images at one size, with what decoding learned about each."""

    # uint8 (n, height, width, channels), usually memory-mapped and read-only; a row of an unreadable image is
    # zero
    pixels: np.ndarray
    # uint8 (n, 16), hash of the decoded image at its own size; equal rows are exact copies
    digests: np.ndarray
    # uint64 (n,), difference hash; a small Hamming distance makes two images candidates for near duplicates
    perceptual_hashes: np.ndarray
    original_sizes: np.ndarray  # int32 (n, 2), height and width before resizing
    modes: Sequence[str]  # kind of each image as stored, such as `grey`, `colour`, `palette` or `16-bit grey`
    problems: tuple[Problem, ...] = ()  # images that could not be decoded
    warnings: tuple[str, ...] = ()  # sentences for the user, such as the frame count of an animation
    # int64 (n, 2), milliseconds of the camera's clock when each was taken, -1 where it is unknown, and a
    # number for the camera; `None` for images that were no files
    taken: np.ndarray | None = None
