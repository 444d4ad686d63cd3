"""ZIP archives: their directory as a stream, and members inflated within bounds.

The directory is read piece by piece, so that an archive of a million members costs no more memory than one of
ten. Members that share bytes, the trick by which a small archive unpacks to petabytes, are refused: together
they claim more bytes than there are. Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3.
"""

import os
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any, NamedTuple

from pellucid.data.archives.members import LINK, MOST_MEMBER_BYTES, START_BYTES, Member, name_of, truncated
from pellucid.errors import DataError

_END, _END_SIGN = struct.Struct("<4s4H2LH"), b"PK\5\6"
_END64, _END64_SIGN = struct.Struct("<4sQ2H2L4Q"), b"PK\6\6"
_LOCATOR, _LOCATOR_SIGN = struct.Struct("<4sLQL"), b"PK\6\7"
_ENTRY, _ENTRY_SIGN = struct.Struct("<4s6H3L5H2L"), b"PK\1\2"
_LOCAL, _LOCAL_SIGN = struct.Struct("<4s5H3L2H"), b"PK\3\4"
_LONGEST_COMMENT = 0xFFFF
_UNKNOWN = 0xFFFFFFFF
_ENCRYPTED, _UNIX, _ZIP64 = 1, 3, 1
_STORED, _DEFLATED = 0, 8
_PIECE = 1 << 16


class _Directory(NamedTuple):
    """Place of the directory, and how far all offsets are shifted by what stands before the archive."""

    start: int
    size: int
    shift: int


