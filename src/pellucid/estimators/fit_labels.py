"""Labels that `fit` takes of which an example has one: its class, or a number."""

import numbers
import warnings
from collections.abc import Sequence, Sized
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int8, Int64, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from pellucid.data.by_target import with_answer
from pellucid.data.label_sets import read_label_sets, require_few, require_fit_names, sets_of_lists
from pellucid.data.labels import LARGEST, label_texts, new_names, require_classes, require_spread
from pellucid.data.tables.frames import columns_of_frame, is_frame, plain_values
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.targets import Labels, Target, labels_of_states
from pellucid.targets.several import states_of


@dataclass(frozen=True)
class OwnLabels:
    """Labels of training examples in memory, and their classes as the caller has them."""

    # as a model learns them: names are sorted as text, the order of its outputs; of a class that is left out
    # the code is -1
    labels: Labels
    # the different labels, sorted, of the caller's own type; numbers or names of columns in their order; none
    # of numbers
    classes: Shaped[np.ndarray, " classes"]
    as_lists: bool = True  # whether several labels are answered as lists of them


def read_labels(y: object, count: int, target: Target, settings: Settings) -> OwnLabels:
    """Check `count` labels (texts, numbers without fractions, or truth values) and number their classes.

    With the setting `rename` they are the texts of the new names. Classes of fewer than `min_examples` are
    left out, with a warning.

    Raises: `UsageError` if there are none; `DataError` if a label is missing or of another kind than the
    others, the labels are numbers with fractions, their number is not that of the examples, or there is only
    one class.
    """
    values = _column(y)
    require_one_each(len(values), count)
    if settings.rename is not None:
        texts = texts_of(values)
        require_classes("--rename", settings.rename, sorted(set(texts)), "y")
        values = np.array(new_names(texts, settings.rename))
    classes, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    kept = counts >= (settings.min_examples or 0)
    if not kept.all():
        warn_of_rare("class", classes[~kept], counts[~kept])
        positions = np.where(kept, np.cumsum(kept) - 1, -1)[positions]
        classes = classes[kept]
        if len(classes) < 2:
            raise DataError("y: min_examples leaves fewer than two classes; give a smaller number")
    texts = texts_of(classes)
    if len(texts) < 2:
        raise DataError("y: only one class, {texts}; a classifier needs at least two", quoted(texts[0]))
    names = tuple(sorted(texts))
    columns = np.array([names.index(text) for text in texts], np.int64)
    return OwnLabels(Labels(np.where(positions < 0, -1, columns[positions]), names, target), classes)


def warn_of_rare(noun: str, classes: Shaped[np.ndarray, " rare"], counts: Int64[np.ndarray, " rare"]) -> None:
    """Warn of classes or labels that are left out, since so few examples have them."""
    rare = [f"{quoted(str(name))} ({number:,})" for name, number in zip(classes, counts, strict=True)]
    warnings.warn(
        Sentence(
            "y: left out for having too few examples (min_examples): {rare} with {sum}, {rare2}",
            count_of(len(rare), noun),
            count_of(int(counts.sum()), "example"),
            some(rare, 10),
        ),
        UserWarning,
        stacklevel=2,
    )


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
        y,
        Sentence(
            ", and fit a regressor for each; several labels of 0 and 1 are learnt with {classifier}",
            classifier,
        ),
    )
    try:
        values = column_or_1d(y, warn=True)
    except ValueError as error:
        raise DataError("y: {error}", error) from error
    require_one_each(len(values), count)
    if values.dtype.kind not in "biuf":
        for index, value in enumerate(values.tolist()):
            if not isinstance(value, numbers.Real):
                raise DataError(
                    "y: {value!r:.40} at position {index} is no number; give numbers, or learn classes "
                    "with {classifier}",
                    value,
                    index,
                    classifier,
                )
    plain: np.ndarray = values.astype(np.float64)
    try:
        assert_all_finite(plain, input_name="y")
    except ValueError as error:
        position = int(np.flatnonzero(~np.isfinite(plain))[0])
        raise DataError("y: {error} The first is at position {position}", error, position) from error
    if np.abs(plain).max(initial=0.0) > LARGEST:
        position = int(np.flatnonzero(np.abs(plain) > LARGEST)[0])
        raise DataError(
            "y: {plain:g} at position {position} is too large; numbers to predict are at most "
            "{LARGEST:g} in size",
            plain[position],
            position,
            LARGEST,
        )
    if count == 1:
        raise DataError("y: 1 sample; a regressor needs at least two, with different numbers")
    require_spread(plain, "y")
    return plain


