"""Workbooks of Excel (`.xlsx`): one sheet of them as a table, read row by row in the worker process."""

import contextlib
import importlib.util
import itertools
import os
import warnings
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple
from xml.etree import ElementTree

from pellucid.data.tables.columnar_files import TableFile
from pellucid.data.tables.table import ROWS_FIRST, ROWS_LATER, Block, Table, require_different
from pellucid.data.wording import quoted, some_quoted
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import (
    BLOCK_BYTES,
    CELLS,
    SHEET_COLUMNS,
    SHEET_ROWS,
    unpacked_limit,
    unpacks_to_more,
)
from pellucid.safety.files import open_regular

_PART_BYTES = 1 << 16
_INSTALL = 'pip install "pellucid[excel]", or openpyxl alone'


def open_workbook(path: Path, place: str) -> Table:
    """Begin to read the first sheet with rows; its first row that is not blank names the columns.

    Formulas count as the values that were saved with them.

    Raises: `UsageError` if the reader is not installed; `DataError` if the file is damaged or larger than it
    may be, holds no rows, or another sheet has the same columns.
    """
    if importlib.util.find_spec("openpyxl") is None:
        raise UsageError(
            "{place}: workbooks are read by openpyxl, which is not installed; {INSTALL}", place, _INSTALL
        )
    file = TableFile(path, place, "xlsx")
    facts = file.facts()
    first = next(file.blocks(None, ROWS_FIRST), Block({}, []))

    def read(names: Sequence[str]) -> Iterator[Block]:
        for block in itertools.chain([first], file.blocks(None, ROWS_LATER, row=len(first.numbers))):
            yield Block({name: block.columns[name] for name in names}, block.numbers)
        file.close()

    others = list(map(str, facts["others"]))
    warning = Sentence(
        "{place}: sheet {facts}; other sheets left out: {others}",
        place,
        quoted(str(facts["sheet"])),
        some_quoted(others),
    )
    return Table(place, first, read, (warning,) if others else ())


class _CellsOfRow:
    """Target of a parser of XML that counts the cells of each row and keeps nothing."""

    def __init__(self) -> None:
        self._cells: int | None = None  # of the row that is open; `None` before the first row of a part

    def start(self, name: str, _: Mapping[str, str]) -> None:
        """Count a cell where an element begins.

        Raises: `DataError` if the row has more of them than Excel admits.
        """
        kind = name.rpartition("}")[2]
        if kind == "row":
            self._cells = 0
        elif kind == "c" and self._cells is not None:
            self._cells += 1
            if self._cells > SHEET_COLUMNS:
                raise DataError(
                    "a row of more than {SHEET_COLUMNS:,} cells; use an undamaged copy", SHEET_COLUMNS
                )


def _require_rows_of_excel(part: IO[bytes]) -> None:
    """Refuse a part of a workbook with a row that would take gigabytes before the reader could be stopped.

    Cells may repeat the same place, so that no address bounds how many there are. A part that is no XML is
    left to the reader, which refuses it where it matters.
    """
    parser = ElementTree.XMLParser(target=_CellsOfRow())
    with contextlib.suppress(ElementTree.ParseError):
        while content := part.read(_PART_BYTES):
            parser.feed(content)


class _Row(NamedTuple):
    number: int
    values: Sequence[Any]


