"""Pages of a Parquet file, measured before the library that reads them allocates what their headers announce.

A page is unpacked at once, and its header says to how many bytes; the footer may say something else. So the
headers of all pages are read first, one after the other, in Thrift's compact protocol: every field is a byte
with its kind and the distance of its number from the former one, then its value.

Source: the Parquet format's `parquet.thrift` and Thrift's compact protocol.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from pellucid.budgets import PAGE_BYTES
from pellucid.regular import Seekable

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
        page = _page(fields, start + reader.at)
        if page.unpacked < 0 or page.packed < 0:
            raise ValueError("a page has no size")
        yield page
        start += reader.at + page.packed


def _page(fields: dict[int, Any], at: int) -> Page:
    """Page by the fields of its header; -1 where a size is missing."""
    kind = _whole(fields.get(_KIND, _DATA))
    about = fields.get(_ABOUT.get(kind, 0), {})
    about = about if isinstance(about, dict) else {}
    return Page(
        unpacked=_whole(fields.get(_UNPACKED)),
        packed=_whole(fields.get(_PACKED)),
        at=at,
        is_dictionary=kind == _DICTIONARY,
        values=_whole(about.get(1)),
        encoding=_whole(about.get(_ENCODING.get(kind, 0))),
    )


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
