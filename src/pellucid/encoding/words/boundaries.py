"""Word boundaries in texts: a rule for all scripts, for emoji and for code, worked out on whole arrays.

A word is a run of letters, digits, underscores and their marks. A character of a script without spaces, a
symbol and an emoji stand for themselves; marks belong to what they follow. A symbol that is repeated is one
word, and more than three of it count as three. An apostrophe inside a word begins a short ending (`john` and
`'s`) and closes what stands before a longer word (`l'` and `homme`).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt32

from pellucid.encoding.words.characters import FLAG, JOINER, MARK, SPACE, SYMBOL, WORD, Characters

_APOSTROPHE = 0x27
_MOST_REPEATED = 3


class Spans(NamedTuple):
    """Positions of the pieces of texts, in order.

    Attributes:
        starts: first code point of each piece.
        ends: behind the last one that tells the piece from others.
        offsets: first piece of each text, and how many there are.
    """

    starts: Int64[np.ndarray, " pieces"]
    ends: Int64[np.ndarray, " pieces"]
    offsets: Int64[np.ndarray, " texts_and_one"]


def words_of(texts: Characters) -> Spans:
    """Words of normalised texts."""
    points = texts.points
    kinds, begins = _begins(points, texts.kinds)
    borders = np.flatnonzero(begins | (kinds == SPACE))
    is_start = begins[borders]
    starts = borders[is_start]
    ends = borders[1:][is_start[:-1]]  # a line break ends the last text
    is_repeated = (kinds[starts] == SYMBOL) & (ends - starts > _MOST_REPEATED)
    far = np.where(is_repeated, starts + _MOST_REPEATED, starts)
    is_repeated &= points[far] == points[starts]
    ends = np.where(is_repeated, far, ends)
    return Spans(starts, ends, np.searchsorted(starts, texts.offsets).astype(np.int64))


def characters_of(texts: Characters) -> Spans:
    """Characters of normalised texts; of neighbouring white space the first one, none at either end."""
    is_space = texts.kinds == SPACE
    places = np.flatnonzero(~is_space)
    kept = ~is_space
    within = np.searchsorted(texts.offsets, places, "right")
    gap = (np.diff(places) > 1) & (np.diff(within) == 0)
    kept[places[:-1][gap] + 1] = True
    starts = np.flatnonzero(kept)
    return Spans(starts, starts + 1, np.searchsorted(starts, texts.offsets).astype(np.int64))


def _begins(
    points: UInt32[np.ndarray, " points"], kinds: UInt8[np.ndarray, " points"]
) -> tuple[UInt8[np.ndarray, " points"], Bool[np.ndarray, " points"]]:
    """Kinds of code points, and where a word begins."""
    kinds, apart = _settled(points, kinds)
    begins = (kinds != SPACE) & ~_continues(points, kinds)
    begins[apart] = True
    return kinds, begins


def _settled(
    points: UInt32[np.ndarray, " points"], kinds: UInt8[np.ndarray, " points"]
) -> tuple[UInt8[np.ndarray, " points"], Int64[np.ndarray, " apart"]]:
    """Kinds where a mark behind white space is a word and apostrophes inside words are part of them.

    The second result says which code points begin a word because of an apostrophe.
    """
    settled = kinds.copy()
    marks = np.flatnonzero(kinds == MARK)
    settled[marks[(marks == 0) | (kinds[marks - 1] == SPACE)]] = WORD
    inside = np.flatnonzero(points[1:-1] == _APOSTROPHE) + 1
    in_word = (settled == WORD) | (settled == MARK)
    inside = inside[in_word[inside - 1] & (settled[inside + 1] == WORD)]
    settled[inside] = WORD
    last = len(points) - 1  # a line break
    is_short = ~(in_word[inside + 2] & in_word[np.minimum(inside + 3, last)])
    return settled, np.where(is_short, inside, inside + 1)


def _continues(
    points: UInt32[np.ndarray, " points"], kinds: UInt8[np.ndarray, " points"]
) -> Bool[np.ndarray, " points"]:
    """Code points that belong to the piece of the one before."""
    continues = np.zeros(len(points), bool)
    before, here = _bases(kinds)[:-1], kinds[1:]
    continues[1:] = (here == WORD) & (before == WORD)
    continues[1:] |= here == MARK
    continues[1:] |= (here == SYMBOL) & ((points[1:] == points[:-1]) | (points[:-1] == JOINER))
    flags = np.flatnonzero(kinds == FLAG)
    if len(flags):
        places = np.arange(len(flags))
        is_first = np.ones(len(flags), bool)
        is_first[1:] = np.diff(flags) > 1
        continues[flags] = (places - np.maximum.accumulate(np.where(is_first, places, 0))) % 2 == 1
    return continues


def _bases(kinds: UInt8[np.ndarray, " points"]) -> UInt8[np.ndarray, " points"]:
    """Kinds where a mark has the kind of what it belongs to."""
    is_mark = kinds == MARK
    if not is_mark.any():
        return kinds
    return kinds[np.maximum.accumulate(np.where(is_mark, 0, np.arange(len(kinds))))]
