"""Material that `fit` learns from, and the part of it that is set aside for validation."""

import dataclasses
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from sklearn.utils.validation import column_or_1d

from pellucid.data import Listing, Preprocessing, prepare, read_data
from pellucid.data.listing import TEST, UNDECIDED, VALIDATION
from pellucid.data.reading.containers.handed import name_of
from pellucid.data.reading.dispatch import read_dataset
from pellucid.data.splits.splitting import split
from pellucid.data.tables.forms.frames import plain_values
from pellucid.data.texts.store import Texts
from pellucid.errors import DataError, UsageError
from pellucid.estimators.given.labels import Labels, read_labels, read_numbers
from pellucid.pipeline.learners.planning.preparation import Material, material_of
from pellucid.settings import Settings
from pellucid.tasks import IMAGES, TEXTS, InputKind

VALIDATION_FROM = 1000
# `fit` sets 10 % aside for validation from this many examples, and this many of each class.
VALIDATION_FROM_EACH = 10


@dataclass(frozen=True)
class Taught:
    """Material that `fit` learns from.

    Attributes:
        material: for training.
        labels: the classes in the caller's own type; `None` where numbers are learnt.
        joined_columns: columns of a table whose texts are joined; none elsewhere.
        place: the path or data set that examples and labels were read from; empty where they were given.
    """

    material: Material
    labels: Labels | None
    joined_columns: tuple[str, ...] = ()
    place: str = ""


def weighted(taught: Taught, sample_weight: Any) -> Taught:
    """Give each example its weight; those of weight 0 are left out.

    Raises: `UsageError` if examples were read from a place; `DataError` if weights are not finite numbers
    from 0, one each, or all of the training examples weigh nothing.
    """
    if sample_weight is None:
        return taught
    if taught.place:
        raise UsageError(
            f"sample_weight: {taught.place} was read as a whole; give examples and labels as arrays"
        )
    material = taught.material
    try:
        weights = column_or_1d(plain_values(sample_weight), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"sample_weight: {error}") from error
    if len(weights) != len(material.inputs):
        raise DataError(
            f"sample_weight: {len(weights):,} weights for {len(material.inputs):,} examples; give one each"
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        position = int(np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))[0])
        raise DataError(
            f"sample_weight: {weights[position]:g} at position {position} is no finite number from 0"
        )
    train = material.train[weights[material.train] > 0]
    if len(train) == 0:
        raise DataError(
            "sample_weight: the weights of all training examples are zero; give some a larger one"
        )
    validation = material.validation[weights[material.validation] > 0]
    own = None if (weights[train] == 1).all() else weights  # so that 0 is the same as leaving out
    return dataclasses.replace(
        taught, material=dataclasses.replace(material, train=train, validation=validation, weights=own)
    )


def taught_at_place(data: Any, settings: Settings, kind: InputKind) -> Taught:
    """Read DATA of the kind that is wanted; its own splits stand, and its test split is left alone.

    `data` is a path as the command `train` takes it, or a data set of `datasets` or PyTorch.

    Raises: `DataError` if the data is refused, or of another kind.
    """
    return taught_by_listing(_listing(data, settings, kind), settings, kind)


def taught_by_listing(listing: Listing, settings: Settings, kind: InputKind) -> Taught:
    """Take labelled examples that were read; their own splits stand, and a test split is left alone.

    Raises: `DataError` if they are refused.
    """
    place = listing.place
    if settings.target is None and listing.values is not None:
        raise DataError(
            f"{place}: its labels are numbers with fractions; learn them with "
            f"{estimator_of(kind, 'Regressor')}, or write them as texts to have classes"
        )
    free = [
        label
        for label, part in zip(listing.labels, listing.splits, strict=True)
        if part not in (VALIDATION, TEST)
    ]
    counts = np.unique(np.array(free), return_counts=True)[1] if listing.values is None else None
    if counts is not None and (counts >= (settings.min_examples or 0)).any():
        counts = counts[counts >= (settings.min_examples or 0)]
    dataset, check = prepare(
        listing, settings, make=(VALIDATION,) if _allows_validation(len(free), counts) else ()
    )
    if check.rare:
        said = next(each for each in check.sentences() if "--min-examples" in each)
        warnings.warn(f"{place}: {said}", UserWarning, stacklevel=2)
    names = dataset.classes
    labels = None
    if names:
        labels = Labels(np.array(names), names, np.arange(len(names)), dataset.labels)
    return Taught(material_of(dataset), labels, dataset.joined_columns, place)


