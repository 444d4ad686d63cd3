"""JSON documents that hold one table: an array of objects, or an object as pandas and others write it.

An array is read as a stream, element by element. What stands in one object (`{"text": {"0": ...}}`,
`{"columns": [...], "data": [...]}`, `{"text": [...]}`) is in memory as a whole, and bounded.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pellucid.budgets import COLUMNS, DOCUMENT, LINE_BYTES
from pellucid.data.tables.encodings import TextFile
from pellucid.data.tables.forms.json_values import JsonValues
from pellucid.data.tables.forms.objects import numbered_columns, open_json_lines, open_objects
from pellucid.data.tables.forms.table import Table, table_of_columns
from pellucid.data.tables.headers import SPLIT_NAME, is_usual
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.strict import parse_line

_FITTING = (
    'give an array of objects such as [{"text": ..., "label": ...}], '
    'or one object a line; pandas writes them with to_json(orient="records")'
)


def open_json(file: TextFile) -> Table:
    """Begin to read a JSON file, whatever stands in it: an array, one object, or an object a line.

    Raises: `DataError` if it holds no table, or its first rows are damaged.
    """
    with file.pieces() as pieces:
        values = JsonValues(pieces, file.place)
        sign = values.next_sign()
        if sign != "[":
            document = values.take(DOCUMENT, "the document") if sign else ""
            table = None if values.next_sign() else _table_of(document, file.place)
            return table or open_json_lines(file)
    return open_objects(_elements(file), file.place)


def _elements(file: TextFile) -> Iterator[tuple[int, str]]:
    """The elements of an array, counted from 1.

    Raises: `DataError` if it ends early, or is no array.
    """
    with file.pieces() as pieces:
        values = JsonValues(pieces, file.place)
        values.next_sign()
        values.skip()
        number, sign = 0, values.next_sign()
        while sign != "]":
            number += 1
            yield number, values.take(LINE_BYTES, f"row {number}")
            sign = values.next_sign()
            if sign not in (",", "]"):
                found = f"{quoted(sign)} stands" if sign else "the file ends"
                raise DataError(f"{file.place}: {found} behind row {number}; use an undamaged copy")
            if sign == ",":
                values.skip()
        values.skip()
        if values.next_sign():
            raise DataError(f"{file.place}: goes on behind its array; write one array, or one object a line")


def _table_of(text: str, place: str) -> Table | None:
    """The table that one document holds; `None` for a single row as an object.

    Raises: `DataError` if it is no JSON, or holds no table.
    """
    try:
        document = parse_line(text)
    except ValueError as error:
        raise DataError(f"{place}: not JSON ({error}); {_FITTING}") from error
    if not isinstance(document, dict) or not document:
        raise DataError(f"{place}: holds no table; {_FITTING}")
    if not any(isinstance(value, (dict, list)) for value in document.values()):
        return None
    if isinstance(document.get("columns"), list) and isinstance(document.get("data"), list):
        columns = _split_columns(document["columns"], document["data"], place)
    elif (rows := _rows_within(document)) is not None:
        left_out = [
            f"{quoted(name)} ({len(document[name]):,})" for name in document if _is_out_of_scope(name)
        ]
        table = open_objects(enumerate(rows, start=1), place)
        if not left_out or len(left_out) == len(document):
            return table
        said = (
            f"{place}: {some(left_out)} left out, being out of scope: examples of none of the classes; put "
            "them into the splits to learn them as a class"
        )
        return dataclasses.replace(table, warnings=(said,))
    else:
        columns = _columns_of(document, place)
    if len(columns) > COLUMNS:
        raise DataError(f"{place}: more than {COLUMNS:,} columns; leave some out")
    return table_of_columns(place, columns)


def _split_columns(names: list[Any], rows: list[Any], place: str) -> dict[str, Sequence[Any]]:
    """Columns of `{"columns": [...], "data": [[...], ...]}`.

    Raises: `DataError` if a row is of another length, or two columns share a name.
    """
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, list) or len(row) != len(names):
            raise DataError(
                f"{place}: row {number} of 'data' has not the {len(names)} values of 'columns'; fix the row"
            )
    texts = list(map(str, names))
    repeated = [name for name, count in Counter(texts).items() if count > 1]
    if repeated:
        raise DataError(f"{place}: two columns are named {quoted(min(repeated))}; rename one")
    return {name: [row[at] for row in rows] for at, name in enumerate(texts)}


def _rows_within(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows within an object: one list of them, such as `{"data": [{...}, ...]}`, or one for each split.

    A row is an object, or in lists named as splits a list of values (`["some text", "label"]`). Examples out
    of scope, in lists such as `oos_test`, are left out. `None` where there is no such list, or other lists
    beside several of them.
    """
    lists: dict[str, list[dict[str, Any]]] = {
        name: value for name, value in document.items() if _are_objects(value)
    }
    if not lists:
        lists = _numbered(document)
    if len(lists) == 1:
        return next(iter(lists.values()))
    if not lists or len(lists) < len(document) - sum(map(_is_out_of_scope, document.keys() - lists.keys())):
        return None
    splits = {name: rows for name, rows in lists.items() if not _is_out_of_scope(name)} or lists
    return [{**row, SPLIT_NAME: name} for name, rows in splits.items() for row in rows]


def _is_out_of_scope(name: str) -> bool:
    return name.lower().startswith("oos_")


def _numbered(document: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Lists of rows, each a list of as many values, under names of splits; nothing where one is no such."""
    lists = {name: value for name, value in document.items() if not _is_out_of_scope(name)}
    rows = [row for value in lists.values() if isinstance(value, list) for row in value]
    if not all(isinstance(value, list) for value in lists.values()) or not rows:
        return {}
    if len(lists) > 1 and not any(name.lower().startswith("train") for name in lists):
        return {}
    if not all(isinstance(row, list) and 1 < len(row) == len(rows[0]) <= COLUMNS for row in rows):
        return {}
    names = numbered_columns(len(rows[0]))
    return {name: [dict(zip(names, row, strict=True)) for row in value] for name, value in lists.items()}


def _are_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)


def _columns_of(document: Mapping[str, Any], place: str) -> dict[str, Sequence[Any]]:
    """Columns of `{"text": [...]}`, `{"text": {"0": ...}}` or `{"0": {"text": ...}}`.

    Raises: `DataError` if it is none of these, or which one cannot be told.
    """
    parts = list(document.values())
    if all(isinstance(part, list) for part in parts) and len({len(part) for part in parts}) == 1:
        return dict(document)
    if not all(isinstance(part, dict) for part in parts) or any(
        part.keys() != parts[0].keys() for part in parts
    ):
        raise DataError(f"{place}: holds no table; {_FITTING}")
    if _are_names(document, parts[0], place):
        return {name: list(part.values()) for name, part in document.items()}
    return {name: [part[name] for part in parts] for name in parts[0]}


def _are_names(outer: Mapping[str, Any], inner: Mapping[str, Any], place: str) -> bool:
    """Tell whether the outer keys name the columns, as pandas writes by default, or the inner ones.

    Raises: `DataError` if both could.
    """
    usual = [any(map(is_usual, keys)) for keys in (outer, inner)]
    if usual[0] != usual[1]:
        return usual[0]
    counted = [all(key.isdigit() for key in keys) for keys in (outer, inner)]
    if counted[0] != counted[1]:
        return counted[1]
    raise DataError(f"{place}: columns and rows cannot be told apart; {_FITTING}")
