"""Flat store of ids, filled block by block; a large one lies in an unnamed file."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Int64, Integer

from pellucid.data.tables.spool import Spool
from pellucid.encoding.tokens.ragged import UNKNOWN, Tokens

_CHARACTERS_OF_A_BLOCK = 1 << 20
_TEXTS_OF_A_BLOCK = 1 << 14


def blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in order, in groups of bounded size; one that is larger than the bound alone."""
    block: list[str] = []
    held = 0
    for text in texts:
        if block and (held + len(text) > _CHARACTERS_OF_A_BLOCK or len(block) == _TEXTS_OF_A_BLOCK):
            yield block
            block, held = [], 0
        block.append(text)
        held += len(text)
    if block:
        yield block


class IdWriter:
    """Writer of ids, block after block; from 64 MB on they go into a file that ends with the process.

    Args:
        vocabulary: how many ids there are; decides how many bytes each takes.
        length: most ids of a text.
    """

    def __init__(self, vocabulary: int, length: int) -> None:
        self._vocabulary, self._length = vocabulary, length
        self._type = np.dtype("<u2" if vocabulary <= 1 << 16 else "<i4")
        self._counts: list[Int64[np.ndarray, " texts"]] = []
        self._spool = Spool()

    def append(self, ids: Integer[np.ndarray, " ids"], offsets: Int64[np.ndarray, " starts"]) -> None:
        """Add a block and the starts of its texts; a text too long is cut, one without ids gets `UNKNOWN`."""
        counts = np.clip(np.diff(offsets), 1, self._length)
        starts = np.zeros(len(counts) + 1, np.int64)
        np.cumsum(counts, out=starts[1:])
        places = np.arange(starts[-1]) + np.repeat(offsets[:-1] - starts[:-1], counts)
        empty = starts[:-1][np.diff(offsets) == 0]
        places[empty] = 0
        found = ids[places].astype(self._type) if len(ids) else np.zeros(len(places), self._type)
        found[empty] = UNKNOWN
        self._spool.write(found.tobytes())
        self._counts.append(counts)

    def finish(self) -> Tokens:
        """Close the store and return the ids of all texts, in order."""
        offsets = np.zeros(sum(map(len, self._counts)) + 1, np.int64)
        if self._counts:
            np.cumsum(np.concatenate(self._counts), out=offsets[1:])
        return Tokens(self._spool.finish(self._type), offsets, self._vocabulary, self._length)


def picked(texts: Sequence[str], positions: Int64[np.ndarray, " some"]) -> Iterator[str]:
    """Texts at positions, one by one, in their order."""
    for position in positions.tolist():
        yield texts[position]