def _listing(data: Any, settings: Settings, kind: InputKind) -> Listing:
    """Content of a place; where that may be read in two ways, as the kind that is wanted.

    Raises: `DataError` if it is refused, or holds another kind of inputs.
    """
    is_place = isinstance(data, (str, os.PathLike))
    read: Callable[[Any, Settings], Listing] = read_data if is_place else read_dataset
    place = os.fspath(data) if is_place else name_of(data)
    listing = read(place if is_place else data, settings)
    if listing.noun == kind.noun:
        return listing
    try:
        return read(place if is_place else data, dataclasses.replace(settings, task=kind.task))
    except (DataError, UsageError) as error:
        other = TEXTS if kind is IMAGES else IMAGES
        fitting = f"{estimator_of(other, 'Classifier')} or {estimator_of(other, 'Regressor')}"
        raise DataError(f"{place}: holds {other.nouns}, not {kind.nouns}; give it to {fitting}") from error


def estimator_of(kind: InputKind, role: str) -> str:
    """Name of the `Classifier` or `Regressor` of a kind of input."""
    return f"{kind.noun.capitalize()}{role}"


def read_targets(
    y: object, count: int, settings: Settings, kind: InputKind
) -> Labels | Float64[np.ndarray, " examples"]:
    """Check the labels, one each, of examples in memory: classes, or numbers where the settings say so.

    Raises: `UsageError` if there are none; `DataError` if one is unfit, or there are not as many as examples.
    """
    y = plain_values(y)
    if settings.target == "number":
        return read_numbers(y, count, estimator_of(kind, "Classifier"))
    return read_labels(y, count, rename=settings.rename, min_examples=settings.min_examples)


def taught_in_memory(
    inputs: Shaped[np.ndarray, "n ..."] | Texts,
    labels: Labels | Float64[np.ndarray, " n"] | None,
    settings: Settings,
    *,
    first: Int64[np.ndarray, " n"],
    preprocessing: Preprocessing | None = None,
) -> Taught:
    """Set examples for validation aside where there are enough; what is learnt from them.

    Inputs are images as they are learnt, feature vectors or texts, with or without labels. `first` has for
    each example the first with the same content; copies stay together. `preprocessing` says how images were
    fitted.

    Raises: `UsageError` if a setting needs a validation split, and there are too few examples for one.
    """
    count = len(inputs)
    classes = labels if isinstance(labels, Labels) else None
    targets = _targets(labels, count)
    usable = targets >= 0 if classes is not None else np.ones(count, bool)
    different = usable & (first == np.arange(count))
    validation = np.zeros(0, np.int64)
    if _allows_validation(int(different.sum()), None if classes is None else np.bincount(targets[different])):
        listing = Listing(
            place="y",
            form="arrays",
            sources=[""] * count,
            labels=[str(target) if classes is None else classes.names[target] for target in targets.tolist()],
            splits=[UNDECIDED] * count,
            groups=[""] * count,
            values=targets if classes is None and labels is not None else None,
            is_labelled=labels is not None,
        )
        parts = split(listing, first, usable, settings.seed, (VALIDATION,)).splits
        validation = np.flatnonzero(parts == VALIDATION)
    elif settings.patience is not None:
        each = "" if classes is None else f" and {VALIDATION_FROM_EACH} of each class"
        raise UsageError(
            f"patience: needs a validation split, and so {VALIDATION_FROM:,} different examples{each}; "
            "leave it out"
        )
    train = np.setdiff1d(np.flatnonzero(usable), validation)
    names = () if classes is None else classes.names
    return Taught(Material(inputs, targets, train, validation, names, preprocessing), classes)


def _targets(labels: Labels | Float64[np.ndarray, " n"] | None, count: int) -> np.ndarray:
    """Class or number of each of so many examples; 0 without labels."""
    if labels is None:
        return np.zeros(count, np.int64)
    return labels.codes if isinstance(labels, Labels) else labels


def _allows_validation(examples: int, counts: Int64[np.ndarray, " classes"] | None) -> bool:
    """True where there are enough examples, in all and in each class."""
    return examples >= VALIDATION_FROM and (counts is None or int(counts.min()) >= VALIDATION_FROM_EACH)
