"""Regular files, read without ever waiting: a pipe, a socket or a device in their place is refused."""

import errno
import gzip
import hashlib
import os
import stat
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

_BLOCK = 1 << 20
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@runtime_checkable
class Seekable(Protocol):
    """Bytes that are read from any place on: a file, or what stands in memory like one."""

    def read(self, size: int = -1, /) -> bytes:
        """So many bytes, or all that are left."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        ...

    def tell(self) -> int:
        """The place to read from next."""
        ...


def open_regular(path: str | Path) -> BufferedReader:
    """Open a regular file for its bytes, never a FIFO, socket or device, on which one may wait for ever.

    Raises: `OSError` if there is no such file, or it is of another kind.
    """
    number, _ = _opened(path)
    return os.fdopen(number, "rb")


def _opened(path: str | Path) -> tuple[int, int]:
    """File descriptor of a regular file, opened for reading, and its size.

    Raises: `OSError` as `open_regular`.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _irregular(path)
    # Should something else have taken its place meanwhile, opening it does not wait either.
    number = os.open(path, _FLAGS)
    status = os.fstat(number)
    if not stat.S_ISREG(status.st_mode):
        os.close(number)
        raise _irregular(path)
    return number, status.st_size


class Unpacking(gzip.GzipFile):
    """A file packed with gzip, read unpacked; closing it closes the packed file too."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def close(self) -> None:
        """Close both."""
        super().close()
        self._packed.close()


def _irregular(path: str | Path) -> OSError:
    if os.path.isdir(path):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    return OSError(errno.EINVAL, "not a regular file", str(path))


def read_regular(path: str | Path, most: int) -> bytes:
    """The bytes of a regular file, at most so many of them.

    Raises: `OSError` as `open_regular`, or if there are more.
    """
    # Straight from the system: for an image of a kilobyte a file object would cost as much as reading it.
    number, size = _opened(path)
    try:
        # Not `most + 1` at once: room for as many bytes as are asked for is taken before the first is read.
        content = os.read(number, min(size, most) + 1)
        while len(content) <= most and (more := os.read(number, min(_BLOCK, most + 1 - len(content)))):
            content += more  # it grew, tells no size, or is read in parts
    finally:
        os.close(number)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"larger than {most / 1e6:,.0f} MB", str(path))
    return content


def sha256(path: Path) -> str:
    """SHA-256 of a regular file as 64 hexadecimal digits, read block by block."""
    digest = hashlib.sha256()
    with open_regular(path) as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
