"""Tables of image paths and labels: CSV, TSV, JSONL and Parquet, packed with gzip or not.

Rows are named as people see them: in CSV and TSV the header is row 1, as in a spreadsheet; in
JSONL a row is a line; in Parquet the first row is 1.
"""

import gzip
import io
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.csv_rows import count_lines, decode_text, read_csv
from pellucid.data.folders import PICTURE_SUFFIXES
from pellucid.data.wording import quoted
from pellucid.errors import DataError

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")
"""Endings of tables; each may be followed by `.gz`."""


@dataclass(frozen=True)
class Table:
    """A table of any form, column by column.

    Attributes:
        place: the file as the user named it.
        columns: name to values; texts in CSV, values of their own kind in JSONL and Parquet.
        numbers: row of each entry, as people see it.
        warnings: what was unusual about the form.
    """

    place: str
    columns: Mapping[str, Sequence[object]]
    numbers: Sequence[int]
    warnings: tuple[str, ...] = ()

    def row(self, index: int) -> str:
        """Name an entry for messages, such as `row 7`.

        Args:
            index: position in the columns.

        Returns:
            Its row as people see it.
        """
        return f"row {self.numbers[index]}"


def is_table(path: Path) -> bool:
    """Whether a file is a table by its ending.

    Args:
        path: any file.

    Returns:
        True for the endings in `TABLE_SUFFIXES`, `.gz` added or not.
    """
    return _form(path) in TABLE_SUFFIXES


def _form(path: Path) -> str:
    name = path.name.lower().removesuffix(".gz")
    return os.path.splitext(name)[1]


def load_table(path: Path, place: str, encoding: str | None = None) -> Table:
    """Read a table.

    Args:
        path: the file.
        place: how the user named it.
        encoding: of CSV, TSV and JSONL; default: detected.

    Returns:
        The table, of at least one row.

    Raises:
        DataError: the file is damaged, holds no rows, or two columns share a name.
    """
    content = _content(path, place)
    form = _form(path)
    if form == ".parquet":
        table = _from_parquet(content, place)
    elif form == ".jsonl":
        table = _from_jsonl(content, place, encoding)
    else:
        table = _from_csv(content, place, encoding, "\t" if form == ".tsv" else None, path.parent)
    if not table.numbers:
        raise DataError(f"{place}: the table has no rows")
    return table


def _content(path: Path, place: str) -> bytes:
    """Bytes of a file, unpacked.

    Raises DataError: missing, unreadable or damaged.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if path.name.lower().endswith(".gz") else content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{place}: cannot be read ({reason.lower()})") from error


def _from_csv(content: bytes, place: str, encoding: str | None, separator: str | None, folder: Path) -> Table:
    header, rows, numbers, warnings = read_csv(content, place, encoding, separator)
    if any(_is_existing_picture(folder, cell) for cell in header):
        rows, numbers = [header, *rows], [1, *numbers]
        header = [f"column {number}" for number in range(1, len(header) + 1)]
        warnings = (*warnings, f"{place}: the first row names a picture, so the table has no header")
    repeated = sorted({name for name in header if header.count(name) > 1})
    if repeated:
        raise DataError(f"{place}: two columns are named {quoted(repeated[0])}; rename one")
    values = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    return Table(place, dict(zip(header, values, strict=True)), numbers, warnings)


def _is_existing_picture(folder: Path, cell: str) -> bool:
    is_named_so = os.path.splitext(cell)[1].lower() in PICTURE_SUFFIXES
    return is_named_so and os.path.isfile(folder / cell)


def _from_jsonl(content: bytes, place: str, encoding: str | None) -> Table:
    """Read one JSON object a line; a key that is missing from a line is an empty value.

    Raises DataError: a line is no JSON object.
    """
    text, _ = decode_text(content, place, encoding, count_lines)
    objects: list[dict[str, object]] = []
    numbers: list[int] = []
    for number, line in enumerate(io.StringIO(text), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{place}: row {number} is not JSON ({error})") from error
        if not isinstance(value, dict):
            raise DataError(f'{place}: row {number} is not an object such as {{"image": ..., "label": ...}}')
        objects.append(value)
        numbers.append(number)
    names = dict.fromkeys(name for value in objects for name in value)
    return Table(place, {name: [value.get(name) for value in objects] for name in names}, numbers)


def _from_parquet(content: bytes, place: str) -> Table:
    """Read a Parquet file.

    Raises DataError: it is damaged.
    """
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(pa.BufferReader(content))
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DataError(f"{place}: not a readable Parquet file ({error})") from error
    return Table(place, columns, range(1, table.num_rows + 1))
