"""TAR and ZIP archives: listed as streams, and their members read within bounds.

Nothing is written to disk, so that a name cannot lead anywhere; links are not followed; a member is bounded
in bytes, and no length in an archive is believed before as much has been read.
"""

import os
import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BufferedIOBase
from typing import Any, NamedTuple

from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import MEMORY

# Larger files inside archives are refused, before they are unpacked where their size is known.
MOST_MEMBER_BYTES = 256 << 20

START_BYTES = 16
_PIECE = 1 << 20
_TRUNCATED = "the archive ends inside a file; copy it again"
_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")

# Reason of members that are links.
LINK = "a link in an archive is not followed; pack the file itself"

# The next bytes of a member, at most so many.
Take = Callable[[int], bytes]


class Member:
    """One file in an archive, to be read before the next one is asked for.

    Args:
        name: its path in the archive.
        size: bytes that it claims to have when it is unpacked.
        spot: where it lies, by which it is found again later.
        take: reads it from the front.
        error: why it cannot be read, where neither name nor size is the reason; empty where it can.
        checksum: CRC-32 of its bytes, where the archive has one.
    """

    def __init__(
        self, name: str, size: int, spot: Any, take: Take, error: str = "", checksum: int | None = None
    ) -> None:
        self.name, self.size, self.spot = name, size, spot
        # Its name leads out of the archive.
        self.leaves = ".." in re.split(r"[/\\]", name) or bool(_ABSOLUTE.match(name))
        if self.leaves:
            error = error or "its name leaves the archive; pack it under a plain name"
        elif size > MOST_MEMBER_BYTES:
            error = error or Sentence(
                "{size:,} bytes is over the limit of {MOST_MEMBER_BYTES} MB in an archive",
                size,
                MOST_MEMBER_BYTES >> 20,
            )
        self.error = error
        self._take, self._checksum = take, checksum
        self._start: bytes | None = None

    def start(self) -> bytes:
        """The first bytes, `START_BYTES` or fewer.

        Raises: `DataError` with the reason alone where they are damaged.
        """
        if self._start is None:
            self._start = self._take(min(self.size, START_BYTES))
        return self._start

    def content(self) -> bytes:
        """All bytes.

        Raises: `DataError` with the reason alone where they are damaged, or more than was claimed.
        """
        start = self.start()
        content = start + self._take(self.size - len(start) + 1)
        if len(content) != self.size or self._checksum not in (None, zlib.crc32(content)):
            raise DataError("damaged in the archive (its checksum is another); copy the archive again")
        return content


