"""Arrow streams, as `save_to_disk` of Hugging Face's `datasets` leaves them, mapped from the disk.

Nothing is copied before it is asked for. Compressed batches, dictionaries and other columns that stand for
more than the bytes they take are not read; offsets are checked before any value is.
"""

import bisect
import itertools
import mmap
import struct
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any, NamedTuple

from pellucid.budgets import unpacked_limit
from pellucid.data.tables.arrow.columnar import Block
from pellucid.data.tables.arrow.images import NO_IMAGE, bytes_of, is_binary, is_image_cell, struct_of_image
from pellucid.data.tables.arrow.parquet import Meter, require_honest
from pellucid.errors import DataError

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
    require_honest(reader.schema.names, sum(batch.num_rows for batch in batches), len(mapped), place)
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
) -> Iterator[Block]:
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
