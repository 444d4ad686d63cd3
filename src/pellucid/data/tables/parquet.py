"""Parquet: pages and dictionaries measured before anything is allocated, then blocks sized in bytes.

Pages of a Parquet file, measured before the library that reads them allocates what their headers announce.

A page is unpacked at once, and its header says to how many bytes; the footer may say something else. So the
headers of all pages are read first, one after the other, in Thrift's compact protocol: every field is a byte
with its kind and the distance of its number from the former one, then its value.

Source: the Parquet format's `parquet.thrift` and Thrift's compact protocol.
"""

import contextlib
import os
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import IO, Any, NamedTuple

import numpy as np

from pellucid.budgets import CELLS, COLUMNS, PAGE_BYTES, ROWS_ANYWAY, ROWS_PER_BYTE, UNPACKED, unpacked_limit
from pellucid.data.tables.table import ColumnBlock
from pellucid.data.wording import quoted
from pellucid.errors import DataError
from pellucid.files import Seekable

_HEADER_BYTES = 1 << 16
_MOST_PAGES = 10_000_000
_KIND, _UNPACKED, _PACKED = 1, 2, 3
_DATA, _DICTIONARY, _DATA_2 = 0, 2, 3
_ABOUT = {_DATA: 5, _DICTIONARY: 7, _DATA_2: 8}
_ENCODING = {_DATA: 2, _DICTIONARY: 2, _DATA_2: 4}
_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)
_DEEPEST = 16
_TAIL_BYTES = 8
_GROUPS, _COLUMNS, _ABOUT_COLUMN = 4, 1, 3
_PACKINGS = dict(enumerate(("UNCOMPRESSED", "SNAPPY", "GZIP", "LZO", "BROTLI", "LZ4", "ZSTD", "LZ4")))


class Column(NamedTuple):
    """A column in one group of rows, as the footer describes it.

    Attributes:
        num_values: its values.
        unpacked: bytes that its pages unpack to.
        packed: bytes that they take in the file.
        first_page: where the first page of values begins.
        dictionary_page: where its dictionary begins; `None` where it has none.
        compression: how the pages are packed, as Arrow names it.
    """

    num_values: int
    unpacked: int
    packed: int
    first_page: int
    dictionary_page: int | None
    compression: str


class Page(NamedTuple):
    """A page as its header describes it.

    Attributes:
        unpacked: bytes that it unpacks to.
        packed: bytes that it takes in the file.
        at: where these bytes begin.
        is_dictionary: whether it holds the values that other pages count on.
        values: number of its values.
        encoding: how they are written, 0 for one after the other.
    """

    unpacked: int
    packed: int
    at: int
    is_dictionary: bool
    values: int
    encoding: int


def columns_of(file: Seekable, size: int) -> list[list[Column]]:
    """Columns of each group of rows, from a footer that Arrow has read; the file is left at its beginning.

    Arrow would describe them too, and ends the process where a footer contradicts itself.

    Raises: `ValueError` if it is damaged.
    """
    file.seek(max(0, size - _TAIL_BYTES))
    length = int.from_bytes(file.read(4), "little")
    if length > size - _TAIL_BYTES:
        raise ValueError("the footer is longer than the file")
    file.seek(size - _TAIL_BYTES - length)
    footer = _Compact(file.read(length)).fields()
    file.seek(0)
    return [
        [_column(each) for each in _structures(group, _COLUMNS)] for group in _structures(footer, _GROUPS)
    ]


def _structures(holder: dict[int, Any], number: int) -> list[dict[int, Any]]:
    found = holder.get(number)
    return found if isinstance(found, list) else []


def _column(chunk: dict[int, Any]) -> Column:
    about = chunk.get(_ABOUT_COLUMN)
    if not isinstance(about, dict):
        raise ValueError("a column is not described")
    dictionary = about.get(11)
    return Column(
        num_values=_whole(about.get(5)),
        unpacked=_whole(about.get(6)),
        packed=_whole(about.get(7)),
        first_page=_whole(about.get(9)),
        dictionary_page=dictionary if isinstance(dictionary, int) else None,
        compression=_PACKINGS.get(_whole(about.get(4)), "UNKNOWN"),
    )


