"""CSV and TSV: rows as they really come, the header row or its absence, and rows as they are written."""

import contextlib
import csv
import io
import itertools
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.data.data_files import ends_like_image
from pellucid.data.labels import read_number
from pellucid.data.tables.columns import is_usual
from pellucid.data.tables.dialects import Asked, Dialect, Sample, any_field_length, shown, still_quoted
from pellucid.data.tables.table import ROWS_FIRST, ROWS_LATER
from pellucid.data.tables.text_files import Meter, TextFile
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import BLOCK_BYTES, CELLS, COLUMNS, ROWS_BYTES

_END = "\x00end of table\x00"
_OPEN = "unexpected end of data"  # what Python says of a quote left open, where it is strict
_TOGETHER = 4  # rows that are read at once


class CsvBatch(NamedTuple):
    """Some rows of a table; blank ones are left out."""

    rows: list[list[str]]  # fields of each
    # of the rows in the file, counted from 1 with the header, as a spreadsheet does; a quoted field that runs
    # over several lines belongs to one row
    numbers: list[int]


class CsvRows(NamedTuple):
    """A table of texts."""

    header: list[str]
    batches: Iterator[CsvBatch]  # one at least, which may be empty
    warnings: tuple[str, ...]  # what was unusual
    dialect: Dialect  # how it is written


def open_csv(file: TextFile, asked: Asked) -> CsvRows:
    """Begin to read a table of separated values: its header, and its rows.

    What separates and quotes its fields is found from its first rows where it was not asked for. Reading
    the rows refuses a quote that never closes, and rows of uneven length.

    Raises: `DataError` if the table is empty, or its first rows are refused.
    """
    with file.lines("", _row_counter(asked)) as lines:
        sample = Sample.of(lines)
        dialect = asked.dialect_of(sample)
    asked.require_fitting(sample, dialect, file.place)
    batches = _batches(file, dialect)
    first = next(batches, CsvBatch([], []))
    if not first.rows:
        raise DataError("{place}: the table is empty; give one with a header and rows", file.place)
    warnings = []
    if dialect.delimiter == ";":
        warnings.append(Sentence("{place}: fields separated by semicolons", file.place))
    elif dialect.delimiter == "\t" and ".csv" in file.place.lower():
        warnings.append(Sentence("{place}: fields separated by tabs", file.place))
    if dialect.delimiter not in ",;\t" or (dialect.quote != Dialect().quote and asked.quote is None):
        warnings.append(Sentence("{place}: read with {dialect}", file.place, dialect))
    after = CsvBatch(first.rows[1:], first.numbers[1:])
    header = [name.strip() for name in first.rows[0]]
    if kept := still_quoted(after.rows, dialect):
        warnings.append(
            Sentence(
                "{place}: quotes around every value of a column are read as a part of it; "
                "--quote {kept} takes them off",
                file.place,
                shown(kept),
            )
        )
    return CsvRows(header, itertools.chain([after], batches), tuple(warnings), dialect)


def _row_counter(asked: Asked | Dialect) -> Callable[[Iterator[str]], int]:
    """Counts the row on which lines end; line ends inside quotes do not count."""

    def marked(lines: Iterator[str]) -> Iterator[str]:
        """Lines with one character more, so that a last row of no characters counts too."""
        last = ""
        for line in lines:
            if last:
                yield last
            last = line
        if last.endswith(("\n", "\r")):
            yield last
            last = ""
        yield last + "x"

    def count(lines: Iterator[str]) -> int:
        sample = Sample.of(lines)
        used = asked.dialect_of(sample) if isinstance(asked, Asked) else asked
        rows = 0
        with any_field_length(), contextlib.suppress(csv.Error):
            for _ in used.reader(marked(itertools.chain(sample.lines, lines))):
                rows += 1
        return rows

    return count


def _batches(file: TextFile, dialect: Dialect) -> Iterator[CsvBatch]:
    """Rows that are not blank, as long as the first.

    A last line of our own shows whether a quote was still open at the end: it would be swallowed.
    """
    number, width, size = 0, 0, ROWS_FIRST + 1
    meter = Meter()
    with file.lines("", _row_counter(dialect), meter) as lines:
        reader = dialect.reader(itertools.chain(lines, [_END]))
        rows: list[list[str]] = []
        while rows[-1:] != [[_END]]:
            rows, is_last = _some_rows(reader, size, number, file.place, meter)
            if is_last and rows[-1:] != [[_END]]:
                opened = number + len(rows)
                raise _never_closed(file.place, opened)
            batch = CsvBatch([], [])
            for fields in rows[:-1] if rows[-1] == [_END] else rows:
                number += 1
                if not fields:
                    continue
                width = width or len(fields)
                if len(fields) != width:
                    raise DataError(
                        "{place}: row {number} has {fields} fields, the first row {width}; fix the row, or "
                        "give --delimiter and --quote (read with {dialect})",
                        file.place,
                        number,
                        len(fields),
                        width,
                        str(dialect),
                    )
                batch.rows.append(fields)
                batch.numbers.append(number)
            yield batch
            size = ROWS_LATER


