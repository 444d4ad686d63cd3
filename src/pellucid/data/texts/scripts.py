"""Scripts of characters, and those that put no spaces between words."""

import numpy as np
from jaxtyping import Bool, Int64, UInt32

# Characters that stand for a word or a part of one, from the first to the last of each range.
WITHOUT_SPACES = (
    (0x0E00, 0x0FFF),  # Thai, Lao, Tibetan
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x19FF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAF),  # Tai Tham
    (0x2E80, 0x2FDF),  # radicals of Chinese characters
    (0x3005, 0x3007),
    (0x3021, 0x3029),
    (0x3031, 0x3035),
    (0x3038, 0x303C),
    (0x3041, 0x312F),  # Hiragana, Katakana, Bopomofo
    (0x31A0, 0x31BF),
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Chinese characters
    (0x4E00, 0x9FFF),
    (0xA980, 0xA9FF),  # Javanese, Myanmar
    (0xAA60, 0xAA7F),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),
    (0x20000, 0x3FFFF),
)

SCRIPTS_WITHOUT_SPACES = frozenset({"Burmese", "Chinese", "Japanese", "Khmer", "Lao", "Thai", "Tibetan"})

# Code points from which on characters belong to a script; empty for signs, figures and pictograms.
_FIRST_OF = (
    (0x0000, ""), (0x0041, "Latin"), (0x005B, ""), (0x0061, "Latin"), (0x007B, ""), (0x00C0, "Latin"),
    (0x0370, "Greek"), (0x0400, "Cyrillic"), (0x0530, "Armenian"), (0x0590, "Hebrew"), (0x0600, "Arabic"),
    (0x0780, "other"), (0x08A0, "Arabic"), (0x0900, "Devanagari"), (0x0980, "Bengali"), (0x0A00, "other"),
    (0x0B80, "Tamil"), (0x0C00, "Telugu"), (0x0C80, "other"), (0x0E00, "Thai"), (0x0E80, "Lao"),
    (0x0F00, "Tibetan"), (0x1000, "Burmese"), (0x10A0, "Georgian"), (0x1100, "Korean"), (0x1200, "other"),
    (0x1780, "Khmer"), (0x1800, "other"), (0x1E00, "Latin"), (0x1F00, "Greek"),
    (0x2000, ""), (0x2E80, "Chinese"), (0x3000, ""), (0x3041, "Japanese"), (0x3100, "Chinese"),
    (0x3130, "Korean"), (0x3190, "Chinese"), (0x31F0, "Japanese"), (0x3200, ""), (0x3400, "Chinese"),
    (0x4DC0, ""), (0x4E00, "Chinese"), (0xA000, "other"), (0xAC00, "Korean"), (0xD800, ""),
    (0xF900, "Chinese"), (0xFB00, "Latin"), (0xFB1D, "Hebrew"), (0xFB50, "Arabic"), (0xFE00, ""),
    (0xFE70, "Arabic"), (0xFF00, ""), (0xFF66, "Japanese"), (0xFFA0, "Korean"), (0xFFE0, ""),
    (0x10000, "other"), (0x1F000, ""), (0x20000, "Chinese"), (0x40000, ""),
)  # fmt: skip

SCRIPTS = ("", *sorted({name for _, name in _FIRST_OF if name}))
_STARTS = np.array([start for start, _ in _FIRST_OF], np.uint32)
_CODES = np.array([SCRIPTS.index(name) for _, name in _FIRST_OF], np.int64)
_KANA_MAKES_JAPANESE = 0.1  # Japanese texts mix kana with characters that Chinese ones have too
_LOOKED_AT = 1000


def without_spaces(points: UInt32[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """True for each code point of a script that puts no spaces between words."""
    found = np.zeros(len(points), bool)
    for first, last in WITHOUT_SPACES:
        found |= (points >= first) & (points <= last)
    return found


def main_scripts(texts: list[str]) -> Int64[np.ndarray, " texts"]:
    """The script of most letters of each text as its place in `SCRIPTS`; 0 where there is no letter.

    The first 1,000 characters of each are looked at.
    """
    starts = [text[:_LOOKED_AT] for text in texts]
    codes = np.frombuffer("".join(starts).encode("utf-32-le", "replace"), np.uint32)
    scripts = _CODES[np.searchsorted(_STARTS, codes, side="right") - 1]
    owners = np.repeat(np.arange(len(texts)), [len(start) for start in starts])
    cells = np.bincount(owners * len(SCRIPTS) + scripts, minlength=len(texts) * len(SCRIPTS))
    counts = cells.reshape(len(texts), len(SCRIPTS))
    chinese, japanese = SCRIPTS.index("Chinese"), SCRIPTS.index("Japanese")
    both = counts[:, chinese] + counts[:, japanese]
    is_japanese = counts[:, japanese] > _KANA_MAKES_JAPANESE * both
    counts[is_japanese, japanese], counts[is_japanese, chinese] = both[is_japanese], 0
    counts[:, 0] = 0
    mainly: Int64[np.ndarray, " texts"] = counts.argmax(axis=1)
    return mainly