def require_small_pages(
    file: Seekable, groups: list[list[Column]], size: int, wanted: Collection[int]
) -> None:
    """Read the headers of all pages of the columns that will be read; the file is left at its beginning.

    Raises: `ValueError` if a header is damaged, or a page unpacks to more than `PAGE_BYTES`.
    """
    for columns in groups:
        for number in wanted:
            column = columns[number]
            for page in pages_of(file, column, size):
                if page.unpacked > PAGE_BYTES:
                    raise ValueError(
                        f"column {number + 1} has a page of {page.unpacked / 1e6:,.0f} MB, "
                        f"over the limit of {PAGE_BYTES / 1e6:,.0f} MB"
                    )
    file.seek(0)


def pages_of(file: Seekable, column: Column, size: int) -> Iterator[Page]:
    """Headers of the pages of one column in one group of rows, whose bytes follow each other.

    Raises: `ValueError` if a header is damaged.
    """
    start, length = column.first_page, column.packed
    if column.dictionary_page is not None and 0 < column.dictionary_page < start:
        start = column.dictionary_page
    end = start + length
    if start < 0 or length < 0 or end > size:
        raise ValueError("a column lies outside the file")
    for _ in range(_MOST_PAGES):
        if start >= end:
            return
        file.seek(start)
        reader = _Compact(file.read(min(_HEADER_BYTES, end - start)))
        fields = reader.fields()
        # Page by the fields of its header; -1 where a size is missing.
        at = start + reader.at
        kind = _whole(fields.get(_KIND, _DATA))
        about = fields.get(_ABOUT.get(kind, 0), {})
        about = about if isinstance(about, dict) else {}
        page = Page(
            unpacked=_whole(fields.get(_UNPACKED)),
            packed=_whole(fields.get(_PACKED)),
            at=at,
            is_dictionary=kind == _DICTIONARY,
            values=_whole(about.get(1)),
            encoding=_whole(about.get(_ENCODING.get(kind, 0))),
        )
        if page.unpacked < 0 or page.packed < 0:
            raise ValueError("a page has no size")
        yield page
        start += reader.at + page.packed


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else -1


class _Compact:
    """Reader of one structure in Thrift's compact protocol."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.at = 0

    def fields(self, depth: int = 0) -> dict[int, Any]:
        """Whole numbers, structures and lists of structures in a structure by the numbers of their fields."""
        found: dict[int, Any] = {}
        number = 0
        while True:
            kind = self._byte()
            if kind == 0:
                return found
            number = number + (kind >> 4) if kind >> 4 else self._signed()
            value = self._value(kind & 15, depth)
            if value is not None:
                found[number] = value

    def _value(self, kind: int, depth: int, *, in_list: bool = False) -> Any:
        """Read or skip a value of a kind; `None` of kinds that no page's header needs."""
        if depth > _DEEPEST:
            raise ValueError("a page's header is nested too deeply")
        if kind in (_TRUE, _FALSE):
            if in_list:
                self.at += 1
        elif kind == _BYTE:
            self.at += 1
        elif kind in (_I16, _I32, _I64):
            return self._signed()
        elif kind == _DOUBLE:
            self.at += 8
        elif kind == _BINARY:
            length = self._unsigned()
            self.at += length
        elif kind in (_LIST, _SET):
            return self._list(depth)
        elif kind == _STRUCT:
            return self.fields(depth + 1)
        else:
            raise ValueError("a page's header is damaged")
        return None

    def _list(self, depth: int) -> list[dict[int, Any]] | None:
        start = self._byte()
        count = start >> 4 if start >> 4 < 15 else self._unsigned()
        if count > len(self._content):
            raise ValueError("a page's header is damaged")
        found = [self._value(start & 15, depth + 1, in_list=True) for _ in range(count)]
        return found if start & 15 == _STRUCT else None

    def _byte(self) -> int:
        if self.at >= len(self._content):
            raise ValueError("a page's header is cut short")
        self.at += 1
        return self._content[self.at - 1]

    def _unsigned(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 127) << shift
            shift += 7
            if not byte & 128:
                return found
            if shift > 63:
                raise ValueError("a page's header is damaged")

    def _signed(self) -> int:
        found = self._unsigned()
        return found >> 1 ^ -(found & 1)