def _never_closed(place: str, row: int) -> DataError:
    return DataError(
        "{place}: quote opened at row {row} never closes; close or remove it, or name another with --quote",
        place,
        row,
    )


def _some_rows(
    reader: "Iterator[list[str]]", size: int, number: int, place: str, meter: Meter
) -> tuple[list[list[str]], bool]:
    """The next rows, as many as fit into a block, and whether the table ends with them."""
    found: list[list[str]] = []
    end, is_short = meter.read + BLOCK_BYTES, False
    with any_field_length():
        try:
            while len(found) < size and not is_short and (not found or meter.read < end):
                meter.most = meter.read + ROWS_BYTES
                before, wanted = len(found), min(_TOGETHER, size - len(found)) if found else 1
                found.extend(itertools.islice(reader, wanted))
                is_short = len(found) < before + wanted
                if found and len(found[0]) > COLUMNS:
                    raise DataError("{place}: more than {COLUMNS:,} columns; leave some out", place, COLUMNS)
                if found and CELLS < len(found) * len(found[0]):
                    break
        except csv.Error as error:
            row = number + len(found) + 1
            if str(error) == _OPEN:
                raise _never_closed(place, row) from error
            raise DataError(
                "{place}: row {row} cannot be read ({error}); close or remove its quote, or name another "
                "with --quote",
                place,
                row,
                error,
            ) from error
    is_last = is_short or (bool(found) and found[-1] != [] and found[-1][-1].endswith(_END))
    return found, is_last


# The first row of a table of separated values: names of columns, or a row like all others.

_FEWEST_ROWS = 4


def why_no_header(header: Sequence[str], rows: Sequence[Sequence[str]], folder: Path) -> str | None:
    """Reason why the first row is no header; `None` where it may be one.

    A cell names an image that is there; or, in a table without images and without any usual name, a cell
    is repeated below itself in a column of few values, or is a number as all below it are. `rows` are some
    of those below it, of the same length.
    """
    if any((ends_like_image(cell) and os.path.isfile(folder / cell)) for cell in header):
        return "names an image"
    is_named = any(map(is_usual, header))
    if is_named or len(rows) < _FEWEST_ROWS or any(map(ends_like_image, (*rows[0], *rows[-1]))):
        return None
    for cell, values in zip(header, zip(*rows, strict=True), strict=True):
        filled = [value.strip() for value in values if value.strip()]
        if cell and cell in filled and 2 * len(set(filled)) <= len(filled):
            return Sentence("holds {cell} as rows below it do", quoted(cell))
        if filled and all(read_number(value) is not None for value in (cell, *filled)):
            return Sentence("holds the number {cell} above other numbers", quoted(cell))
    return None


# Tables as they are written: CSV in which no cell becomes a formula, and names of columns that differ.

# A text that a spreadsheet would take for a formula, or one that was kept from it.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def whole_lines(content: bytes, is_csv: bool) -> tuple[list[bytes], bytes]:
    """The whole lines of a table, and what follows the last one; in CSV no line ends between quotes."""
    lines: list[bytes] = []
    start = at = quotes = 0
    for piece in content.split(b"\n")[:-1]:
        at += len(piece) + 1
        quotes += piece.count(b'"') if is_csv else 0
        if quotes % 2 == 0:
            lines.append(content[start:at])
            start = at
    return lines, content[start:]


# Columns by which a table of `pellucid label` is known, whose texts are guarded.
OF_LABELLING = ("label", "split", "policy", "seconds", "at", "by")


def guarded(text: str) -> str:
    """A text as a table holds it: with a `'` before it where a spreadsheet would take it for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(text: str) -> str:
    """The text that `guarded` was given."""
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def as_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """CSV of values, with texts that are `guarded`."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # Most cells are numbers, which stay as they are; there are as many rows as inputs.
        cells = [value if type(value) is float else _cell(value) for value in row]
        # Python 3.11 leaves a lone carriage return unquoted; readers would end the line there.
        has_return = any("\r" in cell for cell in cells if type(cell) is str)
        (quoted if has_return else plain).writerow(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, (bool, list)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def columns_beside(fixed: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names of columns, then one for each class: `class NAME` where a column has that name."""
    names = list(fixed)
    for name in classes:
        column = name
        while column in fixed or (column != name and column in classes):
            column = Sentence("class {column}", column)
        names.append(column)
    return names


def written(name: str) -> str:
    r"""A file name as a table holds it: one that is no Unicode shows its bytes as `\xe9`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
