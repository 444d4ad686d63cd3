"""Arrow streams mapped from the disk, and images in the cells of Parquet and Arrow files.

Images in the cells of Parquet files: structures with bytes, as Hugging Face writes them, or bytes alone.

One row after the other is read, in batches that are sized in bytes by the headers of the pages, so that no
dictionary and no run of equal rows makes more of a file than it holds.
"""

import bisect
import itertools
import mmap
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any, NamedTuple

from pellucid.budgets import MEMORY, UNPACKED, unpacked_limit
from pellucid.data.data_files import is_image_start
from pellucid.data.tables.parquet import (
    BUFFER,
    Column,
    Meter,
    OpenParquet,
    Page,
    longest_value,
    pages_of,
    require_decompression_limit,
)
from pellucid.data.tables.table import ColumnBlock
from pellucid.errors import DataError

_BYTES_FIELD, _PATH_FIELD, _START_BYTES = "bytes", "path", 16
_BATCH_BYTES, _MOST_ROWS = 8 << 20, 1024
# Encodings of a page that hold every value as it is, and those that only count on a dictionary.
_WRITTEN_OUT, _BY_DICTIONARY = (0, 6), (2, 8)

NO_IMAGE = "holds no image in this row"


def struct_of_image(kind: Any) -> bool:
    """Tell the type of a column whose cells are structures with the bytes of an image."""
    import pyarrow as pa

    if not pa.types.is_struct(kind):
        return False
    at = kind.get_field_index(_BYTES_FIELD)
    return at >= 0 and is_binary(kind.field(at).type)


def is_image_cell(value: object) -> bool:
    """Tell the bytes of an image by their first ones."""
    return isinstance(value, bytes) and is_image_start(value[:_START_BYTES])


def is_binary(kind: Any) -> bool:
    """Tell the type of a column of bytes that are not declared to be texts."""
    import pyarrow as pa

    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def images_in_parquet(opened: OpenParquet) -> dict[str, str]:
    """Columns of images by name, and the paths of their bytes.

    They are structures with bytes, and bytes of which the first that are there are an image.

    Raises: `DataError` with the reason alone if one unpacks to more than it may.
    """
    found = {
        field.name: f"{field.name}.{_BYTES_FIELD}" for field in opened.schema if struct_of_image(field.type)
    }
    for name in (field.name for field in opened.schema if is_binary(field.type)):
        cells = Cells(opened, name)
        values = (cells.value(row) for row in range(min(opened.metadata.num_rows, _MOST_ROWS)))
        if is_image_cell(next((value for value in values if value is not None), None)):
            found[name] = name
    leaves = set(opened.leaves())
    for leaf in leaves & set(found.values()):
        Cells(opened, leaf).require_honest()
    return {name: leaf for name, leaf in found.items() if leaf in leaves}


def paths_in_parquet(opened: OpenParquet, leaf: str) -> Iterator[list[str | None]]:
    """Paths beside the bytes, of which Hugging Face keeps the name of the file, some rows at a time."""
    column, _, is_nested = leaf.rpartition(".")
    beside = f"{column}.{_PATH_FIELD}"
    if not is_nested or beside not in opened.leaves():
        return
    cells = Cells(opened, beside)
    for start in range(0, rows := opened.metadata.num_rows, _MOST_ROWS):
        values: Iterator[object] = map(cells.value, range(start, min(rows, start + _MOST_ROWS)))
        yield [value if isinstance(value, str) else None for value in values]