# Dictionaries of a Parquet file: how much the texts would take if each were written out where it stands.
#
# A column may hold a text once, in a dictionary page, and count on it in a million rows. Writers begin with a
# dictionary and leave it when it grows beyond a megabyte, so most files of long texts have one of little use.
# Read as it stands, it is kept and grows with every text; written out, a few bytes become gigabytes. How long
# its longest text is decides.

_PLAIN = 0
# Bytes of a dictionary that is looked through; writers stop at one million.
_LARGEST = 4 << 20

# Bytes of values times bytes of pages: a column below it is not looked at.
_LITTLE = 1 << 16


def columns_over_decompression_limit(
    file: Seekable, groups: Sequence[Sequence[Column]], size: int, texts: Sequence[int], limit: int
) -> set[int]:
    """Those of the columns of texts, by number, that written out may take more than `limit` bytes.

    The file is left at its beginning. Raises: `ValueError` if a header is damaged.
    """
    grown = dict.fromkeys(texts, 0)
    for columns in groups:
        for number in texts:
            column = columns[number]
            if 0 <= (most := column.num_values * column.unpacked) <= _LITTLE:
                grown[number] += most
                continue
            pages = list(pages_of(file, column, size))
            counted = sum(page.values for page in pages if not page.is_dictionary and page.encoding != _PLAIN)
            if counted:
                longest = max(
                    (longest_value(file, page, column) for page in pages if page.is_dictionary), default=limit
                )
                grown[number] += counted * longest
    file.seek(0)
    return {number for number, bytes_ in grown.items() if not 0 <= bytes_ <= limit}


def longest_value(file: Seekable, page: Page, column: Column) -> int:
    """Bytes of the longest text of a dictionary; of one that cannot be looked through, those of all."""
    import pyarrow as pa

    if page.unpacked > _LARGEST:
        return page.unpacked
    file.seek(page.at)
    content = file.read(page.packed)
    if column.compression != "UNCOMPRESSED":
        try:
            content = pa.decompress(content, page.unpacked, column.compression.lower(), asbytes=True)
        except (pa.ArrowException, ValueError):
            return page.unpacked
    longest = at = 0
    while at + 4 <= len(content):  # each text stands behind its length
        length = int.from_bytes(content[at : at + 4], "little")
        longest = max(longest, length)
        at += 4 + length
    return longest


# Parquet tables as a stream of blocks sized in bytes, whatever run lengths and dictionaries say.

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
    require_decompression_limit(schema.names, metadata.num_rows, size, place)
    groups = columns_of(file, size)
    if [len(columns) for columns in groups] != [metadata.num_columns] * metadata.num_row_groups:
        raise ValueError("its footer can be read in two ways")
    return OpenParquet(file, size, metadata, schema, groups)


def parquet_blocks(
    opened: OpenParquet, place: str, names: Sequence[str] | None, rows: int, unread: Collection[str]
) -> Iterator[ColumnBlock]:
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
    growing = columns_over_decompression_limit(file, groups, size, texts, unpacked_limit(size))
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


def require_decompression_limit(names: Sequence[str], rows: int, size: int, place: str) -> None:
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
            # Values of a column; where Python cannot hold one, such as a date beyond 9999, a text
            # about it.
            try:
                values: list[Any] = part.to_pylist()
            except (ValueError, OverflowError):
                return [_value(each) for each in part]
            return values
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
