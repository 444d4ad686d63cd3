"""Pages of a Parquet file, measured before the library that reads them allocates what their headers announce.

A page is unpacked at once, and its header says to how many bytes; the footer may say something else. So the
headers of all pages are read first, one after the other, in Thrift's compact protocol: every field is a byte
with its kind and the distance of its number from the former one, then its value.

Source: the Parquet format's `parquet.thrift` and Thrift's compact protocol.
"""

from collections.abc import Iterator, Sequence
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


def require_small_pages(file: Seekable, metadata: Any, size: int, columns: Sequence[int]) -> None:
    """Read the headers of all pages of the columns that will be read; the file is left at its beginning.

    Raises: `ValueError` if a header is damaged, or a page unpacks to more than `PAGE_BYTES`.
    """
    for group in range(metadata.num_row_groups):
        row_group = metadata.row_group(group)
        for number in columns:
            column = row_group.column(number)
            for page in pages_of(file, column, size):
                if page.unpacked > PAGE_BYTES:
                    raise ValueError(
                        f"column {number + 1} has a page of {page.unpacked / 1e6:,.0f} MB, "
                        f"over the limit of {PAGE_BYTES / 1e6:,.0f} MB"
                    )
    file.seek(0)


def pages_of(file: Seekable, column: Any, size: int) -> Iterator[Page]:
    """Headers of the pages of one column in one group of rows, whose bytes follow each other.

    Raises: `ValueError` if a header is damaged.
    """
    start, length = column.data_page_offset, column.total_compressed_size
    if column.has_dictionary_page and 0 < (column.dictionary_page_offset or 0) < start:
        start = column.dictionary_page_offset
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
        """Whole numbers and structures in a structure by the numbers of their fields."""
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
            self._list(depth)
        elif kind == _STRUCT:
            return self.fields(depth + 1)
        else:
            raise ValueError("a page's header is damaged")
        return None

    def _list(self, depth: int) -> None:
        start = self._byte()
        count = start >> 4 if start >> 4 < 15 else self._unsigned()
        if count > len(self._content):
            raise ValueError("a page's header is damaged")
        for _ in range(count):
            self._value(start & 15, depth + 1, in_list=True)

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
