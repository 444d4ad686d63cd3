"""Texts before any encoding: in one flat store, their scripts, and the units that they are compared by."""

import array
import functools
import mmap
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple, overload

import numpy as np
from jaxtyping import Bool, Int64, Shaped, UInt8, UInt32, UInt64

from pellucid.arithmetic.draws import names, prefixes

_MOST_IN_MEMORY = 64 << 20


class Spool:
    """Takes bytes part by part and gives them back as one array."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_MOST_IN_MEMORY)
        self._size = 0

    def __del__(self) -> None:
        self._file.close()  # of a spool that an error left unfinished

    def write(self, content: bytes | bytearray) -> None:
        """Add a part of any size; many small ones are better joined first."""
        self._size += self._file.write(content)

    def finish(self, kind: np.dtype) -> Shaped[np.ndarray, " n"]:
        """Close the spool: all bytes, read-only; a memory map where they lie in the file."""
        if self._size <= _MOST_IN_MEMORY:
            self._file.seek(0)
            content: bytes | mmap.mmap = self._file.read()
        else:
            self._file.flush()
            content = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        self._file.close()
        return np.frombuffer(content, kind)


# Any number of texts in one flat array, so that a million of them cost no more than their bytes.

_FLUSHED = 1 << 20


class Texts(Sequence[str]):
    """Texts one after the other as UTF-8: `content`, in memory or mapped; each starts at one of `offsets`."""

    def __init__(self, content: UInt8[np.ndarray, " bytes"], offsets: Int64[np.ndarray, " starts"]) -> None:
        self.content = content
        self.offsets = offsets  # and where the last one ends

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Texts":
        """Store texts that are in memory, any that UTF-8 can write."""
        writer = TextWriter()
        for text in texts:
            writer.append(text)
        return writer.finish()

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, which: int) -> str: ...

    @overload
    def __getitem__(self, which: slice | np.ndarray) -> list[str]: ...

    def __getitem__(self, which: int | slice | np.ndarray) -> str | list[str]:
        """One text by its position, or a list of them by a slice or an array of positions."""
        if isinstance(which, (int, np.integer)):
            return self.bytes_of(range(len(self))[which]).decode()
        places = range(len(self))[which] if isinstance(which, slice) else np.arange(len(self))[which].tolist()
        return [self.bytes_of(index).decode() for index in places]

    def __iter__(self) -> Iterator[str]:
        return (self.bytes_of(index).decode() for index in range(len(self)))

    def bytes_of(self, index: int) -> bytes:
        """One text as UTF-8, by its position from 0."""
        start, end = self.offsets[index], self.offsets[index + 1]
        return self.content[start:end].tobytes()


class TextWriter:
    """Takes texts one by one; from 64 MB on they go into an unnamed file that ends with the process."""

    def __init__(self) -> None:
        self._ends = array.array("q", [0])
        self._pending = bytearray()
        self._spool = Spool()

    def __len__(self) -> int:
        return len(self._ends) - 1

    def append(self, text: str) -> None:
        """Add a text, any that UTF-8 can write."""
        content = text.encode()
        self._pending += content
        self._ends.append(self._ends[-1] + len(content))
        if len(self._pending) >= _FLUSHED:
            self._flush()

    def extend(self, texts: Texts) -> None:
        """Add every text of a store."""
        self._flush()
        for start in range(0, len(texts.content), _FLUSHED):
            self._spool.write(texts.content[start : start + _FLUSHED].tobytes())
        self._ends.frombytes((texts.offsets[1:] + self._ends[-1]).tobytes())

    def finish(self) -> Texts:
        """Close the store: all texts, in order."""
        self._flush()
        return Texts(self._spool.finish(np.dtype(np.uint8)), np.array(self._ends, np.int64))

    def _flush(self) -> None:
        self._spool.write(self._pending)
        self._pending.clear()


# Scripts of characters, and those that put no spaces between words.

# Characters that are a word or a part of one, from the first to the last of each range.
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
_START = 1000


def without_spaces(points: UInt32[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """True for each code point of a script that puts no spaces between words."""
    found = np.zeros(len(points), bool)
    for first, last in WITHOUT_SPACES:
        found |= (points >= first) & (points <= last)
    return found


def main_scripts(texts: list[str]) -> Int64[np.ndarray, " texts"]:
    """The script of most letters of each text as its place in `SCRIPTS`; 0 where there is no letter.

    Only the first 1,000 characters of each count.
    """
    starts = [text[:_START] for text in texts]
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


# Units that texts are compared by: words, or single characters where no spaces part words.

_NOTHING = 0  # space and punctuation
_IN_WORD = 1  # one of several characters of a unit
_ALONE = 2  # a unit by itself, as Chinese characters are
_KNOWN = 0x20000  # code points whose kinds are in a table
_NO_LETTERS_FROM = 0x40000  # code point
_PICTOGRAMS = ((0x2600, 0x27BF), (0x1F000, 0x1FAFF))
# Ends of lines and sentences; full-width forms of these are made plain before.
_BREAKS = np.array([ord(mark) for mark in "\n.!?:;|>。"], np.uint32)


class TextUnits(NamedTuple):
    """Words, or single characters, of some texts."""

    # 64 bits for each unit, in the order of the texts; equal units have equal hashes, others practically
    # never
    hashes: UInt64[np.ndarray, " units"]
    offsets: Int64[np.ndarray, " starts"]  # where the units of each text start, and where the last ones end
    # units that are single characters of a script without spaces, or pictograms
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
    """Cut texts into units: case, punctuation, marks of quotation, space and ways of encoding do not count.

    Of each text only the first `most_characters` count.
    """
    codes, kinds, firsts, ends, offsets = _cut(texts, most_characters)
    return TextUnits(names(prefixes(codes), firsts, ends), offsets, kinds[firsts] == _ALONE)


def sentence_starts(texts: Sequence[str], most_characters: int) -> Bool[np.ndarray, " units"]:
    """True for each unit, as `units_of` cuts them, that begins a text, a line or a sentence."""
    codes, _, firsts, ends, _ = _cut(texts, most_characters)
    breaks = np.flatnonzero(np.isin(codes, _BREAKS))
    before = np.searchsorted(breaks, firsts)
    begins = np.ones(len(firsts), bool)
    begins[1:] = before[1:] > np.searchsorted(breaks, ends[:-1])
    return begins


class _Cut(NamedTuple):
    """Units of texts as stretches of their characters."""

    codes: UInt32[np.ndarray, " points"]  # code points of all texts, a new line behind each
    kinds: UInt8[np.ndarray, " points"]
    firsts: Int64[np.ndarray, " units"]
    ends: Int64[np.ndarray, " units"]
    offsets: Int64[np.ndarray, " starts"]  # where the units of each text start, and where the last ones end


def _cut(texts: Sequence[str], most_characters: int) -> _Cut:
    starts = (text[:most_characters] for text in texts)
    folded = [(text if text.isascii() else unicodedata.normalize("NFKC", text)).casefold() for text in starts]
    codes = np.frombuffer("\n".join([*folded, ""]).encode("utf-32-le", "replace"), np.uint32)
    text_starts = np.concatenate([[0], np.cumsum([len(text) + 1 for text in folded], dtype=np.int64)])
    kinds = _kinds()[np.where(codes < _NO_LETTERS_FROM, np.minimum(codes, _KNOWN), 0)]
    before = np.concatenate([[np.uint8(_NOTHING)], kinds[:-1]])
    behind = np.concatenate([kinds[1:], [np.uint8(_NOTHING)]])
    firsts = np.flatnonzero((kinds == _ALONE) | ((kinds == _IN_WORD) & (before != _IN_WORD)))
    ends = np.flatnonzero((kinds == _ALONE) | ((kinds == _IN_WORD) & (behind != _IN_WORD))) + 1
    return _Cut(codes, kinds, firsts, ends, np.searchsorted(firsts, text_starts).astype(np.int64))


def sums(
    values: Int64[np.ndarray, " n"], offsets: Int64[np.ndarray, " starts"]
) -> Int64[np.ndarray, " parts"]:
    """Sum of each part of an array; `offsets` are where parts, some empty, start and the last one ends."""
    running = np.concatenate([[0], np.cumsum(values)])
    parts: Int64[np.ndarray, " parts"] = running[offsets[1:]] - running[offsets[:-1]]
    return parts


@functools.cache
def _kinds() -> UInt8[np.ndarray, " code_points"]:
    """Kind of each code point; the last entry is that of the rare Chinese characters beyond."""
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
