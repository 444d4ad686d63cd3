"""Data that `fit` learns from: inputs with their labels, and the part set aside for validation."""

import dataclasses
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt8
from sklearn.base import BaseEstimator
from sklearn.utils.validation import column_or_1d, validate_data

from pellucid.bundle import Inputs
from pellucid.bundle.model import require_texts
from pellucid.data import Dataset, Listing, Preprocessing, prepare, read_data
from pellucid.data.image_copies import first_with_content
from pellucid.data.images.pixels import training_size
from pellucid.data.images.preprocessing import array_digests, value_range, with_channel_axis
from pellucid.data.listing import TEST, VALIDATION
from pellucid.data.raw_texts import Texts
from pellucid.data.removal import of_images, of_texts, texts_without
from pellucid.data.sources.blocks import fit_inputs, texts_of
from pellucid.data.sources.labelled import as_asked, read_dataset
from pellucid.data.sources.labelled_tables import list_texts_of
from pellucid.data.sources.memory import is_in_memory, name_of, stream_in_memory
from pellucid.data.sources.places import open_places
from pellucid.data.sources.source import Stream
from pellucid.data.sources.values import BLANK, is_blank, text_or_reason
from pellucid.data.splitting import split
from pellucid.data.tables.columns import (
    IMAGES as OF_IMAGES,
)
from pellucid.data.tables.columns import (
    choose_columns,
    choose_input,
    joined_names,
    named_inputs,
)
from pellucid.data.tables.frames import is_frame, plain_values, table_of_frame
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.text_copies import text_digests
from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import FORMS, estimator_of, read_targets
from pellucid.estimators.fit_labels import OwnLabels
from pellucid.input_kinds import IMAGES, TEXTS, InputKind
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings, in_python, parse_ignore

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
            fitting = Sentence(
                "{other} or {other2}", estimator_of(other, "Classifier"), estimator_of(other, "Regressor")
            )
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


# Images and feature vectors as inputs of `fit` and `predict`.

_MOST_DECODERS = 8


def is_place(inputs: object) -> bool:
    """True where inputs are a path, as a text or a `Path`."""
    return isinstance(inputs, (str, os.PathLike))


def are_paths(inputs: object) -> bool:
    """True for a list, tuple or one-dimensional array that starts with a text or a path."""
    is_list = isinstance(inputs, (list, tuple)) or (isinstance(inputs, np.ndarray) and inputs.ndim == 1)
    return is_list and len(inputs) > 0 and is_place(inputs[0])  # type: ignore[arg-type,index]


def are_images(inputs: object) -> bool:
    """True for images as an array of three or more dimensions, or as a list of arrays."""
    if isinstance(inputs, (list, tuple)):
        return len(inputs) > 0 and np.ndim(inputs[0]) >= 2
    return getattr(inputs, "ndim", 0) >= 3


def fit_data_of_images(images: object, y: object, settings: Settings) -> FitData:
    """Take images in memory, with their labels, which generators do without; nothing is written to the cache.

    Images are (n, height, width) or (n, height, width, 1 or 3), 8-bit or any other numbers.

    Raises: `UsageError` if there are no labels; `DataError` if the images have another shape or are not
    numbers, or labels do not fit.
    """
    pixels = with_channel_axis(as_array(images))
    labels = read_targets(y, len(pixels), settings, IMAGES)
    height, width = training_size(np.array([pixels.shape[1:3]]), settings)
    low, high = value_range(pixels, np.ones(len(pixels), bool))
    preprocessing = Preprocessing(
        height,
        width,
        pixels.shape[3],
        low,
        high,
        stretch=settings.resize == "stretch",
        ignored=of_images(parse_ignore(settings.ignore)),
    )
    fitted = preprocessing.arrays(pixels)
    first = first_with_content(array_digests(fitted), np.ones(len(fitted), bool))
    return fit_data_in_memory(fitted, labels, settings, first=first, preprocessing=preprocessing)


def as_array(inputs: Any) -> Shaped[np.ndarray, "..."]:
    """One array from an array, or from a list of equal ones.

    Raises: `DataError` if the images differ in size.
    """
    try:
        return np.asarray(inputs)
    except ValueError as error:
        raise DataError("images of different sizes cannot be one array ({error})", error) from error


