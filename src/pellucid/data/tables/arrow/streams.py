"""Arrow streams, as `save_to_disk` of Hugging Face's `datasets` leaves them, mapped from the disk.

Nothing is copied before it is asked for. Compressed batches, dictionaries and other columns that stand for
more than the bytes they take are not read; offsets are checked before any value is.
"""

import bisect
import contextlib
import itertools
import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pellucid.budgets import unpacked_limit
from pellucid.data.archives.stored import Container, Read
from pellucid.data.tables.arrow.apart import Block
from pellucid.data.tables.arrow.images import NO_IMAGE, bytes_of, is_binary, is_image_cell, struct_of_image
from pellucid.data.tables.arrow.parquet import Meter, naming_damage, require_honest
from pellucid.data.tables.encodings import naming_unreadable
from pellucid.errors import DataError
from pellucid.regular import open_regular

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


@contextlib.contextmanager
def open_arrow(path: Path, place: str) -> Iterator[OpenArrow]:
    """Map a file and look at its batches.

    Raises: `DataError` if it is damaged, here or while it is read, or holds what is not read.
    """
    import pyarrow as pa

    with naming_unreadable(place), open_regular(path) as file:
        start = file.read(len(_FILE_SIGN))
    with naming_damage(place, "Arrow"), pa.memory_map(str(path)) as mapped:
        size = mapped.size()
        if start == _FILE_SIGN:
            raise DataError(f"{place}: an Arrow file, not a stream; save it as Parquet")
        _require_uncompressed(mapped, place)
        mapped.seek(0)
        reader = pa.ipc.open_stream(mapped)
        batches = list(reader)
        require_honest(reader.schema.names, sum(batch.num_rows for batch in batches), size, place)
        yield OpenArrow(size, reader.schema, batches)


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


def images_in_arrow(path: Path, place: str) -> Mapping[str, Container]:
    """Columns of images, by name, as `images_in_parquet` finds them.

    Raises: `DataError` if the file cannot be read.
    """
    with open_arrow(path, place) as opened:
        names = [field.name for field in opened.schema if struct_of_image(field.type)]
        for name in (field.name for field in opened.schema if is_binary(field.type)):
            values = (value.as_py() for batch in opened.batches[:1] for value in _checked(batch.column(name)))
            if is_image_cell(next((value for value in values if value is not None), None)):
                names.append(name)
    return {name: ArrowImages(path, place, name) for name in names}


class ArrowImages(Container):
    """Images in one column of an Arrow file; positions are rows from 0.

    Args:
        path: the file.
        place: its name as the user gave it.
        column: name of the column.
    """

    def __init__(self, path: Path, place: str, column: str) -> None:
        self.path = self._file = path
        self._place = place
        self._column = column

    def name_of(self, position: int) -> str:
        """As `Container.name_of`."""
        return f"{self._place}:{position + 1}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """As `Container.opened`."""
        with open_arrow(self._file, self._place) as opened:
            starts = list(itertools.accumulate((batch.num_rows for batch in opened.batches), initial=0))
            checked: dict[int, Any] = {}

            def read(position: int) -> bytes:
                at = bisect.bisect_right(starts, position) - 1
                if not 0 <= at < len(opened.batches):
                    raise DataError(NO_IMAGE)
                if at not in checked:
                    checked.clear()
                    checked[at] = bytes_of(_checked(opened.batches[at].column(self._column)))
                value = checked[at][position - starts[at]].as_py()
                if not value:
                    raise DataError(NO_IMAGE)
                return bytes(value)

            yield read


def arrow_blocks(
    path: Path, place: str, unread: Collection[str] = ()
) -> Callable[[Sequence[str] | None, int], Iterator[Block]]:
    """Prepare to read an Arrow file as `parquet_blocks` does a Parquet file.

    Raises: `DataError` while blocks are read, if the file is damaged.
    """
    return lambda names, rows: _blocks(path, place, unread, names, rows)


def _blocks(
    path: Path, place: str, unread: Collection[str], names: Sequence[str] | None, rows: int
) -> Iterator[Block]:
    with open_arrow(path, place) as opened:
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