def _name_of(raw: bytes) -> str:
    """A name as UTF-8, or where its bytes are none, by the code page of MS-DOS."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


# TAR archives as a stream, packed with gzip or not: nothing but one header is in memory.
#
# Not by `tarfile`: with Python 3.11.7 a pax header of 32 kB takes it 2.6 s (digits) or 333 MB (`2 2 2 ...=`),
# and both grow with the square; and after damage in the middle it ends as if all had been read.
# Source: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar's long names.

_RECORD = 512
_MOST_HEADER = 1 << 20
_FILES = (b"0", b"\0", b"7")
_LINKS = (b"1", b"2")
_LONG_NAME = b"L"
_SPARSE = b"S"
_PAX = (b"x", b"X")
_OTHER_HEADERS = (b"K", b"g")


def tar_members(file: BufferedIOBase) -> Iterator[Member]:
    """Go through the files of a TAR archive in their order.

    Raises: `DataError` with the reason alone if it is damaged or ends early.
    """
    name: str | None = None
    size: int | None = None
    is_first = True
    while (header := file.read(_RECORD)).strip(b"\0"):
        kind, own_name, own_size = _tar_header(header, is_first)
        is_first = False
        if kind in (_LONG_NAME, *_PAX, *_OTHER_HEADERS):
            if own_size > _MOST_HEADER:
                raise DataError("a header of {own_size:,} bytes; a name is not that long: refused", own_size)
            found = _taken(file, own_size)
            _taken(file, -own_size % _RECORD)
            more_name, more_size = _more(kind, found)
            name, size = more_name or name, size if more_size is None else more_size
            continue
        own_name, own_size = name or own_name, own_size if size is None else size
        name = size = None
        stored = -(-own_size // _RECORD) * _RECORD if kind not in _LINKS else 0
        stream = _Member(file, own_size, stored)
        if kind in _FILES and not own_name.endswith("/"):
            yield Member(own_name, own_size, (file.tell(), own_size), stream.take)
        elif kind in _LINKS:
            yield Member(own_name, 0, None, stream.take, LINK)
        elif kind == _SPARSE:
            yield Member(own_name, 0, None, stream.take, "sparse in the archive; pack it without --sparse")
            if header[482:483] == b"\1":  # its map goes on in further records
                raise DataError("holds a sparse file in many pieces; pack it without --sparse")
        stream.pass_over()
    if is_first and not header:
        raise DataError("an empty file (zero bytes)")


class _Member:
    """The bytes of a member and what fills its last record, read once, from the front."""

    def __init__(self, file: BufferedIOBase, size: int, stored: int) -> None:
        self._file, self._size, self._stored = file, size, stored

    def take(self, most: int) -> bytes:
        content = _taken(self._file, min(most, self._size))
        self._size -= len(content)
        self._stored -= len(content)
        return content

    def pass_over(self) -> None:
        while self._stored > 0:
            self._stored -= len(_taken(self._file, min(_PIECE, self._stored)))


def _taken(file: BufferedIOBase, size: int) -> bytes:
    """So many bytes, piece by piece, and no fewer."""
    pieces = []
    while size > 0:
        pieces.append(file.read(min(_PIECE, size)))
        if len(pieces[-1]) < min(_PIECE, size):
            raise DataError(_TRUNCATED)
        size -= len(pieces[-1])
    return b"".join(pieces)


def tar_reader(file: BufferedIOBase) -> Callable[[Any], bytes]:
    """Read files of an open TAR archive by their spots; going back in one packed with gzip begins anew."""

    def read(spot: tuple[int, int]) -> bytes:
        file.seek(spot[0])
        return _taken(file, spot[1])

    return read


def _tar_header(header: bytes, is_first: bool) -> tuple[bytes, str, int]:
    """Kind, name and size of a member."""
    if len(header) < _RECORD:
        raise DataError(
            "not a TAR archive" if is_first else "the archive ends inside a header; copy it again"
        )
    claimed = header[148:156].strip(b"\0 ")
    total = sum(header) - sum(header[148:156]) + 8 * 32
    if not claimed or claimed.strip(b"01234567") or int(claimed, 8) != total:
        raise DataError("not a TAR archive" if is_first else "a damaged TAR archive; copy it again")
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    if header[257:263] == b"ustar\0" and prefix:
        name = prefix + b"/" + name
    # A number in octal digits, or for large ones in binary as GNU writes them.
    field, digits = header[124:136], header[124:136].split(b"\0")[0].strip()
    if field[0] in (0x80, 0xFF):
        size = int.from_bytes(field[1:], "big", signed=field[0] == 0xFF)
    else:
        size = -1 if digits.strip(b"01234567") else int(digits or b"0", 8)
    if size < 0:
        raise DataError("a damaged TAR archive (a size that is none); copy it again")
    return header[156:157], _name_of(name), size


def _more(kind: bytes, records: bytes) -> tuple[str | None, int | None]:
    """Name and size of the next member: a long name, or pax records such as `17 path=some/name`."""
    name, size, at = None, None, 0
    if kind == _LONG_NAME:
        return _name_of(records.split(b"\0")[0]), None
    while kind in _PAX and at < len(records):
        length, _, _ = records[at : at + 20].partition(b" ")
        if not length.isdigit() or int(length) <= len(length) + 1 or at + int(length) > len(records):
            raise DataError("a damaged TAR archive (pax records); copy it again")
        key, _, value = records[at + len(length) + 1 : at + int(length) - 1].partition(b"=")
        if key == b"path":
            name = _name_of(value)
        elif key == b"size" and value.isdigit() and len(value) < 20:
            size = int(value)
        at += int(length)
    return name, size


# ZIP archives: their directory by `zipfile`, and members inflated within bounds.
#
# Members that share bytes, the trick by which a small archive unpacks to petabytes, are refused: together
# they claim more bytes than there are. A member is found by its spot alone, since to read the directory again
# for each block of images would take longer than to decode them.

_LOCAL = struct.Struct("<4s5H3L2H")  # header before a member of a ZIP file
_LOCAL_SIGN = b"PK\3\4"  # its first bytes
_ENTRY_SHARE = 16  # bytes of memory for each of the directory
_ENCRYPTED = 1  # bit of a member's flags
_UTF_8 = 0x800  # bit of a member's flags: how its name is written
_ZIP_ERRORS = (
    zipfile.BadZipFile, ValueError, OverflowError, NotImplementedError, struct.error, OSError,
)  # fmt: skip


class _Entry(NamedTuple):
    offset: int
    packed: int
    size: int
    checksum: int
    is_stored: bool


class _Directory:
    """A file for `zipfile` to find the directory in, which is read at once: no larger than memory allows."""

    def __init__(self, file: BufferedIOBase) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        """So many bytes. Raises: `DataError` if they would take too much memory."""
        if size > MEMORY.value() // _ENTRY_SHARE:
            raise DataError("its directory takes {size:,.0f} MB; {remedy}", size / 1000000.0, MEMORY.remedy)
        return self._file.read(size)

    def seekable(self) -> bool:
        """It is."""
        return True


def zip_members(file: BufferedIOBase) -> Iterator[Member]:
    """Go through the files of a ZIP archive in the order of its directory.

    Raises: `DataError` with the reason alone if the directory is damaged, or members share bytes.
    """
    left = file.seek(0, os.SEEK_END)
    file.seek(0)
    try:
        infos = zipfile.ZipFile(_Directory(file)).infolist()
    except DataError:
        raise
    except _ZIP_ERRORS as error:
        reason = " ".join(str(error).split())[:100].lower()
        raise DataError(
            "not a ZIP archive, or one that was cut off ({reason}); copy it again", reason
        ) from error
    for info in infos:
        left -= info.compress_size
        if left < 0:
            raise DataError("its files share bytes, as in a decompression bomb; refused")
        raw = info.orig_filename.encode("utf-8" if info.flag_bits & _UTF_8 else "cp437", "replace")
        name, why = _name_of(raw), ""
        if stat.S_ISLNK(info.external_attr >> 16) and info.create_system == 3:
            why = LINK
        elif info.flag_bits & _ENCRYPTED:
            why = "encrypted in the archive; unpack it first"
        elif info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            why = Sentence(
                "packed by method {compress_type}; pack it with deflate, the usual one", info.compress_type
            )
        if not name.endswith("/"):
            entry = _Entry(
                info.header_offset, info.compress_size, info.file_size, info.CRC,
                info.compress_type == zipfile.ZIP_STORED,
            )  # fmt: skip
            yield Member(name, info.file_size, entry, _inflating(file, entry), why, info.CRC)


def zip_reader(file: BufferedIOBase) -> Callable[[Any], bytes]:
    """Read files of an open ZIP archive by their spots."""

    def read(spot: _Entry) -> bytes:
        return Member("", spot.size, spot, _inflating(file, spot), "", spot.checksum).content()

    return read


def _behind_header(file: BufferedIOBase, at: int) -> int:
    """Where the bytes of a member begin whose header begins there."""
    file.seek(at)
    header = file.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise DataError(_TRUNCATED)
    fields = _LOCAL.unpack(header)
    if fields[0] != _LOCAL_SIGN:
        raise DataError("damaged in the archive (no header where one was promised)")
    return int(at + _LOCAL.size + fields[9] + fields[10])


def _inflating(file: BufferedIOBase, entry: _Entry) -> Take:
    """Read a member from the front, unpacked."""
    at, left = entry.offset, -1
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    rest = b""

    def take(most: int) -> bytes:
        nonlocal at, left, rest
        if left < 0:
            at, left = _behind_header(file, at), entry.packed
        found: list[bytes] = []
        file.seek(at)
        while most > 0 and not unpacker.eof:
            if not rest and left > 0:
                rest = file.read(min(left, _PIECE >> 4 if not entry.is_stored else min(most, _PIECE)))
                if not rest:
                    raise DataError(_TRUNCATED)
                at, left = at + len(rest), left - len(rest)
            if entry.is_stored:
                found.append(rest)
                rest = b""
            else:
                try:  # also without more bytes: it may have taken all of them, and given a part of a run
                    found.append(unpacker.decompress(rest, most))
                except zlib.error as error:
                    raise DataError("damaged in the archive (its bytes cannot be unpacked)") from error
                rest = unpacker.unconsumed_tail
            if not found[-1] and not rest and left <= 0:
                break
            most -= len(found[-1])
        return b"".join(found)

    return take