class _Reader:
    """Reads a file at any place of it."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.size = file.seek(0, os.SEEK_END)

    def at(self, offset: int, size: int, what: str) -> bytes:
        """Exactly so many bytes.

        Raises: `DataError` if the file ends before.
        """
        if offset < 0 or offset + size > self.size:
            raise truncated(what)
        self._file.seek(offset)
        return self._file.read(size)


class _ZipMember(Member):
    """A member of a ZIP archive."""

    def __init__(self, reader: _Reader, entry: "_Entry", directory: _Directory) -> None:
        super().__init__(entry.name, entry.size, entry.reason(), (entry, directory))
        self._reader = reader
        self._entry = entry
        self._directory = directory

    def start(self) -> bytes:
        """As `Member.start`."""
        return self._unpacked(START_BYTES)

    def content(self) -> bytes:
        """As `Member.content`."""
        content = self._unpacked(self.size + 1)
        if len(content) != self.size or zlib.crc32(content) != self._entry.checksum:
            raise DataError("damaged in the archive (its checksum is another); copy the archive again")
        return content

    def _unpacked(self, most: int) -> bytes:
        """The first bytes, at most so many."""
        offset = self._entry.offset + self._directory.shift
        fields = _LOCAL.unpack(self._reader.at(offset, _LOCAL.size, "a file"))
        if fields[0] != _LOCAL_SIGN:
            raise DataError("damaged in the archive (no header where one was promised)")
        at = offset + _LOCAL.size + fields[9] + fields[10]
        end = at + self._entry.packed
        if end > self._directory.start:
            raise DataError("damaged in the archive (it reaches into the directory)")
        if self._entry.method == _STORED:
            return self._reader.at(at, min(most, self._entry.packed), "a file")
        return b"".join(self._inflated(at, end, min(most, MOST_MEMBER_BYTES + 1)))

    def _inflated(self, at: int, end: int, most: int) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            while at < end and most > 0 and not unpacker.eof:
                piece = self._reader.at(at, min(_PIECE, end - at), "a file")
                at += len(piece)
                while most > 0 and piece:
                    found = unpacker.decompress(piece, most)
                    piece = unpacker.unconsumed_tail
                    most -= len(found)
                    yield found
        except zlib.error as error:
            raise DataError("damaged in the archive (its bytes cannot be unpacked)") from error


class _Entry(NamedTuple):
    """Entry of the directory about one member."""

    name: str
    flags: int
    method: int
    checksum: int
    packed: int
    size: int
    offset: int
    mode: int

    def reason(self) -> str:
        """Why it cannot be read; empty where it may be."""
        if stat.S_ISLNK(self.mode):
            return LINK
        if self.flags & _ENCRYPTED:
            return "encrypted in the archive; unpack it first"
        if self.method not in (_STORED, _DEFLATED):
            return f"packed by method {self.method}; pack it with deflate, the usual one"
        return ""


def zip_members(file: BufferedIOBase) -> Iterator[Member]:
    """Go through the files of a ZIP archive in the order of its directory.

    Raises: `DataError` with the reason alone if the directory is damaged, or members share bytes.
    """
    reader = _Reader(file)
    directory = _directory(reader)
    claimed = 0
    for entry in _entries(reader, directory):
        claimed += entry.packed
        if claimed > reader.size:
            raise DataError("its files share bytes, as in a decompression bomb; refused")
        if not entry.name.endswith("/"):
            yield _ZipMember(reader, entry, directory)


def zip_reader(file: BufferedIOBase) -> Callable[[Any], bytes]:
    """Read files of an open ZIP archive by their spots."""
    reader = _Reader(file)
    return lambda spot: _ZipMember(reader, *spot).content()


def _directory(reader: _Reader) -> _Directory:
    """Find the directory by the record at the end of the file.

    Raises: `DataError` if there is none.
    """
    tail_at = max(0, reader.size - _END.size - _LONGEST_COMMENT)
    tail = reader.at(tail_at, reader.size - tail_at, "its end")
    found = tail.rfind(_END_SIGN)
    if found < 0 or len(tail) - found < _END.size:
        raise DataError("not a ZIP archive, or one that was cut off; copy it again")
    at = tail_at + found
    *_, size, offset, _ = _END.unpack_from(tail, found)
    if at >= _LOCATOR.size:
        sign, _, where, _ = _LOCATOR.unpack(reader.at(at - _LOCATOR.size, _LOCATOR.size, "its end"))
        if sign == _LOCATOR_SIGN:
            at -= _LOCATOR.size + _END64.size
            end64 = _END64.unpack(reader.at(at, _END64.size, "its end"))
            if end64[0] != _END64_SIGN:
                end64 = _END64.unpack(reader.at(where, _END64.size, "its end"))
                at = where
            if end64[0] != _END64_SIGN:
                raise DataError("a damaged ZIP archive (its directory cannot be found); copy it again")
            size, offset = end64[8], end64[9]
    shift = at - size - offset
    if shift < 0 or offset + shift < 0:
        raise DataError("a damaged ZIP archive (its directory is larger than the file); copy it again")
    return _Directory(offset + shift, size, shift)


def _entries(reader: _Reader, directory: _Directory) -> Iterator[_Entry]:
    """The entries of the directory, of which only a piece is in memory."""
    at, end = directory.start, directory.start + directory.size
    while at < end:
        fields = _ENTRY.unpack(reader.at(at, _ENTRY.size, "its directory"))
        if fields[0] != _ENTRY_SIGN:
            raise DataError("a damaged ZIP archive (its directory breaks off); copy it again")
        lengths = fields[10:13]
        more = reader.at(at + _ENTRY.size, sum(lengths), "its directory")
        at += _ENTRY.size + sum(lengths)
        packed, size, offset = _long(
            more[lengths[0] : lengths[0] + lengths[1]], fields[8], fields[9], fields[16]
        )
        yield _Entry(
            name=name_of(more[: lengths[0]]),
            flags=fields[3],
            method=fields[4],
            checksum=fields[7],
            packed=packed,
            size=size,
            offset=offset,
            mode=fields[15] >> 16 if fields[1] >> 8 == _UNIX else 0,
        )


def _long(extra: bytes, packed: int, size: int, offset: int) -> tuple[int, int, int]:
    """Sizes and offset, taken from the ZIP64 field where 32 bits are too few."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == _ZIP64:
            numbers = [value for (value,) in struct.iter_unpack("<Q", extra[at + 4 :][: length // 8 * 8])]
            found = iter(numbers)
            if size == _UNKNOWN:
                size = next(found, size)
            if packed == _UNKNOWN:
                packed = next(found, packed)
            if offset == _UNKNOWN:
                offset = next(found, offset)
        at += 4 + length
    return packed, size, offset
