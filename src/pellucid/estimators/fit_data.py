"""Data that `fit` learns from: inputs with their labels, and the part set aside for validation."""

import dataclasses
import numbers
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from pellucid.data import Dataset, Listing, Preprocessing, prepare, read_data
from pellucid.data.labels import LARGEST, label_texts, require_classes
from pellucid.data.listing import TEST, UNDECIDED, VALIDATION
from pellucid.data.raw_texts import Texts
from pellucid.data.reading.dispatch import read_dataset
from pellucid.data.reading.in_memory import name_of
from pellucid.data.splitting import split
from pellucid.data.tables.table import plain_values
from pellucid.data.targets import new_names, require_spread
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings
from pellucid.tasks import IMAGES, TEXTS, InputKind


@dataclass(frozen=True)
class Labels:
    """The labels of training examples."""

    classes: Shaped[np.ndarray, " classes"]  # the different labels, sorted, of the caller's own type
    names: tuple[str, ...]  # the same as text, sorted as text: the order of the network's outputs
    columns: Int64[np.ndarray, " classes"]  # position in `names` of each of `classes`
    codes: Int64[np.ndarray, " examples"]  # position in `names` of each label; -1 where it is left out


def read_labels(
    y: object, count: int, *, rename: Mapping[str, str] | None = None, min_examples: int | None = None
) -> Labels:
    """Check `count` labels (texts, numbers without fractions, or truth values) and number their classes.

    With `rename` they are the texts of the new names. Classes of fewer than `min_examples` are left out, with
    a warning.

    Raises: `UsageError` if there are none; `DataError` if a label is missing or of another kind than the
    others, the labels are numbers with fractions, their number is not that of the examples, or there is only
    one class.
    """
    values = _column(y)
    _require_one_each(len(values), count)
    if rename is not None:
        texts = texts_of(values)
        require_classes("--rename", rename, sorted(set(texts)), "y")
        values = np.array(new_names(texts, rename))
    classes, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    kept = counts >= (min_examples or 0)
    if not kept.all():
        rare = [
            f"{quoted(str(name))} ({number:,})"
            for name, number in zip(classes[~kept], counts[~kept], strict=True)
        ]
        warnings.warn(
            f"y: left out for having too few examples (min_examples): {count_of(len(rare), 'class')} with "
            f"{count_of(int(counts[~kept].sum()), 'example')}, {some(rare, 10)}",
            UserWarning,
            stacklevel=2,
        )
        positions = np.where(kept, np.cumsum(kept) - 1, -1)[positions]
        classes = classes[kept]
        if len(classes) < 2:
            raise DataError("y: min_examples leaves fewer than two classes; give a smaller number")
    texts = texts_of(classes)
    if len(texts) < 2:
        raise DataError(f"y: only one class, {quoted(texts[0])}; a classifier needs at least two")
    names = tuple(sorted(texts))
    columns = np.array([names.index(text) for text in texts], np.int64)
    return Labels(classes, names, columns, np.where(positions < 0, -1, columns[positions]))


def read_numbers(
    y: object, count: int, classifier: str = "ImageClassifier"
) -> Float64[np.ndarray, " examples"]:
    """Check `count` numbers to be predicted, all finite; `classifier` learns classes of such inputs.

    Raises: `UsageError` if there are none; `DataError` if one is missing, infinite, beyond 1e30 or no number,
    there are not as many as examples, or they are all but the same.
    """
    if y is None:
        raise UsageError("y: a regressor requires y to be passed, but the target y is None; give numbers")
    _require_one_column(y)
    try:
        values = column_or_1d(y, warn=True)
    except ValueError as error:
        raise DataError(f"y: {error}") from error
    _require_one_each(len(values), count)
    if values.dtype.kind not in "biuf":
        for index, value in enumerate(values.tolist()):
            if not isinstance(value, numbers.Real):
                raise DataError(
                    f"y: {value!r:.40} at position {index} is no number; give numbers, or learn classes "
                    f"with {classifier}"
                )
    plain: np.ndarray = values.astype(np.float64)
    try:
        assert_all_finite(plain, input_name="y")
    except ValueError as error:
        position = int(np.flatnonzero(~np.isfinite(plain))[0])
        raise DataError(f"y: {error} The first is at position {position}") from error
    if np.abs(plain).max(initial=0.0) > LARGEST:
        position = int(np.flatnonzero(np.abs(plain) > LARGEST)[0])
        raise DataError(
            f"y: {plain[position]:g} at position {position} is too large; numbers to predict are at most "
            f"{LARGEST:g} in size"
        )
    if count == 1:
        raise DataError("y: 1 sample; a regressor needs at least two, with different numbers")
    require_spread(plain, "y")
    return plain


