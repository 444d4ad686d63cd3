"""Tables of inputs and labels in every form, packed with gzip or not, read as a stream where they can be.

Rows are named as people see them: in CSV, TSV and workbooks the header counts, as in a spreadsheet; in JSONL
and fastText a row is a line; in Parquet and arrays of JSON the first row is 1.
"""

import dataclasses
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from pellucid.data.tables.arrow.features import with_names
from pellucid.data.tables.arrow.opening import ImageCells, open_columns
from pellucid.data.tables.csv_rows import ROWS_FIRST, ROWS_LATER, CsvBatch, open_csv
from pellucid.data.tables.encodings import TextFile, text_file
from pellucid.data.tables.forms.fasttext import is_fasttext, open_fasttext
from pellucid.data.tables.forms.json_documents import open_json
from pellucid.data.tables.forms.objects import numbered_columns, open_json_lines
from pellucid.data.tables.forms.orange import orange_header
from pellucid.data.tables.forms.table import Block, Table
from pellucid.data.tables.forms.workbooks import open_workbook
from pellucid.data.tables.headers import named, why_no_header
from pellucid.data.wording import quoted
from pellucid.errors import DataError

# Endings of tables; each but the last may be followed by `.gz`.
TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".json", ".jsonl", ".ndjson", ".parquet", ".arrow", ".xlsx")

# Tables that are not read, and in what form they are.
_OTHERS = {
    ".xls": "save it as .xlsx or .csv",
    ".xlsb": "save it as .xlsx or .csv",
    ".ods": "save it as .xlsx or .csv",
    ".feather": "write it as .parquet",
}


def is_table(path: Path) -> bool:
    """Tell a table by its ending, `.gz` added or not, or by the first label of lines of fastText."""
    form = _form(path)
    return form in TABLE_SUFFIXES or form in _OTHERS or is_fasttext(path)


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return os.path.splitext(name)[1]


def open_table(path: Path, place: str, encoding: str | None = None) -> Table:
    """Begin to read a table of at least one row.

    `encoding` is of forms of text; by default it is detected.

    Raises: `DataError` if the file cannot be read, its first rows are damaged, it holds no rows, or two
    columns share a name.
    """
    form = _form(path)
    if form in _OTHERS:
        raise DataError(f"{place}: tables that end in {form} are not read; {_OTHERS[form]}")
    if form in _BINARY:
        table = _BINARY[form](path, place)
    else:
        file = text_file(path, place, encoding)
        table = _TEXTS.get(form, open_fasttext)(file)
        if encoding is None and file.encoding != "utf-8":
            said = f"{place}: read as {file.encoding.upper()}"
            table = dataclasses.replace(table, warnings=(said, *table.warnings))
    if not table.head.numbers:
        raise DataError(f"{place}: the table has no rows; give some below the header")
    return table


def _from_tab(file: TextFile) -> Table:
    """Read values between tabs, below a header as Orange writes it or a plain one.

    Raises: `DataError` if two columns share a name.
    """
    header, batches, warnings = open_csv(file, "\t")
    first = next(batches)
    orange = orange_header(header, first.rows[:2])
    if orange is None:
        return _separated(file, "\t")
    first = CsvBatch(first.rows[orange.rows :], first.numbers[orange.rows :])
    filled = map(_without_blank_rows, itertools.chain([first], batches))
    said = f"{file.place}: read with the header of Orange"
    table = _of_batches(file.place, orange.names, filled, (*warnings, said))
    return orange.applied_to(table)


def _without_blank_rows(batch: CsvBatch) -> CsvBatch:
    """Rows in which something stands; Orange writes a blank one below its header."""
    filled = [at for at, row in enumerate(batch.rows) if any(row)]
    return CsvBatch([batch.rows[at] for at in filled], [batch.numbers[at] for at in filled])


def _separated(file: TextFile, separator: str | None) -> Table:
    """Read values between separators; by default commas, semicolons or tabs, whichever part them.

    Raises: `DataError` if two columns share a name.
    """
    header, batches, warnings = open_csv(file, separator)
    first = next(batches)
    reason = why_no_header(header, first.rows, file.path.parent)
    if reason is None:
        header = named(header)
    else:
        first = CsvBatch([header, *first.rows], [1, *first.numbers])
        header = numbered_columns(len(header))
        warnings = (*warnings, f"{file.place}: the first row {reason}, so the table has no header")
    return _of_batches(file.place, header, itertools.chain([first], batches), warnings)


def _of_batches(
    place: str, header: Sequence[str], batches: Iterator[CsvBatch], warnings: tuple[str, ...]
) -> Table:
    """The table of rows of texts below their header.

    Raises: `DataError` if two columns share a name.
    """
    first = next(batches)
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise DataError(f"{place}: two columns are named {quoted(min(repeated))}; rename one")
    place_of = {name: at for at, name in enumerate(header)}

    def block_of(batch: CsvBatch, names: Sequence[str]) -> Block:
        places = [(name, place_of[name]) for name in names]
        return Block({name: [row[at] for row in batch.rows] for name, at in places}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        return (block_of(batch, names) for batch in itertools.chain([first], batches))

    return Table(place, block_of(first, header), read, warnings)


def _from_columns(path: Path, place: str, form: str) -> Table:
    """Read a Parquet or Arrow file, block by block; images in its cells are left where they are."""
    with open_columns(path, place, form) as columns:
        unread, classes = columns.facts()
        blocks = columns.blocks(None, ROWS_FIRST, unread)
        head = Block(*next(with_names(blocks, classes, place), ({}, range(0))))

    def read(names: Sequence[str]) -> Iterator[Block]:
        with open_columns(path, place, form) as columns:
            for each in with_names(columns.blocks(names, ROWS_LATER, unread), classes, place):
                yield Block(*each)

    images = {name: ImageCells(path, place, form, leaf) for name, leaf in unread.items()}
    return Table(place, head, read, images=images, classes=classes)


_TEXTS: dict[str, Callable[[TextFile], Table]] = {
    ".csv": partial(_separated, separator=None),
    ".tsv": partial(_separated, separator="\t"),
    ".tab": _from_tab,
    ".json": open_json,
    ".jsonl": open_json_lines,
    ".ndjson": open_json_lines,
}
_BINARY: dict[str, Callable[[Path, str], Table]] = {
    ".parquet": partial(_from_columns, form="parquet"),
    ".arrow": partial(_from_columns, form="arrow"),
    ".xlsx": open_workbook,
}
