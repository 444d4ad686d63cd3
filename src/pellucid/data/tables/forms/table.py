"""A table of any form: its first rows in memory, the others as they are asked for."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from pellucid.budgets import CELLS
from pellucid.data.archives.stored import Container
from pellucid.data.tables.arrow.features import ClassNames
from pellucid.data.tables.csv_rows import ROWS_FIRST, ROWS_LATER


class Block(NamedTuple):
    """Some rows of a table, column by column.

    Attributes:
        columns: name to values; texts in CSV, values of their own kind in JSON and Parquet.
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
        marked: columns that the table itself says are the inputs or the labels, by `input` and `label`.
        images: columns whose cells hold images, which `read` leaves out, and what they are read from by row.
        classes: columns of integer labels that the file has names for; `read` gives the names.
    """

    place: str
    head: Block
    read: Callable[[Sequence[str]], Iterator[Block]]
    warnings: tuple[str, ...] = ()
    marked: Mapping[str, str] = field(default_factory=dict)
    images: Mapping[str, Container] = field(default_factory=dict)
    classes: ClassNames = field(default_factory=dict)

    @property
    def names(self) -> Sequence[str]:
        """Names of the columns, in order."""
        return list(self.head.columns)


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
