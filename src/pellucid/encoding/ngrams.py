"""N-grams: words, neighbouring words and parts of words, each kind of them an id, for a bag."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from pellucid.arithmetic.draws import Prefixes, chained, mixed, names, prefixes
from pellucid.encoding.encoder import (
    FIRST,
    LENGTH,
    MOST_ENTRIES,
    UNKNOWN,
    Coverage,
    Encoder,
    Lookup,
    kept_field,
    read_content,
)
from pellucid.encoding.words import Characters, Spans, aligned, characters, normalise, words_of
from pellucid.strict import Anything, Fields, Whole, read_object, to_bytes

# Most neighbouring words of an n-gram.
MOST_WORDS = 5

# Most characters of a part of a word.
MOST_CHARACTERS = 8

_DIGITS = 16


class Grams(NamedTuple):
    """N-grams of texts, all of one size after those of another.

    Attributes:
        names: of each.
        texts: the text each lies in; ascending within one size.
        starts: first code point.
        ends: behind the last one.
    """

    names: UInt64[np.ndarray, " grams"]
    texts: Int64[np.ndarray, " grams"]
    starts: Int64[np.ndarray, " grams"]
    ends: Int64[np.ndarray, " grams"]


class Shape(NamedTuple):
    """Sizes of n-grams: neighbouring words and parts of words.

    Attributes:
        words: most neighbouring words, from 1.
        shortest: fewest characters of a part of a word.
        longest: most characters of a part of a word; 0 for no parts.
    """

    words: int
    shortest: int = 0
    longest: int = 0

    @property
    def groups(self) -> int:
        """Number of sizes."""
        return self.words + (self.longest - self.shortest + 1 if self.longest else 0)

    def require_sizes(self) -> None:
        """Refuse sizes that contradict each other.

        Raises:
            ValueError: naming the one that does.
        """
        Whole(1, MOST_WORDS).read("words", self.words)
        Whole(0, MOST_CHARACTERS).read("longest", self.longest)
        Whole(1 if self.longest else 0, self.longest).read("shortest", self.shortest)


def grams_of(shape: Shape, texts: Sequence[str]) -> list[Grams]:
    """N-grams of normalised texts, a group for each size: words, pairs and so on, then parts of words."""
    found: Characters = characters(texts)
    spans, ready = words_of(found), prefixes(found.points)
    texts_of = np.repeat(np.arange(len(texts)), np.diff(spans.offsets))
    parts = range(shape.shortest, shape.longest + 1) if shape.longest else ()
    return _neighbours(shape.words, spans, texts_of, ready) + [
        _parts(size, spans, texts_of, ready) for size in parts
    ]


def _neighbours(most: int, spans: Spans, texts: Int64[np.ndarray, " words"], ready: Prefixes) -> list[Grams]:
    """Runs of 1 to `most` words of one text."""
    words = names(ready, spans.starts, spans.ends)
    sizes = [Grams(words, texts, spans.starts, spans.ends)]
    run = words
    for size in range(2, most + 1):
        run = chained(run[: max(0, len(words) - size + 1)], words[size - 1 :])
        rows = np.flatnonzero(texts[: len(run)] == texts[size - 1 :])
        sizes.append(Grams(run[rows], texts[rows], spans.starts[rows], spans.ends[rows + size - 1]))
    return sizes


def _parts(size: int, spans: Spans, texts: Int64[np.ndarray, " words"], ready: Prefixes) -> Grams:
    """Runs of so many characters inside longer words; the same run at an edge is another part."""
    lengths = spans.ends - spans.starts
    counts = np.where(lengths > size, lengths - size + 1, 0)
    offsets = np.cumsum(counts) - counts
    inside = np.arange(int(counts.sum())) - np.repeat(offsets, counts)
    starts = np.repeat(spans.starts, counts) + inside
    place = 1 + (inside == 0) + 2 * (inside == np.repeat(counts - 1, counts))
    found = mixed(names(ready, starts, starts + size) + place.astype(np.uint64))
    return Grams(found, np.repeat(texts, counts), starts, starts + size)


MOST_GROUPS = 2 * max(MOST_WORDS, MOST_CHARACTERS)
# Fields of a saved shape; its sizes are held against each other once they are read.
SHAPE_FIELDS = {name: Whole(0, max(MOST_WORDS, MOST_CHARACTERS)) for name in Shape._fields}

_FIELDS: Fields = {
    **SHAPE_FIELDS,
    "length": LENGTH,
    "kept": kept_field(MOST_GROUPS),
    "vocabulary": Whole(FIRST, MOST_ENTRIES),
}


@dataclass(frozen=True, eq=False)
class NgramEncoder(Encoder):
    """Encoder that keeps the n-grams of most training texts; all others are passed over.

    Ids ascend in a text, and from group to group: words, pairs of words and so on, then parts of words by
    their length. So of a text too long the rarest n-grams are cut. Covered are the single words.

    Attributes:
        shape: which n-grams.
        length: most ids of a text.
        kept: n-grams of each group.
        names: of the n-grams kept, in the order of their ids.
        kind: its key in `ENCODERS`.

    Raises:
        ValueError: the parts are out of bounds.
    """

    shape: Shape
    length: int
    kept: tuple[int, ...]
    names: UInt64[np.ndarray, " kept"]

    kind: ClassVar[str] = "n-grams"

    def __post_init__(self) -> None:
        LENGTH.read("length", self.length)
        self.shape.require_sizes()
        if len(self.kept) != self.shape.groups or sum(self.kept) != len(self.names) or min(self.kept) < 0:
            raise ValueError(
                f"kept: {str(self.kept)[:80]} does not fit {len(self.names)} n-grams of this shape"
            )
        self._require_size()

    @property
    def vocabulary(self) -> int:
        """Number of ids, also of `PADDING` and `UNKNOWN`."""
        return FIRST + len(self.names)

    @property
    def borders(self) -> tuple[int, ...]:
        """First id of each group, and the number of ids."""
        return (FIRST, *(FIRST + int(end) for end in np.cumsum(self.kept)))

    @property
    def weighed(self) -> tuple[int, ...]:
        """Borders of what is brought to a length by itself: each number of words, and all parts together."""
        words = self.borders[: self.shape.words + 1]
        return (*words, self.borders[-1]) if self.shape.longest else words

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        starts = [border - FIRST for border in self.borders]
        return tuple(
            Lookup(self.names[start:end], start + FIRST) for start, end in itertools.pairwise(starts)
        )

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pieces and ids, as `Encoder.explain`, in the order of `encode`."""
        origin = aligned(text)
        found = []
        for lookup, grams in zip(self._lookups, grams_of(self.shape, [origin.text]), strict=True):
            ids = lookup.find(grams.names).tolist()
            places = zip(ids, grams.starts.tolist(), grams.ends.tolist(), strict=True)
            found += [
                (origin.piece(start, end), number) for number, start, end in places if number != UNKNOWN
            ]
        found.sort(key=lambda pair: pair[1])
        return found[: self.length] or [("", UNKNOWN)]

    def to_json(self) -> dict[str, Any]:
        """Settings of the n-grams, without the vocabulary."""
        stated = {"length": self.length, "kept": list(self.kept), "vocabulary": self.vocabulary}
        return {**self.shape._asdict(), **stated}

    def content(self) -> bytes:
        """JSON of the 64-bit name of each n-gram as hexadecimal digits, as `Encoder.content`."""
        return to_bytes({"names": self.names.astype(">u8").tobytes().hex()})

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "NgramEncoder":
        """Encoder of n-grams from its parts, checked as `Encoder.from_parts` says, or `ValueError`."""
        stated = read_object("tokenizer", settings, _FIELDS)
        size = stated["vocabulary"]
        text = read_content(content, {"names": Anything()})["names"]
        if not isinstance(text, str) or len(text) != _DIGITS * (size - FIRST):
            raise ValueError(f"names: not {_DIGITS} digits for each of {size - FIRST} n-grams")
        try:
            found = np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64)
        except ValueError as error:
            raise ValueError("names: not hexadecimal digits") from error
        if len(found) != size - FIRST:
            raise ValueError(f"names: {len(found)} n-grams, where {size - FIRST} are stated")
        shape = Shape(*(stated[name] for name in Shape._fields))
        encoder = cls(shape, stated["length"], stated["kept"], found)
        encoder._lookups  # noqa: B018  # two n-grams may share a name
        return encoder

    def cut(self, texts: Sequence[str]) -> int:
        """Number of the texts that are too long to be read whole."""
        # A text has no more n-grams of a size than characters, so short ones need not be gone through.
        long = [text for text in texts if len(normalise(text)) * self.shape.groups > self.length]
        return self.count(long).cut

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of a block, nothing cut, and where each text starts in them."""
        return self._found(texts)[:2]

    def _covered(self, block: list[str]) -> Coverage:
        ids, offsets, words = self._found(block)
        cut = int(np.count_nonzero(np.diff(offsets) > self.length))
        known = int(np.count_nonzero(ids < self.borders[1]))
        return Coverage(len(block), words, words - known, cut)

    def _found(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"], int]:
        """Ids of a block, nothing cut, where each text starts in them, and single words there were."""
        groups = grams_of(self.shape, [normalise(text) for text in texts])
        keys = []
        for lookup, grams in zip(self._lookups, groups, strict=True):
            ids = lookup.find(grams.names)
            known = ids != UNKNOWN
            keys.append(grams.texts[known] * self.vocabulary + ids[known])
        keys_of_all = np.sort(np.concatenate(keys))
        texts_of = keys_of_all // self.vocabulary
        ids = (keys_of_all - texts_of * self.vocabulary).astype(np.int32)
        offsets = np.searchsorted(texts_of, np.arange(len(texts) + 1)).astype(np.int64)
        return ids, offsets, len(groups[0].names)
