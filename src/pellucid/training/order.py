"""Order of the examples in an epoch: random; of very many bytes, random blocks and random inside windows."""

import io
import threading
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, Shaped

from pellucid.errors import StorageError

# Bytes of inputs from which on only those of a window are shuffled. It is no property of the machine, so that
# the order, and with it the trained weights, are the same whatever memory there is.
LARGE = 1 << 31
_WINDOW = 1 << 29  # bytes of inputs that are shuffled together
# Bytes of inputs beside each other that come into the same window: much more than a disk reads while it looks
# for them, and few enough that a window has hundreds of blocks, so that its classes are mixed even where the
# inputs are in the order of their classes.
_BLOCK = 1 << 21


class FilePlace(NamedTuple):
    """Where the bytes of an array lie in a file that is mapped into memory."""

    path: Path
    offset: int


def place_in_file(array: np.ndarray) -> FilePlace | None:
    """Where an array lies in a file; `None` where it is no part of one in one piece."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.filename is None or not array.flags.c_contiguous:
        return None
    path = Path(root.filename)
    begin = array.__array_interface__["data"][0] - root.__array_interface__["data"][0]
    return FilePlace(path.absolute(), root.offset + begin) if array.size and path.exists() else None


def shuffled_windows(
    positions: Int64[np.ndarray, " n"], inputs: np.ndarray | None, draws: np.random.Generator
) -> list[Int64[np.ndarray, " _"]]:
    """Ascending positions in random order, cut into windows; a single one unless the inputs are `LARGE`.

    A window holds blocks of neighbouring positions, drawn from everywhere, and all of its positions are
    shuffled together. So an epoch reads each block once, and needs memory for two windows.
    """
    if inputs is None or inputs.nbytes <= LARGE:
        return [draws.permutation(positions)]
    per_block = max(1, _BLOCK // inputs[:1].nbytes)
    blocks = draws.permutation(np.arange(0, len(positions), per_block))
    windows = np.split(blocks, range(_WINDOW // _BLOCK, len(blocks), _WINDOW // _BLOCK))
    return [
        draws.permutation(np.concatenate([positions[start : start + per_block] for start in starts.tolist()]))
        for starts in windows
    ]


class ReadAhead:
    """Inputs of the batches of an epoch, each window read while batches are taken from the one before.

    What is mapped into memory would be read by the system around each place that is asked for, many times as
    much as is needed, and that would push out what has been read already.
    """

    def __init__(self, inputs: np.ndarray, windows: Sequence[Int64[np.ndarray, " _"]]) -> None:
        self._inputs, self._windows = inputs, windows
        self._ends = np.cumsum([len(window) for window in windows])
        self._place = None if len(windows) == 1 else place_in_file(inputs)
        self._readers: dict[int, _Reader] = {}

    def rows(
        self, indices: Int64[np.ndarray, " batch"], start: int
    ) -> tuple[Shaped[np.ndarray, "m ..."], Int64[np.ndarray, " batch"]]:
        """An array that contains the inputs at `indices`, and their places in it.

        `start` is the place of the first of them in the order of the epoch.

        Raises: `StorageError` if the file of the inputs cannot be read.
        """
        if self._place is None:
            return self._inputs, indices
        first, last = np.searchsorted(self._ends, [start, start + len(indices) - 1], side="right").tolist()
        for number in [each for each in self._readers if each < first]:
            del self._readers[number]
        for number in range(first, min(last + 2, len(self._windows))):
            if number not in self._readers:
                self._readers[number] = _Reader(self._inputs, self._place, np.sort(self._windows[number]))
        if first == last:
            return self._readers[first].found(indices)
        cuts = (self._ends[first:last] - start).tolist()
        parts = enumerate(np.split(indices, cuts), start=first)
        found = [self._readers[number].found(some) for number, some in parts]
        return np.concatenate([rows[places] for rows, places in found]), np.arange(len(indices))


class _Reader(threading.Thread):
    """Reads the rows at ascending positions into memory, beside whoever started it."""

    def __init__(self, inputs: np.ndarray, place: FilePlace, positions: Int64[np.ndarray, " window"]) -> None:
        super().__init__(daemon=True)
        self._positions, self._place = positions, place
        self._rows = np.empty((len(positions), *inputs.shape[1:]), inputs.dtype)
        self._failed: OSError | None = None
        self.start()

    def found(
        self, indices: Int64[np.ndarray, " some"]
    ) -> tuple[Shaped[np.ndarray, "window ..."], Int64[np.ndarray, " some"]]:
        """All rows, once they have been read, and the places of some of them."""
        self.join()
        if self._failed is not None:
            reason = (self._failed.strerror or str(self._failed)).lower()
            raise StorageError("{path}: cannot be read: {reason}", self._place.path, reason) from self._failed
        return self._rows, np.searchsorted(self._positions, indices)

    def run(self) -> None:
        """Read one stretch of the file after the other."""
        size = self._rows[:1].nbytes
        # Rows in between that belong to other splits are read with them, where they are few.
        borders = np.flatnonzero(np.diff(self._positions) > max(1, _BLOCK // size)) + 1
        pieces = [0, *borders.tolist(), len(self._positions)]
        most = max(1, 4 * _BLOCK // size)
        room = np.empty((most, *self._rows.shape[1:]), self._rows.dtype)
        try:
            with self._place.path.open("rb", buffering=0) as file:
                for start, end in pairwise(pieces):
                    while start < end:
                        begin = int(self._positions[start])
                        stop = int(np.searchsorted(self._positions[:end], begin + most))
                        count = int(self._positions[stop - 1]) + 1 - begin
                        file.seek(self._place.offset + begin * size)
                        _fill(file, room[:count].reshape(-1).view(np.uint8).data)
                        self._rows[start:stop] = room[self._positions[start:stop] - begin]
                        start = stop
        except OSError as error:
            self._failed = error


def _fill(file: io.FileIO, room: memoryview) -> None:
    """Read as many bytes as there is room for.

    Raises: `OSError` if the file has fewer.
    """
    while room:
        count = file.readinto(room)
        if not count:
            raise OSError("the file is shorter than when it was opened")
        room = room[count:]