def _require_one_each(labels: int, examples: int) -> None:
    if labels != examples:
        raise DataError(f"y: {count_of(labels, 'label')} for {count_of(examples, 'example')}; give one each")


def _require_one_column(y: object) -> None:
    """Refuse several labels for each example."""
    first = y[0] if isinstance(y, (list, tuple)) and y else None
    shape = getattr(y, "shape", None) or (0, len(first) if isinstance(first, (list, tuple)) else 1)
    if len(shape) == 2 and shape[1] > 1:
        raise DataError(
            f"y: {shape[1]} columns, where one label for each example is expected; give one column, such as "
            "y[:, 0] of an array, and fit an estimator for each where all are to be learnt"
        )


def texts_of(y: object) -> list[str]:
    """Labels of one kind as files hold them: `3` for 3 and 3.0, `true` for True.

    Raises: `DataError` if a label is missing or of another kind than the others.
    """
    y = plain_values(y)
    values = y if isinstance(y, (list, tuple)) and np.ndim(y) == 1 else column_or_1d(y, warn=True)
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    return label_texts(plain, "y", lambda index: f"position {index}")


def _column(y: object) -> Shaped[np.ndarray, " examples"]:
    """The labels as an array of one kind; a list is checked before NumPy makes all of it text.

    Raises: `UsageError` if there are no labels; `DataError` if a label is missing, of another kind, or a
    number with a fraction.
    """
    if y is None:
        raise UsageError("y: a classifier requires y to be passed, but the target y is None; give labels")
    _require_one_column(y)
    try:
        if isinstance(y, (list, tuple)):
            texts_of(y)
        values: np.ndarray = column_or_1d(y, warn=True)
        assert_all_finite(values, input_name="y")
        if values.dtype.kind not in "biu":  # which are of one kind and never missing
            texts_of(values)
        check_classification_targets(values)
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"y: {error}") from error
    return values


VALIDATION_FROM = 1000
# `fit` sets 10 % aside for validation from this many examples, and this many of each class.
VALIDATION_FROM_EACH = 10


@dataclass(frozen=True)
class FitData:
    """Data that `fit` learns from."""

    material: Dataset
    labels: Labels | None  # the classes in the caller's own type; `None` where numbers are learnt
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
            f"sample_weight: {data.place} was read as a whole; give examples and labels as arrays"
        )
    material = data.material
    try:
        weights = column_or_1d(plain_values(sample_weight), dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise DataError(f"sample_weight: {error}") from error
    if len(weights) != len(material.inputs):
        raise DataError(
            f"sample_weight: {len(weights):,} weights for {len(material.inputs):,} examples; give one each"
        )
    is_fit = np.isfinite(weights) & (weights >= 0)
    if not is_fit.all():
        position = int(np.flatnonzero(~is_fit)[0])
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
                f"{place}: holds {other.nouns}, not {kind.nouns}; give it to {fitting}"
            ) from error
    return fit_data_of_listing(listing, settings, kind)


def fit_data_of_listing(listing: Listing, settings: Settings, kind: InputKind) -> FitData:
    """Take labelled examples that were read; their own splits are kept, and a test split is left alone.

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
        sentence = next(each for each in check.sentences() if "--min-examples" in each)
        warnings.warn(f"{place}: {sentence}", UserWarning, stacklevel=2)
    names = dataset.classes
    labels = Labels(np.array(names), names, np.arange(len(names)), dataset.labels) if names else None
    return FitData(dataset, labels, dataset.joined_columns, place)


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


def fit_data_in_memory(
    inputs: Shaped[np.ndarray, "n ..."] | Texts,
    labels: Labels | Float64[np.ndarray, " n"] | None,
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
    count = len(inputs)
    classes = labels if isinstance(labels, Labels) else None
    targets: np.ndarray = np.zeros(count, np.int64)  # without labels
    if labels is not None:
        targets = labels.codes if isinstance(labels, Labels) else labels
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
        parts = split(listing, first, usable, settings.seed, (VALIDATION,))
        validation = np.flatnonzero(parts == VALIDATION)
    elif settings.patience is not None:
        each = "" if classes is None else f" and {VALIDATION_FROM_EACH} of each class"
        raise UsageError(
            f"patience: needs a validation split, and so {VALIDATION_FROM:,} different examples{each}; "
            "leave it out"
        )
    train = np.setdiff1d(np.flatnonzero(usable), validation)
    names = () if classes is None else classes.names
    return FitData(Dataset(inputs, targets, train, validation, names, preprocessing), classes)


def _allows_validation(examples: int, counts: Int64[np.ndarray, " classes"] | None) -> bool:
    """True where there are enough examples, in all and in each class."""
    return examples >= VALIDATION_FROM and (counts is None or int(counts.min()) >= VALIDATION_FROM_EACH)
