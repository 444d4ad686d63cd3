"""Word pieces: BERT's way to split texts, built anew from a plain list of pieces."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.encoding.encoder import Encoder
from pellucid.encoding.limits import LONGEST, MOST_ENTRIES, read_content
from pellucid.encoding.lookup import FIRST
from pellucid.encoding.tokens.ragged import PADDING, UNKNOWN
from pellucid.encoding.tokens.tokenizing import read_entries
from pellucid.encoding.words.characters import written
from pellucid.encoding.words.distinct import one_thread, split_by_words
from pellucid.strict import Anything, Fields, Truth, Whole, read_object, to_bytes

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The marks of BERT: what fills up, what is unknown, what stands before and behind every text.
FILLER, STRANGER, START, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"

# Fewest ids of a text: both marks and one piece between them.
SHORTEST = 3

_LONGEST_WORD = 100
_FIELDS: Fields = {
    "length": Whole(SHORTEST, LONGEST),
    "vocabulary": Whole(FIRST, MOST_ENTRIES),
    "lower_case": Truth(),
}
_WORD = re.compile("[^ \\t\\n\\r]+")


@dataclass(frozen=True)
class WordPieceEncoder(Encoder):
    """Encoder into the longest pieces that a list holds, a mark before and behind.

    Ids are those of this package: `PADDING` and `UNKNOWN` first, then all other pieces in the order of
    the list. What a text says is never taken for a mark, not even the letters `[SEP]`.

    Attributes:
        entries: pieces in the order of their ids, `[CLS]` and `[SEP]` among them, `[PAD]` and `[UNK]` not;
            those that go on within a word begin with `##`.
        length: most ids of a text, both marks included.
        lower_case: whether capitals and accents are dropped first.
        kind: its key in `ENCODERS`.
        marks: one before every text and one behind it.

    Raises:
        ValueError: the parts do not fit each other.

    Source: Devlin et al. 2019, arXiv:1810.04805; Wu et al. 2016, arXiv:1609.08144, for the pieces.
    """

    entries: tuple[str, ...]
    length: int
    lower_case: bool = True

    kind: ClassVar[str] = "word-pieces"
    marks: ClassVar[int] = 2

    def __post_init__(self) -> None:
        _FIELDS["length"].read("length", self.length)
        if len(set(self.entries)) != len(self.entries):
            raise ValueError("entries: one of them stands twice")
        for mark, belongs in ((START, True), (END, True), (FILLER, False), (STRANGER, False)):
            if (mark in self.entries) != belongs:
                raise ValueError(
                    f"entries: {mark} {'is missing' if belongs else 'has an id of its own already'}"
                )
        self._require_size()

    @property
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""
        return FIRST + len(self.entries)

    @cached_property
    def _marks(self) -> tuple[int, int]:
        return FIRST + self.entries.index(START), FIRST + self.entries.index(END)

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
        start, end = self._marks
        return [("", start), *pieces[: self.length - self.marks], ("", end)]

    def read_as(self, characters: Sequence[str], parting: str) -> list[str]:
        """Characters as they are read, one after the other; `parting`, none of them, is read as it is."""
        read = self._tokenizer.normalizer.normalize_str(parting.join(characters))
        return [*read.split(parting)]

    def stand_alone(self, characters: Sequence[str]) -> list[bool]:
        """True of each character that is a piece of its own wherever it stands, as punctuation is."""
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
        stated = read_object("tokenizer", settings, _FIELDS)
        parts = read_content(content, {"entries": Anything()})
        encoder = cls(read_entries(parts["entries"]), stated["length"], stated["lower_case"])
        if encoder.vocabulary != stated["vocabulary"]:
            raise ValueError(f"vocabulary: {encoder.vocabulary} ids found, {stated['vocabulary']} stated")
        return encoder

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Pieces of a block, nothing cut and no marks, and where each text starts in them."""
        return split_by_words(self._tokenizer, _WORD, [written(text) for text in texts])

    def _marked(
        self, ids: Int32[np.ndarray, " ids"], offsets: Int64[np.ndarray, " starts"]
    ) -> tuple[Int32[np.ndarray, " marked"], Int64[np.ndarray, " starts"]]:
        """Cut what is too long, and put marks around every text."""
        counts = np.minimum(np.diff(offsets), self.length - self.marks)
        starts = np.zeros(len(offsets), np.int64)
        np.cumsum(counts + self.marks, out=starts[1:])
        marked = np.empty(starts[-1], np.int32)
        marked[starts[:-1]], marked[starts[1:] - 1] = self._marks
        numbers = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        marked[np.repeat(starts[:-1] + 1, counts) + numbers] = ids[np.repeat(offsets[:-1], counts) + numbers]
        return marked, starts
