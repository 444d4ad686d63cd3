"""Labels that `fit` takes: one class, several labels or a number for each example."""

import dataclasses
import numbers
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float64, Int8, Int64, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from pellucid.data.labels import LARGEST, label_texts, new_names, require_classes, require_spread
from pellucid.data.tables.frames import is_frame, plain_values
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.estimators.label_forms import Indicators, read_indicators
from pellucid.input_kinds import InputKind
from pellucid.settings import Settings
from pellucid.targets import PRESENT, UNKNOWN, labels_of_states


@dataclass(frozen=True)
class Labels:
    """The labels of training examples."""

    # the different labels, sorted, of the caller's own type; numbers or names of columns in their order
    classes: Shaped[np.ndarray, " classes"]
    names: tuple[str, ...]  # the same as text, sorted as text: the order of the network's outputs
    columns: Int64[np.ndarray, " classes"]  # position in `names` of each of `classes`
    # position in `names` of each label, -1 where it is left out; of several labels the state of each
    codes: Int64[np.ndarray, " examples"] | Int8[np.ndarray, "examples names"]
    are_lists: bool = False  # whether several labels came as lists of them, and are answered so

    @property
    def is_several(self) -> bool:
        """Whether an example may have several labels."""
        return self.codes.ndim == 2

    @property
    def usable(self) -> Bool[np.ndarray, " examples"]:
        """Whether at least one label of an example is known and kept."""
        found: np.ndarray = (self.codes != UNKNOWN).any(axis=1) if self.is_several else self.codes >= 0
        return found


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
        _warn_of_rare("class", classes[~kept], counts[~kept])
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


def _warn_of_rare(
    noun: str, classes: Shaped[np.ndarray, " rare"], counts: Int64[np.ndarray, " rare"]
) -> None:
    """Warn of classes or labels that are left out, since so few examples have them."""
    rare = [f"{quoted(str(name))} ({number:,})" for name, number in zip(classes, counts, strict=True)]
    warnings.warn(
        f"y: left out for having too few examples (min_examples): {count_of(len(rare), noun)} with "
        f"{count_of(int(counts.sum()), 'example')}, {some(rare, 10)}",
        UserWarning,
        stacklevel=2,
    )


def read_several(y: object, count: int, settings: Settings) -> Labels | None:
    """Check several labels of each of `count` examples, in a form of `label_forms`; `None` of single ones.

    With the settings `rename` and `min_examples` as `read_labels` with them, where labels came as lists.

    Raises: `UsageError` if a setting belongs to other labels; `DataError` as `read_indicators`, and if a
    label is known of no example, none differs, or there are not as many labels as examples.
    """
    found = read_indicators(
        y,
        separator=settings.label_separator,
        unlabelled=settings.unlabelled,
        is_asked=settings.target == "labels",
    )
    if found is None:
        if settings.unlabelled is not None:
            raise UsageError(
                "unlabelled: belongs to examples with several labels, and y has one label for each; leave it "
                "out, or give target='labels'"
            )
        return None
    if settings.label_separator is not None and found.form != "texts":
        raise UsageError("label_separator: belongs to texts of several labels, and y has none; leave it out")
    _require_one_each(len(found.states), count)
    if found.are_lists:
        found = _as_asked(found, settings)
    elif settings.rename is not None or settings.min_examples is not None:
        named = "min_examples" if settings.rename is None else "rename"
        raise UsageError(
            f"{named}: y is an indicator array, whose columns are answered as they are; leave it out, and "
            "change the columns, or give y as lists of labels"
        )
    is_known = found.states != UNKNOWN
    for name in np.array(found.names)[~is_known.any(axis=0)].tolist()[:1]:
        raise DataError(
            f"y: label {quoted(name)} is known of no example; leave it out, or give examples of it"
        )
    is_present = found.states == PRESENT
    if not (is_present.any(axis=0) & (is_known & ~is_present).any(axis=0)).any():
        raise DataError(
            "y: no label is there for some examples and not for others, which leaves nothing to learn; give "
            "examples of both"
        )
    names = tuple(sorted(found.names))
    places = {name: place for place, name in enumerate(names)}
    columns = np.array([places[name] for name in found.names], np.int64)
    return Labels(found.classes, names, columns, found.of(names), found.are_lists)


