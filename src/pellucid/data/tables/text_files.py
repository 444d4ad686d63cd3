"""Text files as bytes on disk, packed with gzip or not: bounded, and in the encoding that is detected."""

import codecs
import contextlib
import functools
import io
import itertools
import os
import re
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from pellucid.data.data_files import DAMAGED, unreadable
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import LINE_BYTES, ROWS_BYTES, unpacked_limit, unpacks_to_more
from pellucid.safety.files import Unpacking, open_regular

_BLOCK = 1 << 20  # bytes that are read at once
_MOST_TO_ONE = 1_100  # no deflate stream grows more than 1,032-fold


@dataclass
class Meter:
    """Bytes that were read of a file so far, ahead of the rows by a block, and where reading is refused."""

    read: int = 0
    most: int = sys.maxsize


def open_binary(path: Path, meter: Meter | None = None) -> io.BufferedReader:
    """Open a regular file for its bytes, unpacking what ends in `.gz`; to be closed.

    With a meter, which counts the bytes read, it is a file of lines: one beyond `LINE_BYTES` is refused.

    Raises: `OSError` if it is missing or no regular file, `DataError` if it unpacks to more than it may.
    """
    file: BinaryIO = open_regular(path)
    if not path.name.lower().endswith(".gz"):
        return io.BufferedReader(_Bounded(file, path, meter), _BLOCK)
    status = os.fstat(file.fileno())
    limit = unpacked_limit(status.st_size)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if status.st_size * _MOST_TO_ONE > limit and _is_bomb(path, identity, limit):
        file.close()
        raise DataError("{path}: {limit}", path, unpacks_to_more(limit))
    return io.BufferedReader(_Bounded(cast(BinaryIO, Unpacking(file)), path, meter, limit), _BLOCK)


@functools.lru_cache(maxsize=64)
def _is_bomb(path: Path, identity: tuple[int, ...], limit: int) -> bool:
    """Unpack once without keeping anything: billions of empty lines would take minutes to be read as a table.

    `identity` of the file makes sure that one which has changed is unpacked again.
    """
    del identity
    size = 0
    # Damage is named where the rows are read.
    with contextlib.suppress(*DAMAGED), Unpacking(open_regular(path)) as unpacked:
        while size <= limit and (block := unpacked.read(_BLOCK)):
            size += len(block)
    return size > limit


class _Bounded(io.RawIOBase):
    """Bytes of a file, refused where there are more of them than an honest file has."""

    def __init__(self, file: BinaryIO, path: Path, meter: Meter | None, most: int = sys.maxsize) -> None:
        self._file, self._path = file, path
        self._meter, self._most = meter, most
        self._read = self._line = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._meter is None and self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._most:
            raise DataError("{path}: {most}", self._path, unpacks_to_more(self._most))
        if self._meter is not None:
            self._meter.read = self._read
            end = max(content.rfind(b"\n"), content.rfind(b"\r"))
            self._line = self._line + len(content) if end < 0 else len(content) - end - 1
            if self._line > LINE_BYTES:
                raise DataError(
                    "{path}: holds a line of more than {LINE_BYTES} MB; fix its line ends, or cut its texts",
                    self._path,
                    LINE_BYTES >> 20,
                )
            if self._read > self._meter.most:
                raise DataError(
                    "{path}: some rows hold more than {ROWS_BYTES} MB together; cut their "
                    "texts, or close a quote",
                    self._path,
                    ROWS_BYTES >> 20,
                )
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


@contextlib.contextmanager
def naming_unreadable(place: str) -> Iterator[None]:
    """Turn errors of the file system and of gzip into one that names the file.

    Raises: `DataError` with the reason.
    """
    try:
        yield
    except DAMAGED as error:
        raise DataError("{place}: {error}", place, unreadable(error)) from error


# Encodings.

_START = 1000  # bytes by which an encoding is detected
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_BYTE_ORDER_MARK = "\ufeff"


def detected_encoding(start: bytes) -> str:
    """The encoding of a text by its byte order mark, or by the zero bytes of plain letters.

    `utf-16` or `utf-32` where there is a mark; with `-le` or `-be` where there is none; otherwise `utf-8`.
    """
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    start = start[:_START]
    quarters = "".join("0" if start[at::4].count(0) * 8 > len(start) else "x" for at in range(4))
    if len(start) >= 8 and quarters in ("x000", "000x"):
        return "utf-32-le" if quarters == "x000" else "utf-32-be"
    if len(start) < 2:
        return "utf-8"
    odd, even = start[1::2].count(0), start[::2].count(0)
    if odd > len(start) // 4 and even == 0:
        return "utf-16-le"
    if even > len(start) // 4 and odd == 0:
        return "utf-16-be"
    return "utf-8"


def require_known(encoding: str | None, place: str) -> None:
    """Refuse a name that is that of no encoding.

    Raises: `DataError` with names that are known.
    """
    try:
        b"x".decode(encoding or "utf-8", errors="replace")
    except (LookupError, ValueError) as error:
        raise DataError(
            "{place}: --encoding {encoding!r} is not known; try utf-8, utf-16 or cp1252", place, encoding
        ) from error


def _used(encoding: str | None, start: bytes) -> str:
    """The encoding to read with; one that needs a mark the file lacks is read as most machines write it."""
    used = encoding or detected_encoding(start)
    plain = used.lower().replace("_", "-")
    if plain in ("utf-16", "utf-32") and not start.startswith(tuple(mark for mark, _ in _MARKS)):
        return f"{plain}-le"
    return used


