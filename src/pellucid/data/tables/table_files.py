"""Files of tables in every form, Orange's and fastText's among them, read as a stream where they can be.

Headers of Orange's `.tab` files: three rows, or one whose names begin with flags such as `C#` and `m#`.

Source: https://orange3.readthedocs.io/projects/orange-data-mining-library/en/latest/reference/data.io.html
"""

import dataclasses
import itertools
import os
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.budgets import BLOCK_BYTES, rows_limit
from pellucid.data.data_files import ends_like_image
from pellucid.data.tables.columnar_files import ImageCells, open_columns
from pellucid.data.tables.csv_tables import CsvBatch, named, open_csv, why_no_header
from pellucid.data.tables.json_tables import numbered_columns, open_json, open_json_lines
from pellucid.data.tables.table import ROWS_FIRST, ROWS_LATER, Block, Table, with_names
from pellucid.data.tables.text_files import TextFile, count_lines, open_binary, text_file
from pellucid.data.tables.workbooks import open_workbook
from pellucid.data.wording import quoted
from pellucid.errors import DataError

_TYPES = frozenset(("", *"c continuous numeric n d discrete categorical s string text t time basket".split()))
_ROLES = frozenset(("class", "c", "meta", "m", "ignore", "i", "weight", "w"))
_FLAGGED = re.compile(r"([cimw]?[CDNST]?|[CDNST][cimw])#(.*)", re.DOTALL)
_IS_TEXT = "include=True"  # of Orange's add-on for texts
_MISSING = ("?", "~", ".")
_CLASS, _IGNORED, _WEIGHT = "c", "i", "w"


class OrangeHeader(NamedTuple):
    """Columns as the header describes them; `rows` are further ones that belong to it."""

    names: list[str]
    left_out: frozenset[str]
    label: str | None
    input: str | None
    rows: int

    def applied_to(self, table: Table) -> Table:
        """A table with these names, without what is left out and with the class marked."""
        kept = [name for name in self.names if name not in self.left_out]
        head = Block(
            {name: self._filled(name, table.head.columns[name]) for name in kept}, table.head.numbers
        )

        def read(names: Sequence[str]) -> Iterator[Block]:
            for block in table.read(names):
                columns = {name: self._filled(name, values) for name, values in block.columns.items()}
                yield Block(columns, block.numbers)

        roles = {"input": self.input, "label": self.label}
        marked = {role: name for role, name in roles.items() if name is not None}
        return dataclasses.replace(table, head=head, read=read, marked=marked)

    def _filled(self, name: str, values: Sequence[Any]) -> Sequence[Any]:
        """Values of a column; a class that is not known is written as a question mark."""
        if name != self.label:
            return values
        return ["" if value.strip() in _MISSING else value for value in values]


def orange_header(header: Sequence[str], rows: Sequence[Sequence[str]]) -> OrangeHeader | None:
    """Read what Orange says in the first row and, where they tell types and roles, the two below it.

    `None` where the first row is a plain header.
    """
    if len(rows) >= 2 and all(map(_is_type, rows[0])) and all(map(_is_role, rows[1])):
        texts = [name for name, cell in zip(header, rows[1], strict=True) if _IS_TEXT in cell.split()]
        return _header(list(header), [_role_of(cell) for cell in rows[1]], texts, 2)
    flagged = [_FLAGGED.fullmatch(cell) for cell in header]
    if not any(flagged):
        return None
    names = [cell if found is None else found[2] for cell, found in zip(header, flagged, strict=True)]
    return _header(names, ["" if found is None else _flag_of(found[1]) for found in flagged], [], 0)


def _is_type(cell: str) -> bool:
    """Detect the name of a type, or a list of the values that a column may have."""
    return cell.strip().lower() in _TYPES or len(cell.split()) > 1


def _is_role(cell: str) -> bool:
    """Detect roles and attributes such as `key=value`, separated by spaces."""
    return all(word.lower() in _ROLES or "=" in word[1:] for word in cell.split())


def _role_of(cell: str) -> str:
    """First letter of the role in a cell of the third row, among other words; empty where there is none."""
    words = cell.lower().split()
    return next((word[0] for word in words if word in ("class", "c", "ignore", "i", "weight", "w")), "")


def _flag_of(flags: str) -> str:
    """The role among flags before a name: a small letter, where a capital one is a type.

    `C#` alone is a continuous column, `c#` the class, `cD#` a discrete class.
    """
    return next((letter for letter in flags if letter in (_CLASS, _IGNORED, _WEIGHT)), "")


