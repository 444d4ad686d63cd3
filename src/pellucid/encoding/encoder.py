"""Base of every encoder: texts as ids in one flat array; lookup by name; limits of saved encoders."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64, Integer, UInt64

from pellucid.data.raw_texts import Spool
from pellucid.encoding.words import starts_of
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Field, Items, Whole, parse, read_object

# Ids that no piece of text has: what fills short texts up, and what everything never seen becomes.
PADDING = 0
UNKNOWN = 1
# The first id of a piece of text.
FIRST = 2

# Most ids of a text that an encoder can be asked for.
LONGEST = 65_536
# Most ids that a vocabulary may have.
MOST_ENTRIES = 1_000_000
# Most bytes of a file with a vocabulary.
MOST_BYTES = 64 << 20

# Most characters of a word or piece that a vocabulary holds.
LONGEST_ENTRY = 64

LENGTH = Whole(1, LONGEST)


def kept_field(most: int) -> Items:
    """Field of at most so many counts of entries."""
    return Items(most, 1, Whole(0, MOST_ENTRIES))


def read_content(content: bytes, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Parse the file of an encoder, an object of exactly these fields; a `ValueError` says what is wrong."""
    if len(content) > MOST_BYTES:
        raise ValueError(
            Sentence("{content} bytes, where a vocabulary has at most {MOST_BYTES}", len(content), MOST_BYTES)
        )
    return read_object("vocabulary", parse(content), fields)


def read_entries(value: object) -> tuple[str, ...]:
    """Check words or characters out of JSON: different texts that UTF-8 can write.

    Raises: `ValueError` if it is no list of such, or too long.
    """
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        raise ValueError(Sentence("entries: no list of at most {MOST_ENTRIES} texts", MOST_ENTRIES))
    for entry in value:
        if not isinstance(entry, str) or not 1 <= len(entry) <= LONGEST_ENTRY:
            raise ValueError(
                Sentence(
                    "entries: {entry!r} is no text of 1 to {LONGEST_ENTRY} characters",
                    str(entry)[:40],
                    LONGEST_ENTRY,
                )
            )
        if any("\ud800" <= character <= "\udfff" for character in entry):
            raise ValueError("entries: one of them is not Unicode")
    return tuple(value)