class Cells:
    """Reads rows of one column, the next ones at little cost."""

    def __init__(self, opened: OpenParquet, leaf: str) -> None:
        from pyarrow import parquet

        self._opened = opened
        self._leaf = leaf
        self._number = opened.leaves().index(leaf)
        metadata = opened.metadata
        counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
        self._starts = list(itertools.accumulate(counts, initial=0))
        self._stored = parquet.ParquetFile(opened.file, buffer_size=BUFFER)
        self._group = -1
        self._batches: Iterator[Any] = iter(())
        self._first, self._values = 0, None

    def image(self, row: int) -> bytes:
        """Bytes of the image in a row.

        Raises: `DataError` if there are none.
        """
        value = self.value(row)
        if not value:
            raise DataError(NO_IMAGE)
        return value

    def value(self, row: int) -> bytes | None:
        """Bytes in a row; `None` where the cell is empty.

        Raises: `DataError` if a page is too large; `ValueError` if the file is damaged.
        """
        group = bisect.bisect_right(self._starts, row) - 1
        if not 0 <= group < len(self._starts) - 1:
            raise DataError(NO_IMAGE)
        if group != self._group or row < self._first:
            self._begin(group)
        while self._values is None or row >= self._first + len(self._values):
            self._first += 0 if self._values is None else len(self._values)
            self._values = None  # should the next batch be damaged, these stand for no later rows
            batch = next(self._batches, None)
            if batch is None:
                raise ValueError("a group of rows ends early")
            self._values = bytes_of(batch.column(0))
        value: bytes | None = self._values[row - self._first].as_py()
        return value

    def _begin(self, group: int) -> None:
        """Go to the first row of a group."""
        rows = self._rows_at_a_time(group)
        self._batches = self._stored.iter_batches(
            rows, row_groups=[group], columns=[self._leaf], use_threads=False
        )
        self._group, self._first, self._values = group, self._starts[group], None

    def require_honest(self) -> None:
        """Look at the pages of all groups before a row is read.

        Raises: `DataError` if one is too large, or all unpack to more than they may.
        """
        pages = (page for group in range(len(self._starts) - 1) for page in self._pages(group))
        unpacked, limit = sum(page.unpacked for page in pages), unpacked_limit(self._opened.size)
        if unpacked > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")

    def _pages(self, group: int) -> list[Page]:
        """Headers of the pages of a group.

        Raises: `DataError` if one is too large.
        """
        pages = list(pages_of(self._opened.file, self._column(group), self._opened.size))
        largest = max((page.unpacked for page in pages), default=0)
        if largest > MEMORY.value():
            raise DataError(
                f"a page of {largest / 1e6:,.0f} MB, which is unpacked at once; write the table again in "
                f"groups of 100 rows, or {MEMORY.remedy}"
            )
        return pages

    def _column(self, group: int) -> Column:
        return self._opened.groups[group][self._number]

    def _rows_at_a_time(self, group: int) -> int:
        """Rows whose images take some megabytes at most, one at least, by the pages themselves."""
        longest = 1
        for page in self._pages(group):
            if page.is_dictionary:
                longest = max(longest, longest_value(self._opened.file, page, self._column(group)))
            elif page.encoding in _WRITTEN_OUT:
                longest = max(longest, page.unpacked // max(1, page.values))
            elif page.encoding not in _BY_DICTIONARY:
                longest = max(longest, page.unpacked)
        return max(1, min(_MOST_ROWS, _BATCH_BYTES // longest))


def bytes_of(column: Any) -> Any:
    """The bytes themselves, where they stand in structures."""
    import pyarrow as pa

    return column.flatten()[0] if pa.types.is_struct(column.type) else column


# Arrow streams, as `save_to_disk` of Hugging Face's `datasets` leaves them, mapped from the disk.
#
# Nothing is copied before it is asked for. Compressed batches, dictionaries and other columns that stand for
# more than the bytes they take are not read; offsets are checked before any value is.

_FILE_SIGN = b"ARROW1"
_HEADER, _COMPRESSION = 2, 3


class OpenArrow(NamedTuple):
    """An Arrow file that is mapped.

    Attributes:
        size: its bytes.
        schema: its columns.
        batches: its batches, whose values are still on the disk.
    """

    size: int
    schema: Any
    batches: Sequence[Any]


def open_arrow(file: IO[bytes], place: str) -> OpenArrow:
    """Map an open file and look at its batches.

    Raises: `DataError` or what `naming_damage` names if it is damaged, or holds what is not read.
    """
    import pyarrow as pa

    mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if mapped[: len(_FILE_SIGN)] == _FILE_SIGN:
        raise DataError(f"{place}: an Arrow file, not a stream; save it as Parquet")
    content = pa.py_buffer(mapped)
    _require_uncompressed(pa.BufferReader(content), place)
    reader = pa.ipc.open_stream(pa.BufferReader(content))
    batches = list(reader)
    require_decompression_limit(
        reader.schema.names, sum(batch.num_rows for batch in batches), len(mapped), place
    )
    return OpenArrow(len(mapped), reader.schema, batches)


def _require_uncompressed(mapped: Any, place: str) -> None:
    """Go through the headers of all batches before one is opened, which would unpack it.

    Raises: `DataError` if one is packed, or a dictionary.
    """
    import pyarrow as pa

    for message in pa.ipc.MessageReader.open_stream(mapped):
        if message.type == "dictionary":
            raise DataError(f"{place}: an Arrow stream with dictionaries; save it as Parquet")
        if message.type == "record batch" and _is_compressed(bytes(message.metadata)):
            raise DataError(f"{place}: an Arrow stream with compressed batches; save it as Parquet")


def _is_compressed(header: bytes) -> bool:
    """Tell the header of a batch that names a compression.

    Source: Arrow's `Message.fbs`, and the tables of FlatBuffers: a table begins with the distance back to the
    list of its fields' places.
    """
    message = struct.unpack_from("<I", header)[0]
    batch = _field(header, message, _HEADER)
    if batch is None:
        return False
    batch += struct.unpack_from("<I", header, batch)[0]
    return _field(header, batch, _COMPRESSION) is not None


def _field(header: bytes, table: int, number: int) -> int | None:
    """Start of a field of a table; `None` where it has none."""
    fields = table - struct.unpack_from("<i", header, table)[0]
    at = 4 + 2 * number
    if at >= struct.unpack_from("<H", header, fields)[0]:
        return None
    place = struct.unpack_from("<H", header, fields + at)[0]
    return table + place if place else None


def images_in_arrow(opened: OpenArrow) -> dict[str, str]:
    """Columns of images, as `images_in_parquet`."""
    names = [field.name for field in opened.schema if struct_of_image(field.type)]
    for name in (field.name for field in opened.schema if is_binary(field.type)):
        values = (value.as_py() for batch in opened.batches[:1] for value in _checked(batch.column(name)))
        if is_image_cell(next((value for value in values if value is not None), None)):
            names.append(name)
    return {name: name for name in names}


class ArrowCells:
    """Images in one column, of one batch at a time."""

    def __init__(self, opened: OpenArrow, column: str) -> None:
        self._batches = opened.batches
        self._starts = list(itertools.accumulate((batch.num_rows for batch in opened.batches), initial=0))
        self._column = column
        self._checked: tuple[int, Any] = (-1, None)

    def image(self, row: int) -> bytes:
        """Bytes of the image in a row.

        Raises: `DataError` if there are none; `ValueError` if the batch is damaged.
        """
        at = bisect.bisect_right(self._starts, row) - 1
        if not 0 <= at < len(self._batches):
            raise DataError(NO_IMAGE)
        if at != self._checked[0]:
            self._checked = (at, bytes_of(_checked(self._batches[at].column(self._column))))
        value = self._checked[1][row - self._starts[at]].as_py()
        if not value:
            raise DataError(NO_IMAGE)
        return bytes(value)


def arrow_blocks(
    opened: OpenArrow, place: str, names: Sequence[str] | None, rows: int, unread: Collection[str]
) -> Iterator[ColumnBlock]:
    """Blocks as `Columnar.blocks`.

    Raises: `DataError` or what `naming_damage` names if they are damaged.
    """
    wanted = opened.schema.names if names is None else list(names)
    plain = {name for name in wanted if name not in unread and _is_plain(opened.schema.field(name).type)}
    meter = Meter(place, unpacked_limit(opened.size))
    row = 1
    for batch in opened.batches:
        for start in range(0, batch.num_rows, rows):
            part = batch.slice(start, rows)
            count = part.num_rows
            yield (
                {
                    name: meter.values(_checked(part.column(name))) if name in plain else [[]] * count
                    for name in wanted
                },
                range(row, row + count),
            )
            row += count


def _is_plain(kind: Any) -> bool:
    """Tell columns whose every value takes bytes of its own."""
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or is_binary(kind) or types.is_boolean(kind)
        or types.is_integer(kind) or types.is_floating(kind) or types.is_temporal(kind)
        or types.is_decimal(kind) or types.is_null(kind)
    )  # fmt: skip


def _checked(column: Any) -> Any:
    """A column whose offsets and texts are what they should be.

    Raises: `ValueError` if they are not.
    """
    column.validate(full=True)
    return column
