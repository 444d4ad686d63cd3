"""Parquet tables as a stream of blocks sized in bytes, whatever run lengths and dictionaries say."""

import contextlib
import os
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from pellucid.budgets import CELLS, COLUMNS, ROWS_ANYWAY, ROWS_PER_BYTE, UNPACKED, unpacked_limit
from pellucid.data.tables.arrow.columnar import Block
from pellucid.data.tables.arrow.parquet_dictionaries import growing_columns
from pellucid.data.tables.arrow.parquet_pages import Column, columns_of, require_small_pages
from pellucid.data.wording import quoted
from pellucid.errors import DataError

BUFFER = 1 << 20


class OpenParquet(NamedTuple):
    """A Parquet file that is open.

    Attributes:
        file: its bytes.
        size: how many they are.
        metadata: its footer.
        schema: its columns, as Arrow has them.
        groups: columns of each group of rows, as they are stored.
    """

    file: IO[bytes]
    size: int
    metadata: Any
    schema: Any
    groups: list[list[Column]]

    def leaves(self) -> list[str]:
        """Paths of the columns as they are stored, those of structures one by one."""
        return [self.metadata.schema.column(number).path for number in range(self.metadata.num_columns)]


def open_parquet(file: IO[bytes], place: str) -> OpenParquet:
    """Look at the footer of an open file.

    Raises: `DataError` or what `naming_damage` names if it is damaged, or claims what it cannot hold.
    """
    from pyarrow import parquet

    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    metadata = parquet.read_metadata(file)
    schema = metadata.schema.to_arrow_schema()
    require_honest(schema.names, metadata.num_rows, size, place)
    groups = columns_of(file, size)
    if [len(columns) for columns in groups] != [metadata.num_columns] * metadata.num_row_groups:
        raise ValueError("its footer can be read in two ways")
    return OpenParquet(file, size, metadata, schema, groups)


def parquet_blocks(
    opened: OpenParquet, place: str, names: Sequence[str] | None, rows: int, unread: Collection[str]
) -> Iterator[Block]:
    """Blocks as `Columnar.blocks`.

    Raises: `DataError` or what `naming_damage` names if it is damaged, or holds more than an honest file.
    """
    from pyarrow import parquet

    file, size, metadata, schema, groups = opened
    wanted = schema.names if names is None else list(names)
    plain = [name for name in wanted if name not in unread and not _is_nested(schema.field(name).type)]
    flat = set(plain)
    leaves = opened.leaves()
    require_small_pages(file, groups, size, [at for at, name in enumerate(leaves) if name in flat])
    texts = [at for at, name in enumerate(leaves) if name in flat and _is_text(schema.field(name).type)]
    growing = growing_columns(file, groups, size, texts, unpacked_limit(size))
    stored = parquet.ParquetFile(
        file, buffer_size=BUFFER, read_dictionary=[leaves[number] for number in growing]
    )
    most = max(1, min(rows, CELLS // max(1, len(wanted))))
    meter = Meter(place, unpacked_limit(size))
    row = 1
    for count, found in _batches(stored, plain, most, metadata.num_rows):
        columns = {name: meter.values(part) for name, part in found.items()}
        yield {name: columns.get(name, [[]] * count) for name in wanted}, range(row, row + count)
        row += count


def _batches(stored: Any, plain: list[str], most: int, rows: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Columns of some rows at a time; where none is plain, only how many rows there are."""
    if not plain:
        for start in range(0, rows, most):
            yield min(most, rows - start), {}
        return
    for batch in stored.iter_batches(most, columns=plain, use_threads=False):
        yield batch.num_rows, dict(zip(batch.schema.names, batch.columns, strict=True))


def require_honest(names: Sequence[str], rows: int, size: int, place: str) -> None:
    """Refuse a file whose columns share a name, or that has far more columns or rows than bytes.

    Raises: `DataError` with what there is too much of.
    """
    if len(names) > COLUMNS:
        raise DataError(f"{place}: {len(names):,} columns are more than {COLUMNS:,}; leave some out")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{place}: two columns are named {quoted(min(repeated))}; rename one")
    most = ROWS_ANYWAY + ROWS_PER_BYTE * size
    if not 0 <= rows <= most:
        raise DataError(
            f"{place}: claims {rows:,} rows in {size:,} bytes, over the limit of {most:,}; "
            "use an undamaged copy"
        )


class Meter:
    """Turns columns into Python's values, and refuses a file that unpacks to more than it may."""

    def __init__(self, place: str, most: int) -> None:
        self._place = place
        self._most = most
        self._left = most

    def values(self, part: Any) -> list[Any]:
        """Values of a column; each text of a dictionary is made once, however often it stands there.

        Raises: `DataError` if the texts of the file take more than they may.
        """
        import pyarrow as pa

        if not pa.types.is_dictionary(part.type):
            self._spend(part.nbytes)
            return _plain_values(part)
        # The dictionary holds every text so far: only those of these rows are made.
        used, places = np.unique(part.indices.fill_null(-1).to_numpy(), return_inverse=True)
        known = part.dictionary.take(pa.array(used[used >= 0])).to_pylist()
        texts = [None] * (len(used) - len(known)) + known
        lengths = np.array([0 if text is None else len(text) for text in texts])
        self._spend(int(lengths[places].sum()))
        return [texts[at] for at in places.tolist()]

    def _spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise DataError(
                f"{self._place}: unpacks to more than {self._most / 1e6:,.0f} MB; {UNPACKED.remedy}"
            )


def _plain_values(part: Any) -> list[Any]:
    """Values of a column; where Python cannot hold one, such as a date beyond 9999, a text about it."""
    try:
        values: list[Any] = part.to_pylist()
    except (ValueError, OverflowError):
        return [_value(each) for each in part]
    return values


def _value(scalar: Any) -> object:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return f"{scalar.type} out of range"


def _is_nested(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_nested(kind))


def _is_text(kind: Any) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


@contextlib.contextmanager
def naming_damage(before: str, after: str = "") -> Iterator[None]:
    """Turn what the library says of damaged bytes into one plain reason, in a message with these parts.

    Raises: `DataError` instead of its exceptions.
    """
    import pyarrow as pa

    try:
        yield
    except DataError:
        raise
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        LookupError,
        ArithmeticError,
        MemoryError,
        struct.error,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(f"{before} ({reason}){after}") from error
