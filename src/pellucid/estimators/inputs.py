"""From whatever `fit` and `predict` are given to arrays that training and models take."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, Int64, Shaped, UInt8

from pellucid.data import Listing, Preprocessing, prepare, read_images
from pellucid.data.digests import array_digests
from pellucid.data.duplicates import first_with_content
from pellucid.data.inputs import fit_inputs, list_inputs
from pellucid.data.listing import TEST, UNDECIDED, VALIDATION
from pellucid.data.preprocessing import value_range, with_channel_axis
from pellucid.data.sizing import training_size
from pellucid.data.splitting import split
from pellucid.errors import DataError, UsageError
from pellucid.estimators.labels import Labels, read_labels, read_numbers
from pellucid.settings import Settings
from pellucid.training import Examples

VALIDATION_FROM = 1000
VALIDATION_FROM_EACH = 10
"""`fit` sets 10 % aside for validation from this many examples, and this many of each class."""

_MOST_DECODERS = 8


@dataclass(frozen=True)
class Lesson:
    """What `fit` learns from.

    Attributes:
        examples: for training.
        labels: their classes; `None` where numbers are learnt.
        preprocessing: how pictures were fitted; `None` for feature vectors.
    """

    examples: Examples
    labels: Labels | None
    preprocessing: Preprocessing | None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; none where numbers are learnt."""
        return () if self.labels is None else self.labels.names


def is_place(inputs: object) -> bool:
    """Whether inputs are a path.

    Args:
        inputs: what `fit` or `predict` was given.

    Returns:
        True for a text or a path.
    """
    return isinstance(inputs, (str, os.PathLike))


def are_paths(inputs: object) -> bool:
    """Whether inputs are a list of paths.

    Args:
        inputs: what `predict` was given.

    Returns:
        True for a list, tuple or one-dimensional array that starts with a text or a path.
    """
    is_list = isinstance(inputs, (list, tuple)) or (isinstance(inputs, np.ndarray) and inputs.ndim == 1)
    return is_list and len(inputs) > 0 and is_place(inputs[0])  # type: ignore[arg-type,index]


def are_pictures(inputs: object) -> bool:
    """Whether inputs are pictures as an array, or as a list of arrays.

    Args:
        inputs: what `fit` or `predict` was given.

    Returns:
        True from three dimensions on.
    """
    if isinstance(inputs, (list, tuple)):
        return len(inputs) > 0 and np.ndim(inputs[0]) >= 2
    return getattr(inputs, "ndim", 0) >= 3


def lesson_from_place(place: str, settings: Settings) -> Lesson:
    """Read DATA; its own splits stand, and its test split is left alone.

    Args:
        place: a folder, a table, an `.npz` file, an IDX folder or `sample:fashion`.
        settings: what the caller asked for.

    Returns:
        The lesson.

    Raises:
        DataError: the data is refused.
    """
    listing = read_images(place, settings)
    if settings.target is None and listing.values is not None:
        raise DataError(
            f"{place}: its labels are numbers with fractions; learn them with ImageRegressor, or write them "
            "as texts to have classes"
        )
    free = [
        label
        for label, part in zip(listing.labels, listing.splits, strict=True)
        if part not in (VALIDATION, TEST)
    ]
    counts = np.unique(np.array(free), return_counts=True)[1] if listing.values is None else None
    dataset, _ = prepare(
        listing, settings, make=(VALIDATION,) if _allows_validation(len(free), counts) else ()
    )
    names = dataset.classes
    labels = None
    if not dataset.is_numbers:
        labels = Labels(np.array(names), names, np.arange(len(names)), dataset.labels)
    examples = Examples(dataset.inputs, dataset.labels, dataset.train, dataset.validation, len(names))
    return Lesson(examples, labels, dataset.preprocessing)


def lesson_from_pictures(pictures: object, y: object, settings: Settings) -> Lesson:
    """Take pictures that stand in memory; nothing is written to the cache.

    Args:
        pictures: (n, height, width) or (n, height, width, 1 or 3), 8-bit or any other numbers.
        y: their labels.
        settings: what the caller asked for.

    Returns:
        The lesson.

    Raises:
        UsageError: there are no labels.
        DataError: the pictures have another shape or are not numbers, or labels do not fit.
    """
    pixels = with_channel_axis(as_array(pictures))
    labels = _read(y, len(pixels), settings)
    height, width = training_size(np.array([pixels.shape[1:3]]), settings)
    preprocessing = Preprocessing(
        height, width, pixels.shape[3], *value_range(pixels, np.ones(len(pixels), bool))
    )
    return _lesson(preprocessing.arrays(pixels), labels, preprocessing, settings)


