"""Labels that `fit` takes of which an example has one: its class, or a number."""

import numbers
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int64, Shaped
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, column_or_1d

from pellucid.data.labels import LARGEST, label_texts, new_names, require_classes, require_spread
from pellucid.data.tables.frames import is_frame, plain_values
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings
from pellucid.targets import Labels, Target


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
