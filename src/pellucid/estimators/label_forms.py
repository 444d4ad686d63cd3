"""Several labels of each example, in the forms that `fit` and `score` take.

1. An indicator array (n, labels) of 0 and 1, dense, sparse, or as a list of its rows. Not a number is a label
   that nobody has looked at.
2. A data frame of such columns, whose names are the labels.
3. Lists, tuples or sets of labels, one for each example, an empty one where no label applies.
4. Where they are asked for, one label for each example, or texts of several with a separator.

Lists of equal length are rows of an indicator array where they hold 0 and 1 alone, or numbers of which a row
has one twice, which no list of labels has. Lists of one label each are a column of single labels, as in
scikit-learn, unless several are asked for.
"""

from collections.abc import Sequence, Sized
from typing import Any, Literal, NamedTuple

import numpy as np
import scipy.sparse
from jaxtyping import Int8, Shaped

from pellucid.data.by_target import with_answer
from pellucid.data.label_sets import read_label_sets, require_few, require_fit_names, sets_of_lists
from pellucid.data.labels import label_texts
from pellucid.data.tables.frames import columns_of_frame, is_frame
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.targets import Labels, labels_of_states
from pellucid.targets.several import states_of

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
        at for at, some in enumerate(lists) if some is None or (isinstance(some, float) and some != some)
    ]
    for position, some in enumerate(lists):
        if isinstance(some, _MANY):
            labels += [each.item() if isinstance(each, np.generic) else each for each in some]
            owners += [position] * len(some)
        elif position not in missing:
            raise DataError(
                "y: {some} at position {position} is no list of labels, as others are; give a list there too",
                quoted(str(some)),
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
