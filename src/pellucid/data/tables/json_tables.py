"""JSON as tables: objects one after the other, or one document that holds a whole table."""

import dataclasses
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.data.tables.columns import GROUP_NAME, SPLIT_NAME, numbered_columns
from pellucid.data.tables.table import (
    ROWS_FIRST,
    ROWS_LATER,
    Block,
    Table,
    table_of_batches,
    table_of_columns,
)
from pellucid.data.tables.text_files import TextFile, count_lines
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import BLOCK_BYTES, CELLS, COLUMNS, DOCUMENT, LINE_BYTES
from pellucid.safety.strict import parse_line

# A text, in which nothing else counts; the beginning of one that goes on; or what separates values.
_MARK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|["\[\]{},]', re.DOTALL)

_FILLED = re.compile(r"[^ \t\r\n]")


class JsonValues:
    """Goes through the values of a document by its brackets; whether each is JSON, its parser decides."""

    def __init__(self, pieces: Iterator[str], place: str) -> None:
        self._pieces = pieces
        self._place = place
        self._text = ""
        self._at = 0

    def next_sign(self) -> str:
        """The next character that is not blank, which stays; empty at the end."""
        while True:
            found = _FILLED.search(self._text, self._at)
            if found is not None:
                self._at = found.start()
                return found[0]
            self._at = len(self._text)
            if not self._more():
                return ""

    def skip(self) -> None:
        """Go past the sign that `next_sign` returned."""
        self._at += 1

    def take(self, most: int, what: str) -> str:
        """The next value as it is written, of at most so many characters.

        `what` names it for messages, such as `row 7`.

        Raises: `DataError` if it is longer, or the document ends inside it.
        """
        at, depth = self._at, 0
        while True:
            for found in _MARK.finditer(self._text, at):
                mark = found[0]
                if mark == '"':
                    at = found.start()
                    break
                at = found.end()
                depth += (mark in "[{") - (mark in "]}")
                if depth < 0 or (depth == 0 and mark == ","):
                    return self._taken(found.start())
                if depth == 0:
                    return self._taken(at)
            else:
                at = len(self._text)
            if len(self._text) - self._at > most:
                raise DataError(
                    "{place}: {what} holds more than {most:,} characters; cut its texts",
                    self._place,
                    what,
                    most,
                )
            dropped = self._at
            if not self._more():
                if depth == 0 and at == len(self._text):
                    return self._taken(at)
                raise DataError(
                    "{place}: the file ends inside {what}; use an undamaged copy", self._place, what
                )
            at -= dropped

    def _taken(self, end: int) -> str:
        text = self._text[self._at : end]
        self._at = end
        return text

    def _more(self) -> bool:
        """Read another piece, and drop what was passed."""
        piece = next(self._pieces, "")
        if piece:
            self._text = self._text[self._at :] + piece
            self._at = 0
        return bool(piece)


# Tables whose rows are JSON objects, one after the other, whatever separates them.


class _Objects(NamedTuple):
    objects: list[dict[str, object]]
    numbers: list[int]


def open_json_lines(file: TextFile) -> Table:
    """Begin to read one JSON object a line; blank lines are passed over.

    Raises: `DataError` as `open_objects`.
    """
    return open_objects(filled_lines(file), file.place)


def filled_lines(file: TextFile) -> Iterator[tuple[int, str]]:
    """Lines that are not blank, counted from 1.

    Raises: `DataError` if the file cannot be read.
    """
    with file.lines("\n", count_lines) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield number, line


def open_objects(rows: Iterable[tuple[int, object]], place: str) -> Table:
    """Begin to read JSON objects, each with its row; a key that is missing from one is an empty value.

    They are as written, or parsed already.

    Raises: `DataError` if one of the first is no JSON object, or they have too many keys.
    """
    names: list[str] = []

    def batches() -> Iterator[_Objects]:
        for at, batch in enumerate(_batches(rows, place)):
            if at == 0:
                names.extend(dict.fromkeys(name for value in batch.objects for name in value))
                if len(names) > COLUMNS:
                    raise DataError("{place}: more than {COLUMNS:,} keys; leave some out", place, COLUMNS)
            else:
                _require_no_late_keys(batch, set(names), place)
            yield batch

    def block_of(batch: _Objects, names: Sequence[str]) -> Block:
        return Block({name: [value.get(name) for value in batch.objects] for name in names}, batch.numbers)

    return table_of_batches(place, names, batches(), block_of)


def _batches(rows: Iterable[tuple[int, object]], place: str) -> Iterator[_Objects]:
    """JSON objects with their rows, some at a time, the first ones even if there are none.

    A list of values, such as `["some text", "label"]`, has its columns by number.
    """
    numbered: list[str] | None = None
    batch, size, characters, cells = _Objects([], []), ROWS_FIRST, 0, 0
    for number, given in rows:
        try:
            value = parse_line(given) if isinstance(given, str) else given
        except ValueError as error:
            raise DataError(
                "{place}: row {number} is not JSON ({error}); fix the row", place, number, error
            ) from error
        if numbered is None:
            count = len(value) if isinstance(value, list) else 0
            numbered = numbered_columns(count) if 1 < count <= COLUMNS else []
        if numbered:
            if not isinstance(value, list) or len(value) != len(numbered):
                raise DataError(
                    "{place}: row {number} is not a list of {numbered} values, as the first is; fix the row",
                    place,
                    number,
                    len(numbered),
                )
            value = dict(zip(numbered, value, strict=True))
        if not isinstance(value, dict):
            raise DataError(
                '{place}: row {number} is not an object such as {{"text": ..., "label": ...}}; fix the row',
                place,
                number,
            )
        batch.objects.append(value)
        batch.numbers.append(number)
        if isinstance(given, str):
            characters += len(given)
        else:
            characters += sum(len(text) for text in value.values() if isinstance(text, str))
        cells += len(value)
        if len(batch.numbers) == size or characters > BLOCK_BYTES or cells > CELLS:
            yield batch
            batch, size, characters, cells = _Objects([], []), ROWS_LATER, 0, 0
    if batch.numbers or size == ROWS_FIRST:
        yield batch


def _require_no_late_keys(batch: _Objects, known: set[str], place: str) -> None:
    """Refuse a split or a group that begins only after the rows from which columns were chosen."""
    for value, number in zip(batch.objects, batch.numbers, strict=True):
        for name in () if known.issuperset(value) else value:
            if name not in known and name.lower() in (SPLIT_NAME, GROUP_NAME):
                raise DataError(
                    "{place}: row {number} is the first with a value of {name}; "
                    "give one to the first row too, such as null",
                    place,
                    number,
                    quoted(name),
                )


# JSON documents that hold one table: an array of objects, which is read as a stream, or an object of columns
# or of lists of objects, which is in memory as a whole, and bounded.

_FITTING = (
    'give an array of objects such as [{"text": ..., "label": ...}], '
    'or one object a line; pandas writes them with to_json(orient="records")'
)


def open_json(file: TextFile) -> Table:
    """Begin to read a JSON file, whatever it holds: an array, one object, or an object a line.

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
    """The elements of an array, counted from 1."""
    with file.pieces() as pieces:
        values = JsonValues(pieces, file.place)
        values.next_sign()
        values.skip()
        number, sign = 0, values.next_sign()
        while sign != "]":
            number += 1
            yield number, values.take(LINE_BYTES, Sentence("row {number}", number))
            sign = values.next_sign()
            if sign not in (",", "]"):
                found = Sentence("{sign} stands", quoted(sign)) if sign else "the file ends"
                raise DataError(
                    "{place}: {found} behind row {number}; use an undamaged copy", file.place, found, number
                )
            if sign == ",":
                values.skip()
        values.skip()
        if values.next_sign():
            raise DataError(
                "{place}: goes on behind its array; write one array, or one object a line", file.place
            )


def _table_of(text: str, place: str) -> Table | None:
    """The table that one document holds; `None` for a single row as an object."""
    try:
        document = parse_line(text)
    except ValueError as error:
        raise DataError("{place}: not JSON ({error}); {FITTING}", place, error, _FITTING) from error
    if not isinstance(document, dict) or not document:
        raise DataError("{place}: holds no table; {FITTING}", place, _FITTING)
    if not any(isinstance(value, (dict, list)) for value in document.values()):
        return None
    if (rows := _rows_within(document)) is not None:
        left_out = [
            f"{quoted(name)} ({len(document[name]):,})" for name in document if _is_out_of_scope(name)
        ]
        table = open_objects(enumerate(rows, start=1), place)
        if not left_out or len(left_out) == len(document):
            return table
        warning = Sentence(
            "{place}: {left_out} left out, being out of scope: examples of none of the classes; put "
            "them into the splits to learn them as a class",
            place,
            some(left_out),
        )
        return dataclasses.replace(table, warnings=(warning,))
    columns = list(document.values())
    if not all(isinstance(each, list) and len(each) == len(columns[0]) for each in columns):
        raise DataError("{place}: holds no table; {FITTING}", place, _FITTING)
    if len(columns) > COLUMNS:
        raise DataError("{place}: more than {COLUMNS:,} columns; leave some out", place, COLUMNS)
    return table_of_columns(place, document)


def _is_out_of_scope(name: str) -> bool:
    return name.lower().startswith("oos_")


def _rows_within(document: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Rows within an object: one list of them, such as `{"data": [{...}, ...]}`, or one for each split.

    A row is an object, or in lists named as splits a list of values (`["some text", "label"]`). Examples out
    of scope, in lists such as `oos_test`, are left out. `None` where there is no such list, or several of
    them among other lists.
    """
    lists: dict[str, list[dict[str, Any]]] = {
        name: value
        for name, value in document.items()
        if isinstance(value, list) and value and all(isinstance(each, dict) for each in value)
    }
    lists = lists or _numbered(document)
    if len(lists) == 1:
        return next(iter(lists.values()))
    if not lists or len(lists) < len(document) - sum(map(_is_out_of_scope, document.keys() - lists.keys())):
        return None
    splits = {name: rows for name, rows in lists.items() if not _is_out_of_scope(name)} or lists
    return [{**row, SPLIT_NAME: name} for name, rows in splits.items() for row in rows]


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
