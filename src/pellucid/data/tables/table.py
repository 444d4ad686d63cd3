"""A table of any form: its first rows in memory, the others as they are asked for."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from pellucid.data.data_files import Container
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import CELLS, MEMORY, ROW_BYTES
from pellucid.safety.strict import parse_line

# Rows that are read at once: at first, when columns are chosen from them, and afterwards.
ROWS_FIRST = 1_000  # rows
ROWS_LATER = 10_000  # rows

# The reason of a cell without an image.
NO_IMAGE = "holds no image in this row"

# Names of the labels 0, 1, 2 ... of columns.
ClassNames = Mapping[str, Sequence[str]]

Batch = TypeVar("Batch")


class Block(NamedTuple):
    """Some rows of a table, column by column."""

    columns: Mapping[str, Sequence[Any]]  # texts in CSV, values of their own kind in JSON and Parquet
    numbers: Sequence[int]  # of the rows, as people see them


@dataclass(frozen=True)
class Table:
    """A table of any form, of which only the first rows are in memory."""

    place: str  # the file as the user named it
    head: Block  # the first 1,000 rows, every column of them
    # goes on from the head: the rows of some columns, those of the head first. To be called once
    read: Callable[[Sequence[str]], Iterator[Block]]
    warnings: tuple[str, ...] = ()  # what was unusual about the form
    # columns that the table itself marks as inputs or labels, by `input` and `label`
    marked: Mapping[str, str] = field(default_factory=dict)
    # columns whose cells hold images, which `read` leaves out, and what they are read from by row
    images: Mapping[str, Container] = field(default_factory=dict)
    classes: ClassNames = field(default_factory=dict)  # names of integer labels, which `read` gives
    # what a model remembers of how the file separates and quotes fields, where that is not usual
    dialect: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None  # how many the file claims; `None` where it claims nothing
    most_rows: int | None = None  # more are not kept in memory; `None` where they are already
    # the rows of some columns behind the first so many, where the form finds them without reading these
    seek: Callable[[Sequence[str], int], Iterator[Block]] | None = None

    def read_from(self, names: Sequence[str], start: int) -> Iterator[Block]:
        """As `read`, without the first `start` rows."""
        if start and self.seek is not None:
            yield from self.seek(names, start)
            return
        for block in self.read(names):
            if start < len(block.numbers):
                columns = {name: values[start:] for name, values in block.columns.items()}
                yield Block(columns, block.numbers[start:]) if start else block
            start = max(0, start - len(block.numbers))

    def require_rows(self, rows: int) -> None:
        """Refuse to keep so many rows.

        Raises: `DataError` with what they take.
        """
        if self.most_rows is not None and rows > self.most_rows:
            raise DataError(
                "{place}: {rows:,} rows or more, each of which takes some {ROW_BYTES} bytes of memory, "
                "over the limit of {most_rows:,}; {remedy}",
                self.place,
                rows,
                ROW_BYTES,
                self.most_rows,
                MEMORY.remedy,
            )

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns, in order."""
        return list(self.head.columns)


def require_different(names: Iterable[str], place: str, where: str = "") -> None:
    """Refuse columns that share a name.

    Raises: `DataError` naming it.
    """
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            "{place}: two columns{where} are named {repeated}; rename one",
            place,
            where,
            quoted(min(repeated)),
        )


def table_of_batches(
    place: str,
    names: Sequence[str],
    batches: Iterator[Batch],
    block_of: Callable[[Batch, Sequence[str]], Block],
    warnings: tuple[str, ...] = (),
) -> Table:
    """A table of batches of rows, at least one, from which `block_of` takes columns by their names."""
    first = next(batches)

    def read(chosen: Sequence[str]) -> Iterator[Block]:
        return (block_of(batch, chosen) for batch in itertools.chain([first], batches))

    return Table(place, block_of(first, names), read, warnings)


