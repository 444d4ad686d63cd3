"""Foreign text made safe to look at: every character that hides, turns or breaks is shown by its code."""

import re
import unicodedata
from typing import Any, NamedTuple

from markupsafe import Markup

_LINE_BREAKS = {"\t": "⇥", "\n": "↵", "\r": "␍"}

# Control characters, bidirectional controls, zero-width characters other than the two joiners that
# emoji, Persian and the Indian scripts need, line separators, lone surrogates and non-characters.
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)


_JOINERS = "\u200c\u200d\ufe0e\ufe0f"
_SPACIOUS = 8


def visible(value: Any) -> Any:
    """Replace characters that would hide themselves or reorder their neighbours.

    The page's templates pass every value through this function, before escaping. Text gets `↵` for a line
    break and `⟨U+202E⟩` for anything else that is invisible; markup and other values stay as they are.
    """
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _HIDDEN.sub(lambda match: _LINE_BREAKS.get(match[0], f"⟨U+{ord(match[0]):04X}⟩"), value)


def shortened(text: str, length: int = 48) -> str:
    """Cut the middle out of a long text.

    The text itself, or its beginning and end around `…`.
    """
    if len(text) <= length:
        return text
    tail = length // 3
    return text[: length - tail - 1] + "…" + text[-tail:]


class Excerpt(NamedTuple):
    """A text as a page shows it.

    Attributes:
        text: the beginning of the text, runs of space as single spaces; with `…` where more follows.
        characters: of the whole text.
    """

    text: str
    characters: int


def excerpt(text: str, length: int = 400) -> Excerpt:
    """Take the beginning of a text, which may be very long.

    The part to show; hidden characters are still in it, for `visible` to show by their code.
    """
    start = " ".join(text[: _SPACIOUS * length].split())
    if len(start) <= length and len(text) <= _SPACIOUS * length:
        return Excerpt(start, len(text))
    cut = start[: length - 1]
    # A mark or joiner that continues the character before it does not stand alone behind the cut.
    while cut and len(start) > len(cut) and _continues(start[len(cut)]):
        cut = cut[:-1]
    return Excerpt(f"{cut.rstrip()}…", len(text))


def _continues(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) in ("Mn", "Me")
