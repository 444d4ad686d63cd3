"""Inputs of `fit` and `predict` as texts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from pellucid.bundle.checks import require_texts
from pellucid.data.copies.duplicates import first_with_content
from pellucid.data.copies.text_copies import text_digests
from pellucid.data.reading.inputs.texts import list_texts
from pellucid.data.reading.text_values import is_blank
from pellucid.data.tables.forms.frames import plain_values
from pellucid.data.texts.store import Texts
from pellucid.errors import DataError
from pellucid.estimators.given.taught import Taught, read_targets, taught_in_memory
from pellucid.settings import Settings
from pellucid.tasks import TEXTS


def as_texts(inputs: Any) -> Sequence[str]:
    """Take texts that stand in memory: a list, tuple, one-dimensional array or column of a data frame.

    Raises: `DataError` if it is of another form, or an element is no text, with its position, from 0.
    """
    inputs = plain_values(inputs)
    if isinstance(inputs, (str, bytes, list, tuple, Texts)):
        return require_texts(inputs)
    sides = getattr(inputs, "ndim", None)
    if sides is None or not hasattr(inputs, "__array__"):
        raise DataError(
            f"X: found {type(inputs).__name__}; give texts as a list, an array or a column of a data frame"
        )
    if sides != 1:
        raise DataError(
            f"X: found {type(inputs).__name__} of shape {np.shape(inputs)}, but texts have one dimension, "
            "one text for each example; take its column, such as X[:, 0] or frame['text']"
        )
    return require_texts(np.asarray(inputs, dtype=object))


def taught_by_texts(texts: Sequence[str], y: object, settings: Settings) -> Taught:
    """Take texts that stand in memory, any that UTF-8 can write, with their labels.

    Raises: `UsageError` if there are no labels; `DataError` if there are no texts, one is blank, or labels do
    not fit.
    """
    if len(texts) == 0:
        raise DataError("X: found 0 texts, while a minimum of 1 is required; give some")
    for position, text in enumerate(texts):
        if is_blank(text):
            raise DataError(f"X: the text at position {position} is blank; fill it in or leave it out")
    labels = read_targets(y, len(texts), settings, TEXTS)
    store = texts if isinstance(texts, Texts) else Texts.of(texts)
    first = first_with_content(text_digests(store), np.ones(len(store), bool))
    return taught_in_memory(store, labels, settings, first=first)


def read_places(places: Sequence[str], joined: tuple[str, ...] = ()) -> Sequence[str]:
    """Read the texts of files, folders and tables.

    A folder stands for its `.txt` files, those of sub-folders included, in the order of their paths, a table
    for its rows, of which the columns named in `joined` make one text.

    Raises: `DataError` if one cannot be read.
    """
    found = list_texts(places, Settings(input_column=",".join(joined) or None))
    for name, error in zip(found.names, found.errors, strict=True):
        if error:
            raise DataError(f"{name}: {error}; leave it out")
    return found.texts
