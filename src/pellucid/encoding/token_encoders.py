"""Encoders of tokens: words, sub-words, characters, bytes or BERT's word pieces, each one an id."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Int32, Int64, UInt32

from pellucid.arithmetic.draws import names, prefixes
from pellucid.encoding.encoder import (
    FIRST,
    LENGTH,
    LONGEST,
    MOST_ENTRIES,
    PADDING,
    UNKNOWN,
    Encoder,
    Lookup,
    read_content,
    read_entries,
)
from pellucid.encoding.ngrams import NgramEncoder
from pellucid.encoding.subwords import (
    BYTES,
    Merges,
    SubWords,
    evenly_spaced,
    one_thread,
    read_merges,
    split_by_words,
    tokens_of,
)
from pellucid.encoding.unigram import UnigramEncoder
from pellucid.encoding.words import (
    SPACE,
    Spans,
    aligned,
    characters,
    characters_of,
    normalise,
    starts_of,
    words_of,
    written,
)
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Anything, Fields, OneOf, Truth, Whole, read_object, to_bytes

if TYPE_CHECKING:
    from tokenizers import Tokenizer


# Kinds of pieces that a text can be split into.
WORDS = "words"
SUB_WORDS = "sub-words"
CHARACTERS = "characters"
BYTE = "bytes"
TOKENS = (WORDS, SUB_WORDS, CHARACTERS, BYTE)

_SPACE = 0x20
_TOKEN_FIELDS: Fields = {"tokens": OneOf(TOKENS), "length": LENGTH, "vocabulary": Whole(FIRST, MOST_ENTRIES)}


def split(tokens: str, texts: Sequence[str]) -> tuple[UInt32[np.ndarray, " points"], Spans]:
    """Code points of all texts, normalised, and where their pieces (`words` or `characters`) lie."""
    found = characters([normalise(text) for text in texts])
    if tokens == WORDS:
        return found.points, words_of(found)
    found.points[found.kinds == SPACE] = _SPACE
    return found.points, characters_of(found)


@dataclass(frozen=True)
class TokenEncoder(Encoder):
    """Encoder that splits texts and looks the pieces up.

    Raises: `ValueError` if the parts do not fit each other.
    """

    tokens: str  # one of `TOKENS`
    length: int
    entries: tuple[str, ...] = ()  # words or characters in the order of their ids; none for the others
    merges: Merges = ()  # of sub-words; none for the others

    kind: ClassVar[str] = "tokens"

    def __post_init__(self) -> None:
        _TOKEN_FIELDS["tokens"].read("tokens", self.tokens)
        LENGTH.read("length", self.length)
        if self.entries and self.tokens not in (WORDS, CHARACTERS):
            raise ValueError(Sentence("entries: {tokens} have none", self.tokens))
        if self.merges and self.tokens != SUB_WORDS:
            raise ValueError(Sentence("merges: {tokens} have none", self.tokens))
        if len(set(self.entries)) != len(self.entries):
            raise ValueError("entries: one of them is there twice")
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
        starts = starts_of([*map(len, self.entries)])
        return Lookup(names(prefixes(points), starts[:-1], starts[1:]))

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
        elif self.tokens == SUB_WORDS:
            origin = aligned(text).spaced()
            pieces = self._sub_words.pieces(origin.text)
            found = [(origin.piece(start, end), number) for start, end, number in pieces]
        else:
            origin = aligned(text)
            ids, spans = self._looked_up([text])
            places = zip(spans.starts.tolist(), spans.ends.tolist(), ids.tolist(), strict=True)
            found = [(origin.piece(start, end), number) for start, end, number in places]
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
        stated = read_object("tokenizer", settings, _TOKEN_FIELDS)
        parts = read_content(content, {"entries": Anything(), "merges": Anything()})
        entries, merges = read_entries(parts["entries"]), read_merges(parts["merges"], MOST_ENTRIES)
        encoder = cls(stated["tokens"], stated["length"], entries, merges)
        encoder._require_size(stated["vocabulary"])
        encoder._lookup  # noqa: B018  # two entries may share a name
        return encoder

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        if self.tokens == BYTE:
            raw = [text.encode("utf-8", "surrogatepass") for text in texts]
            numbers = np.frombuffer(b"".join(raw), np.uint8).astype(np.int32)
            return numbers + np.int32(FIRST), starts_of([*map(len, raw)])
        if self.tokens == SUB_WORDS:
            return self._sub_words.split([evenly_spaced(normalise(text)) for text in texts])
        ids, spans = self._looked_up(texts)
        return ids, spans.offsets

    def _looked_up(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Spans]:
        """Ids of the words or characters of texts, and where these lie."""
        points, spans = split(self.tokens, texts)
        return self._lookup.find(names(prefixes(points), spans.starts, spans.ends)), spans


# The marks of BERT: what fills up, what is unknown, what comes before and behind every text.
FILLER = "[PAD]"
STRANGER = "[UNK]"
START = "[CLS]"
END = "[SEP]"

# Fewest ids of a text: both marks and one piece between them.
SHORTEST = 3

_LONGEST_WORD = 100
_PIECE_FIELDS: Fields = {
    "length": Whole(SHORTEST, LONGEST),
    "vocabulary": Whole(FIRST, MOST_ENTRIES),
    "lower_case": Truth(),
}
_WORD = re.compile("[^ \\t\\n\\r]+")


@dataclass(frozen=True)
class WordPieceEncoder(Encoder):
    """Encoder into the longest pieces that a list holds, a mark before and behind, as BERT splits texts.

    Ids are those of this package: `PADDING` and `UNKNOWN` first, then all other pieces in the order of
    the list. The text itself is never taken for a mark, not even the letters `[SEP]`.

    Raises: `ValueError` if the parts do not fit each other.

    Source: Devlin et al. 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144, for the pieces.
    """

    # Pieces in the order of their ids, `[CLS]` and `[SEP]` among them, `[PAD]` and `[UNK]` not; those that go
    # on within a word begin with `##`.
    entries: tuple[str, ...]
    length: int
    lower_case: bool = True  # whether capitals and accents are dropped first

    kind: ClassVar[str] = "word-pieces"

    def __post_init__(self) -> None:
        _PIECE_FIELDS["length"].read("length", self.length)
        if len(set(self.entries)) != len(self.entries):
            raise ValueError("entries: one of them is there twice")
        for mark, belongs in ((START, True), (END, True), (FILLER, False), (STRANGER, False)):
            if (mark in self.entries) != belongs:
                raise ValueError(
                    Sentence(
                        "entries: {mark} {word}",
                        mark,
                        "is missing" if belongs else "has an id of its own already",
                    )
                )
        self._require_size()

    @property
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""
        return FIRST + len(self.entries)

    @cached_property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids of `[CLS]` and `[SEP]`."""
        return (FIRST + self.entries.index(START),), (FIRST + self.entries.index(END),)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        one_thread()
        from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

        ids = {FILLER: PADDING, STRANGER: UNKNOWN}
        ids |= {entry: number for number, entry in enumerate(self.entries, start=FIRST)}
        tokenizer = Tokenizer(
            models.WordPiece(vocab=ids, unk_token=STRANGER, max_input_chars_per_word=_LONGEST_WORD)
        )
        tokenizer.normalizer = normalizers.BertNormalizer(
            clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=self.lower_case
        )
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        return tokenizer

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pieces and ids, as `Encoder.explain`; a mark's piece is empty."""
        read = written(text)
        found = self._tokenizer.encode(read, add_special_tokens=False)
        pieces = [
            (read[start:end], number) for (start, end), number in zip(found.offsets, found.ids, strict=True)
        ]
        (start,), (end,) = self.around
        return [("", start), *pieces[: self.length - self.marks], ("", end)]

    def read_as(self, characters: Sequence[str], parting: str) -> list[str]:
        """Characters as they are read, one after the other; `parting`, none of them, is read as it is."""
        read = self._tokenizer.normalizer.normalize_str(parting.join(characters))
        return [*read.split(parting)]

    def stand_alone(self, characters: Sequence[str]) -> list[bool]:
        """True of each character that is a piece of its own wherever it occurs, as punctuation is."""
        split = self._tokenizer.pre_tokenizer.pre_tokenize_str
        return [len(split(f"a{character}a")) == 3 for character in characters]

    def to_json(self) -> dict[str, Any]:
        """Length and case, without the list of pieces."""
        return {"length": self.length, "vocabulary": self.vocabulary, "lower_case": self.lower_case}

    def content(self) -> bytes:
        """List of pieces as JSON in UTF-8, always the same bytes for the same pieces."""
        return to_bytes({"entries": list(self.entries)})

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "WordPieceEncoder":
        """Encoder of word pieces from its parts, checked as `Encoder.from_parts` says, or `ValueError`."""
        stated = read_object("tokenizer", settings, _PIECE_FIELDS)
        entries = read_entries(read_content(content, {"entries": Anything()})["entries"])
        encoder = cls(entries, stated["length"], stated["lower_case"])
        encoder._require_size(stated["vocabulary"])
        return encoder

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        def ids_of(words: list[str]) -> list[list[int]]:
            return [each.ids for each in self._tokenizer.encode_batch_fast(words, add_special_tokens=False)]

        return split_by_words(ids_of, _WORD, [written(text) for text in texts])


# Every encoder by its kind, as saved models name it.
ENCODERS: dict[str, type[Encoder]] = {
    each.kind: each for each in (TokenEncoder, NgramEncoder, WordPieceEncoder, UnigramEncoder)
}
