"""Data that `fit` learns from: inputs with their labels, and the part set aside for validation."""

import dataclasses
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped
from sklearn.utils.validation import column_or_1d

from pellucid.data import Dataset, Listing, Preprocessing, prepare, read_data
from pellucid.data.listing import TEST, VALIDATION
from pellucid.data.raw_texts import Texts
from pellucid.data.sources.labelled import read_dataset
from pellucid.data.sources.memory import name_of
from pellucid.data.splitting import split
from pellucid.data.tables.frames import plain_values
from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import FORMS, estimator_of
from pellucid.estimators.fit_labels import OwnLabels
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.settings import Settings, in_python

VALIDATION_FROM = 1000  # `fit` sets 10 % aside for validation from this many examples


@dataclass(frozen=True)
class FitData:
    """Data that `fit` learns from."""

    material: Dataset
    classes: Shaped[np.ndarray, " classes"]  # in the caller's own type; none where numbers are learnt
    as_lists: bool = True  # whether several labels are answered as lists of them
    joined_columns: tuple[str, ...] = ()  # columns of a table whose texts are joined; none elsewhere
    place: str = ""  # path or data set that they were read from; empty where they were given


def weighted(data: FitData, sample_weight: Any) -> FitData:
    """Give each example its weight; those of weight 0 are left out.

    Raises: `UsageError` if examples were read from a place; `DataError` if weights are not finite numbers
    from 0, one each, or all of the training examples weigh nothing.
    """
    if sample_weight is None:
        return data
    if data.place:
        raise UsageError(
            "sample_weight: {place} was read as a whole; give examples and labels as arrays", data.place
        )
    material = data.material
    try:
        weights = column_or_1d(plain_values(sample_weight), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError("sample_weight: {error}", error) from error
    if len(weights) != len(material.inputs):
        raise DataError(
            "sample_weight: {weights:,} weights for {inputs:,} examples; give one each",
            len(weights),
            len(material.inputs),
        )
    is_fit = np.isfinite(weights) & (weights >= 0)
    if not is_fit.all():
        position = int(np.flatnonzero(~is_fit)[0])
        raise DataError(
            "sample_weight: {weights:g} at position {position} is no finite number from 0",
            weights[position],
            position,
        )
    train = material.train[weights[material.train] > 0]
    if len(train) == 0:
        raise DataError(
            "sample_weight: the weights of all training examples are zero; give some a larger one"
        )
    validation = material.validation[weights[material.validation] > 0]
    own = None if (weights[train] == 1).all() else weights  # so that 0 is the same as leaving out
    return dataclasses.replace(
        data, material=dataclasses.replace(material, train=train, validation=validation, weights=own)
    )


def fit_data_at_place(data: Any, settings: Settings, kind: InputKind) -> FitData:
    """Read DATA of the kind that is wanted; its own splits are kept, and its test split is left alone.

    `data` is a path as the command `train` takes it, or a data set of `datasets` or PyTorch. What may be read
    in two ways is read as the kind that is wanted.

    Raises: `DataError` if the data is refused, or of another kind.
    """
    is_place = isinstance(data, (str, os.PathLike))
    read: Callable[[Any, Settings], Listing] = read_data if is_place else read_dataset
    place = os.fspath(data) if is_place else name_of(data)
    listing = read(place if is_place else data, settings)
    if listing.noun != kind.noun:
        try:
            listing = read(place if is_place else data, dataclasses.replace(settings, task=kind.task))
        except (DataError, UsageError) as error:
            other = TEXTS if kind is IMAGES else IMAGES
            fitting = f"{estimator_of(other, 'Classifier')} or {estimator_of(other, 'Regressor')}"
            raise DataError(
                "{place}: holds {nouns}, not {nouns2}; give it to {fitting}",
                place,
                other.nouns,
                kind.nouns,
                fitting,
            ) from error
    return fit_data_of_listing(listing, settings, kind)


def fit_data_of_listing(listing: Listing, settings: Settings, kind: InputKind) -> FitData:
    """Take labelled examples that were read; their own splits are kept, and a test split is left alone.

    Raises: `DataError` if they are refused.
    """
    place = listing.place
    form = FORMS[listing.target]
    if settings.target is None:
        form.require_asked(place, kind)
    is_free = np.array([part not in (VALIDATION, TEST) for part in listing.splits])
    labels = form.of_listing(listing, np.flatnonzero(is_free).astype(np.int64))
    labels = labels.at(labels.is_known())
    has_enough = len(labels) >= VALIDATION_FROM and form.can_be_split(labels, settings.min_examples or 0)
    dataset, check = prepare(listing, settings, make=(VALIDATION,) if has_enough else ())
    for sentence in (each for each in check.sentences() if "(--min-examples)" in each):
        said = in_python(f"{place}: {sentence.removeprefix(f'{place}: ')}")
        warnings.warn(said, UserWarning, stacklevel=2)
    return FitData(dataset, np.array(dataset.classes), joined_columns=dataset.joined_columns, place=place)


def fit_data_in_memory(
    inputs: Shaped[np.ndarray, "n ..."] | Texts,
    own: OwnLabels,
    settings: Settings,
    *,
    first: Int64[np.ndarray, " n"],
    preprocessing: Preprocessing | None = None,
) -> FitData:
    """Set examples for validation aside where there are enough; what is learnt from them.

    Inputs are images as they are learnt, feature vectors or texts, with or without labels. `first` has for
    each example the first with the same content; copies stay together. `preprocessing` says how images were
    fitted.

    Raises: `UsageError` if a setting needs a validation split, and there are too few examples for one.
    """
    labels, form = own.labels, FORMS[own.labels.target]
    count, usable = len(inputs), labels.is_known()
    different = labels.at(usable & (first == np.arange(count)))
    validation = np.zeros(0, np.int64)
    if len(different) >= VALIDATION_FROM and form.can_be_split(different):
        listing = Listing(
            place="y",
            form="arrays",
            sources=[""] * count,
            **form.in_listing(labels),
        )
        parts = split(listing, first, usable, settings.seed, (VALIDATION,))
        validation = np.flatnonzero(parts == VALIDATION)
    elif settings.patience is not None:
        each = form.needed
        raise UsageError(
            "patience: needs a validation split, and so {VALIDATION_FROM:,} different examples{each}; "
            "leave it out",
            VALIDATION_FROM,
            each,
        )
    train = np.setdiff1d(np.flatnonzero(usable), validation)
    material = Dataset(
        inputs, labels.values, train, validation, labels.names, preprocessing, target=labels.target
    )
    return FitData(material, own.classes, own.as_lists)
