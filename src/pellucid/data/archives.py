"""TAR and ZIP archives: listed as streams, and their members read within bounds.

Files inside archives, whatever packs them: what each is called, and its bytes when they are asked for.

Nothing is written to disk, so that a name cannot lead anywhere; links are not followed; a member is bounded
in bytes, and no length in an archive is believed before as much has been read.
"""

import os
import re
import stat
import struct
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any, NamedTuple

from pellucid.errors import DataError

# Larger files inside archives are refused, before they are unpacked where their size is known.
MOST_MEMBER_BYTES = 256 << 20

START_BYTES = 16

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


class Member:
    """One file in an archive, to be read before the next one is asked for.

    Attributes:
        name: its path in the archive.
        size: bytes that it claims to have when it is unpacked.
        error: why it cannot be read; empty where it may be.
        spot: where it lies, by which it is found again later; its form is the archive's own affair.

    Args:
        name: see the attribute.
        size: see the attribute.
        error: see the attribute; empty for a reason that name or size give.
        spot: see the attribute.
    """

    name: str
    size: int
    error: str
    spot: Any

    def __init__(self, name: str, size: int, error: str = "", spot: Any = None) -> None:
        self.name = name
        self.size = size
        self.error = error or _reason(name, size)
        self.spot = spot

    @property
    def leaves(self) -> bool:
        """Its name leads out of the archive."""
        return leads_out(self.name)

    @abstractmethod
    def start(self) -> bytes:
        """The first bytes, `START_BYTES` or fewer.

        Raises: `DataError` with the reason alone where they are damaged.
        """

    @abstractmethod
    def content(self) -> bytes:
        """All bytes.

        Raises: `DataError` with the reason alone where they are damaged, or more than was claimed.
        """


def leads_out(name: str) -> bool:
    """Tell a name that leads out of the archive: absolute, or through `..`."""
    return ".." in re.split(r"[/\\]", name) or bool(_ABSOLUTE.match(name))


def _reason(name: str, size: int) -> str:
    if leads_out(name):
        return "its name leaves the archive; pack it under a plain name"
    if size > MOST_MEMBER_BYTES:
        return f"{size:,} bytes is over the limit of {MOST_MEMBER_BYTES >> 20} MB in an archive"
    return ""


# Reason of members that are links.
LINK = "a link in an archive is not followed; pack the file itself"


def name_of(raw: bytes) -> str:
    """The name that bytes stand for: UTF-8, or where they are none, the code page of MS-DOS."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def truncated(what: str) -> DataError:
    """The error of an archive that ends early."""
    return DataError(f"the archive ends inside {what}; copy it again")


# TAR archives as a stream, packed with gzip or not: nothing but one header is in memory.
#
# The forms are those of POSIX (ustar, pax) and GNU. Headers that only lengthen the next one's name are
# bounded,
# and no length is believed before as much has been read. Source: POSIX.1-2017, pax, "ustar Interchange
# Format".

_RECORD = 512
_MOST_HEADER = 1 << 20
_TAR_PIECE = 1 << 20
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
            self.take(min(_TAR_PIECE, self.left))


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
            pieces.append(self._stream.take(min(_TAR_PIECE, left)))
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
            pieces.append(stream.take(min(_TAR_PIECE, size)))
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
    # A number in octal digits, or for large ones in binary as GNU writes them.
    field = header[124:136]
    if field[0] in (0x80, 0xFF):
        value = int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    else:
        digits = field.split(b"\0")[0].strip()
        if digits.strip(b"01234567"):
            raise DataError("a damaged TAR archive (a size that is no number); copy it again")
        value = int(digits or b"0", 8)
    if value < 0:
        raise DataError("a damaged TAR archive (a size below 0); copy it again")
    return header[156:157], name_of(name), value


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


# ZIP archives: their directory as a stream, and members inflated within bounds.
#
# The directory is read piece by piece, so that an archive of a million members costs no more memory than one
# of
# ten. Members that share bytes, the trick by which a small archive unpacks to petabytes, are refused:
# together
# they claim more bytes than there are. Source: PKWARE's APPNOTE.TXT, 4.3 and 4.5.3.

_END, _END_SIGN = struct.Struct("<4s4H2LH"), b"PK\5\6"
_END64, _END64_SIGN = struct.Struct("<4sQ2H2L4Q"), b"PK\6\6"
_LOCATOR, _LOCATOR_SIGN = struct.Struct("<4sLQL"), b"PK\6\7"
_ENTRY, _ENTRY_SIGN = struct.Struct("<4s6H3L5H2L"), b"PK\1\2"
_LOCAL, _LOCAL_SIGN = struct.Struct("<4s5H3L2H"), b"PK\3\4"
_LONGEST_COMMENT = 0xFFFF
_UNKNOWN = 0xFFFFFFFF
_ENCRYPTED, _UNIX, _ZIP64 = 1, 3, 1
_STORED, _DEFLATED = 0, 8
_ZIP_PIECE = 1 << 16


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
                piece = self._reader.at(at, min(_ZIP_PIECE, end - at), "a file")
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
