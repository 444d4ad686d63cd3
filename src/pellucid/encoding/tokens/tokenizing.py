"""Tokens: texts as words, sub-words, characters or bytes, each one an id."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Int64, UInt32

from pellucid.arithmetic.hashing import names, prefixes
from pellucid.encoding.encoder import Encoder
from pellucid.encoding.limits import LENGTH, MOST_ENTRIES, read_content
from pellucid.encoding.lookup import FIRST, Lookup
from pellucid.encoding.tokens.ragged import UNKNOWN
from pellucid.encoding.tokens.subwords import BYTES, Merges, SubWords, evenly_spaced, read_merges, tokens_of
from pellucid.encoding.words.alignment import aligned
from pellucid.encoding.words.boundaries import Spans, characters_of, words_of
from pellucid.encoding.words.characters import SPACE, Characters, characters, normalise
from pellucid.strict import Anything, Fields, OneOf, Whole, read_object, to_bytes

WORDS, SUB_WORDS, CHARACTERS, BYTE = "words", "sub-words", "characters", "bytes"
# Kinds of pieces that a text can be split into.
TOKENS = (WORDS, SUB_WORDS, CHARACTERS, BYTE)

# Most characters of a word that a vocabulary holds.
LONGEST_ENTRY = 64

_SPACE = 0x20
_FIELDS: Fields = {"tokens": OneOf(TOKENS), "length": LENGTH, "vocabulary": Whole(FIRST, MOST_ENTRIES)}


def split(tokens: str, texts: Sequence[str]) -> tuple[UInt32[np.ndarray, " points"], Spans]:
    """Code points of all texts, and where their pieces (`words` or `characters`) lie."""
    return _split_normalised(tokens, [normalise(text) for text in texts])


def _split_normalised(tokens: str, texts: Sequence[str]) -> tuple[UInt32[np.ndarray, " points"], Spans]:
    found: Characters = characters(texts)
    if tokens == WORDS:
        return found.points, words_of(found)
    found.points[found.kinds == SPACE] = _SPACE
    return found.points, characters_of(found)


@dataclass(frozen=True)
class TokenEncoder(Encoder):
    """Encoder that splits texts and looks the pieces up.

    Attributes:
        tokens: `words`, `sub-words`, `characters` or `bytes`.
        length: most ids of a text.
        entries: words or characters in the order of their ids; none for the others.
        merges: of sub-words; none for the others.
        kind: its key in `ENCODERS`.

    Raises:
        ValueError: the parts do not fit each other.
    """

    tokens: str
    length: int
    entries: tuple[str, ...] = ()
    merges: Merges = ()

    kind: ClassVar[str] = "tokens"

    def __post_init__(self) -> None:
        _FIELDS["tokens"].read("tokens", self.tokens)
        LENGTH.read("length", self.length)
        if self.entries and self.tokens not in (WORDS, CHARACTERS):
            raise ValueError(f"entries: {self.tokens} have none")
        if self.merges and self.tokens != SUB_WORDS:
            raise ValueError(f"merges: {self.tokens} have none")
        if len(set(self.entries)) != len(self.entries):
            raise ValueError("entries: one of them stands twice")
        self._require_size()

    @cached_property
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""
        if self.tokens == SUB_WORDS:
            return FIRST + len(tokens_of(self.merges))
        return FIRST + (BYTES if self.tokens == BYTE else len(self.entries))

    @cached_property
    def _lookup(self) -> Lookup:
        points = np.frombuffer("".join(self.entries).encode("utf-32-le"), "<u4").astype(np.uint32)
        ends = np.cumsum([len(entry) for entry in self.entries], dtype=np.int64)
        starts = ends - np.array([len(entry) for entry in self.entries], np.int64)
        return Lookup(names(prefixes(points), starts, ends))

    @cached_property
    def _sub_words(self) -> SubWords:
        return SubWords(self.merges)

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pieces and ids in the order of the text, as `Encoder.explain`."""
        if self.tokens == BYTE:
            found = [
                (character, FIRST + byte)
                for character in text
                for byte in character.encode("utf-8", "surrogatepass")
            ]
        else:
            origin = aligned(text).spaced() if self.tokens == SUB_WORDS else aligned(text)
            found = [(origin.piece(start, end), number) for start, end, number in self._pieces(origin.text)]
        return found[: self.length] or [("", UNKNOWN)]

    def to_json(self) -> dict[str, Any]:
        """Kind of tokens and length, without the vocabulary."""
        return {"tokens": self.tokens, "length": self.length, "vocabulary": self.vocabulary}

    def content(self) -> bytes:
        """Vocabulary or merges as JSON, as `Encoder.content`."""
        return to_bytes({"entries": list(self.entries), "merges": [list(pair) for pair in self.merges]})

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "TokenEncoder":
        """Encoder of tokens from its parts, checked as `Encoder.from_parts` says, or `ValueError`."""
        stated = read_object("tokenizer", settings, _FIELDS)
        parts = read_content(content, {"entries": Anything(), "merges": Anything()})
        encoder = cls(
            stated["tokens"],
            stated["length"],
            read_entries(parts["entries"]),
            read_merges(parts["merges"], MOST_ENTRIES),
        )
        if encoder.vocabulary != stated["vocabulary"]:
            raise ValueError(f"vocabulary: {encoder.vocabulary} ids found, {stated['vocabulary']} stated")
        encoder._lookup  # noqa: B018  # two entries may share a name
        return encoder

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of a block, nothing cut, and where each text starts in them."""
        if self.tokens == BYTE:
            raw = [text.encode("utf-8", "surrogatepass") for text in texts]
            offsets = np.zeros(len(texts) + 1, np.int64)
            np.cumsum([len(each) for each in raw], out=offsets[1:])
            return np.frombuffer(b"".join(raw), np.uint8).astype(np.int32) + np.int32(FIRST), offsets
        normalised = [normalise(text) for text in texts]
        if self.tokens == SUB_WORDS:
            return self._sub_words.split([evenly_spaced(text) for text in normalised])
        points, spans = _split_normalised(self.tokens, normalised)
        return self._lookup.find(names(prefixes(points), spans.starts, spans.ends)), spans.offsets

    def _pieces(self, normalised: str) -> list[tuple[int, int, int]]:
        """Start, end and id of the pieces of one normalised text."""
        if self.tokens == SUB_WORDS:
            return self._sub_words.pieces(normalised)
        points, spans = _split_normalised(self.tokens, [normalised])
        ids = self._lookup.find(names(prefixes(points), spans.starts, spans.ends))
        return list(zip(spans.starts.tolist(), spans.ends.tolist(), ids.tolist(), strict=True))


def read_entries(value: object) -> tuple[str, ...]:
    """Check words or characters out of JSON: different texts that UTF-8 can write.

    Raises: `ValueError` if it is no list of such, or too long.
    """
    if not isinstance(value, list) or len(value) > MOST_ENTRIES:
        raise ValueError(f"entries: no list of at most {MOST_ENTRIES} texts")
    for entry in value:
        if not isinstance(entry, str) or not 1 <= len(entry) <= LONGEST_ENTRY:
            raise ValueError(f"entries: {str(entry)[:40]!r} is no text of 1 to {LONGEST_ENTRY} characters")
        if any("\ud800" <= character <= "\udfff" for character in entry):
            raise ValueError("entries: one of them is not Unicode")
    return tuple(value)
