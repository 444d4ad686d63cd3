"""Choice of the column of labels, where only one can be it.

1. What the user asked for, and then what the file itself marks, stands.
2. A column of a usual name; or the only one left, empty ones aside.
3. Otherwise the only one that can hold labels: values that differ in every row are names of rows, long ones
   and nearly all different ones of several words are texts, what is mostly empty is something else, and a
   column such as `user_id` says which examples belong together. Where two can, none is.
"""

import math
from collections.abc import Sequence

from pellucid.data.tables.choosing.asked import listed, named_column, named_otherwise
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.headers import GROUP_NAME, LABEL_NAMES, SPLIT_NAME, names_id, names_source
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings

_FEWEST = 6  # rows from which chance is told from rule
_FEWEST_DIFFERENT, _NEARLY_ALL = 20, 0.9  # rows, and their share of different values: titles, say, are texts
_LONG = 60  # characters: names of classes are shorter
_MARKED = "marked so in the file"
_ALONE = "the only one left whose values repeat"


def choose_label(table: Table, inputs: Sequence[str], settings: Settings) -> tuple[str, str]:
    """Choose the column of labels; with the reason, empty where its name or the user says so.

    Raises: `DataError` if none can be told.
    """
    asked = named_column(table, settings.label_column, "--label-column", "")
    if asked is not None:
        return asked, ""
    taken = {*inputs, *named_otherwise(settings)}
    left = [
        name for name in table.names if name not in taken and name.lower() not in (SPLIT_NAME, GROUP_NAME)
    ]
    marked = table.marked.get("label")
    if marked in left:
        return str(marked), _MARKED
    for usual in LABEL_NAMES:
        named = [name for name in left if name.lower() == usual]
        if named:
            return named[0], ""
    filled = [name for name in left if _filled(table.head.columns[name])]
    if len(left) == 1 or len(filled) == 1:
        only = (filled or left)[0]
        if names_source(only) and names_id(only):
            raise DataError(
                f"{table.place}: no column of labels; {quoted(only)} is named as one of identifiers. Columns "
                f"are {listed(table)}; name one with --label-column"
            )
        return only, ""
    able = [name for name in filled if not names_source(name) and _can_be(table.head.columns[name])]
    if len(able) == 1 and _repeats(table.head.columns[able[0]]):
        return able[0], _ALONE
    which = f", {some(list(map(quoted, able)), 10)}" if len(able) > 1 else ""
    raise DataError(
        f"{table.place}: which column holds the labels{which}? Columns are {listed(table)}; "
        "name one with --label-column"
    )


def _filled(values: Sequence[object]) -> list[object]:
    """Values that are there."""
    return [
        value
        for value in values
        if value is not None and value != "" and not (isinstance(value, float) and math.isnan(value))
    ]


def _can_be(values: Sequence[object]) -> bool:
    """Tell whether values may be labels: single ones, short, not different in every row, and mostly there."""
    filled = _filled(values)
    if 2 * len(filled) < len(values) or not all(isinstance(value, (str, int, float)) for value in filled):
        return False
    if sum(len(str(value)) for value in filled) > _LONG * len(filled):
        return False
    if len(filled) >= _FEWEST_DIFFERENT and len(set(filled)) > _NEARLY_ALL * len(filled):
        words = sum(isinstance(value, str) and " " in value.strip() for value in filled)
        if 2 * words > len(filled):
            return False
    return len(filled) < _FEWEST or len(set(filled)) < len(filled)


def _repeats(values: Sequence[object]) -> bool:
    """Each value stands twice on average, in as many rows as can tell."""
    filled = _filled(values)
    return len(filled) >= _FEWEST and 2 * len(set(filled)) <= len(filled)
