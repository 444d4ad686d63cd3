"""Unicode for a page: what this Python, and the library of tokenizers, know of every character.

A browser knows another version of Unicode than the Python that trained the model. What the encoders ask of a
character therefore stands in the page, as runs of code points for which the answer is the same.
"""

import base64
import unicodedata
from collections.abc import Iterator
from functools import cache

import numpy as np
from jaxtyping import UInt8

from pellucid.encoding import WordPieceEncoder
from pellucid.encoding.tokens.subwords import sorts_of_letters
from pellucid.encoding.words.characters import kind_of

# Beside the kind of a code point: its category, and what it does to a capital sigma near it.
LETTER, NUMBER, UNASSIGNED, CASED, IGNORABLE = 8, 16, 32, 64, 128

KEPT, DROPPED, WHITE, SPACED, SYLLABLE, LISTED = range(6)
# Reading of a code point by BERT, and whether it stands for itself.
PUNCTUATION = 8

_POINTS = 0x110000
_SURROGATES = (0xD800, 0xE000)
# Ranges of code points that are all unassigned, or all private; one of each is looked at.
_ALIKE = ((0x40000, 0xE0000), (0xE1000, 0xF0000), (0xF0000, 0xFFFFE), (0x100000, 0x10FFFE))

_SYLLABLES = (0xAC00, 0xD7A4)
_PARTING = "\U0001f600"  # nothing else becomes it, and it belongs to nothing before it


def packed_runs(numbers: UInt8[np.ndarray, " points"]) -> str:
    """Runs of equal numbers in base64: each number, and the length of its run, seven bits a byte."""
    borders = np.flatnonzero(np.diff(numbers)) + 1
    starts = [0, *borders.tolist()]
    packed = bytearray()
    for start, end in zip(starts, [*starts[1:], len(numbers)], strict=True):
        packed.append(int(numbers[start]))
        length = end - start
        while length > 127:
            packed.append(length & 127 | 128)
            length >>= 7
        packed.append(length)
    return base64.b64encode(packed).decode("ascii")


@cache
def packed_characters(for_sub_words: bool = False) -> str:
    """Kind of every code point, and whether it is a letter, a number or unassigned.

    Sub-words are split by a library with a Unicode of its own, which may know more letters than this Python.
    """
    found = np.zeros(_POINTS, np.uint8)
    for point in _looked_at():
        category = unicodedata.category(chr(point))
        beside = {"L": LETTER, "N": NUMBER}.get(category[0], 0) + _beside_sigma(chr(point))
        found[point] = kind_of(point) + (UNASSIGNED if category == "Cn" else beside)
    if for_sub_words:
        unknown = [point for point in _looked_at() if found[point] & UNASSIGNED]
        for point, sort in zip(unknown, sorts_of_letters([chr(each) for each in unknown]), strict=True):
            found[point] |= {"L": LETTER, "N": NUMBER}.get(sort, 0)
    return packed_runs(_spread(found))


def read_characters(encoder: WordPieceEncoder) -> tuple[UInt8[np.ndarray, " points"], dict[str, str]]:
    """Find what word pieces read in the place of every code point, by asking their library.

    The second result lists what code points of the kind `LISTED` become. Half of a surrogate pair counts as
    kept: it never comes so far.
    """
    found = np.zeros(_POINTS, np.uint8)
    listed: dict[str, str] = {}
    points = [point for point in _looked_at() if not _is_surrogate(point) and chr(point) != _PARTING]
    for point, read in zip(points, encoder.read_as([chr(point) for point in points], _PARTING), strict=True):
        found[point] = _kind_read(point, read)
        if found[point] == LISTED:
            listed[chr(point)] = read
    single = [chr(point) for point in points if found[point] in (KEPT, LISTED)]
    for character, stands_alone in zip(single, encoder.stand_alone(single), strict=True):
        if stands_alone:
            found[ord(character)] |= PUNCTUATION
    return _spread(found), listed


def _beside_sigma(character: str) -> int:
    """Tell if a character has a case, or is ignored, where a capital sigma is looked at for ending a word."""
    if f"{character}\u03a3".lower().endswith("\u03c2"):
        return CASED
    return IGNORABLE if f"A{character}\u03a3".lower().endswith("\u03c2") else 0


def _kind_read(point: int, read: str) -> int:
    """Write for a page that a code point is read as a text."""
    if read == chr(point):
        return KEPT
    if read == f" {chr(point)} ":
        return SPACED
    if _SYLLABLES[0] <= point < _SYLLABLES[1] and read == unicodedata.normalize("NFD", chr(point)):
        return SYLLABLE
    return {"": DROPPED, " ": WHITE}.get(read, LISTED)


def _looked_at() -> Iterator[int]:
    """Code points that are looked at; of ranges that are alike the first."""
    start = 0
    for first, end in (*_ALIKE, (_POINTS, _POINTS)):
        yield from range(start, min(first + 1, end))
        start = end


def _is_surrogate(point: int) -> bool:
    return _SURROGATES[0] <= point < _SURROGATES[1]


def _spread(found: UInt8[np.ndarray, " points"]) -> UInt8[np.ndarray, " points"]:
    """The numbers of the first of every range that is alike, for all of it."""
    for first, end in _ALIKE:
        found[first:end] = found[first]
    return found
