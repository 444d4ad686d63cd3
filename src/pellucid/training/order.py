"""Order of the examples in an epoch: random; of very many bytes, random blocks and random inside windows."""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

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
) -> list[Int64[np.ndarray, " window"]]:
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
    """Reads each window of an epoch from the disk in one go, while batches are taken from the one before."""

    def __init__(self, inputs: np.ndarray | None, windows: Sequence[Int64[np.ndarray, " window"]]) -> None:
        self._ends = np.cumsum([len(window) for window in windows])
        self._windows = windows
        # Where all fits into memory the system keeps what was read once.
        self._place = None if inputs is None or len(windows) == 1 else place_in_file(inputs)
        self._size = 0 if inputs is None else inputs[:1].nbytes
        self._readers: dict[int, threading.Thread] = {}

    def wait_for(self, count: int) -> None:
        """Return once the window that has the `count`-th example of the epoch's order has been read."""
        if self._place is None:
            return
        window = min(int(np.searchsorted(self._ends, count)), len(self._windows) - 1)
        for number in range(window, min(window + 2, len(self._windows))):
            if number not in self._readers:
                self._readers[number] = threading.Thread(target=self._read, args=(number,), daemon=True)
                self._readers[number].start()
        self._readers[window].join()

    def _read(self, number: int) -> None:
        """Have the system read a window; what fails here fails again, and is reported, where it is used."""
        assert self._place is not None
        path, offset = self._place
        positions = np.sort(self._windows[number])
        runs = np.split(positions, np.flatnonzero(np.diff(positions) > _BLOCK // self._size) + 1)
        room = bytearray(4 * _BLOCK)
        with contextlib.suppress(OSError), path.open("rb", buffering=0) as file:
            for run in runs:
                file.seek(offset + int(run[0]) * self._size)
                left = int(run[-1] + 1 - run[0]) * self._size
                while left > 0 and (count := file.readinto(memoryview(room)[:left])):
                    left -= count
