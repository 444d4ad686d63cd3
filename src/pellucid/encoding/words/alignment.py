"""Alignment of a normalised text with the text as it was written."""

import re
import unicodedata
from typing import NamedTuple

from pellucid.encoding.words.characters import is_unseen, normalise


class Aligned(NamedTuple):
    """Normalised text and the origin of its characters.

    Attributes:
        text: normalised.
        starts: for each of its characters, where it begins in the text as it was written.
        ends: for each of its characters, where what it comes from ends.
        written: the text as it was written, or the normalised one where the origin cannot be told.
    """

    text: str
    starts: list[int]
    ends: list[int]
    written: str

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


def aligned(written: str) -> Aligned:
    """Normalise a text and remember where everything comes from."""
    whole = normalise(written)
    starts: list[int] = []
    ends: list[int] = []
    begin = 0
    for end in range(1, len(written) + 1):
        if end < len(written) and _belongs(written[end]):
            continue
        count = len(normalise(written[begin:end]))
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
