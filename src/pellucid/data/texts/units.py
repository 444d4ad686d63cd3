"""Units that texts are compared by: words, or single characters where no spaces part words."""

import functools
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt64

from pellucid.arithmetic.hashing import names, prefixes
from pellucid.data.texts.scripts import WITHOUT_SPACES

_NOTHING, _IN_WORD, _ALONE = 0, 1, 2
_KNOWN, _NO_LETTERS_FROM = 0x20000, 0x40000
_PICTOGRAMS = ((0x2600, 0x27BF), (0x1F000, 0x1FAFF))


class TextUnits(NamedTuple):
    """Words, or characters that stand for themselves, of some texts.

    Attributes:
        hashes: 64 bits for each unit, in the order of the texts; equal units have equal hashes, others
            practically never.
        offsets: where the units of each text start, and where the last ones end.
        alone: units that are single characters of a script without spaces, or pictograms.
    """

    hashes: UInt64[np.ndarray, " units"]
    offsets: Int64[np.ndarray, " starts"]
    alone: Bool[np.ndarray, " units"]

    @property
    def counts(self) -> Int64[np.ndarray, " texts"]:
        """Units of each text."""
        return np.diff(self.offsets)

    @property
    def by_characters(self) -> Bool[np.ndarray, " texts"]:
        """Texts of which more than half of the units are single characters."""
        return 2 * sums(self.alone.astype(np.int64), self.offsets) > self.counts


def units_of(texts: Sequence[str], most_characters: int) -> TextUnits:
    """Take texts apart: case, punctuation, marks of quotation, space and ways of encoding do not count.

    Of each text at most `most_characters` are looked at.
    """
    folded = [_folded(text[:most_characters]) for text in texts]
    codes = np.frombuffer("\n".join([*folded, ""]).encode("utf-32-le", "replace"), np.uint32)
    text_starts = np.concatenate([[0], np.cumsum([len(text) + 1 for text in folded], dtype=np.int64)])
    kinds = _kinds()[np.where(codes < _NO_LETTERS_FROM, np.minimum(codes, _KNOWN), 0)]
    before = np.concatenate([[np.uint8(_NOTHING)], kinds[:-1]])
    behind = np.concatenate([kinds[1:], [np.uint8(_NOTHING)]])
    starts = np.flatnonzero((kinds == _ALONE) | ((kinds == _IN_WORD) & (before != _IN_WORD)))
    ends = np.flatnonzero((kinds == _ALONE) | ((kinds == _IN_WORD) & (behind != _IN_WORD))) + 1
    offsets = np.searchsorted(starts, text_starts).astype(np.int64)
    return TextUnits(names(prefixes(codes), starts, ends), offsets, kinds[starts] == _ALONE)


def sums(
    values: Int64[np.ndarray, " n"], offsets: Int64[np.ndarray, " starts"]
) -> Int64[np.ndarray, " parts"]:
    """Sum of each part of an array.

    `offsets` say where each part starts, and where the last one ends; parts may be empty.
    """
    running = np.concatenate([[0], np.cumsum(values)])
    parts: Int64[np.ndarray, " parts"] = running[offsets[1:]] - running[offsets[:-1]]
    return parts


def _folded(text: str) -> str:
    """A text without differences of case and of ways to encode the same character."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()


@functools.cache
def _kinds() -> UInt8[np.ndarray, " code_points"]:
    """Kind of each code point; the last entry stands for the rare Chinese characters beyond."""
    kinds = np.array(
        [_IN_WORD if unicodedata.category(chr(code))[0] in "LMN" else _NOTHING for code in range(_KNOWN)]
        + [_ALONE],
        np.uint8,
    )
    for first, last in WITHOUT_SPACES:
        part = kinds[first : last + 1]
        part[part == _IN_WORD] = _ALONE
    for first, last in _PICTOGRAMS:
        kinds[first : last + 1] = _ALONE
    return kinds
