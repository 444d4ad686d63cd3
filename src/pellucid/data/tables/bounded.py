"""Bytes of text files, packed with gzip or not: refused where there are more than an honest file has."""

import contextlib
import functools
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from pellucid.budgets import LINE_BYTES, ROWS_BYTES, UNPACKED, unpacked_limit
from pellucid.errors import DataError
from pellucid.regular import Unpacking, open_regular

# Bytes that are read at once.
BLOCK = 1 << 20

_MOST_TO_ONE = 1_100  # no deflate stream grows more than 1,032-fold


@dataclass
class Meter:
    """Bytes that were read of a file.

    Attributes:
        read: so far, ahead of the rows by a block.
        most: where reading is refused.
    """

    read: int = 0
    most: int = sys.maxsize


def open_binary(path: Path, meter: Meter | None = None) -> io.BufferedReader:
    """Open a regular file for its bytes, unpacking what ends in `.gz`; to be closed.

    With a meter, which is told the bytes read, it is a file of lines: one beyond `LINE_BYTES` is refused.

    Raises: `OSError` if it is missing or no regular file, `DataError` if it unpacks to more than it may.
    """
    file: BinaryIO = open_regular(path)
    if not path.name.lower().endswith(".gz"):
        return io.BufferedReader(_Bounded(file, path, meter), BLOCK)
    status = os.fstat(file.fileno())
    limit = unpacked_limit(status.st_size)
    identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    if status.st_size * _MOST_TO_ONE > limit and _is_bomb(path, identity, limit):
        file.close()
        raise _bomb(path, limit)
    return io.BufferedReader(_Bounded(cast(BinaryIO, Unpacking(file)), path, meter, limit), BLOCK)


@functools.lru_cache(maxsize=64)
def _is_bomb(path: Path, identity: tuple[int, ...], limit: int) -> bool:
    """Unpack once without keeping anything: billions of empty lines would take minutes to be read as a table.

    `identity` of the file makes sure that one which has changed is unpacked again.
    """
    del identity
    found = 0
    # Damage is named where the rows are read.
    with contextlib.suppress(OSError, EOFError, zlib.error), gzip.open(path) as unpacked:
        while found <= limit and (block := unpacked.read(BLOCK)):
            found += len(block)
    return found > limit


def _bomb(path: Path, limit: int) -> DataError:
    return DataError(f"{path}: unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")


class _Bounded(io.RawIOBase):
    """Bytes of a file, refused where there are more of them than an honest file has."""

    def __init__(
        self,
        file: BinaryIO,
        path: Path,
        meter: Meter | None,
        most: int = sys.maxsize,
    ) -> None:
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
        """Fill the buffer with the bytes that come next; their number. Raises: `DataError` past the bound."""
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._read += len(content)
        if self._read > self._most:
            raise _bomb(self._path, self._most)
        if self._meter is not None:
            self._meter.read = self._read
            self._measure_lines(content)
        return len(content)

    def _measure_lines(self, content: bytes) -> None:
        end = max(content.rfind(b"\n"), content.rfind(b"\r"))
        self._line = self._line + len(content) if end < 0 else len(content) - end - 1
        if self._line > LINE_BYTES:
            raise DataError(
                f"{self._path}: holds a line of more than {LINE_BYTES >> 20} MB; "
                "fix its line ends, or cut its texts"
            )
        if self._meter is not None and self._read > self._meter.most:
            raise DataError(
                f"{self._path}: some rows hold more than {ROWS_BYTES >> 20} MB together; cut their texts, "
                "or close a quote"
            )

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
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"{place}: cannot be read ({reason.lower()})") from error
