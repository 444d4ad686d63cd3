"""Words: code points of many texts in one array, and where words lie in them, in any script."""

import functools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8, UInt32

from pellucid.data.raw_texts import WITHOUT_SPACES

# White space and control characters; what words are made of; a character of a script that puts no spaces
# between words; punctuation, symbols and emoji; what belongs to the character before it; half of a flag.
SPACE = 0
WORD = 1
ALONE = 2
SYMBOL = 3
MARK = 4
FLAG = 5

# Joins emoji to one.
JOINER = 0x200D

_FIRST_WITHOUT_SPACES = [first for first, _ in WITHOUT_SPACES]  # ascending

_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0001]"
)


def starts_of(lengths: Sequence[int] | np.ndarray) -> Int64[np.ndarray, " starts"]:
    """Where each of some parts begins that lie one behind the other, and where the last one ends."""
    starts = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts


class Characters(NamedTuple):
    """Texts one after the other, each followed by a line break."""

    points: UInt32[np.ndarray, " points"]
    kinds: UInt8[np.ndarray, " points"]  # of every code point, `SPACE` to `FLAG`
    offsets: Int64[np.ndarray, " starts"]  # where each text starts, and where the last one ends


def normalise(text: str) -> str:
    """Bring a text to NFKC and small letters, and drop invisible characters.

    Compatibility forms (NFKC: full-width letters, ligatures, accents written as one character or two)
    and capitals carry next to nothing about what a text is about, and each of them would have to be
    learnt from examples of its own. What nobody sees (soft hyphens, marks of writing direction) would
    make two words of one; a curly apostrophe is an apostrophe.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", _UNSEEN.sub("", text)).replace("\u2019", "'").lower()


_RANGES = "".join(f"{chr(first)}-{chr(last)}" for first, last in WITHOUT_SPACES)
_JOINT = re.compile(f"(?<=[{_RANGES}]) (?=[{_RANGES}])")


def without_joints(term: str) -> str:
    """A term of several words as a text has it: without spaces within a script that has none."""
    return term if term.isascii() else _JOINT.sub("", term)


def written(text: str) -> str:
    """Text that UTF-8 can write: halves of surrogate pairs become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def is_unseen(character: str) -> bool:
    """True of a character that nobody sees, which normalisation drops."""
    return _UNSEEN.match(character) is not None


def characters(texts: Sequence[str]) -> Characters:
    """Code points of normalised texts in one array."""
    joined = "".join([f"{text}\n" for text in texts])
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint32)
    # Each different code point is looked up once.
    occurs = np.zeros(int(points.max(initial=0)) + 1, bool)
    occurs[points] = True
    table = np.zeros(len(occurs), np.uint8)
    for point in np.flatnonzero(occurs).tolist():
        table[point] = kind_of(point)
    return Characters(points, table[points], starts_of([len(text) + 1 for text in texts]))


@functools.cache
def kind_of(point: int) -> int:
    """Kind of a code point (0 to 0x10FFFF), `SPACE` to `FLAG`."""
    if 0x1F1E6 <= point <= 0x1F1FF:
        return FLAG
    if 0x1F3FB <= point <= 0x1F3FF or 0xE0020 <= point <= 0xE007F or point in (0x200C, JOINER):
        return MARK  # colours of skin, flags of regions, joiners
    category = unicodedata.category(chr(point))
    if category[0] == "M":
        return MARK
    if category[0] == "Z" or category == "Cc" or point == 0x200B:
        return SPACE
    if category[0] in "LN":
        place = bisect_right(_FIRST_WITHOUT_SPACES, point) - 1
        return ALONE if place >= 0 and point <= WITHOUT_SPACES[place][1] else WORD
    return WORD if category == "Pc" else SYMBOL


# Word boundaries: one rule for all scripts, emoji and code, applied to whole arrays. A word is a run of
# letters, digits, underscores and their marks. A character of a script without spaces, a symbol and an emoji
# are words of their own; marks belong to what they follow. A repeated symbol is one word, and more than three
# of it count as three. An apostrophe inside a word begins a short ending (`john` and `'s`) and closes what is
# before a longer word (`l'` and `homme`).

_APOSTROPHE = 0x27
_MOST_REPEATED = 3


