"""CSV and TSV as they really come: any encoding, separator, line end and field length."""

import contextlib
import csv
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pellucid.errors import DataError

_SEPARATORS = ",;\t"
_SAMPLE_ROWS = 50
_END = "\x00end of table\x00"
_FIELD_LIMIT_LOCK = threading.Lock()


class CsvRows(NamedTuple):
    """A table of texts.

    Attributes:
        header: names of the columns.
        rows: fields of each row after the header; blank rows are left out.
        numbers: row of each in the file, counted from 1 with the header, as a spreadsheet does; a
            quoted field that runs over several lines belongs to one row.
        warnings: what was unusual about the form.
    """

    header: list[str]
    rows: list[list[str]]
    numbers: list[int]
    warnings: tuple[str, ...]


def decode_text(
    content: bytes, place: str, encoding: str | None, count_rows: Callable[[str], int]
) -> tuple[str, str]:
    """Turn the bytes of a table into text.

    Args:
        content: the bytes.
        place: file, for messages.
        encoding: the user's choice, or `None` for UTF-8 and UTF-16, told apart by their marks.
        count_rows: the row on which a text ends, for messages.

    Returns:
        The text without its byte order mark, and the encoding that was used.

    Raises:
        DataError: bytes that do not fit the encoding, with row and byte, or an unknown encoding.
    """
    used = encoding or _detected_encoding(content)
    try:
        return content.decode(used).removeprefix("\ufeff"), used
    except UnicodeDecodeError as error:
        row = count_rows(content[: error.start].decode(used, errors="replace"))
        raise DataError(
            f"{place}: row {row}, byte {error.start}: not {used.upper()} "
            f"(found {content[error.start]:#04x}); name the encoding, such as --encoding cp1252"
        ) from error
    except LookupError as error:
        raise DataError(
            f"{place}: --encoding {encoding!r} is not known; try utf-8, utf-16 or cp1252"
        ) from error


def count_lines(text: str) -> int:
    """The line on which a text ends, counted from 1.

    Args:
        text: the beginning of a file.

    Returns:
        1 and the number of line ends.
    """
    return 1 + (text.count("\n") or text.count("\r"))


def _count_csv_rows(text: str) -> int:
    """The row on which a text ends; line ends inside quotes do not count."""
    with _any_field_length():
        return sum(1 for _ in csv.reader(io.StringIO(text + "x", newline="")))


@contextlib.contextmanager
def _any_field_length() -> Iterator[None]:
    """Lift the limit of Python's csv module (131,072 characters), which holds for the whole process."""
    with _FIELD_LIMIT_LOCK:
        limit = csv.field_size_limit(2**31 - 1)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def _detected_encoding(content: bytes) -> str:
    """UTF-16 by its mark or by the zero bytes of plain letters, otherwise UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    start = content[:1000]
    odd, even = start[1::2].count(0), start[::2].count(0)
    if odd > len(start) // 4 and even == 0:
        return "utf-16-le"
    if even > len(start) // 4 and odd == 0:
        return "utf-16-be"
    return "utf-8"


def read_csv(content: bytes, place: str, encoding: str | None, separator: str | None = None) -> CsvRows:
    """Read a table of separated values.

    Args:
        content: the bytes of the file, unpacked.
        place: file, for messages.
        encoding: as for `decode_text`.
        separator: one character; default: comma, semicolon or tab, whichever parts the first rows
            most evenly.

    Returns:
        Header and rows.

    Raises:
        DataError: no rows, a quote that never closes, or rows of uneven length.
    """
    text, used = decode_text(content, place, encoding, _count_csv_rows)
    separator = separator or _detected_separator(text)
    rows, numbers = _parse(text, separator, place)
    if not rows:
        raise DataError(f"{place}: the table is empty")
    header = [name.strip() for name in rows[0]]
    for fields, number in zip(rows[1:], numbers[1:], strict=True):
        if len(fields) != len(header):
            raise DataError(
                f"{place}: row {number} has {len(fields)} fields, the first row {len(header)}; mend the row"
            )
    warnings = []
    if used != "utf-8" and encoding is None:
        warnings.append(f"{place}: read as {used.upper()}")
    if separator == ";":
        warnings.append(f"{place}: fields parted by semicolons")
    elif separator == "\t" and ".csv" in place.lower():
        warnings.append(f"{place}: fields parted by tabs")
    return CsvRows(header, rows[1:], numbers[1:], tuple(warnings))


def _detected_separator(text: str) -> str:
    """The separator that cuts the first rows into the same number of fields, more than one."""

    def evenness(separator: str) -> tuple[int, int]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        with _any_field_length():
            lengths = [len(row) for row in itertools.islice(reader, _SAMPLE_ROWS) if row]
        if not lengths or lengths[0] < 2:
            return 0, 0
        return lengths.count(lengths[0]), lengths[0]

    return max(_SEPARATORS, key=evenness)


def _parse(text: str, separator: str, place: str) -> tuple[list[list[str]], list[int]]:
    """Rows that are not blank, with their numbers.

    A last line of our own shows whether a quote was still open at the end: it would be swallowed.

    Raises DataError: a quote was opened and never closed.
    """
    lines = itertools.chain(io.StringIO(text, newline=""), [_END])
    rows: list[list[str]] = []
    numbers: list[int] = []
    with _any_field_length():
        for number, fields in enumerate(csv.reader(lines, delimiter=separator), start=1):
            if fields:
                rows.append(fields)
                numbers.append(number)
    if rows[-1] != [_END]:
        raise DataError(f"{place}: quote opened at row {numbers[-1]} never closes; close or remove it")
    return rows[:-1], numbers[:-1]
