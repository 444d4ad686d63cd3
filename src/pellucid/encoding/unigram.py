"""Unigram pieces, as SentencePiece splits texts: the most probable way to cut a word, in plain Python.

It is applied here, so that a text has the same ids where only onnxruntime is installed.
"""

import dataclasses
import itertools
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.data.raw_texts import Texts
from pellucid.encoding.encoder import (
    FIRST,
    LONGEST,
    LONGEST_ENTRY,
    MOST_ENTRIES,
    UNKNOWN,
    Encoder,
    blocks,
    picked,
    read_content,
    read_entries,
)
from pellucid.encoding.subwords import split_by_words
from pellucid.encoding.words import aligned, written
from pellucid.language.sentence import Sentence
from pellucid.safety.strict import Anything, Fields, Items, Number, Object, Text, Whole, read_object, to_bytes

# What every word begins with, in the place of the space before it.
BLANK = "\u2581"

# How much less probable a character that no piece has is than the least probable piece.
UNKNOWN_BELOW = 10.0

# Most characters that are read in the place of one.
LONGEST_REPLACEMENT = 64

_MOST_MARKS = 64
_LEAST = -1e6
_SETTINGS: Fields = {
    "length": Whole(1, LONGEST),
    "vocabulary": Whole(FIRST, MOST_ENTRIES),
    "before": Items(_MOST_MARKS, 0, Text(LONGEST_ENTRY), "pieces"),
    "behind": Items(_MOST_MARKS, 0, Text(LONGEST_ENTRY), "pieces"),
    "unknown": Number(2 * _LEAST, 0),
}
_CONTENT: Fields = {
    "entries": Anything(),
    "scores": Items(MOST_ENTRIES, 0, Number(_LEAST, 0), "numbers"),
    "replaced": Object(Text(LONGEST_REPLACEMENT, 0)),
}
_WORD = re.compile(f"[^ {BLANK}]+")


