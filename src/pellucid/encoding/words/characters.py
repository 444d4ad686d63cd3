"""Code points of many texts in one array, and the kind of each."""

import functools
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8, UInt32

from pellucid.data.texts.scripts import WITHOUT_SPACES

# White space and control characters; what words are made of; a character of a script that puts no spaces
# between words; punctuation, symbols and emoji; what belongs to the character before it; half of a flag.
SPACE, WORD, ALONE, SYMBOL, MARK, FLAG = range(6)

# Joins emoji to one.
JOINER = 0x200D

_FIRST_WITHOUT_SPACES = [first for first, _ in WITHOUT_SPACES]  # ascending

_UNSEEN = re.compile(
    "[\u00ad\u061c\u180e\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0001]"
)


class Characters(NamedTuple):
    """Texts one after the other, each followed by a line break.

    Attributes:
        points: code points.
        kinds: of every code point, `SPACE` to `FLAG`.
        offsets: where each text starts, and where the last one ends.
    """

    points: UInt32[np.ndarray, " points"]
    kinds: UInt8[np.ndarray, " points"]
    offsets: Int64[np.ndarray, " starts"]


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
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum([len(text) + 1 for text in texts], out=offsets[1:])
    return Characters(points, _kinds(points), offsets)


def _kinds(points: UInt32[np.ndarray, " points"]) -> UInt8[np.ndarray, " points"]:
    """Kind of every code point; each different one is looked up once."""
    count = int(points.max(initial=0)) + 1
    occurs = np.zeros(count, bool)
    occurs[points] = True
    table = np.zeros(count, np.uint8)
    for point in np.flatnonzero(occurs).tolist():
        table[point] = kind_of(point)
    kinds: UInt8[np.ndarray, " points"] = table[points]
    return kinds


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
        return ALONE if _puts_no_spaces(point) else WORD
    return WORD if category == "Pc" else SYMBOL


def _puts_no_spaces(point: int) -> bool:
    """True of a code point of a script that puts no spaces between words."""
    place = bisect_right(_FIRST_WITHOUT_SPACES, point) - 1
    return place >= 0 and point <= WITHOUT_SPACES[place][1]
