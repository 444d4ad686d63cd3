"""TAR archives as a stream, packed with gzip or not: nothing but one header is in memory.

The forms are those of POSIX (ustar, pax) and GNU. Headers that only lengthen the next one's name are bounded,
and no length is believed before as much has been read. Source: POSIX.1-2017, pax, "ustar Interchange Format".
"""

from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any

from pellucid.data.archives.members import LINK, START_BYTES, Member, name_of, truncated
from pellucid.errors import DataError

_RECORD = 512
_MOST_HEADER = 1 << 20
_PIECE = 1 << 20
_FILES, _LINKS, _FOLDER = (b"0", b"\0", b"7"), (b"1", b"2"), b"5"
_LONG_NAME, _LONG_LINK, _PAX, _PAX_OF_ALL, _SPARSE = b"L", b"K", (b"x", b"X"), b"g", b"S"


class _Stream:
    """Bytes that are read once, from the front."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.left = 0

    def at(self) -> int:
        """The place of the next byte."""
        return self._file.tell()

    def record(self) -> bytes:
        """The next record, or less at the end."""
        return self._file.read(_RECORD)

    def take(self, size: int) -> bytes:
        """So many bytes of the member that is being read.

        Raises: `DataError` if the archive ends before.
        """
        content = self._file.read(size)
        if len(content) < size:
            raise truncated("a file")
        self.left -= size
        return content

    def pass_over(self) -> None:
        """Go on to the end of the member."""
        while self.left > 0:
            self.take(min(_PIECE, self.left))


class _TarMember(Member):
    """A member of a TAR archive."""

    def __init__(self, stream: _Stream, name: str, size: int, error: str) -> None:
        super().__init__(name, size, error, (stream.at(), size))
        self._stream = stream
        self._start: bytes | None = None

    def start(self) -> bytes:
        """As `Member.start`."""
        if self._start is None:
            self._start = self._stream.take(min(self.size, START_BYTES))
        return self._start

    def content(self) -> bytes:
        """As `Member.content`."""
        start = self.start()
        pieces = [start]
        left = self.size - len(start)
        while left > 0:
            pieces.append(self._stream.take(min(_PIECE, left)))
            left -= len(pieces[-1])
        return b"".join(pieces)


def tar_members(file: BufferedIOBase) -> Iterator[Member]:
    """Go through the files of a TAR archive in their order.

    Raises: `DataError` with the reason alone if it is damaged or ends early.
    """
    stream = _Stream(file)
    name: str | None = None
    size: int | None = None
    is_first = True
    while True:
        header = stream.record()
        if not header.strip(b"\0"):
            if is_first and not header:
                raise DataError("an empty file (zero bytes)")
            return
        kind, own_name, own_size = _read(header, is_first)
        is_first = False
        stream.left = -(-own_size // _RECORD) * _RECORD
        if kind in (_LONG_NAME, _LONG_LINK, *_PAX, _PAX_OF_ALL):
            found = _lengthening(stream, own_size)
            if kind == _LONG_NAME:
                name = name_of(found.split(b"\0")[0])
            elif kind in _PAX:
                more_name, more_size = _pax(found)
                name, size = more_name or name, size if more_size is None else more_size
            continue
        own_name, own_size = name or own_name, own_size if size is None else size
        stream.left = -(-own_size // _RECORD) * _RECORD if kind not in _LINKS else 0
        name = size = None
        if kind in _FILES and not own_name.endswith("/"):
            yield _TarMember(stream, own_name, own_size, "")
        elif kind in _LINKS:
            yield _TarMember(stream, own_name, 0, LINK)
        elif kind == _SPARSE:
            yield _TarMember(stream, own_name, 0, "sparse in the archive; pack it without --sparse")
            _require_no_more_headers(header)
        stream.pass_over()


def tar_reader(file: BufferedIOBase) -> Callable[[Any], bytes]:
    """Read files of an open TAR archive by their spots; going back in one packed with gzip begins anew."""

    def read(spot: tuple[int, int]) -> bytes:
        """Bytes of a file, taken piece by piece."""
        at, size = spot
        file.seek(at)
        stream, pieces = _Stream(file), []
        while size > 0:
            pieces.append(stream.take(min(_PIECE, size)))
            size -= len(pieces[-1])
        return b"".join(pieces)

    return read


def _require_no_more_headers(header: bytes) -> None:
    """Refuse sparse files so broken up that their map goes on in further records."""
    if header[482:483] == b"\1":
        raise DataError("holds a sparse file in many pieces; pack it without --sparse")


def _read(header: bytes, is_first: bool) -> tuple[bytes, str, int]:
    """Kind, name and size of a member.

    Raises: `DataError` if the record is no header.
    """
    if len(header) < _RECORD:
        raise truncated("a header") if not is_first else DataError("not a TAR archive")
    claimed = header[148:156].strip(b"\0 ")
    total = sum(header) - sum(header[148:156]) + 8 * 32
    if not claimed or claimed.strip(b"01234567") or int(claimed, 8) != total:
        raise DataError("not a TAR archive" if is_first else "a damaged TAR archive; copy it again")
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    return header[156:157], name_of(name), _number(header[124:136])


def _number(field: bytes) -> int:
    """A number in octal digits, or for large ones in binary as GNU writes them.

    Raises: `DataError` if it is none.
    """
    if field[0] in (0x80, 0xFF):
        value = int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    else:
        digits = field.split(b"\0")[0].strip()
        if digits.strip(b"01234567"):
            raise DataError("a damaged TAR archive (a size that is no number); copy it again")
        value = int(digits or b"0", 8)
    if value < 0:
        raise DataError("a damaged TAR archive (a size below 0); copy it again")
    return value


def _lengthening(stream: _Stream, size: int) -> bytes:
    """The content of a header that only says more about the next one.

    Raises: `DataError` if it is larger than any name needs.
    """
    if size > _MOST_HEADER:
        raise DataError(f"a header of {size:,} bytes; a name is not that long: refused")
    found = stream.take(size)
    stream.pass_over()
    return found


def _pax(records: bytes) -> tuple[str | None, int | None]:
    """Name and size in pax records such as `17 path=some/name` and a line feed.

    Raises: `DataError` if they are damaged.
    """
    name, size, at = None, None, 0
    while at < len(records):
        length, _, _ = records[at : at + 20].partition(b" ")
        if not length.isdigit() or int(length) <= len(length) + 1 or at + int(length) > len(records):
            raise DataError("a damaged TAR archive (pax records); copy it again")
        key, _, value = records[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        if key == b"path":
            name = name_of(value)
        elif key == b"size" and value.isdigit() and len(value) < 20:
            size = int(value)
        at += int(length)
    return name, size
