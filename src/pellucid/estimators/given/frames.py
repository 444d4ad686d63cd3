"""Data frames as inputs of `fit` and `predict`."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pellucid.data.reading.labelled_tables import list_texts_of
from pellucid.data.reading.text_values import BLANK, text_or_reason
from pellucid.data.tables.choosing.asked import joined_names, named_inputs
from pellucid.data.tables.choosing.inputs import IMAGES, choose_input
from pellucid.data.tables.choosing.joining import inputs_of
from pellucid.data.tables.columns import Columns, choose_columns
from pellucid.data.tables.forms.frames import table_of_frame
from pellucid.data.tables.forms.table import Table
from pellucid.errors import DataError
from pellucid.estimators.given.taught import Taught, taught_by_listing
from pellucid.estimators.given.texts import taught_by_texts
from pellucid.settings import Settings
from pellucid.tasks import TEXTS

_NAME = "X"


def taught_by_frame(frame: Any, y: object, settings: Settings) -> Taught:
    """Take a frame of texts: with their labels in a column, or all of them texts and the labels beside it.

    Raises: `DataError` if the columns cannot be told, a text or label is missing, or they do not fit.
    """
    table = table_of_frame(frame, _NAME)
    if y is None:
        columns = _chosen(table, settings)
        if columns.holds == IMAGES:
            raise DataError(f"{_NAME}: holds paths of images; give them to ImageClassifier or ImageRegressor")
        return taught_by_listing(list_texts_of(table, columns, Path.cwd(), settings), settings, TEXTS)
    names = tuple(table.names)
    if len(names) > 1:
        names = joined_names(table.names, str(named_inputs(table, ",".join(names))))
    taught = taught_by_texts(_texts(table, names), y, settings)
    return dataclasses.replace(taught, joined_columns=names if len(names) > 1 else ())


def _chosen(table: Table, settings: Settings) -> Columns:
    """Columns of a frame that holds its labels.

    Raises: `DataError` if they cannot be told; there is no flag for them here.
    """
    try:
        return choose_columns(table, Path.cwd(), settings)
    except DataError as error:
        found = str(error).partition("; name one with --")[0]
        raise DataError(
            f"{found}; give both by themselves, as in fit(frame['text'], frame['label'])"
        ) from error


def texts_of_frame(frame: Any, joined: tuple[str, ...]) -> Sequence[str]:
    """Texts of a frame: of its only column, of those that the model joins, or of the one that holds them.

    Raises: `DataError` if no column can be told, or a value is no text.
    """
    table = table_of_frame(frame, _NAME)
    asked = ",".join(joined) or None
    if asked is None and len(table.names) == 1:
        return _texts(table, (table.names[0],))
    _, name = choose_input(table, Path.cwd(), Settings(task="text", input_column=asked))
    return _texts(table, joined_names(table.names, name))


def _texts(table: Table, names: tuple[str, ...]) -> list[str]:
    """The texts of columns, row by row; a blank one is an empty text.

    Raises: `DataError` naming the first row that holds none.
    """
    texts = []
    for block in table.read(names):
        for number, value in zip(block.numbers, inputs_of(block.columns, names), strict=True):
            text, reason = text_or_reason(value)
            if reason and reason != BLANK:
                raise DataError(f"{table.place}: row {number} {reason}; fix it or leave it out")
            texts.append(text)
    return texts
