"""Survey of training texts before their vocabulary is made: samples, scripts and counts in bounded memory."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt64

from pellucid.arithmetic.draws import names, prefixes
from pellucid.data.raw_texts import Texts, without_spaces
from pellucid.encoding.encoder import LONGEST_ENTRY, blocks, picked
from pellucid.encoding.token_encoders import split
from pellucid.encoding.words import SPACE, characters, normalise, words_of

# Below so many training texts every piece is kept, and too little is known to judge a vocabulary.
FEW_TEXTS = 1_000

_PENDING = 1 << 22


class Counted(NamedTuple):
    """Pieces and their counts."""

    names: UInt64[np.ndarray, " different"]  # all different, ascending
    texts: Int64[np.ndarray, " different"]  # texts that hold each
    pieces: Int64[np.ndarray, " different"]  # occurrences of each in all texts together


class Counter:
    """Counter of the training texts that hold each piece, block by block."""

    def __init__(self) -> None:
        self._whole = Counted(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))
        self._pending: list[Counted] = []
        self._size = 0

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
        self._size += len(starts)
        if self._size >= max(_PENDING, len(self._whole.names)):
            self._whole, self._pending, self._size = self.finish(), [], 0

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
    """Number of texts a piece must occur in to be kept: 2, or 1 of few training texts.

    What occurs in one text of many predicts nothing about others, and teaches a network better what unknown
    pieces mean.
    """
    return 1 if count < FEW_TEXTS else 2


def most_frequent(counted: Counted, least: int, most: int) -> UInt64[np.ndarray, " kept"]:
    """Names of at most `most` pieces that occur in `least` texts or more, the most frequent first.

    Equally frequent ones are in the order of their names.
    """
    enough = counted.texts >= least
    names, texts = counted.names[enough], counted.texts[enough]
    return names[np.lexsort((names, -texts))[:most]]


def share_unknown(held_out: Counted, kept: UInt64[np.ndarray, " kept"]) -> float:
    """Share, 0 to 1, of pieces of held-out texts that a vocabulary lacks; 0 where there is no piece."""
    unknown = ~np.isin(held_out.names, kept)
    return float(held_out.pieces[unknown].sum() / max(1, held_out.pieces.sum()))


# Most training texts, and about the most bytes of them, from which a vocabulary is made.
MOST_TEXTS = 200_000
MOST_BYTES = 40_000_000
# A word with more characters than that is no word of a human language, as a rule.
LONG_WORD = 24
# Bytes of a text, on the mean, up to which parts of words and neighbouring words serve better than words
# (docs/experiments/texts.md, "Small starts and parts of words in `bag`").
SHORT_TEXT = 300

_HELD_OUT = 10
_TEXTS_FOR_SCRIPT = 2_000


class Sample(NamedTuple):
    """Training texts that are surveyed."""

    texts: Texts  # all texts of the data
    positions: Int64[np.ndarray, " sample"]  # of those surveyed
    train: int  # number of training texts

    @property
    def mean_size(self) -> float:
        """Bytes of a text on the mean."""
        return float((self.texts.offsets[self.positions + 1] - self.texts.offsets[self.positions]).mean())

    def blocks(self) -> Iterator[list[str]]:
        """Texts as they were written, in groups of bounded size."""
        return blocks(picked(self.texts, self.positions))

    def some(self, most: int) -> "Sample":
        """Sample of at most `most` of the texts, at even distances, in whole numbers on every machine."""
        count = len(self.positions)
        most = min(count, most)
        return self._replace(
            positions=self.positions[np.arange(most, dtype=np.int64) * count // max(1, most)]
        )

    def thinned(self, size: int) -> "Sample":
        """Sample of about `size` bytes, at even distances; at least one text."""
        return self.some(max(1, int(size / max(1.0, self.mean_size))))


def sampled(texts: Texts, train: Int64[np.ndarray, " train"]) -> Sample:
    """Sample of the training texts: at most `MOST_TEXTS`, of about `MOST_BYTES`, at even distances."""
    return Sample(texts, train, len(train)).some(MOST_TEXTS).thinned(MOST_BYTES)


class Script(NamedTuple):
    """Script that texts are written in: shares of their characters, white space aside."""

    without_spaces: float  # in scripts that put no spaces between words
    in_long_words: float  # in words longer than `LONG_WORD`


def script_of(sample: Sample) -> Script:
    """Shares, from 0 to 1, of the characters of some of the texts."""
    alone = long = seen = 0
    for block in sample.some(_TEXTS_FOR_SCRIPT).blocks():
        found = characters([normalise(text) for text in block])
        words = words_of(found)
        sizes = words.ends - words.starts
        alone += int(np.count_nonzero(without_spaces(found.points)))
        long += int(sizes[sizes > LONG_WORD].sum())
        seen += int(np.count_nonzero(found.kinds != SPACE))
    return Script(alone / max(1, seen), long / max(1, seen))


# Frequent words of English, and of other languages in Latin letters; none that English has too.
_ENGLISH = frozenset(
    "the of and to is are was for with that this it you not be have from how what my your can".split()
)
_OTHERS = frozenset(
    "der das und ist nicht ein eine einer mit für auf den von zu zum zur im het een van voor niet met "
    "le la les des du et est une dans pour sur qui el los las del con por para una un em uma não dos da "
    "il di che per della non gli sono się nie jest dla na se je za ki pri ve bir bu için och att det som "
    "af til er ikke ei az és egy nem hogy yang dengan untuk".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_LAST_LATIN = "\u024f"


def looks_english(texts: Texts, train: Int64[np.ndarray, " train"]) -> bool:
    """False where the training texts show another language, by some of them.

    They do where more than a tenth of their letters are not Latin, or frequent words of other languages come
    more often than such of English.
    """
    letters = foreign = english = others = 0
    for block in Sample(texts, train, len(train)).some(_TEXTS_FOR_SCRIPT).blocks():
        for word in _WORD.findall(" ".join(block).lower()):
            letters += len(word)
            foreign += 0 if word.isascii() else sum(character > _LAST_LATIN for character in word)
            english += word in _ENGLISH
            others += word in _OTHERS
    return 10 * foreign <= letters and others <= english


class Survey(NamedTuple):
    """Pieces of the sample and their coverage."""

    counted: Counted  # in all its texts
    unknown: float  # share of the pieces of every tenth text that a vocabulary from the others lacks


def survey(tokens: str, sample: Sample, least: int, most: int) -> Survey:
    """Count the `words` or `characters` of training texts; `least` and `most` as in `most_frequent`.

    Pieces longer than a vocabulary holds count as unknown.
    """
    others, tenth = Counter(), Counter()
    before = 0
    for block in sample.blocks():
        points, spans = split(tokens, block)
        found = names(prefixes(points), spans.starts, spans.ends)
        texts = np.repeat(np.arange(len(block)), np.diff(spans.offsets))
        is_held_out = (texts + before) % _HELD_OUT == _HELD_OUT - 1
        tenth.add(found[is_held_out], texts[is_held_out])
        others.add(found[~is_held_out], texts[~is_held_out])
        before += len(block)
    held_out, rest = tenth.finish(), others.finish()
    return Survey(merged(rest, held_out), share_unknown(held_out, most_frequent(rest, least, most)))


def spelt(tokens: str, sample: Sample, kept: np.ndarray) -> tuple[str, ...]:
    """Spelling of kept `words` or `characters` by name, in the same order.

    Pieces longer than a vocabulary holds are left out.
    """
    missing = np.sort(kept)
    found: dict[int, str] = {}
    for block in sample.blocks():
        if not len(missing):
            break
        points, spans = split(tokens, block)
        here, first = np.unique(names(prefixes(points), spans.starts, spans.ends), return_index=True)
        is_new = np.isin(here, missing, assume_unique=True)
        for name, at in zip(here[is_new].tolist(), first[is_new].tolist(), strict=True):
            piece = points[spans.starts[at] : spans.ends[at]].astype("<u4")
            found[name] = piece.tobytes().decode("utf-32-le", "surrogatepass")
        missing = np.setdiff1d(missing, here[is_new], assume_unique=True)
    return tuple(found[name] for name in kept.tolist() if len(found[name]) <= LONGEST_ENTRY)
