"""Columns that need no usual name: images in the cells of a table, and labels with names in the file."""

import dataclasses

from pellucid.budgets import NAMED
from pellucid.data.tables.forms.table import Table
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings

# Flags that change a choice of columns, for the end of a sentence about it.
FLAGS = "--input-column and --label-column name others"


def packed_column(table: Table, settings: Settings) -> str | None:
    """The column whose cells hold the images; `None` where there is none, or another is asked for.

    Raises: `DataError` if there are several.
    """
    if settings.task == "text" or not table.images:
        return None
    if settings.input_column is not None:
        return settings.input_column if settings.input_column in table.images else None
    if len(table.images) > 1:
        names = some(list(map(quoted, table.images)), NAMED)
        raise DataError(f"{table.place}: which column of images, {names}? Name one with --input-column")
    return next(iter(table.images))


def with_only_label(table: Table, settings: Settings) -> Settings:
    """Settings that ask for the one column of labels with names in the file, unless they ask for another."""
    names = [name for name in table.classes if name in table.names]
    if settings.label_column is not None or len(names) != 1:
        return settings
    return dataclasses.replace(settings, label_column=names[0])
