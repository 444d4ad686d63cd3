"""Survey of training texts before their vocabulary is made."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.hashing import names, prefixes
from pellucid.data.texts.scripts import without_spaces
from pellucid.data.texts.store import Texts
from pellucid.encoding.counting import Counted, Counter, merged, most_frequent, share_unknown
from pellucid.encoding.tokens.flat import blocks, picked
from pellucid.encoding.tokens.tokenizing import LONGEST_ENTRY, split
from pellucid.encoding.words.boundaries import words_of
from pellucid.encoding.words.characters import SPACE, characters, normalise

# Most training texts from which a vocabulary is made.
MOST_TEXTS = 200_000

# Most bytes of training texts, about, from which a vocabulary is made.
MOST_BYTES = 40_000_000

# A word with more characters than that is no word of a human language, as a rule.
LONG_WORD = 24

# Bytes of a text, on the mean, up to which parts of words and neighbouring words serve better than words.
SHORT_TEXT = 300

_HELD_OUT = 10
_TEXTS_FOR_SCRIPT = 2_000


class Sample(NamedTuple):
    """Training texts that are looked at.

    Attributes:
        texts: all texts of the data.
        positions: of those looked at.
        train: how many training texts there are.
    """

    texts: Texts
    positions: Int64[np.ndarray, " sample"]
    train: int

    @property
    def mean_size(self) -> float:
        """Bytes of a text on the mean."""
        return float((self.texts.offsets[self.positions + 1] - self.texts.offsets[self.positions]).mean())

    def blocks(self) -> Iterator[list[str]]:
        """Texts as they were written, in groups of bounded size."""
        return blocks(picked(self.texts, self.positions))

    def some(self, most: int) -> "Sample":
        """Sample of at most `most` of the texts, at even distances."""
        return self._replace(positions=self.positions[_even(len(self.positions), most)])

    def thinned(self, size: int) -> "Sample":
        """Sample of about `size` bytes, at even distances; at least one text."""
        return self.some(max(1, int(size / max(1.0, self.mean_size))))


def sampled(texts: Texts, train: Int64[np.ndarray, " train"]) -> Sample:
    """Sample of the training texts: at most `MOST_TEXTS`, of about `MOST_BYTES`, at even distances."""
    return Sample(texts, train, len(train)).some(MOST_TEXTS).thinned(MOST_BYTES)


def _even(count: int, most: int) -> Int64[np.ndarray, " some"]:
    """Positions at even distances, in whole numbers so that every machine finds the same."""
    most = min(count, most)
    return np.arange(most, dtype=np.int64) * count // max(1, most)


class Script(NamedTuple):
    """Script that texts are written in.

    Attributes:
        without_spaces: share of their characters, white space aside, in scripts that put no spaces
            between words.
        in_long_words: share of them in words longer than `LONG_WORD`.
    """

    without_spaces: float
    in_long_words: float


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


class Survey(NamedTuple):
    """Pieces of the sample and their coverage.

    Attributes:
        counted: in all its texts.
        unknown: share of the pieces of every tenth text that a vocabulary from the others lacks.
    """

    counted: Counted
    unknown: float


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
