"""Workbooks of Excel (`.xlsx`): bounded before a reader builds anything, then read row by row.

Bounds of a workbook, held before a reader builds anything of it: a workbook is a ZIP archive of XML.

Each part is unpacked once, piece by piece, and measured: bytes, tags within one row or text, rows, and bytes
without the end of a tag. What a reader of XML keeps in memory grows with these alone.
"""

import contextlib
import itertools
import os
import re
import warnings
import zipfile
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from pellucid.budgets import (
    BLOCK_BYTES,
    CELLS,
    MEMORY,
    PARTS,
    ROWS_BYTES,
    SHEET_ROWS,
    TAG_BYTES,
    TAGS,
    UNPACKED,
    unpacked_limit,
)
from pellucid.data.archives import zip_members
from pellucid.data.tables.csv_tables import ROWS_FIRST, ROWS_LATER
from pellucid.data.tables.table import Block, Table
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError, UsageError
from pellucid.files import open_regular

_UNITS = 2 * SHEET_ROWS  # each is built by the reader: a million takes seven seconds
_PIECE = 1 << 20
_UNIT = re.compile(rb"<(?:\w{1,20}:)?(?:row|si)[\s/>]")
_LONGEST_UNIT = 32


def require_bounded(file: BinaryIO, size: int) -> None:
    """Refuse a workbook that would take far more memory or time than an honest one of its size.

    Raises: `DataError` with the reason alone; `OSError`, `zipfile.BadZipFile` and others if it is damaged.
    """
    limit, unpacked = unpacked_limit(size), 0
    for number, member in enumerate(zip_members(file)):  # type: ignore[arg-type]  # it is buffered
        unpacked += member.size
        if number >= PARTS:
            raise DataError(f"more than {PARTS:,} parts; save it again")
        if unpacked > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
    file.seek(0)
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        if sum(info.file_size for info in infos) > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
        for info in infos:
            if info.filename.lower().endswith((".xml", ".rels")):
                _measure(archive, info)


