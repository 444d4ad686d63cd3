"""Labels as the caller has them, and as networks and files have them: classes or numbers."""

import numbers
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from pellucid.data.labels.numbers import LARGEST
from pellucid.data.labels.texts import label_texts, require_classes
from pellucid.data.splits.renaming import new_names
from pellucid.data.splits.targets import require_spread
from pellucid.data.tables.forms.frames import plain_values
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError


@dataclass(frozen=True)
class Labels:
    """The labels of training examples.

    Attributes:
        classes: the different labels, sorted, of the caller's own type.
        names: the same classes as text, sorted as text: the order of the network's outputs.
        columns: position in `names` of each of `classes`.
        codes: position in `names` of each example's label; -1 of an example that is left out.
    """

    classes: Shaped[np.ndarray, " classes"]
    names: tuple[str, ...]
    columns: Int64[np.ndarray, " classes"]
    codes: Int64[np.ndarray, " examples"]


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
    """Check numbers to be predicted.

    Args:
        y: one number for each example, with or without fractions.
        count: number of examples.
        classifier: name of the estimator that learns classes of such inputs.

    Returns:
        The numbers, all finite.

    Raises:
        UsageError: there are none.
        DataError: one is missing, infinite, beyond 1e30 or no number, there are not as many as
            examples, or they are all but the same.
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
        raise DataError(f"y: {error} The first stands at position {position}") from error
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
    """Refuse labels that are not as many as the examples."""
    if labels != examples:
        raise DataError(f"y: {count_of(labels, 'label')} for {count_of(examples, 'example')}; give one each")


def _require_one_column(y: object) -> None:
    """Refuse several labels for each example.

    Raises: `DataError` with how many, and what to give instead.
    """
    first = y[0] if isinstance(y, (list, tuple)) and y else None
    shape = getattr(y, "shape", None) or (0, len(first) if isinstance(first, (list, tuple)) else 1)
    if len(shape) == 2 and shape[1] > 1:
        raise DataError(
            f"y: {shape[1]} columns, where one label for each example is expected; give one column, such as "
            "y[:, 0] of an array, and fit an estimator for each where all are to be learnt"
        )


def texts_of(y: object) -> list[str]:
    """Labels of one kind as they stand in files: `3` for 3 and 3.0, `true` for True.

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
