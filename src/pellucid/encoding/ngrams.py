"""N-grams: words, neighbouring words and parts of words, each kind of them an id, for a bag."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, UInt64

from pellucid.arithmetic.draws import chained, mixed, names, prefixes
from pellucid.encoding.encoder import (
    FIRST,
    LENGTH,
    MOST_ENTRIES,
    UNKNOWN,
    Coverage,
    Encoder,
    Lookup,
    kept_field,
    lookups_of,
    read_content,
)
from pellucid.encoding.words import aligned, characters, normalise, starts_of, words_of
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Anything, Fields, Whole, read_object, to_bytes

# Most neighbouring words of an n-gram, and most characters of a part of a word.
MOST_WORDS = 5
MOST_CHARACTERS = 8

_DIGITS = 16


class Grams(NamedTuple):
    """N-grams of texts, all of one size after those of another."""

    names: UInt64[np.ndarray, " grams"]
    texts: Int64[np.ndarray, " grams"]  # the text each lies in; ascending within one size
    starts: Int64[np.ndarray, " grams"]  # first code point
    ends: Int64[np.ndarray, " grams"]  # behind the last one


class Shape(NamedTuple):
    """Sizes of n-grams: neighbouring words and parts of words."""

    words: int  # most neighbouring words, from 1
    shortest: int = 0  # fewest characters of a part of a word
    longest: int = 0  # most characters of a part of a word; 0 for no parts

    @property
    def sizes(self) -> list[int]:
        """One a group: numbers of neighbouring words, then of characters of parts of words."""
        parts = range(self.shortest, self.longest + 1) if self.longest else ()
        return [*range(1, self.words + 1), *parts]

    def require_sizes(self) -> None:
        """Refuse sizes that contradict each other with a `ValueError` that names the one that does."""
        Whole(1, MOST_WORDS).read("words", self.words)
        Whole(0, MOST_CHARACTERS).read("longest", self.longest)
        Whole(1 if self.longest else 0, self.longest).read("shortest", self.shortest)


def grams_of(shape: Shape, texts: Sequence[str]) -> list[Grams]:
    """N-grams of normalised texts, a group for each size: words, pairs and so on, then parts of words."""
    points = characters(texts)
    spans, ready = words_of(points), prefixes(points.points)
    texts_of = np.repeat(np.arange(len(texts)), np.diff(spans.offsets))
    words = run = names(ready, spans.starts, spans.ends)
    found = [Grams(words, texts_of, spans.starts, spans.ends)]
    for size in shape.sizes[1 : shape.words]:
        run = chained(run[: max(0, len(words) - size + 1)], words[size - 1 :])
        rows = np.flatnonzero(texts_of[: len(run)] == texts_of[size - 1 :])
        found.append(Grams(run[rows], texts_of[rows], spans.starts[rows], spans.ends[rows + size - 1]))
    lengths = spans.ends - spans.starts
    for size in shape.sizes[shape.words :]:
        # Runs of so many characters inside longer words; the same run at an edge is another part.
        counts = np.where(lengths > size, lengths - size + 1, 0)
        inside = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
        starts = np.repeat(spans.starts, counts) + inside
        edge = 1 + (inside == 0) + 2 * (inside == np.repeat(counts - 1, counts))
        parts = mixed(names(ready, starts, starts + size) + edge.astype(np.uint64))
        found.append(Grams(parts, np.repeat(texts_of, counts), starts, starts + size))
    return found


MOST_GROUPS = 2 * max(MOST_WORDS, MOST_CHARACTERS)
# Fields of a saved shape; its sizes are compared with each other once they are read.
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

    Raises: `ValueError` if the parts are out of bounds.
    """

    shape: Shape
    length: int
    kept: tuple[int, ...]  # n-grams of each group
    names: UInt64[np.ndarray, " kept"]  # of the n-grams kept, in the order of their ids

    kind: ClassVar[str] = "n-grams"

    def __post_init__(self) -> None:
        LENGTH.read("length", self.length)
        self.shape.require_sizes()
        if len(self.kept) != len(self.shape.sizes) or sum(self.kept) != len(self.names) or min(self.kept) < 0:
            raise ValueError(
                Sentence(
                    "kept: {kept} does not fit {names} n-grams of this shape",
                    str(self.kept)[:80],
                    len(self.names),
                )
            )
        self._require_size()

    @property
    def vocabulary(self) -> int:
        """Number of ids, also of `PADDING` and `UNKNOWN`."""
        return FIRST + len(self.names)

    @property
    def borders(self) -> tuple[int, ...]:
        """First id of each group, and the number of ids."""
        return tuple((FIRST + starts_of(self.kept)).tolist())

    @property
    def weighed(self) -> tuple[int, ...]:
        """Borders of what is brought to a length by itself: each number of words, and all parts together."""
        words = self.borders[: self.shape.words + 1]
        return (*words, self.borders[-1]) if self.shape.longest else words

    @cached_property
    def _lookups(self) -> tuple[Lookup, ...]:
        return lookups_of(np.split(self.names, starts_of(self.kept)[1:-1]))

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
        size = stated["vocabulary"] - FIRST
        text = read_content(content, {"names": Anything()})["names"]
        if not isinstance(text, str) or len(text) != _DIGITS * size:
            raise ValueError(Sentence("names: not {DIGITS} digits for each of {size} n-grams", _DIGITS, size))
        try:
            found = np.frombuffer(bytes.fromhex(text), ">u8").astype(np.uint64)
        except ValueError as error:
            raise ValueError("names: not hexadecimal digits") from error
        if len(found) != size:
            raise ValueError(Sentence("names: {found} n-grams, where {size} are stated", len(found), size))
        shape = Shape(*(stated[name] for name in Shape._fields))
        encoder = cls(shape, stated["length"], stated["kept"], found)
        encoder._lookups  # noqa: B018  # two n-grams may share a name
        return encoder

    def cut(self, texts: Sequence[str]) -> int:
        """Number of the texts that are too long to be read whole."""
        # A text has no more n-grams of a size than characters, so short ones need not be gone through.
        groups = len(self.shape.sizes)
        return self.count([text for text in texts if len(normalise(text)) * groups > self.length]).cut

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
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
        offsets = np.searchsorted(texts_of, np.arange(len(texts) + 1)).astype(np.int64)
        return (keys_of_all - texts_of * self.vocabulary).astype(np.int32), offsets, len(groups[0].names)