def _as_asked(found: Indicators, settings: Settings) -> Indicators:
    """Labels of lists by their new names, without those of too few examples."""
    if settings.rename is not None:
        require_classes("--rename", settings.rename, found.names, "y")
        sets = labels_of_states(found.states, found.names).renamed(settings.rename)
        found = dataclasses.replace(found, classes=np.array(sets.names), names=sets.names, states=sets.values)
    counts = (found.states == PRESENT).sum(axis=0)
    kept = counts >= (settings.min_examples or 0)
    if len(kept) and not kept.any():
        raise DataError("y: min_examples leaves no label; give a smaller number")
    if kept.all():
        return found
    _warn_of_rare("label", found.classes[~kept], counts[~kept])
    names = tuple(np.array(found.names)[kept].tolist())
    return dataclasses.replace(found, classes=found.classes[kept], names=names, states=found.of(names))


def read_numbers(
    y: object, count: int, classifier: str = "ImageClassifier"
) -> Float64[np.ndarray, " examples"]:
    """Check `count` numbers to be predicted, all finite; `classifier` learns classes of such inputs.

    Raises: `UsageError` if there are none; `DataError` if one is missing, infinite, beyond 1e30 or no number,
    there are not as many as examples, or they are all but the same.
    """
    if y is None:
        raise UsageError("y: a regressor requires y to be passed, but the target y is None; give numbers")
    _require_one_column(
        y, f", and fit a regressor for each; several labels of 0 and 1 are learnt with {classifier}"
    )
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


def _require_one_column(y: object, advice: str = "") -> None:
    """Refuse several labels for each example, with what to do beyond giving one column."""
    rows = y if isinstance(y, (list, tuple)) else ()
    widths = {len(each) for each in rows if isinstance(each, (list, tuple, set, frozenset))} - {1}
    shape = getattr(y, "shape", None) or (0, max(widths, default=1))
    if widths or (len(shape) == 2 and shape[1] > 1):
        raise DataError(
            f"y: {count_of(shape[1], 'column')}, where one label for each example is expected; give one "
            f"column, such as y[:, 0] of an array{advice}"
        )


def plain_labels(y: Any) -> Any:
    """Labels without what libraries put around a single column of them."""
    if scipy.sparse.issparse(y) and y.shape[1] == 1:
        return y.toarray()
    return y if is_frame(y) else plain_values(y)


def texts_of(y: object) -> list[str]:
    """Labels of one kind as files hold them: `3` for 3 and 3.0, `true` for True.

    Raises: `DataError` if a label is missing or of another kind than the others.
    """
    y = plain_labels(y)
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


def estimator_of(kind: InputKind, role: str) -> str:
    """Name of the `Classifier` or `Regressor` of a kind of input."""
    return f"{kind.noun.capitalize()}{role}"


def read_targets(
    y: Any, count: int, settings: Settings, kind: InputKind
) -> Labels | Float64[np.ndarray, " examples"]:
    """Check the labels of examples in memory: classes, several labels, or numbers where settings say so.

    Raises: `UsageError` if there are none; `DataError` if one is unfit, or there are not as many as examples.
    """
    y = plain_labels(y)
    if settings.target == "number":
        return read_numbers(y, count, estimator_of(kind, "Classifier"))
    can_be_several = y is not None and settings.target != "class" and not settings.generates
    several = read_several(y, count, settings) if can_be_several else None
    if several is not None:
        return several
    return read_labels(y, count, rename=settings.rename, min_examples=settings.min_examples)