class Coverage(NamedTuple):
    """Counts of known and cut texts and pieces."""

    texts: int
    # pieces, also those that were cut off; of n-grams single words, as most longer ones are new in any text
    ids: int
    unknown: int  # pieces that the vocabulary lacks
    cut: int  # texts that are longer than the encoder reads

    def __add__(self, other: object) -> "Coverage":
        """Counts over both groups of texts."""
        if not isinstance(other, Coverage):
            return NotImplemented
        return Coverage(*(mine + its for mine, its in zip(self, other, strict=True)))


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids of many texts, one after the other."""

    ids: Integer[np.ndarray, " ids"]  # each from 1 to `vocabulary` - 1; may be a memory map
    offsets: Int64[np.ndarray, " starts"]  # where each text starts in `ids`, and where the last one ends
    vocabulary: int  # number of ids, padding and unknown included
    length: int  # most ids of a text; longer texts were cut

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Int64[np.ndarray, " texts"]:
        """Number of ids of each text; 0 where nothing of it is left."""
        return np.diff(self.offsets)

    def padded(
        self, positions: Int64[np.ndarray, " batch"], multiple: int = 1
    ) -> Int64[np.ndarray, "batch longest"]:
        """Batch in the order of `positions`, filled up with `PADDING` to a multiple of `multiple`."""
        starts, ends = self.offsets[positions], self.offsets[positions + 1]
        longest = int((ends - starts).max(initial=1))
        places = starts[:, None] + np.arange(-(-longest // multiple) * multiple)
        inside = places < ends[:, None]
        batch = np.zeros(places.shape, np.int64)
        batch[inside] = self.ids[places[inside]]
        return batch


_CHARACTERS_OF_A_BLOCK = 1 << 20
_TEXTS_OF_A_BLOCK = 1 << 14


def blocks(texts: Iterable[str]) -> Iterator[list[str]]:
    """Texts in order, in groups of bounded size; one that is larger than the bound alone."""
    block: list[str] = []
    size = 0
    for text in texts:
        if block and (size + len(text) > _CHARACTERS_OF_A_BLOCK or len(block) == _TEXTS_OF_A_BLOCK):
            yield block
            block, size = [], 0
        block.append(text)
        size += len(text)
    if block:
        yield block


def picked(texts: Sequence[str], positions: Int64[np.ndarray, " some"]) -> Iterator[str]:
    """Texts at positions, one by one, in their order."""
    for position in positions.tolist():
        yield texts[position]


class IdWriter:
    """Writer of ids, block after block; from 64 MB on they go into a file that ends with the process."""

    def __init__(self, vocabulary: int, length: int) -> None:
        self._vocabulary, self._length = vocabulary, length
        self._type = np.dtype("<u2" if vocabulary <= 1 << 16 else "<i4")
        self._counts: list[Int64[np.ndarray, " texts"]] = []
        self._spool = Spool()

    def append(self, ids: Integer[np.ndarray, " ids"], offsets: Int64[np.ndarray, " starts"]) -> None:
        """Add a block and the starts of its texts; a text too long is cut, one without ids gets `UNKNOWN`."""
        counts = np.clip(np.diff(offsets), 1, self._length)
        starts = starts_of(counts)
        places = np.arange(starts[-1]) + np.repeat(offsets[:-1] - starts[:-1], counts)
        empty = starts[:-1][np.diff(offsets) == 0]
        places[empty] = 0
        found = ids[places].astype(self._type) if len(ids) else np.zeros(len(places), self._type)
        found[empty] = UNKNOWN
        self._spool.write(found.tobytes())
        self._counts.append(counts)

    def finish(self) -> Tokens:
        """Close the store and return the ids of all texts, in order."""
        offsets = starts_of(np.concatenate([np.zeros(0, np.int64), *self._counts]))
        return Tokens(self._spool.finish(self._type), offsets, self._vocabulary, self._length)


class Encoder:
    """Map from texts to ids; frozen, fitted on training texts alone or belonging to pretrained weights.

    Attributes:
        kind: its key in `ENCODERS`.
        length: most ids of a text, marks included; what comes after is not read.
    """

    kind: ClassVar[str]
    length: int

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""

    @property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids of marks that it puts before and behind every text."""
        return (), ()

    @property
    def marks(self) -> int:
        """Number of ids that it puts around every text."""
        return sum(map(len, self.around))

    def encode(self, texts: Sequence[str]) -> Tokens:
        """Ids of any number of texts, from one to `length` each."""
        writer = IdWriter(self.vocabulary, self.length)
        for block in blocks(texts):
            writer.append(*self._marked(*self._ids(block)))
        return writer.finish()

    def count(self, texts: Sequence[str]) -> Coverage:
        """Coverage of texts: pieces known, and texts cut."""
        return sum(map(self._covered, blocks(texts)), Coverage(0, 0, 0, 0))

    @abstractmethod
    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pairs of a piece of the text, as it was written, and its id; as many as `encode` gives ids."""

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """Settings, without what `content` holds."""

    @abstractmethod
    def content(self) -> bytes:
        """Vocabulary as JSON in UTF-8, the same bytes for the same training texts."""

    @classmethod
    @abstractmethod
    def from_parts(cls, settings: object, content: bytes) -> "Encoder":
        """Encoder that `to_json` and `content` describe, whoever wrote them; it gives the same ids.

        Raises: `ValueError` if either is not what an encoder writes, or they do not belong together.
        """

    @abstractmethod
    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of a block, nothing cut and no marks, and where each text starts in them."""

    def _marked(
        self, ids: Int32[np.ndarray, " ids"], offsets: Int64[np.ndarray, " starts"]
    ) -> tuple[Int32[np.ndarray, " marked"], Int64[np.ndarray, " starts"]]:
        """Ids of a block, cut where they are too many, with the marks around every text."""
        if not self.marks:
            return ids, offsets
        before, behind = self.around
        counts = np.minimum(np.diff(offsets), self.length - self.marks)
        starts = starts_of(counts + self.marks)
        marked = np.empty(starts[-1], np.int32)
        for place, number in enumerate(before):
            marked[starts[:-1] + place] = number
        for place, number in enumerate(reversed(behind), start=1):
            marked[starts[1:] - place] = number
        numbers = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places = np.repeat(starts[:-1] + len(before), counts) + numbers
        marked[places] = ids[np.repeat(offsets[:-1], counts) + numbers]
        return marked, starts

    def _covered(self, block: list[str]) -> Coverage:
        ids, offsets = self._ids(block)
        cut = int(np.count_nonzero(np.diff(offsets) > self.length - self.marks))
        return Coverage(len(block), len(ids), int(np.count_nonzero(ids == UNKNOWN)), cut)

    def _require_size(self, stated: int | None = None) -> None:
        """Refuse too many ids, or another number of them than is stated, with a `ValueError`."""
        if self.vocabulary > MOST_ENTRIES:
            raise ValueError(
                Sentence(
                    "vocabulary: {vocabulary} ids, where {MOST_ENTRIES} are admitted",
                    self.vocabulary,
                    MOST_ENTRIES,
                )
            )
        if stated not in (None, self.vocabulary):
            raise ValueError(
                Sentence("vocabulary: {vocabulary} ids found, {stated} stated", self.vocabulary, stated)
            )