class Spans(NamedTuple):
    """Positions of the pieces of texts, in order."""

    starts: Int64[np.ndarray, " pieces"]  # first code point of each piece
    ends: Int64[np.ndarray, " pieces"]  # behind the last one that distinguishes the piece from others
    offsets: Int64[np.ndarray, " texts_and_one"]  # first piece of each text, and how many there are


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
    kept = texts.kinds != SPACE
    places = np.flatnonzero(kept)
    within = np.searchsorted(texts.offsets, places, "right")
    gap = (np.diff(places) > 1) & (np.diff(within) == 0)
    kept[places[:-1][gap] + 1] = True
    starts = np.flatnonzero(kept)
    return Spans(starts, starts + 1, np.searchsorted(starts, texts.offsets).astype(np.int64))


def _begins(
    points: UInt32[np.ndarray, " points"], kinds: UInt8[np.ndarray, " points"]
) -> tuple[UInt8[np.ndarray, " points"], Bool[np.ndarray, " points"]]:
    """Kinds of code points, and where a word begins.

    In these kinds a mark behind white space is a word, and an apostrophe inside a word is a part of it.
    """
    kinds = kinds.copy()
    marks = np.flatnonzero(kinds == MARK)
    kinds[marks[(marks == 0) | (kinds[marks - 1] == SPACE)]] = WORD
    inside = np.flatnonzero(points[1:-1] == _APOSTROPHE) + 1
    in_word = (kinds == WORD) | (kinds == MARK)
    inside = inside[in_word[inside - 1] & (kinds[inside + 1] == WORD)]
    kinds[inside] = WORD
    last = len(points) - 1  # a line break
    is_short = ~(in_word[inside + 2] & in_word[np.minimum(inside + 3, last)])
    # Code points that belong to the word of the one before, for which a mark counts as what it belongs to.
    continues = np.zeros(len(points), bool)
    is_mark = kinds == MARK
    bases = kinds
    if is_mark.any():
        bases = kinds[np.maximum.accumulate(np.where(is_mark, 0, np.arange(len(kinds))))]
    before, here = bases[:-1], kinds[1:]
    continues[1:] = (here == WORD) & (before == WORD)
    continues[1:] |= here == MARK
    continues[1:] |= (here == SYMBOL) & ((points[1:] == points[:-1]) | (points[:-1] == JOINER))
    flags = np.flatnonzero(kinds == FLAG)
    if len(flags):
        places = np.arange(len(flags))
        is_first = np.ones(len(flags), bool)
        is_first[1:] = np.diff(flags) > 1
        continues[flags] = (places - np.maximum.accumulate(np.where(is_first, places, 0))) % 2 == 1
    begins = (kinds != SPACE) & ~continues
    begins[np.where(is_short, inside, inside + 1)] = True
    return kinds, begins


class Aligned(NamedTuple):
    """Normalised text and the origin of its characters."""

    text: str
    starts: list[int]  # where each of its characters begins in the text as it was written
    ends: list[int]  # where what each of its characters comes from ends
    written: str  # the text as it was written, or the normalised one where the origin is not known

    def piece(self, start: int, end: int) -> str:
        """Part of the written text that the normalised characters from `start` to before `end` come from."""
        return self.written[self.starts[start] : self.ends[end - 1]] if start < end else ""

    def spaced(self) -> "Aligned":
        """Aligned text of `evenly_spaced`: one space for all white space between words, none at the ends."""
        kept: list[int] = []
        for word in re.finditer(r"\S+", self.text):
            kept += [word.start() - 1] * bool(kept) + [*range(*word.span())]
        return Aligned(
            "".join(" " if self.text[index].isspace() else self.text[index] for index in kept),
            [self.starts[index] for index in kept],
            [self.ends[index] for index in kept],
            self.written,
        )


def aligned(written: str, read: Callable[[str], str] = normalise) -> Aligned:
    """Normalise a text by `read` and remember where everything comes from."""
    whole = read(written)
    starts: list[int] = []
    ends: list[int] = []
    begin = 0
    for end in range(1, len(written) + 1):
        if end < len(written) and _belongs(written[end]):
            continue
        count = len(read(written[begin:end]))
        starts += [begin] * count
        ends += [end] * count
        begin = end
    if len(starts) != len(whole):
        written, starts, ends = whole, list(range(len(whole))), list(range(1, len(whole) + 1))
    return Aligned(whole, starts, ends, written)


def _belongs(character: str) -> bool:
    """True where normalisation may join a character to the one before."""
    point = ord(character)
    if is_unseen(character) or unicodedata.category(character)[0] == "M":
        return True
    return 0x1160 <= point <= 0x11FF or 0xFF9E <= point <= 0xFF9F
