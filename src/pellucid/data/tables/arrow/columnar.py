"""Interface to a Parquet or Arrow file that is open, in this process or in a child."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from pellucid.data.tables.arrow.features import ClassNames

# Columns by name, and the numbers of their rows from 1.
Block = tuple[dict[str, Sequence[Any]], range]


class Facts(NamedTuple):
    """Facts that a file states of its columns.

    Attributes:
        images: columns of images by name, and for each the path of its bytes, such as `image.bytes`.
        classes: names of integer labels.
    """

    images: Mapping[str, str]
    classes: ClassNames


@runtime_checkable
class Columnar(Protocol):
    """An open file; whatever is asked of it raises `DataError` if it is damaged, or is not what it claims."""

    def facts(self) -> Facts:
        """Read what it states of its columns."""
        ...

    def blocks(self, names: Sequence[str] | None, rows: int, unread: Collection[str]) -> Iterator[Block]:
        """Blocks of the columns of these names, by default of all, of at most so many rows.

        Values of columns that hold lists or structures, and of those named in `unread`, are not read; an
        empty list stands in their place.
        """
        ...

    def paths(self, leaf: str) -> Iterator[Block]:
        """The one column of names that images had as files, where they stand beside the bytes at a path."""
        ...

    def image(self, leaf: str, row: int) -> bytes:
        """Bytes of an image in a row from 0; errors give the reason alone."""
        ...