class Workbook:
    """A workbook that is open in the worker: headers of all sheets, and the rows of the first with rows.

    `place` is its name as the user gave it.
    """

    def __init__(self, path: Path, place: str) -> None:
        self._place = place
        with self._naming_damage():
            self._file = open_regular(path)
            limit = unpacked_limit(os.fstat(self._file.fileno()).st_size)
            with zipfile.ZipFile(self._file) as archive:
                if sum(info.file_size for info in archive.infolist()) > limit:
                    raise DataError(unpacks_to_more(limit))
                for info in archive.infolist():
                    with archive.open(info) as part:
                        _require_rows_of_excel(part)
            import openpyxl

            self._book = openpyxl.load_workbook(self._file, read_only=True, data_only=True, keep_links=False)
            sheets = [sheet for sheet in self._book.worksheets if sheet.sheet_state == "visible"]
            found = {sheet.title: header for sheet in sheets if (header := self._header(sheet)) is not None}
        if not found:
            raise DataError("{place}: holds no rows; fill in a sheet, the names of columns first", place)
        self._name, *self._others = found
        self._names = found[self._name]
        alike = {name: {column.lower() for column in header} for name, header in found.items()}
        for other in self._others:
            if alike[other] == alike[self._name]:
                raise DataError(
                    "{place}: sheets {name} and {other} have the same columns; put "
                    "all rows into one sheet, or save the one that is meant as a file of its own",
                    place,
                    quoted(self._name),
                    quoted(other),
                )
        self._row, self._rows = 0, self._rows_below_header()

    def close(self) -> None:
        """Close the file."""
        with contextlib.suppress(Exception):
            self._book.close()
        self._file.close()

    def facts(self) -> dict[str, Any]:
        """The sheet that is read, and those that are not."""
        return {"sheet": self._name, "others": self._others}

    def block(
        self, names: Sequence[str] | None, rows: int, unread: Collection[str], row: int
    ) -> tuple[dict[str, list[Any]], list[int]] | None:
        """All columns of at most so many rows, from a row on; `None` at the end."""
        del names, unread
        if row != self._row:
            self._row, self._rows = row, itertools.islice(self._rows_below_header(), row, None)
        width, size = len(self._names), 0
        found: list[_Row] = []
        with self._naming_damage():
            for each in itertools.islice(self._rows, rows):
                found.append(each)
                size += sum(len(value) if isinstance(value, str) else 8 for value in each.values)
                if size > BLOCK_BYTES or len(found) * width > CELLS:
                    break
        self._row += len(found)
        columns = {name: [each.values[at] for each in found] for at, name in enumerate(self._names)}
        return (columns, [each.number for each in found]) if found else None

    def _rows_below_header(self) -> Iterator[_Row]:
        """Rows of as many values as there are columns."""
        width = len(self._names)
        for number, values in itertools.islice(self._filled_rows(self._book[self._name]), 1, None):
            if any(value is not None for value in values[width:]):
                raise DataError(
                    "{place}: row {number} has a value in column {width} or beyond, which has "
                    "no name; name the column or empty it",
                    self._place,
                    number,
                    width + 1,
                )
            yield _Row(number, [*values[:width], *[None] * (width - len(values))])

    def _filled_rows(self, sheet: Any) -> Iterator[_Row]:
        """The rows of a sheet that are not blank, with their numbers."""
        sheet.reset_dimensions()  # what the file claims is not believed
        for number, values in enumerate(sheet.iter_rows(values_only=True), start=1):
            if number > SHEET_ROWS:
                raise DataError(
                    "{place}: more than {SHEET_ROWS:,} rows; use an undamaged copy", self._place, SHEET_ROWS
                )
            if any(value is not None and value != "" for value in values):
                yield _Row(number, values)

    def _header(self, sheet: Any) -> list[str] | None:
        """The first row that is not blank, in which every column has a name; `None` in an empty sheet."""
        row = next(self._filled_rows(sheet), None)
        if row is None:
            return None
        names = [
            f"column {at}" if value is None else str(value).strip() for at, value in enumerate(row.values, 1)
        ]
        require_different(names, self._place, Sentence(" of sheet {title}", quoted(sheet.title)))
        return names

    @contextlib.contextmanager
    def _naming_damage(self) -> Iterator[None]:
        """Turn whatever a library raises on damage into one plain reason, without its warnings."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except MemoryError:
            raise
        except DataError as error:
            known = str(error)
            raise DataError(
                known if known.startswith(self._place) else Sentence("{place}: {known}", self._place, known)
            ) from error
        except Exception as error:
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            raise DataError(
                "{place}: not a readable workbook ({reason}); save it again as .xlsx, without a password",
                self._place,
                reason,
            ) from error