def lesson_from_features(rows: Float32[np.ndarray, "n features"], y: object, settings: Settings) -> Lesson:
    """Take a table of feature vectors.

    Args:
        rows: finite numbers.
        y: their labels.
        settings: what the caller asked for.

    Returns:
        The lesson.

    Raises:
        UsageError: there are no labels, or a setting belongs to pictures.
        DataError: labels do not fit.
    """
    if settings.image_size is not None:
        raise UsageError("image_size: feature vectors have no size in pixels; leave it out")
    return _lesson(rows, _read(y, len(rows), settings), None, settings)


def _read(y: object, count: int, settings: Settings) -> Labels | Float64[np.ndarray, " examples"]:
    """The labels as classes or as numbers."""
    return read_numbers(y, count) if settings.target == "number" else read_labels(y, count)


def _lesson(
    inputs: np.ndarray,
    labels: Labels | np.ndarray,
    preprocessing: Preprocessing | None,
    settings: Settings,
) -> Lesson:
    """Set examples for validation aside where there are enough."""
    count = len(inputs)
    classes = labels if isinstance(labels, Labels) else None
    targets = labels.codes if isinstance(labels, Labels) else labels
    first = np.arange(count) if preprocessing is None else _first_copies(inputs)
    different = first == np.arange(count)
    validation = np.zeros(0, np.int64)
    if _allows_validation(int(different.sum()), None if classes is None else np.bincount(targets[different])):
        listing = Listing(
            place="y",
            form="arrays",
            sources=[""] * count,
            labels=[str(target) if classes is None else classes.names[target] for target in targets.tolist()],
            splits=[UNDECIDED] * count,
            groups=[""] * count,
            values=targets if classes is None else None,
        )
        parts = split(listing, first, np.ones(count, bool), settings.seed, (VALIDATION,)).splits
        validation = np.flatnonzero(parts == VALIDATION)
    elif settings.patience is not None:
        each = "" if classes is None else f" and {VALIDATION_FROM_EACH} of each class"
        raise UsageError(
            f"patience: needs a validation split, and so {VALIDATION_FROM:,} different examples{each}; "
            "leave it out"
        )
    train = np.setdiff1d(np.arange(count), validation)
    examples = Examples(inputs, targets, train, validation, 0 if classes is None else len(classes.names))
    return Lesson(examples, classes, preprocessing)


def _first_copies(pixels: UInt8[np.ndarray, "n height width channels"]) -> Int64[np.ndarray, " n"]:
    """For each picture the first with the same content."""
    return first_with_content(array_digests(pixels), np.ones(len(pixels), bool))


def _allows_validation(examples: int, counts: Int64[np.ndarray, " classes"] | None) -> bool:
    """Whether there are enough examples, in all and in each class."""
    return examples >= VALIDATION_FROM and (counts is None or int(counts.min()) >= VALIDATION_FROM_EACH)


def as_array(inputs: Any) -> Shaped[np.ndarray, "..."]:
    """One array from a list of equal ones.

    Args:
        inputs: an array, or anything NumPy makes one from.

    Returns:
        The array.

    Raises:
        DataError: the pictures differ in size.
    """
    try:
        return np.asarray(inputs)
    except ValueError as error:
        raise DataError(f"pictures of different sizes cannot stand in one array ({error})") from error


def fit_pictures(pictures: Any, preprocessing: Preprocessing) -> UInt8[np.ndarray, "n height width channels"]:
    """Bring pictures to the form a model was trained on.

    Args:
        pictures: an array of pictures of any one size, a list of such, a path or a list of paths; a
            folder stands for its pictures, those of sub-folders included, in the order of their paths.
        preprocessing: of the model.

    Returns:
        The pictures.

    Raises:
        DataError: a file cannot be read, or the array holds no pictures.
    """
    if is_place(pictures):
        return _fit_files([os.fspath(pictures)], preprocessing)
    if are_paths(pictures):
        return _fit_files([os.fspath(path) for path in pictures], preprocessing)
    return preprocessing.arrays(as_array(pictures))


def _fit_files(places: Sequence[str], preprocessing: Preprocessing) -> np.ndarray:
    """Decode files in threads; the first that cannot be read ends it.

    Raises:
        DataError: naming the file.
    """
    listed = list_inputs(places, Settings()).pictures
    with ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1)) as executor:
        fitted = fit_inputs(listed, preprocessing, executor)
    for picture, error in zip(listed, fitted.errors, strict=True):
        if error:
            raise DataError(f"{picture.name}: {error}; leave it out")
    return fitted.pixels