def fit_images(images: Any, preprocessing: Preprocessing) -> UInt8[np.ndarray, "n height width channels"]:
    """Bring images to the form a model was trained on.

    `images` are an array of images of any one size, a list of such, a path, a list of paths or a data set; a
    folder stands for its images, those of sub-folders included, in the order of their paths.

    Raises: `DataError` if a file cannot be read, or the array holds no images.
    """
    if not is_in_memory(images) and not is_place(images) and not are_paths(images):
        return preprocessing.arrays(as_array(images))
    listed = list(_stream_of(images, Settings(), IMAGES))
    with ThreadPoolExecutor(min(_MOST_DECODERS, os.cpu_count() or 1)) as executor:
        fitted = fit_inputs(listed, preprocessing, executor)
    for image, error in zip(listed, fitted.errors, strict=True):
        if error:
            raise DataError("{name}: {error}; leave it out", image.name, error)
    return fitted.pixels


def _stream_of(inputs: Any, settings: Settings, kind: InputKind) -> Stream:
    """The rows of a data set, or of a place or several."""
    if is_in_memory(inputs):
        return stream_in_memory(inputs, dataclasses.replace(settings, task=kind.task))
    places = [os.fspath(each) for each in ([inputs] if is_place(inputs) else inputs)]
    return open_places(places, settings, kind)


def fit_data_of_image_input(estimator: BaseEstimator, X: Any, y: Any, settings: Settings) -> FitData:
    """Examples and labels from arrays of images, tables of feature vectors, paths and data sets."""
    name = type(estimator).__name__
    is_read = is_in_memory(X) or is_place(X)
    if is_read and y is not None:
        place = os.fspath(X) if is_place(X) else type(X).__name__
        raise UsageError("y: {place} brings its own labels; leave y out", place)
    if is_read or are_images(X):
        # Forget what an earlier `fit` on feature vectors noted of them.
        for attribute in ("n_features_in_", "feature_names_in_"):
            vars(estimator).pop(attribute, None)
    if is_read:
        return fit_data_at_place(os.fspath(X) if is_place(X) else X, settings, IMAGES)
    if are_images(X):
        return fit_data_of_images(X, y, settings)
    if are_paths(np.asarray(X) if getattr(X, "ndim", 0) == 1 else X):
        raise DataError(
            "X: a list of texts; {name} learns from arrays of images, or from the path of a folder or "
            "table; learn texts with {replace}",
            name,
            name.replace("Image", "Text"),
        )
    if y is None:
        raise UsageError("y: {name} requires y to be passed, but the target y is None; give labels", name)
    rows: Float32[np.ndarray, "n features"] = validate_data(estimator, X, dtype=np.float32)
    if settings.image_size is not None:
        raise UsageError("image_size: feature vectors have no size in pixels; leave it out")
    labels = read_targets(y, len(rows), settings, IMAGES)
    return fit_data_in_memory(rows, labels, settings, first=np.arange(len(rows)))


def images_for(estimator: BaseEstimator, X: Any, preprocessing: Preprocessing | None) -> Inputs:
    """Inputs as a fitted model takes them: images, or feature vectors where it has no preprocessing."""
    if preprocessing is None:
        rows: np.ndarray = validate_data(estimator, X, dtype=np.float32, reset=False)
        return rows
    if is_in_memory(X) or is_place(X) or are_paths(X) or are_images(X):
        return fit_images(X, preprocessing)
    raise DataError(
        "this model takes images, (n, height, width) or (n, height, width, channels), "
        "but was given {name} of shape {X}",
        type(X).__name__,
        np.shape(X),
    )


# Texts and data frames as inputs of `fit` and `predict`.


def as_texts(inputs: Any) -> Sequence[str]:
    """Take texts in memory: a list, tuple, one-dimensional array or column of a data frame.

    Raises: `DataError` if it is of another form, or an element is no text, with its position, from 0.
    """
    inputs = plain_values(inputs)
    if isinstance(inputs, (str, bytes, list, tuple, Texts)):
        return require_texts(inputs)
    sides = getattr(inputs, "ndim", None)
    if sides is None or not hasattr(inputs, "__array__"):
        raise DataError(
            "X: found {name}; give texts as a list, an array or a column of a data frame",
            type(inputs).__name__,
        )
    if sides != 1:
        raise DataError(
            "X: found {name} of shape {inputs}, but texts have one dimension, "
            "one text for each example; take its column, such as X[:, 0] or frame['text']",
            type(inputs).__name__,
            np.shape(inputs),
        )
    return require_texts(np.asarray(inputs, dtype=object))


def fit_data_of_texts(texts: Sequence[str], y: object, settings: Settings) -> FitData:
    """Take texts in memory, any that UTF-8 can write, with their labels.

    Raises: `UsageError` if there are no labels; `DataError` if there are no texts, one is blank, or labels do
    not fit.
    """
    if len(texts) == 0:
        raise DataError("X: found 0 texts, while a minimum of 1 is required; give some")
    for position, text in enumerate(texts):
        if is_blank(text):
            raise DataError(
                "X: the text at position {position} is blank; fill it in or leave it out", position
            )
    labels = read_targets(y, len(texts), settings, TEXTS)
    store = texts if isinstance(texts, Texts) else Texts.of(texts)
    first = first_with_content(text_digests(store), np.ones(len(store), bool))
    if rules := of_texts(parse_ignore(settings.ignore)):
        store = Texts.of(texts_without(store, rules))
    return fit_data_in_memory(store, labels, settings, first=first)