def table_of_columns(place: str, columns: Mapping[str, Sequence[Any]]) -> Table:
    """A table whose columns, all of one length, are in memory as a whole."""
    rows = len(next(iter(columns.values()), ()))

    def block(names: Sequence[str], start: int, end: int) -> Block:
        return Block({name: columns[name][start:end] for name in names}, range(start + 1, end + 1))

    def read(names: Sequence[str]) -> Iterator[Block]:
        for start in range(0, rows, ROWS_LATER):
            yield block(names, start, min(rows, start + ROWS_LATER))

    most = max(1, min(ROWS_FIRST, CELLS // max(1, len(columns))))
    return Table(place, block(list(columns), 0, min(rows, most)), read)


# A column of the feature `ClassLabel` of Hugging Face's `datasets` holds 0, 1, 2 ... and -1 for no label; the
# names are in the schema's metadata.

_NO_LABEL = -1
_MOST_CLASSES = 1_000_000


def names_in_schema(schema: Any) -> ClassNames:
    """Names of labels in the metadata of an Arrow schema; nothing where there are none."""
    try:
        document = parse_line((schema.metadata or {}).get(b"huggingface", b"null").decode())
    except ValueError:
        return {}
    info = document.get("info") if isinstance(document, dict) else None
    features = info.get("features") if isinstance(info, dict) else None
    found = {}
    for column, feature in features.items() if isinstance(features, dict) else ():
        if isinstance(feature, dict) and isinstance(feature.get("feature"), dict):  # a list of labels
            feature = feature["feature"]
        names = feature.get("names") if isinstance(feature, dict) else None
        if isinstance(names, dict):  # as old versions wrote them: number to name
            names = [names.get(str(number)) for number in range(len(names))]
        is_label = isinstance(feature, dict) and feature.get("_type", "ClassLabel") == "ClassLabel"
        if is_label and isinstance(names, list) and 0 < len(names) <= _MOST_CLASSES:
            if all(isinstance(name, str) for name in names):
                found[column] = names
    return found


def with_names(
    blocks: Iterable[tuple[Mapping[str, Sequence[Any]], Sequence[int]]], names: ClassNames, place: str
) -> Iterator[Block]:
    """Put names in the place of integer labels, block by block; -1 becomes nothing.

    Raises: `DataError` if a label has no name.
    """

    def named(value: object, column: str, row: int) -> object:
        if isinstance(value, list):  # several labels
            return [named(each, column, row) for each in value]
        if type(value) is not int or value == _NO_LABEL:
            return None if value == _NO_LABEL else value
        if 0 <= value < len(names[column]):
            return names[column][value]
        raise DataError(
            "{place}: row {row} has the label {value} in column {column}, which has names for 0 to "
            "{names}; fix it",
            place,
            row,
            value,
            quoted(column),
            len(names[column]) - 1,
        )

    for columns, numbers in blocks:
        labels = {
            column: [named(value, column, row) for value, row in zip(values, numbers, strict=True)]
            for column, values in columns.items()
            if column in names
        }
        yield Block({column: labels.get(column, values) for column, values in columns.items()}, numbers)


def is_binary(kind: Any) -> bool:
    """Detect the Arrow type of bytes that are not declared to be texts."""
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def struct_of_image(kind: Any) -> bool:
    """Detect the type of an Arrow column whose cells are structures with the bytes of an image."""
    import pyarrow as pa

    at = kind.get_field_index("bytes") if pa.types.is_struct(kind) else -1
    return at >= 0 and is_binary(kind.field(at).type)


# Columns whose texts make one input.

_MOST = 100  # columns
_LONGEST = 1000  # characters of a name


class Joined(NamedTuple):
    """Values of one row whose texts make one input, each behind the name of its column."""

    names: tuple[str, ...]  # of the columns, in the order in which they were asked for
    values: tuple[Any, ...]


def joined_columns_of(value: object) -> tuple[str, ...]:
    """Names of joined columns as a file holds them, trusted in nothing.

    Raises: `ValueError` if they are not two or more different names as `--input-column` takes them.
    """
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= _MOST:
        raise ValueError(Sentence("joined_columns: not two to {MOST} names of columns", _MOST))
    for name in value:
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST or "," in name or name != name.strip():
            raise ValueError("joined_columns: not every one is a name of a column")
    if len(set(value)) < len(value):
        raise ValueError("joined_columns: a name is there twice")
    return tuple(value)


def inputs_of(columns: Mapping[str, Sequence[Any]], names: tuple[str, ...]) -> Sequence[Any]:
    """The inputs of some rows, made of the columns of these names."""
    if len(names) == 1:
        return columns[names[0]]
    return [Joined(names, values) for values in zip(*(columns[name] for name in names), strict=True)]