def _measure(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Go through one part.

    Raises: `DataError` if it holds more than an honest one, or declares entities.
    """
    if "sharedstrings" in info.filename.lower() and info.file_size > MEMORY.value() // 4:
        raise DataError(f"its texts take {info.file_size / 1e6:,.0f} MB; {MEMORY.remedy}")
    units = tags = read = text = 0
    before = b""
    with archive.open(info) as part:
        while piece := part.read(_PIECE):
            plain = piece.replace(b"\0", b"")  # of UTF-16
            looked_at = before + plain
            if b"<!DOCTYPE" in looked_at or b"<!ENTITY" in looked_at:
                raise DataError("declares entities, which no workbook does; save it again")
            starts = [found.start() for found in _UNIT.finditer(looked_at)]
            units += len(starts)
            tags, read = _after(plain, looked_at, starts, tags, read)
            # Bytes since the last tag ended.
            end = plain.rfind(b">")
            text = text + len(plain) if end < 0 else len(plain) - end - 1
            if units > _UNITS or tags > TAGS or read > ROWS_BYTES or text > TAG_BYTES:
                raise DataError("a row or a part of it is larger than any that Excel writes; save it again")
            # A row that began in the last bytes is not counted twice.
            behind = starts[-1] + 1 if starts else 0
            before = looked_at[max(behind, len(looked_at) - _LONGEST_UNIT) :]


def _after(plain: bytes, looked_at: bytes, starts: list[int], tags: int, read: int) -> tuple[int, int]:
    """Tags and bytes since the last row or text began, or the most within one where that is too many."""
    if not starts:
        return tags + plain.count(b"<"), read + len(plain)
    most_tags = tags + looked_at.count(b"<", 0, starts[0])
    most_read = read + starts[0]
    for start, end in zip(starts, [*starts[1:], len(looked_at)], strict=True):
        tags, read = looked_at.count(b"<", start, end), end - start
        most_tags, most_read = max(most_tags, tags), max(most_read, read)
    if most_tags > TAGS or most_read > ROWS_BYTES:
        return most_tags, most_read
    return tags, read


# Workbooks of Excel (`.xlsx`): one sheet of them as a table, read row by row.

INSTALL = 'pip install "pellucid[excel]", or openpyxl alone'


class _Row(NamedTuple):
    number: int
    values: Sequence[Any]


def open_workbook(path: Path, place: str) -> Table:
    """Begin to read the first sheet with rows; its first row that is not blank names the columns.

    Formulas count as the values that were saved with them.

    Raises: `UsageError` if the reader is not installed; `DataError` if the file is damaged or larger than it
    may be, holds no rows, or another sheet has the same columns.
    """
    rows = _sheets_and_rows(path, place)
    sheets = next(rows)
    assert isinstance(sheets, dict)  # what comes first
    if not sheets:
        raise DataError(f"{place}: holds no rows; fill in a sheet, the names of columns first")
    name, others = next(iter(sheets)), list(sheets)[1:]
    alike = [other for other in others if _texts(sheets[other]) == _texts(sheets[name])]
    if alike:
        raise DataError(
            f"{place}: sheets {quoted(name)} and {quoted(alike[0])} have the same columns; put all rows into "
            "one sheet, or save the one that is meant as a file of its own"
        )
    header = sheets[name]
    batches = _batches(itertools.islice(rows, 1, None), header, place)
    first = next(batches, Block({}, []))

    def read(names: Sequence[str]) -> Iterator[Block]:
        for block in itertools.chain([first], batches):
            yield Block({name: block.columns[name] for name in names}, block.numbers)

    said = [f"{place}: sheet {quoted(name)}"] if others else []
    if others:
        said[0] += f"; other sheets left out: {some(list(map(quoted, others)))}"
    return Table(place, first, read, tuple(said))


def _visible(book: Any) -> list[Any]:
    return [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]


def _texts(header: _Row) -> set[str]:
    return {str(value).strip().lower() for value in header.values if value is not None}


@contextlib.contextmanager
def _opened(path: Path, place: str) -> Generator[Any, None, None]:
    """Open a workbook whose bounds hold; what goes wrong meanwhile becomes an error that says where.

    Raises: as `open_workbook`.
    """
    try:
        import openpyxl
    except ImportError as error:
        raise UsageError(
            f"{place}: workbooks are read by openpyxl, which is not installed; {INSTALL}"
        ) from error
    try:
        with open_regular(path) as file:
            require_bounded(file, os.fstat(file.fileno()).st_size)
            file.seek(0)
            with _silently():
                book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            with contextlib.closing(book):
                yield book
    except DataError as error:
        known = str(error)
        raise DataError(known if known.startswith(place) else f"{place}: {known}") from error
    except Exception as error:  # whatever a library raises on damage
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(
            f"{place}: not a readable workbook ({reason}); save it again as .xlsx, without a password"
        ) from error


@contextlib.contextmanager
def _silently() -> Generator[None, None, None]:
    """Without the reader's warnings of colours and checks that it does not keep, and of odd dates."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _sheets_and_rows(path: Path, place: str) -> Iterator[Any]:
    """Headers of all sheets with rows, by name; then the rows of the first of them, the header among them.

    Both in one go: to open a workbook is the longest part of reading a small one.
    """
    with _opened(path, place) as book:
        sheets = {sheet.title: header for sheet in _visible(book) if (header := _header_of(sheet, place))}
        yield sheets
        if sheets:
            yield from _rows_of(book[next(iter(sheets))], place)


def _rows_of(sheet: Any, place: str) -> Iterator[_Row]:
    """The rows of a sheet that are not blank, with their numbers.

    Raises: `DataError` if there are more than Excel admits.
    """
    sheet.reset_dimensions()  # the file's word is not taken
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    while True:
        with _silently():
            found = next(rows, None)
        if found is None:
            return
        number, values = found
        if number > SHEET_ROWS:
            raise DataError(f"{place}: more than {SHEET_ROWS:,} rows; use an undamaged copy")
        if any(value is not None and value != "" for value in values):
            yield _Row(number, values)


def _header_of(sheet: Any, place: str) -> _Row | None:
    """The first row that is not blank, in which every column has a name; `None` in an empty sheet.

    Raises: `DataError` if two columns share a name.
    """
    row = next(_rows_of(sheet, place), None)
    if row is None:
        return None
    names = [
        f"column {at}" if value is None else str(value).strip() for at, value in enumerate(row.values, 1)
    ]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            f"{place}: two columns of sheet {quoted(sheet.title)} are named {quoted(min(repeated))}; "
            "rename one"
        )
    return _Row(row.number, names)


def _batches(rows: Iterator[_Row], header: _Row, place: str) -> Iterator[Block]:
    """Rows, some at a time.

    Raises: `DataError` if a row has values beyond the last column.
    """
    width, size = len(header.values), ROWS_FIRST
    waiting: list[_Row] = []
    held = 0
    for row in rows:
        beyond = [value for value in row.values[width:] if value is not None]
        if beyond:
            raise DataError(
                f"{place}: row {row.number} has a value in column {width + 1} or beyond, which has no name; "
                "name the column or empty it"
            )
        waiting.append(row)
        held += sum(len(value) if isinstance(value, str) else 8 for value in row.values)
        if len(waiting) == size or held > BLOCK_BYTES or len(waiting) * width > CELLS:
            yield _block(waiting, header)
            waiting, size, held = [], ROWS_LATER, 0
    if waiting:
        yield _block(waiting, header)


def _block(rows: Sequence[_Row], header: _Row) -> Block:
    width = len(header.values)
    padded = [[*row.values[:width], *[None] * (width - len(row.values))] for row in rows]
    columns = {name: [values[at] for values in padded] for at, name in enumerate(header.values)}
    return Block(columns, [row.number for row in rows])