_BITS = 64
_MOST_IN_BUCKET = 16  # more than chance puts together: names were made to collide


class Lookup:
    """Ascending ids, from `first` on, by name. Raises: `ValueError` if two names are equal."""

    def __init__(self, names: UInt64[np.ndarray, " entries"], first: int = FIRST) -> None:
        order = np.argsort(names, kind="stable")
        self._names = names[order]
        self._ids = (order + first).astype(np.int32)
        if len(names) > 1 and (self._names[1:] == self._names[:-1]).any():
            raise ValueError("two entries of the vocabulary have the same name")
        # Names are spread evenly, so that their first bits nearly give their position.
        self._shift = np.uint64(_BITS - max(1, len(names).bit_length()))
        heads = (self._names >> self._shift).astype(np.int64)
        sizes = np.bincount(heads, minlength=1 << int(_BITS - int(self._shift)))
        self._starts = (np.cumsum(sizes) - sizes).astype(np.int32)
        self._steps = int(sizes.max(initial=0))

    def find(self, names: UInt64[np.ndarray, " pieces"]) -> Int32[np.ndarray, " pieces"]:
        """Ids of names; `UNKNOWN` where there is none."""
        if not len(self._names):
            return np.full(len(names), UNKNOWN, np.int32)
        if self._steps > _MOST_IN_BUCKET:
            places = np.searchsorted(self._names, names)
        else:
            places = self._near(names)
        places[places == len(self._names)] = 0
        return np.where(self._names[places] == names, self._ids[places], np.int32(UNKNOWN))

    def _near(self, names: UInt64[np.ndarray, " pieces"]) -> Int32[np.ndarray, " pieces"]:
        """Positions of the first kept names that are not smaller, from where equal first bits begin."""
        places: np.ndarray = self._starts[names >> self._shift]
        last = len(self._names) - 1
        left = np.arange(len(names))
        for _ in range(self._steps):
            here = places[left]
            left = left[(self._names[np.minimum(here, last)] < names[left]) & (here <= last)]
            if not len(left):
                break
            places[left] += 1
        return places


def lookups_of(names: Sequence[UInt64[np.ndarray, " _"]]) -> tuple[Lookup, ...]:
    """Lookup of each group of names, the ids of one group behind those of the last."""
    starts = starts_of([*map(len, names)]).tolist()
    return tuple(Lookup(each, FIRST + start) for each, start in zip(names, starts, strict=False))
