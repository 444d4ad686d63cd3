"""Texts and data frames as inputs of `fit` and `predict`."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.bundle.model import require_texts
from pellucid.data.image_copies import first_with_content
from pellucid.data.raw_texts import Texts
from pellucid.data.removal import of_texts, texts_without
from pellucid.data.sources.blocks import texts_of
from pellucid.data.sources.labelled import as_asked
from pellucid.data.sources.labelled_tables import list_texts_of
from pellucid.data.sources.memory import is_in_memory
from pellucid.data.sources.places import open_places
from pellucid.data.sources.values import BLANK, is_blank, text_or_reason
from pellucid.data.tables.columns import (
    IMAGES,
    choose_columns,
    choose_input,
    joined_names,
    named_inputs,
)
from pellucid.data.tables.frames import is_frame, plain_values, table_of_frame
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.text_copies import text_digests
from pellucid.errors import DataError, UsageError
from pellucid.estimators.by_target import read_targets
from pellucid.estimators.fit_data import (
    FitData,
    fit_data_at_place,
    fit_data_in_memory,
    fit_data_of_listing,
)
from pellucid.input_kinds import TEXTS
from pellucid.settings import Settings, parse_ignore


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
        if columns.input.holds == IMAGES:
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
    for its rows.

    Raises: `DataError` if one cannot be read, or is no text.
    """
    if isinstance(X, str):
        raise DataError(
            "X: a single text may be meant, or a path; put a text into a list, and a path into pathlib.Path"
        )
    if is_frame(X):
        return texts_of_frame(X, joined)
    paths = [X] if isinstance(X, os.PathLike) else X if isinstance(X, (list, tuple)) else []
    if not paths or not all(isinstance(each, os.PathLike) for each in paths):
        return as_texts(X)
    places = [os.fspath(each) for each in paths]
    found = texts_of(open_places(places, Settings(input_column=",".join(joined) or None), TEXTS), None)
    for name, error in zip(found.names, found.errors, strict=True):
        if error:
            raise DataError("{name}: {error}; leave it out", name, error)
    return found.texts
