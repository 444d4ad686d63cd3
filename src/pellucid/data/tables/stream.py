"""Tables of inputs and labels: CSV, TSV, JSONL and Parquet, packed with gzip or not, read as a stream.

Rows are named as people see them: in CSV and TSV the header is row 1, as in a spreadsheet; in
JSONL a row is a line; in Parquet the first row is 1.
"""

import dataclasses
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.budgets import BLOCK_BYTES, CELLS, COLUMNS
from pellucid.data.archives.stored import Container
from pellucid.data.tables.arrow.features import ClassNames, names_in_schema, with_names
from pellucid.data.tables.arrow.images import images_in_parquet
from pellucid.data.tables.arrow.parquet import Block as Columns
from pellucid.data.tables.arrow.parquet import open_parquet, parquet_blocks
from pellucid.data.tables.arrow.streams import arrow_blocks, images_in_arrow, open_arrow
from pellucid.data.tables.csv_rows import ROWS_FIRST, ROWS_LATER, CsvBatch, open_csv
from pellucid.data.tables.encodings import TextFile, count_lines, text_file
from pellucid.data.tables.headers import GROUP_NAME, SPLIT_NAME, named, why_no_header
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.strict import parse_line

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet", ".arrow")
"""Endings of tables; each but the last may be followed by `.gz`."""


class Block(NamedTuple):
    """Some rows of a table, column by column.

    Attributes:
        columns: name to values; texts in CSV, values of their own kind in JSONL and Parquet.
        numbers: row of each entry, as people see it.
    """

    columns: Mapping[str, Sequence[Any]]
    numbers: Sequence[int]