@dataclass(frozen=True)
class UnigramEncoder(Encoder):
    r"""Encoder into the pieces $x_1 \dots x_n$ of a word whose $\sum_i \log p(x_i)$ is largest.

    Characters are replaced by a table, then composed (NFC); a word is what lies between spaces, and begins
    with `BLANK`. A character that no piece has is unknown, several of them in a row are one unknown piece.
    What a text says is never taken for a mark, not even the letters `</s>`.

    Raises: `ValueError` if the parts do not fit each other.

    Source: Kudo 2018, arXiv:1804.10959, section 3.2; Kudo and Richardson 2018, arXiv:1808.06226.
    """

    entries: tuple[str, ...]  # pieces in the order of their ids, marks among them
    scores: tuple[float, ...]  # log of the probability of each; 0 of a mark, which is found in no text
    length: int
    before: tuple[str, ...] = ()  # entries that come before every text: a mark, the pieces of a prefix
    behind: tuple[str, ...] = ()  # those that come behind it
    unknown: float = -30.0  # what a character that no piece has adds to the sum
    replaced: Mapping[str, str] = field(default_factory=dict)  # what is read in the place of a character

    kind: ClassVar[str] = "unigram"

    def __post_init__(self) -> None:
        if len(self.scores) != len(self.entries):
            raise ValueError(
                Sentence("scores: {scores} for {entries} entries", len(self.scores), len(self.entries))
            )
        if len(self._numbers) != len(self.entries):
            raise ValueError("entries: one of them is there twice")
        for each in self.entries:
            if BLANK in each[1:]:
                raise ValueError(Sentence("entries: {entry!r} reaches over a space", each))
        for mark in (*self.before, *self.behind):
            if mark not in self._numbers:
                raise ValueError(Sentence("entries: {mark} {word}", mark, "is missing"))
        if any(len(character) != 1 for character in self.replaced):
            raise ValueError("replaced: more or less than one character")
        Whole(self.marks + 1, LONGEST).read("length", self.length)
        self._require_size()

    @property
    def vocabulary(self) -> int:
        """Number of ids, `PADDING` and `UNKNOWN` included."""
        return FIRST + len(self.entries)

    def explain(self, text: str) -> list[tuple[str, int]]:
        """Pieces and ids, as `Encoder.explain`; a mark's piece is empty."""
        origin = aligned(written(text), self._read)
        found = [
            (origin.piece(word.start() + max(start, 0), word.start() + end), number)
            for word in _WORD.finditer(origin.text)
            for start, end, number in self._cut(word[0])
        ]
        before, behind = ([("", number) for number in numbers] for numbers in self.around)
        return [*before, *found[: self.length - self.marks], *behind] or [("", UNKNOWN)]

    def prefixed(self, prefix: str) -> "UnigramEncoder":
        """Encoder that puts the pieces of a prefix before every text, a space between them."""
        pieces = tuple(
            self.entries[number - FIRST] for number in self._ids([prefix])[0].tolist() if number != UNKNOWN
        )
        return dataclasses.replace(self, before=(*self.before, *pieces))

    def restricted(
        self, texts: Texts, train: Int64[np.ndarray, " train"], frequent: int
    ) -> tuple["UnigramEncoder", Int64[np.ndarray, " ids"]]:
        """Encoder of fewer pieces, and which of these ids each of its own has.

        It keeps the pieces of the texts at the positions `train`, which it splits as this one does, all
        single characters, and the `frequent` most probable others.
        """
        kept = np.zeros(self.vocabulary, bool)
        kept[:FIRST] = True
        for block in blocks(picked(texts, train)):
            kept[self._ids(block)[0]] = True
        kept[[*itertools.chain(*self.around)]] = True
        kept[[number for piece, number in self._numbers.items() if len(piece) == 1]] = True
        scores = np.array(self.scores)
        kept[FIRST:][np.argsort(np.where(scores < 0, -scores, np.inf), kind="stable")[:frequent]] = True
        ids = np.flatnonzero(kept)
        places = (ids[FIRST:] - FIRST).tolist()
        entries, kept_scores = (tuple(row[place] for place in places) for row in (self.entries, self.scores))
        return dataclasses.replace(self, entries=entries, scores=kept_scores), ids

    def to_json(self) -> dict[str, Any]:
        """Length, marks and what unknown characters count, without the list of pieces."""
        marks = {"before": list(self.before), "behind": list(self.behind)}
        return {"length": self.length, "vocabulary": self.vocabulary, **marks, "unknown": self.unknown}

    def content(self) -> bytes:
        """Pieces, their scores and the table of characters as JSON, as `Encoder.content`."""
        return to_bytes(
            {"entries": list(self.entries), "scores": list(self.scores), "replaced": dict(self.replaced)}
        )

    @classmethod
    def from_parts(cls, settings: object, content: bytes) -> "UnigramEncoder":
        """Encoder of unigram pieces from its parts, checked as `Encoder.from_parts` says, or `ValueError`."""
        stated = read_object("tokenizer", settings, _SETTINGS)
        parts = read_content(content, _CONTENT)
        vocabulary = stated.pop("vocabulary")
        encoder = cls(**parts | {"entries": read_entries(parts["entries"])}, **stated)
        encoder._require_size(vocabulary)
        return encoder

    @cached_property
    def around(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Ids before and behind every text."""
        before, behind = (
            tuple(self._numbers[mark] for mark in marks) for marks in (self.before, self.behind)
        )
        return before, behind

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {entry: number for number, entry in enumerate(self.entries, start=FIRST)}

    @cached_property
    def _scores(self) -> dict[str, float]:
        """Score of every piece, and 0 of what is only the beginning of one."""
        scored = {entry: score for entry, score in zip(self.entries, self.scores, strict=True) if score}
        found = {piece[:end]: 0.0 for piece in scored for end in range(1, len(piece))}
        return found | scored

    @cached_property
    def _table(self) -> dict[int, str]:
        return {ord(character): read for character, read in self.replaced.items()}

    def _read(self, text: str) -> str:
        """Text as it is read, not yet cut."""
        return unicodedata.normalize("NFC", text.translate(self._table))

    def _ids(self, texts: list[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        def ids_of(words: list[str]) -> list[list[int]]:
            return [[number for _, _, number in self._cut(word)] for word in words]

        return split_by_words(ids_of, _WORD, [self._read(written(text)) for text in texts])

    def _cut(self, word: str) -> Iterator[tuple[int, int, int]]:
        """Pieces of a word and the blank before it: first character, the one behind the last, and the id."""
        text = BLANK + word
        score_of = self._scores.get
        best = [0.0, *[-math.inf] * len(text)]  # sum of the best way to each place
        came = [0] * len(best)  # where the last piece of that way begins
        for start, character in enumerate(text):
            sum_here = best[start]
            if not score_of(character) and sum_here + self.unknown > best[start + 1]:
                best[start + 1], came[start + 1] = sum_here + self.unknown, start
            for end in range(start + 1, len(best)):
                score = score_of(text[start:end])
                if score is None:  # no piece begins so
                    break
                if score and sum_here + score > best[end]:
                    best[end], came[end] = sum_here + score, start
        borders = [len(text)]
        while borders[-1]:
            borders.append(came[borders[-1]])
        pieces = [
            (start, end, self._numbers.get(text[start:end], UNKNOWN))
            for end, start in itertools.pairwise(borders)
        ]
        for number, same in itertools.groupby(reversed(pieces), lambda piece: piece[2]):
            if number == UNKNOWN:
                unknown = [*same]
                yield unknown[0][0] - 1, unknown[-1][1] - 1, UNKNOWN
            else:
                yield from ((start - 1, end - 1, number) for start, end, _ in same)