def require_one_each(labels: int, examples: int) -> None:
    """Refuse more or fewer labels than examples."""
    if labels != examples:
        raise DataError(
            "y: {labels} for {examples}; give one each",
            count_of(labels, "label"),
            count_of(examples, "example"),
        )


def _require_one_column(y: object, advice: str = "") -> None:
    """Refuse several labels for each example, with what to do beyond giving one column."""
    rows = y if isinstance(y, (list, tuple)) else ()
    widths = {len(each) for each in rows if isinstance(each, (list, tuple, set, frozenset))} - {1}
    shape = getattr(y, "shape", None) or (0, max(widths, default=1))
    if widths or (len(shape) == 2 and shape[1] > 1):
        raise DataError(
            "y: {shape}, where one label for each example is expected; give one "
            "column, such as y[:, 0] of an array{advice}",
            count_of(shape[1], "column"),
            advice,
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
    return label_texts(plain, "y", lambda index: Sentence("position {index}", index))


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
        raise DataError("y: {error}", error) from error
    return values


# Several labels of each example, in the forms that `fit` and `score` take.

_MANY = (list, tuple, set, frozenset, np.ndarray)


class Indicators(NamedTuple):
    """Several labels of each example, read from one of the forms."""

    # the labels in the caller's own type: numbers of columns, their names, or the labels of lists, sorted
    classes: Shaped[np.ndarray, " labels"]
    sets: Labels  # their states, and names as files hold them, in the same order
    form: Literal["array", "frame", "lists", "texts"]

    @property
    def has_columns(self) -> bool:
        """Whether each label has a column of cells, and not each example a list of labels."""
        return self.form in ("array", "frame")


def read_indicators(
    y: Any, *, separator: str | None = None, unlabelled: str | None = None, is_asked: bool = False
) -> Indicators | None:
    """Labels in one of the forms at the top of this file; `None` where each example has a single one.

    `separator` and `unlabelled` are the settings; with a separator, or `is_asked`, single labels will do too.

    Raises: `DataError` if a cell is neither 0 nor 1, labels are of several kinds or cannot be written to
    files, or those of an example are missing and `unlabelled` does not say what that means.
    """
    is_asked |= separator is not None
    found, lists = _from_columns(y, is_asked), _lists_in(y)
    if found is None and lists is not None and _are_rows(lists):
        found = _counted(np.array(lists))
    elif found is None and lists is not None and (is_asked or not _are_column(lists)):
        found = _from_lists(lists)
    elif found is None and is_asked:
        found = _from_single(y, separator)
    if found is None:
        return None
    unlabelled = unlabelled or ("unknown" if found.has_columns else None)
    return found._replace(sets=with_answer(found.sets, unlabelled, "y", _positions(found.sets))[0])


def _from_columns(y: Any, is_asked: bool) -> Indicators | None:
    """Labels from an indicator array or a frame; of one column only where several labels are asked for."""
    shape: tuple[int, ...] = getattr(y, "shape", ())
    least = 1 if is_asked else 2
    if len(shape) != 2 or shape[1] < least:
        return None
    if scipy.sparse.issparse(y):
        require_few(shape[1], shape[0], "y")
        return _counted(y.toarray())
    if not is_frame(y):
        return _counted(np.asarray(y))
    columns = columns_of_frame(y, "y")
    require_fit_names(tuple(columns), "y")
    states = _states(
        np.array([*columns.values()]).T, [Sentence("column {name}", quoted(name)) for name in columns]
    )
    return Indicators(np.array([*columns]), labels_of_states(states, list(columns)), "frame")


def _counted(values: Shaped[np.ndarray, "examples labels"]) -> Indicators:
    """Labels of an indicator array, by the numbers of its columns."""
    numbers = range(values.shape[1])
    states = _states(values, [f"column {number}" for number in numbers])
    return Indicators(np.array(numbers), labels_of_states(states, list(map(str, numbers))), "array")


def _states(
    values: Shaped[np.ndarray, "examples labels"], columns: Sequence[str]
) -> Int8[np.ndarray, "examples labels"]:
    """States from 0, 1 and not a number, or `None`.

    Raises: `DataError` naming the first cell that is none of these.
    """
    is_object = values.dtype.kind == "O"
    if values.dtype.kind not in "biufO" or (is_object and any(isinstance(each, str) for each in values.flat)):
        raise DataError(
            "y: several columns of labels have 0 and 1 in them, and these have texts; give labels by name as "
            "a list of lists, such as [['red', 'round'], ['red'], []]"
        )
    try:
        numbers = values.astype(np.float64) if is_object else values
    except (TypeError, ValueError) as error:
        raise DataError("y: {error}; several columns of labels have 0 and 1 in them", error) from error
    is_unknown = np.isnan(numbers) if numbers.dtype.kind == "f" else np.zeros(numbers.shape, bool)
    is_wrong = (numbers != 0) & (numbers != 1) & ~is_unknown
    if is_wrong.any():
        row, column = np.argwhere(is_wrong)[0].tolist()
        raise DataError(
            "y: {numbers:g} at position {row}, {columns}; several columns of labels "
            "have 0 and 1 in them, and nan where nobody has looked: give these, or one column of classes",
            numbers[row, column],
            row,
            columns[column],
        )
    return states_of(numbers == 1, is_unknown)


def _lists_in(y: Any) -> list[Any] | None:
    """The elements of `y` where some of them are lists; else `None`."""
    is_list = isinstance(y, (list, tuple)) or (getattr(y, "ndim", 0) == 1 and y.dtype == object)
    elements = list(y) if is_list else []
    return elements if any(isinstance(each, _MANY) for each in elements) else None


def _are_rows(lists: Sequence[Any]) -> bool:
    """Detect the rows of an indicator array."""
    if any(not isinstance(each, (list, tuple, np.ndarray)) for each in lists):
        return False
    if len({len(each) for each in lists}) > 1 or len(lists[0]) < 2:
        return False
    rows = np.array(lists)
    if rows.ndim != 2 or rows.dtype.kind not in "biuf":
        return False
    are_states = ((rows == 0) | (rows == 1) | np.isnan(rows)).all()
    return bool(are_states) or any(len(set(row)) < len(row) for row in rows.tolist())


def _are_column(lists: Sequence[Any]) -> bool:
    """Detect a column of single labels."""
    return all(isinstance(each, (list, tuple, np.ndarray)) and len(each) == 1 for each in lists)


def _from_lists(lists: Sequence[Any]) -> Indicators:
    """Labels from a list of them for each example; `None` in the place of one is unknown."""
    owners: list[int] = []
    labels: list[Any] = []
    missing = [
        at for at, each in enumerate(lists) if each is None or (isinstance(each, float) and each != each)
    ]
    for position, given in enumerate(lists):
        if isinstance(given, _MANY):
            labels += [each.item() if isinstance(each, np.generic) else each for each in given]
            owners += [position] * len(given)
        elif position not in missing:
            raise DataError(
                "y: {some} at position {position} is no list of labels, as others are; give a list there too",
                quoted(str(given)),
                position,
            )
    texts = label_texts(labels, "y", lambda index: Sentence("position {owners}", owners[index]))
    for owner, label in zip(owners, labels, strict=True):
        if isinstance(label, _MANY) or (isinstance(label, float) and not label.is_integer()):
            raise DataError(
                "y: the label {label} at position {owner} is neither a text nor a whole number",
                quoted(str(label)),
                owner,
            )
    own: list[list[str]] = [[] for _ in lists]
    for owner, text in zip(owners, texts, strict=True):
        own[owner].append(text)
    sets = sets_of_lists(own, "y", _positions(lists), missing)
    classes, first = np.unique(np.array(labels), return_index=True)
    return Indicators(classes, sets.by([texts[index] for index in first.tolist()]), "lists")


def _from_single(y: Any, separator: str | None) -> Indicators:
    """Labels from one element for each example: a label, or texts of several; a blank one is unknown."""
    values = list(y) if np.ndim(y) == 1 else []
    if not all(isinstance(each, str) or each is None for each in values):
        return _from_lists([None if each is None else [each] for each in values])
    cells = [each or "" for each in values]
    sets = read_label_sets(cells, separator, "y", _positions(cells), is_asked=True)
    assert sets is not None  # several labels are asked for
    return Indicators(np.array(sets.names), sets, "texts")


def _positions(labels: Sized) -> list[str]:
    """Where each label stands, for messages."""
    return [Sentence("position {position}", position) for position in range(len(labels))]