class Decoded(NamedTuple):
    """A text without its byte order mark, and the encoding it was read in."""

    text: str
    encoding: str


def decode_text(content: bytes, encoding: str | None) -> Decoded:
    """Turn the bytes of a whole text into text, in the user's encoding or, by default, a detected one.

    Raises: `DataError` if bytes do not fit the encoding, with the first of them.
    """
    used = _used(encoding, content[:_START])
    try:
        return Decoded(content.decode(used).removeprefix(_BYTE_ORDER_MARK), used)
    except UnicodeDecodeError as error:
        raise DataError(
            "byte {start}: {used}", error.start, _not_encoded(used, content[error.start :])
        ) from error


def _not_encoded(encoding: str, rest: bytes) -> str:
    """What is wrong with bytes from the first on that does not fit, and an encoding that they may be in."""
    likely = "gb18030" if _is_chinese(rest[:_START]) else "cp1252"
    return Sentence(
        "not {upper} (found {rest:#04x}); name the encoding, such as --encoding {likely}",
        encoding.upper(),
        rest[0],
        likely,
    )


def _is_chinese(content: bytes) -> bool:
    """Whether bytes look like GB 18030, as Excel writes Chinese tables: two bytes a character, in a row."""
    runs = [len(run) for run in re.findall(rb"[\x80-\xff]+", content)]
    even = sum(length for length in runs if length % 2 == 0)
    return even > 0.8 * sum(runs) and sum(runs) > 2 * len(runs)


# Files of text as streams.


@dataclass(frozen=True)
class TextFile:
    """A file of lines, packed with gzip or not, that is read as a stream."""

    path: Path
    place: str  # its name in messages
    encoding: str
    warnings: tuple[str, ...] = ()  # which encoding was detected, other than UTF-8

    @contextlib.contextmanager
    def lines(
        self, newline: str, count_rows: Callable[[Iterator[str]], int], meter: Meter | None = None
    ) -> Generator[Iterator[str], None, None]:
        """Open the file and read its lines; what goes wrong meanwhile becomes an error that names the place.

        Lines come without the byte order mark. `newline` is as for `open`: empty for every usual line end,
        none of them changed; `count_rows` counts the row on which lines end; `meter` counts the bytes read.

        Raises: `DataError` if the file cannot be read, is damaged, or holds bytes that do not fit the
        encoding, with row and byte.
        """
        with (
            naming_unreadable(self.place),
            open_binary(self.path, meter or Meter()) as file,
            io.TextIOWrapper(file, self.encoding, newline=newline) as lines,
        ):
            try:
                first = lines.readline().removeprefix(_BYTE_ORDER_MARK)
                yield itertools.chain([first] if first else [], lines)
            except UnicodeDecodeError as error:
                raise self._undecodable(newline, count_rows) from error

    @contextlib.contextmanager
    def pieces(self) -> Generator[Iterator[str], None, None]:
        """Open the file and read its text in pieces, whatever its lines, as `lines` does.

        Raises: `DataError` as `lines`.
        """
        with (
            naming_unreadable(self.place),
            io.TextIOWrapper(open_binary(self.path), self.encoding, newline="\n") as text,
        ):
            try:
                first = text.read(_BLOCK).removeprefix(_BYTE_ORDER_MARK)
                yield itertools.chain([first], iter(lambda: text.read(_BLOCK), ""))
            except UnicodeDecodeError as error:
                raise self._undecodable("\n", count_lines, "line") from error

    def _undecodable(
        self, newline: str, count_rows: Callable[[Iterator[str]], int], what: str = "row"
    ) -> DataError:
        """The error that names the first bytes that do not fit."""
        byte, rest = self._first_undecodable()
        start = io.BufferedReader(_Start(open_binary(self.path), byte))
        with io.TextIOWrapper(start, self.encoding, errors="replace", newline=newline) as lines:
            row = count_rows(lines)
        return DataError(
            "{place}: {what} {row}, byte {byte}: {encoding}",
            self.place,
            what,
            row,
            byte,
            _not_encoded(self.encoding, rest),
        )

    def _first_undecodable(self) -> tuple[int, bytes]:
        """Position of the first byte that does not fit, and bytes from there on."""
        decoder = codecs.getincrementaldecoder(self.encoding)()
        read = 0
        block = b"?"
        with open_binary(self.path) as file:
            while block:
                block = file.read(_BLOCK)
                waiting = len(decoder.getstate()[0])
                try:
                    decoder.decode(block, final=not block)
                except UnicodeDecodeError as error:
                    return read - waiting + error.start, error.object[error.start :]
                read += len(block)
        raise DataError("{place}: changes while it is being read; wait until it is complete", self.place)


class _Start(io.RawIOBase):
    """The first bytes of a file."""

    def __init__(self, file: io.BufferedReader, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()


def count_lines(lines: Iterator[str]) -> int:
    """The line on which the beginning of a file ends, counted from 1."""
    return 1 + sum(line.endswith("\n") for line in lines)


def text_file(path: Path, place: str, encoding: str | None) -> TextFile:
    """A file of text, whose encoding is by default detected from its start; it is not read further.

    Raises: `DataError` if it cannot be read, or the encoding is not known.
    """
    require_known(encoding, place)
    with naming_unreadable(place), open_binary(path) as file:
        used = _used(encoding, file.read(_START))
    is_unusual = encoding is None and used != "utf-8"
    return TextFile(
        path, place, used, (Sentence("{place}: read as {upper}", place, used.upper()),) * is_unusual
    )
