"""CSV and TSV as they really come: any encoding, separator, line end and field length."""

import contextlib
import csv
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pellucid.budgets import BLOCK_BYTES, CELLS, COLUMNS, LINE_BYTES, ROWS_BYTES
from pellucid.data.tables.bounded import Meter
from pellucid.data.tables.encodings import TextFile
from pellucid.errors import DataError

_SEPARATORS = ",;\t"
_SAMPLE_ROWS = 50
_SAMPLE_CHARACTERS = 1 << 20
_END = "\x00end of table\x00"
_TOGETHER = 4  # rows that are read at once
_FIELD_LIMIT_LOCK = threading.Lock()

# Rows that are read at once: at first, when columns are chosen from them, and afterwards.
ROWS_FIRST, ROWS_LATER = 1_000, 10_000


class CsvBatch(NamedTuple):
    """Some rows of a table; blank ones are left out.

    Attributes:
        rows: fields of each.
        numbers: row of each in the file, counted from 1 with the header, as a spreadsheet does; a
            quoted field that runs over several lines belongs to one row.
    """

    rows: list[list[str]]
    numbers: list[int]


class CsvRows(NamedTuple):
    """A table of texts.

    Attributes:
        header: names of the columns.
        batches: the rows after the header, read as they are asked for.
        warnings: what was unusual about the form.
    """

    header: list[str]
    batches: Iterator[CsvBatch]
    warnings: tuple[str, ...]


def open_csv(file: TextFile, separator: str | None = None) -> CsvRows:
    """Begin to read a table of separated values: its header, and its rows.

    `separator` is by default comma, semicolon or tab, whichever parts the first rows most evenly. Reading the
    rows refuses a quote that never closes, and rows of uneven length.

    Raises: `DataError` if the table is empty, or its first rows are refused.
    """
    separator = separator or _detected_separator(file)
    batches = _batches(file, separator)
    first = next(batches, CsvBatch([], []))
    if not first.rows:
        raise DataError(f"{file.place}: the table is empty; give one with a header and rows")
    warnings = []
    if separator == ";":
        warnings.append(f"{file.place}: fields separated by semicolons")
    elif separator == "\t" and ".csv" in file.place.lower():
        warnings.append(f"{file.place}: fields separated by tabs")
    after = CsvBatch(first.rows[1:], first.numbers[1:])
    return CsvRows(
        [name.strip() for name in first.rows[0]], itertools.chain([after], batches), tuple(warnings)
    )


def _row_counter(separator: str | None) -> Callable[[Iterator[str]], int]:
    """Tells the row on which lines end; line ends inside quotes do not count."""

    def count(lines: Iterator[str]) -> int:
        """Rows so far, by the separator that the lines show where none is given."""
        sample, is_whole = _sample(lines)
        used = separator or _evenest_separator(sample, is_whole)
        rows = 0
        with _any_field_length(), contextlib.suppress(csv.Error):
            for _ in csv.reader(_marked(itertools.chain(sample, lines)), delimiter=used):
                rows += 1
        return rows

    return count


def _marked(lines: Iterator[str]) -> Iterator[str]:
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


@contextlib.contextmanager
def _any_field_length() -> Iterator[None]:
    """Lift the limit of Python's csv module (131,072 characters), which holds for the whole process."""
    with _FIELD_LIMIT_LOCK:
        limit = csv.field_size_limit(LINE_BYTES)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def _detected_separator(file: TextFile) -> str:
    """The separator of a table by its first rows."""
    with file.lines("", _row_counter(None)) as lines:
        return _evenest_separator(*_sample(lines))


def _evenest_separator(sample: list[str], is_whole: bool) -> str:
    """The separator that cuts the first rows into the same number of fields, more than one."""

    def evenness(separator: str) -> tuple[int, int]:
        """Rows that are as long as the first, and how long; nothing where it has one field."""
        reader = csv.reader(sample, delimiter=separator)
        with _any_field_length(), contextlib.suppress(csv.Error):
            rows = list(itertools.islice(reader, _SAMPLE_ROWS))
            if not is_whole and len(rows) < _SAMPLE_ROWS:
                rows = rows[:-1] or rows
            lengths = [len(row) for row in rows if row]
            if lengths and lengths[0] >= 2:
                return lengths.count(lengths[0]), lengths[0]
        return 0, 0

    return max(_SEPARATORS, key=evenness)


def _sample(lines: Iterator[str]) -> tuple[list[str], bool]:
    """The first million characters in whole lines, and whether these are all there are."""
    sample, size = [], 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if size > _SAMPLE_CHARACTERS:
            return sample, False
    return sample, True


def _batches(file: TextFile, separator: str) -> Iterator[CsvBatch]:
    """Rows that are not blank, as long as the first.

    A last line of our own shows whether a quote was still open at the end: it would be swallowed.

    Raises: `DataError` if a quote was opened and never closed, or a row is longer or shorter.
    """
    number, width, size = 0, 0, ROWS_FIRST + 1
    meter = Meter()
    with file.lines("", _row_counter(separator), meter) as lines:
        reader = csv.reader(itertools.chain(lines, [_END]), delimiter=separator)
        found: list[list[str]] = []
        while found[-1:] != [[_END]]:
            found, is_last = _some_rows(reader, size, number, file.place, meter)
            if is_last and found[-1:] != [[_END]]:
                opened = number + len(found)
                raise DataError(
                    f"{file.place}: quote opened at row {opened} never closes; close or remove it"
                )
            batch = CsvBatch([], [])
            for fields in found:
                number += 1
                if fields:
                    batch.rows.append(fields)
                    batch.numbers.append(number)
            if found[-1] == [_END]:
                batch.rows.pop()
                batch.numbers.pop()
            width = width or len(batch.rows[0] if batch.rows else ())
            _require_even(batch, width, file.place)
            yield batch
            size = ROWS_LATER


def _some_rows(
    reader: "Iterator[list[str]]", size: int, number: int, place: str, meter: Meter
) -> tuple[list[list[str]], bool]:
    """The next rows, as many as fit into a block, and whether the table ends with them.

    Raises: `DataError` if a field is so long that a quote must have stayed open, or columns are too many.
    """
    found: list[list[str]] = []
    end, is_short = meter.read + BLOCK_BYTES, False
    with _any_field_length():
        try:
            while len(found) < size and not is_short and (not found or meter.read < end):
                meter.most = meter.read + ROWS_BYTES
                before, wanted = len(found), min(_TOGETHER, size - len(found)) if found else 1
                found.extend(itertools.islice(reader, wanted))
                is_short = len(found) < before + wanted
                if found and len(found[0]) > COLUMNS:
                    raise DataError(f"{place}: more than {COLUMNS:,} columns; leave some out")
                if found and CELLS < len(found) * len(found[0]):
                    break
        except csv.Error as error:
            raise DataError(
                f"{place}: row {number + len(found) + 1} cannot be read ({error}); close or remove its quote"
            ) from error
    is_last = is_short or (bool(found) and found[-1] != [] and found[-1][-1].endswith(_END))
    return found, is_last


def _require_even(batch: CsvBatch, width: int, place: str) -> None:
    """Refuse rows of another length than the first.

    Raises: `DataError` naming the first of them.
    """
    for fields, number in zip(batch.rows, batch.numbers, strict=True):
        if len(fields) != width:
            raise DataError(
                f"{place}: row {number} has {len(fields)} fields, the first row {width}; fix the row"
            )