# Data frames as inputs of `fit` and `predict`.

_NAME = "X"


def fit_data_of_frame(frame: Any, y: object, settings: Settings) -> FitData:
    """Take a frame of texts: with their labels in a column, or all of them texts and the labels in `y`.

    Raises: `DataError` if the columns cannot be found, a text or label is missing, or they do not fit.
    """
    table = table_of_frame(frame, _NAME)
    if y is None:
        try:
            columns = choose_columns(table, Path.cwd(), settings)
        except DataError as error:  # there is no flag for columns here
            found = str(error).partition("; name one with --")[0]
            raise DataError(
                "{found}; give both by themselves, as in fit(frame['text'], frame['label'])", found
            ) from error
        if columns.input.holds == OF_IMAGES:
            raise DataError(
                "{NAME}: holds paths of images; give them to ImageClassifier or ImageRegressor", _NAME
            )
        listing = as_asked(list_texts_of(table, columns, Path.cwd(), settings), settings)
        return fit_data_of_listing(listing, settings, TEXTS)
    names = tuple(table.names)
    if len(names) > 1:
        names = joined_names(table.names, str(named_inputs(table, ",".join(names))))
    data = fit_data_of_texts(_texts(table, names), y, settings)
    return dataclasses.replace(data, joined_columns=names if len(names) > 1 else ())


def texts_of_frame(frame: Any, joined: tuple[str, ...]) -> Sequence[str]:
    """Texts of a frame: of its only column, of those that the model joins, or of the one that holds them.

    Raises: `DataError` if no column can be chosen, or a value is no text.
    """
    table = table_of_frame(frame, _NAME)
    asked = ",".join(joined) or None
    if asked is None and len(table.names) == 1:
        return _texts(table, (table.names[0],))
    return _texts(table, choose_input(table, Path.cwd(), Settings(task="text", input_column=asked)).parts)


def _texts(table: Table, names: tuple[str, ...]) -> list[str]:
    """The texts of columns, row by row; a blank one is an empty text.

    Raises: `DataError` naming the first row that holds none.
    """
    texts = []
    for block in table.read(names):
        for number, value in zip(block.numbers, inputs_of(block.columns, names), strict=True):
            text, reason = text_or_reason(value)
            if reason and reason != BLANK:
                raise DataError(
                    "{place}: row {number} {reason}; fix it or leave it out", table.place, number, reason
                )
            texts.append(text)
    return texts


def fit_data_of_text_input(X: Any, y: Any, settings: Settings) -> FitData:
    """Examples and labels from lists, arrays and columns of texts, data frames, paths and data sets."""
    if is_frame(X):
        return fit_data_of_frame(X, y, settings)
    is_place = isinstance(X, (str, os.PathLike))
    if not is_place and not is_in_memory(X):
        return fit_data_of_texts(as_texts(X), y, settings)
    if y is not None and not is_place:
        raise UsageError("y: {name} brings its own labels; leave y out", type(X).__name__)
    if y is not None:
        raise UsageError(
            "y: {X!r} is taken for a path, which brings its own labels; leave y out, "
            "or put a text into a list",
            os.fspath(X)[:100],
        )
    return fit_data_at_place(os.fspath(X) if is_place else X, settings, TEXTS)


def texts_for(X: Any, joined: tuple[str, ...]) -> Sequence[str]:
    """Inputs as a fitted model takes them, which reads the columns `joined` of a table as one text.

    A folder stands for its `.txt` files, those of sub-folders included, in the order of their paths, a table
    or a data set for its rows.

    Raises: `DataError` if one cannot be read, or is no text.
    """
    if isinstance(X, str):
        raise DataError(
            "X: a single text may be meant, or a path; put a text into a list, and a path into pathlib.Path"
        )
    if is_frame(X):
        return texts_of_frame(X, joined)
    paths = [X] if isinstance(X, os.PathLike) else X if isinstance(X, (list, tuple)) else []
    if not is_in_memory(X) and not (paths and all(isinstance(each, os.PathLike) for each in paths)):
        return as_texts(X)
    found = texts_of(_stream_of(X, Settings(input_column=",".join(joined) or None), TEXTS), None)
    for name, error in zip(found.names, found.errors, strict=True):
        if error:
            raise DataError("{name}: {error}; leave it out", name, error)
    return found.texts