@dataclass(frozen=True)
class Table:
    """A table of any form, of which only the first rows are in memory.

    Attributes:
        place: the file as the user named it.
        head: the first 1,000 rows, every column of them.
        read: goes on from the head; given the names of columns, it yields their rows, those of the
            head first. To be called once.
        warnings: what was unusual about the form.
        images: columns whose cells hold images, which `read` leaves out, and what they are read from by row.
        classes: columns of integer labels that the file has names for; `read` gives the names.
    """

    place: str
    head: Block
    read: Callable[[Sequence[str]], Iterator[Block]]
    warnings: tuple[str, ...] = ()
    images: Mapping[str, Container] = field(default_factory=dict)
    classes: ClassNames = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns, in order."""
        return list(self.head.columns)


def is_table(path: Path) -> bool:
    """Tell a table by its ending: one of `TABLE_SUFFIXES`, `.gz` added or not."""
    return _form(path) in TABLE_SUFFIXES


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return os.path.splitext(name)[1]


def open_table(path: Path, place: str, encoding: str | None = None) -> Table:
    """Begin to read a table of at least one row.

    `encoding` is of CSV, TSV and JSONL; by default it is detected.

    Raises: `DataError` if the file cannot be read, its first rows are damaged, it holds no rows, or two
    columns share a name.
    """
    form = _form(path)
    if form == ".parquet":
        table = _from_parquet(path, place)
    elif form == ".arrow":
        table = _from_arrow(path, place)
    else:
        file = text_file(path, place, encoding)
        if form == ".jsonl":
            table = _from_jsonl(file)
        else:
            table = _from_csv(file, "\t" if form == ".tsv" else None)
        if encoding is None and file.encoding != "utf-8":
            said = f"{place}: read as {file.encoding.upper()}"
            table = dataclasses.replace(table, warnings=(said, *table.warnings))
    if not table.head.numbers:
        raise DataError(f"{place}: the table has no rows; give some below the header")
    return table


def _from_csv(file: TextFile, separator: str | None) -> Table:
    """Read separated values.

    Raises: `DataError` if two columns share a name.
    """
    header, batches, warnings = open_csv(file, separator)
    first = next(batches)
    reason = why_no_header(header, first.rows, file.path.parent)
    if reason is None:
        header = named(header)
    else:
        first = CsvBatch([header, *first.rows], [1, *first.numbers])
        header = [f"column {number}" for number in range(1, len(header) + 1)]
        warnings = (*warnings, f"{file.place}: the first row {reason}, so the table has no header")
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise DataError(f"{file.place}: two columns are named {quoted(min(repeated))}; rename one")
    place_of = {name: at for at, name in enumerate(header)}

    def block_of(batch: CsvBatch, names: Sequence[str]) -> Block:
        places = [(name, place_of[name]) for name in names]
        return Block({name: [row[at] for row in batch.rows] for name, at in places}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        return (block_of(batch, names) for batch in itertools.chain([first], batches))

    return Table(file.place, block_of(first, header), read, warnings)


class _Objects(NamedTuple):
    objects: list[dict[str, object]]
    numbers: list[int]


def _from_jsonl(file: TextFile) -> Table:
    """Read one JSON object a line; a key that is missing from a line is an empty value."""
    batches = _object_batches(file)
    first = next(batches, _Objects([], []))
    head = list(dict.fromkeys(name for value in first.objects for name in value))
    if len(head) > COLUMNS:
        raise DataError(f"{file.place}: more than {COLUMNS:,} keys; leave some out")

    def block_of(batch: _Objects, names: Sequence[str]) -> Block:
        return Block({name: [value.get(name) for value in batch.objects] for name in names}, batch.numbers)

    def read(names: Sequence[str]) -> Iterator[Block]:
        yield block_of(first, names)
        for batch in batches:
            _require_no_late_keys(batch, head, file.place)
            yield block_of(batch, names)

    return Table(file.place, block_of(first, head), read)


def _object_batches(file: TextFile) -> Iterator[_Objects]:
    """JSON objects with the numbers of their lines.

    Raises: `DataError` if a line is no JSON object.
    """
    batch, size, held, cells = _Objects([], []), ROWS_FIRST, 0, 0
    with file.lines("\n", count_lines) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = parse_line(line)
            except ValueError as error:
                raise DataError(f"{file.place}: row {number} is not JSON ({error}); mend the row") from error
            if not isinstance(value, dict):
                raise DataError(
                    f'{file.place}: row {number} is not an object such as {{"text": ..., "label": ...}}; '
                    "mend the row"
                )
            batch.objects.append(value)
            batch.numbers.append(number)
            held += len(line)
            cells += len(value)
            if len(batch.numbers) == size or held > BLOCK_BYTES or cells > CELLS:
                yield batch
                batch, size, held, cells = _Objects([], []), ROWS_LATER, 0, 0
    if batch.numbers:
        yield batch


def _require_no_late_keys(batch: _Objects, head: Sequence[str], place: str) -> None:
    """Refuse a split or a group that begins only after the rows from which columns were chosen.

    Raises: `DataError` naming the row.
    """
    known = set(head)
    for value, number in zip(batch.objects, batch.numbers, strict=True):
        if known.issuperset(value):
            continue
        for name in value:
            if name not in known and name.lower() in (SPLIT_NAME, GROUP_NAME):
                raise DataError(
                    f"{place}: row {number} is the first with a value of {quoted(name)}; "
                    "give one to the first row too, such as null"
                )


def _from_parquet(path: Path, place: str) -> Table:
    """Read a Parquet file, block by block; images in its cells are left where they are."""
    images = images_in_parquet(path, place)
    with open_parquet(path, place) as opened:
        classes = names_in_schema(opened.schema)
    return _from_columns(place, parquet_blocks(path, place, images), images, classes)


def _from_arrow(path: Path, place: str) -> Table:
    """Read an Arrow file likewise."""
    images = images_in_arrow(path, place)
    with open_arrow(path, place) as opened:
        classes = names_in_schema(opened.schema)
    return _from_columns(place, arrow_blocks(path, place, images), images, classes)


def _from_columns(
    place: str,
    blocks: Callable[[Sequence[str] | None, int], Iterator[Columns]],
    images: Mapping[str, Container],
    classes: ClassNames,
) -> Table:
    columns, numbers = next(with_names(blocks(None, ROWS_FIRST), classes, place), ({}, range(0)))

    def read(names: Sequence[str]) -> Iterator[Block]:
        return (Block(*each) for each in with_names(blocks(names, ROWS_LATER), classes, place))

    return Table(place, Block(columns, numbers), read, images=images, classes=classes)
