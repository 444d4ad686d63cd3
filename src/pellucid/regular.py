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
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise _irregular(path)
    # Should something else have taken its place meanwhile, opening it does not wait either.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise _irregular(path)
    return file


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
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        # Not `most + 1` at once: room for as many bytes as are asked for is taken before the first is read.
        content = file.read(min(size, most) + 1)
        if size < len(content) <= most:  # it grew, or tells no size
            content += file.read(most + 1 - len(content))
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
