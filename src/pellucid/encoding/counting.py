"""Counts of the training texts that each piece of text stands in, in bounded memory."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

# Below so many training texts every piece is kept, and too little is known to judge a vocabulary.
FEW_TEXTS = 1_000

_PENDING = 1 << 22


class Counted(NamedTuple):
    """Pieces and their counts.

    Attributes:
        names: all different, ascending.
        texts: how many texts hold each.
        pieces: how often each stands in all texts together.
    """

    names: UInt64[np.ndarray, " different"]
    texts: Int64[np.ndarray, " different"]
    pieces: Int64[np.ndarray, " different"]


_NOTHING = Counted(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))


class Counter:
    """Counts pieces block by block."""

    def __init__(self) -> None:
        self._whole = _NOTHING
        self._pending: list[Counted] = []
        self._held = 0

    def add(self, names: UInt64[np.ndarray, " pieces"], texts: Int64[np.ndarray, " pieces"]) -> None:
        """Count the pieces of a block and the text of each; a text must not go on in the next block."""
        if not len(names):
            return
        order = np.lexsort((texts, names))
        names, texts = names[order], texts[order]
        is_other = np.ones(len(names), bool)
        is_other[1:] = names[1:] != names[:-1]
        is_first = is_other.copy()
        is_first[1:] |= texts[1:] != texts[:-1]
        starts = np.flatnonzero(is_other)
        counted = Counted(
            names[starts],
            np.add.reduceat(is_first, starts, dtype=np.int64),
            np.diff(np.append(starts, len(names))),
        )
        self._pending.append(counted)
        self._held += len(starts)
        if self._held >= max(_PENDING, len(self._whole.names)):
            self._whole, self._pending, self._held = merged(self._whole, *self._pending), [], 0

    def finish(self) -> Counted:
        """Counts of all blocks, each piece once."""
        return merged(self._whole, *self._pending)


def merged(*parts: Counted) -> Counted:
    """Counts over several groups of texts: each piece once, with the sums."""
    names, texts, pieces = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    different, where = np.unique(names, return_inverse=True)
    sums = (np.bincount(where, counts, len(different)).astype(np.int64) for counts in (texts, pieces))
    return Counted(different, *sums)


def least_texts(count: int) -> int:
    """Number of texts a piece must stand in to be kept: 2, or 1 of few training texts.

    What stands in one text of many tells nothing about others, and teaches a network better what unknown
    pieces mean.
    """
    return 1 if count < FEW_TEXTS else 2


def most_frequent(counted: Counted, least: int, most: int) -> UInt64[np.ndarray, " kept"]:
    """Names of at most `most` pieces that stand in `least` texts or more, the most frequent first.

    Equally frequent ones stand in the order of their names.
    """
    enough = counted.texts >= least
    names, texts = counted.names[enough], counted.texts[enough]
    return names[np.lexsort((names, -texts))[:most]]


def share_unknown(held_out: Counted, kept: UInt64[np.ndarray, " kept"]) -> float:
    """Share, 0 to 1, of pieces of held-out texts that a vocabulary lacks; 0 where there is no piece."""
    unknown = ~np.isin(held_out.names, kept)
    return float(held_out.pieces[unknown].sum() / max(1, held_out.pieces.sum()))