def _header(names: list[str], roles: Sequence[str], texts: Sequence[str], rows: int) -> OrangeHeader:
    pairs = list(zip(names, roles, strict=True))
    classes = [name for name, role in pairs if role == _CLASS]
    left_out = frozenset(name for name, role in pairs if role in (_IGNORED, _WEIGHT))
    label, text = (each[0] if len(each) == 1 else None for each in (classes, texts))
    return OrangeHeader(names, left_out, label, text, rows)


# Lines as fastText trains on them: `__label__positive some text`, one example on each.
#
# Source: https://fasttext.cc/docs/en/supervised-tutorial.html

_MARK = "__label__"
_TEXT, _LABEL = "text", "label"
_LOOKED_AT = 64


def is_fasttext(path: Path) -> bool:
    """Detect a file of such lines by its first characters, whatever its name."""
    if ends_like_image(path.name) or not os.path.isfile(path):
        return False
    try:
        with open_binary(path) as file:
            start = file.read(_LOOKED_AT)
    except (OSError, EOFError, zlib.error, DataError):
        return False
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(_MARK.encode())


class _Lines(NamedTuple):
    texts: list[str | None]
    labels: list[str | None]
    numbers: list[int]


def open_fasttext(file: TextFile) -> Table:
    """Begin to read such lines; blank ones are passed over, and one without a label has an empty one.

    Raises: `DataError` if one of the first lines has several labels.
    """
    batches = _batches(file)
    first = next(batches, _Lines([], [], []))

    def block_of(batch: _Lines, names: Sequence[str]) -> Block:
        columns: dict[str, Sequence[str | None]] = {_TEXT: batch.texts, _LABEL: batch.labels}
        return Block({name: columns[name] for name in names}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        yield block_of(first, names)
        for batch in batches:
            yield block_of(batch, names)

    said = f"{file.place}: read as lines of fastText, {_MARK}CLASS before each text"
    marked = {"input": _TEXT, "label": _LABEL}
    return Table(file.place, block_of(first, (_TEXT, _LABEL)), read, (said,), marked)


def _batches(file: TextFile) -> Iterator[_Lines]:
    batch, size, held = _Lines([], [], []), ROWS_FIRST, 0
    with file.lines("\n", count_lines) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            text, label = _text_and_label(line.strip(), f"{file.place}: row {number}")
            batch.texts.append(text)
            batch.labels.append(label)
            batch.numbers.append(number)
            held += len(line)
            if len(batch.numbers) == size or held > BLOCK_BYTES:
                yield batch
                batch, size, held = _Lines([], [], []), ROWS_LATER, 0
    if batch.numbers:
        yield batch


def _text_and_label(line: str, place: str) -> tuple[str, str | None]:
    """Text and label of a line; the label may stand anywhere between spaces, as it may for fastText.

    Raises: `DataError` if there are several labels.
    """
    if _MARK not in line:
        return line, None
    words = line.split()
    labels = [word.removeprefix(_MARK) for word in words if word.startswith(_MARK)]
    if len(labels) > 1:
        raise DataError(
            f"{place} has {len(labels)} labels, {quoted(labels[0])} and {quoted(labels[1])}; a text has one "
            "here: keep one"
        )
    if not labels:
        return line, None
    mark = _MARK + labels[0]
    before, _, after = line.partition(mark)
    return f"{before}{after.lstrip()}".strip(), labels[0]


# Rows are named as people see them: in CSV, TSV and workbooks the header counts, as in a spreadsheet; in
# JSONL and fastText a row is a line; in Parquet and arrays of JSON the first row is 1.

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
    """Detect a table by its ending, `.gz` added or not, or by the first label of lines of fastText."""
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
    return dataclasses.replace(table, most_rows=rows_limit(path.stat().st_size))


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
        facts = columns.facts()
        images, classes = facts["images"], facts["classes"]
        head = next(with_names(columns.blocks(None, ROWS_FIRST, images), classes, place), Block({}, range(0)))

    def read(names: Sequence[str]) -> Iterator[Block]:
        with open_columns(path, place, form) as columns:
            yield from with_names(columns.blocks(names, ROWS_LATER, images), classes, place)

    cells = {name: ImageCells(path, place, form, leaf) for name, leaf in images.items()}
    return Table(place, head, read, images=cells, classes=classes, rows=facts.get("rows"))


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
