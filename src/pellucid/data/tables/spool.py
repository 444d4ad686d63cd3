"""Bytes one after the other: in memory, or from 64 MB on in an unnamed file that ends with the process."""

import mmap
import tempfile

import numpy as np
from jaxtyping import Shaped

_MOST_IN_MEMORY = 64 << 20


class Spool:
    """Takes bytes part by part and gives them back as one array."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY)
        self._size = 0

    def __del__(self) -> None:
        """Close the file of a spool that an error left unfinished."""
        self._file.close()

    def write(self, content: bytes | bytearray) -> None:
        """Add a part of any size; many small ones are better joined first."""
        self._size += self._file.write(content)

    def finish(self, kind: np.dtype) -> Shaped[np.ndarray, " n"]:
        """Close the spool: all bytes, read-only; a memory map where they lie in the file."""
        if self._size <= _MOST_IN_MEMORY:
            self._file.seek(0)
            content: bytes | mmap.mmap = self._file.read()
        else:
            self._file.flush()
            content = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        self._file.close()
        return np.frombuffer(content, kind)
