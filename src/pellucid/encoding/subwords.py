"""Byte-level byte-pair encoding, by the library `tokenizers` or in plain Python."""

import heapq
import itertools
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.encoding.encoder import FIRST
from pellucid.encoding.words import written

if TYPE_CHECKING:
    from tokenizers import Tokenizer


# Byte-pair encoding in plain Python: the ids of the library of tokenizers where that is not installed.
#
# A text is cut into runs of letters, of numbers and of anything else, each with the space before it. Of the
# neighbouring tokens of a run the pair whose merge was learnt first is joined, the leftmost of several, until
# none is left. Characters that are newer than this Python's Unicode count as neither letters nor numbers.
#
# Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.

_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")
_NONE = -1


class Encoded(NamedTuple):
    """A text as tokens.

    Attributes:
        ids: of the tokens.
        offsets: first character of each, and the one behind its last.
    """

    ids: list[int]
    offsets: list[tuple[int, int]]


class PlainTokenizer:
    """Splitter of texts by merges.

    Args:
        joins: what each pair of tokens becomes, and when that was learnt.
    """

    def __init__(self, joins: Mapping[tuple[int, int], tuple[int, int]]) -> None:
        self._joins = joins

    def encode_batch_fast(self, texts: Iterable[str], *, add_special_tokens: bool = False) -> list[Encoded]:
        """Tokens of texts in which white space is single spaces, none at the end; there are no marks."""
        del add_special_tokens
        return [self.encode(text) for text in texts]

    def encode(self, text: str) -> Encoded:
        """Tokens of one text, as `encode_batch_fast`."""
        found = Encoded([], [])
        for start, end in _runs(text):
            characters = [place for place in range(start, end) for _ in text[place].encode()]
            for first, behind, number in self._joined(text[start:end].encode()):
                found.ids.append(number)
                found.offsets.append((characters[first], characters[behind - 1] + 1))
        return found

    def _joined(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """First byte, the one behind the last, and id of each token of a run.

        Each token stands where it begins; one that was joined to the token before it is gone. What waits to
        be joined is out of date once one of its two is another or gone.
        """
        ids: list[int] = [*content]
        after = [*range(1, len(ids)), _NONE]
        before = [*range(_NONE, len(ids) - 1)]
        waiting: list[tuple[int, int, int, int]] = []

        def wait(place: int) -> None:
            if place != _NONE and after[place] != _NONE:
                pair = ids[place], ids[after[place]]
                if pair in self._joins:
                    heapq.heappush(waiting, (self._joins[pair][0], place, *pair))

        for place in range(len(ids)):
            wait(place)
        while waiting:
            _, place, *pair = heapq.heappop(waiting)
            behind = after[place]
            if behind == _NONE or [ids[place], ids[behind]] != pair:
                continue
            ids[place], ids[behind] = self._joins[pair[0], pair[1]][1], _NONE
            after[place] = after[behind]
            if after[place] != _NONE:
                before[after[place]] = place
            wait(before[place])
            wait(place)
        place = 0 if ids else _NONE
        while place != _NONE:
            yield place, len(ids) if after[place] == _NONE else after[place], ids[place]
            place = after[place]


def joins_of(
    merges: Sequence[tuple[int, int]], tokens: Sequence[bytes]
) -> dict[tuple[int, int], tuple[int, int]]:
    """When each pair of tokens is joined, and the token that it becomes; `tokens` are those of the merges."""
    numbers = {token: number for number, token in enumerate(tokens)}
    return {
        (first, second): (rank, numbers[tokens[first] + tokens[second]])
        for rank, (first, second) in enumerate(merges)
    }


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """First character of each run, and the one behind its last."""
    start = 0
    while start < len(text):
        ending = _ENDING.match(text, start)
        if ending:
            end = ending.end()
        else:
            first = start + 1 if text[start] == " " and start + 1 < len(text) else start
            sort, end = _sort(text[first]), first + 1
            while end < len(text) and text[end] != " " and _sort(text[end]) == sort:
                end += 1
        yield start, end
        start = end


def _sort(character: str) -> str:
    """`L` of a letter, `N` of a number, or empty."""
    category = unicodedata.category(character)[0]
    return category if category in "LN" else ""


# Splitting word by word, every different word once, however often it stands in the texts.


def one_thread() -> None:
    """Keep the library of tokenizers to one thread, before it is loaded.

    Its threads would be as many as there are cores, whatever --threads says, and warn after a fork.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def split_by_words(
    tokenizer: "Tokenizer | PlainTokenizer", word: re.Pattern[str], texts: Sequence[str]
) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
    """Ids of texts by a tokenizer that splits a `word` alike wherever it stands, and each text's start."""
    different: dict[str, int] = {}
    words = [[different.setdefault(each, len(different)) for each in word.findall(text)] for text in texts]
    found = tokenizer.encode_batch_fast([*different], add_special_tokens=False)
    ids, starts = _flattened([each.ids for each in found])
    order, begins = _flattened(words)
    counts = np.diff(starts)[order]
    ends = np.zeros(len(order) + 1, np.int64)
    np.cumsum(counts, out=ends[1:])
    places = np.arange(ends[-1]) + np.repeat(starts[order] - ends[:-1], counts)
    return ids[places], ends[begins]


def _flattened(parts: list[list[int]]) -> tuple[Int32[np.ndarray, " numbers"], Int64[np.ndarray, " starts"]]:
    """Lists in one array, and where each starts in it."""
    starts = np.zeros(len(parts) + 1, np.int64)
    np.cumsum([len(part) for part in parts], out=starts[1:])
    return np.fromiter(itertools.chain.from_iterable(parts), np.int32, int(starts[-1])), starts


# Each merge joins two tokens to a further one; tokens 0 to 255 are the bytes.
Merges = tuple[tuple[int, int], ...]

BYTES = 256
# Most bytes of a sub-word.
LONGEST_TOKEN = 32

_WORD = re.compile(" ?[^ ]+")


def byte_letters() -> tuple[str, ...]:
    """Printable characters, 256 different ones, by which byte-level encodings write each byte."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(BYTES))


def tokens_of(merges: Merges) -> tuple[bytes, ...]:
    """Bytes of every token that merges lead to, by its id.

    Two merges may give the same token, which then has one id.

    Raises: `ValueError` if a merge names a token that is not there yet, stands twice, or makes a token too
        long.
    """
    tokens = [bytes([byte]) for byte in range(BYTES)]
    known = set(tokens)
    if len(set(merges)) != len(merges):
        raise ValueError("merges: one of them stands twice")
    for first, second in merges:
        if not (0 <= first < len(tokens) and 0 <= second < len(tokens)):
            raise ValueError(f"merges: {first} and {second} are not both among {len(tokens)} tokens")
        token = tokens[first] + tokens[second]
        if len(token) > LONGEST_TOKEN:
            raise ValueError(f"merges: a token of {len(token)} bytes, where {LONGEST_TOKEN} are admitted")
        if token not in known:
            known.add(token)
            tokens.append(token)
    return tuple(tokens)


def learn_merges(texts: Iterable[str], size: int) -> Merges:
    """Learn up to `size` tokens, bytes included, from normalised texts: the same for the same texts.

    Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.
    """
    from tokenizers import trainers

    tokenizer = _tokenizer({}, [])
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=list(byte_letters()),
        max_token_length=LONGEST_TOKEN,
    )
    tokenizer.train_from_iterator(map(evenly_spaced, texts), trainer)
    # Merges of a tokenizer just trained, as pairs of our token numbers.
    saved = tokenizer.to_str()
    letters = {letter: bytes([byte]) for byte, letter in enumerate(byte_letters())}
    numbers = {bytes([byte]): byte for byte in range(BYTES)}
    merges = []
    for pair in json.loads(saved)["model"]["merges"]:
        first, second = (b"".join(letters[letter] for letter in part) for part in pair)
        merges.append((numbers[first], numbers[second]))
        numbers.setdefault(first + second, len(numbers))
    return tuple(merges)


def evenly_spaced(text: str) -> str:
    """Text with one space for all white space between words, none at its ends, writable in UTF-8."""
    return " ".join(written(text).split())


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> "Tokenizer":
    one_thread()
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return tokenizer


def sorts_of_letters(characters: Sequence[str]) -> list[str]:
    """Sort of each character as the library tells them apart: `L` a letter, `N` a number, or empty.

    Its Unicode is not that of this Python. Characters are no white space, no apostrophe and no surrogate.
    """
    splitter = _tokenizer({}, []).pre_tokenizer
    found = []
    for character in characters:
        _, (start, end) = splitter.pre_tokenize_str(f"x{character}1")[0]
        is_alone = len(splitter.pre_tokenize_str(f"x{character}1")) == 3
        found.append("" if is_alone else "L" if end - start == 2 else "N")
    return found


class SubWords:
    """Splitter of texts by merges; checks them with `tokens_of`."""

    def __init__(self, merges: Merges) -> None:
        self.tokens = tokens_of(merges)
        letters = byte_letters()
        written = ["".join(letters[byte] for byte in token) for token in self.tokens]
        pairs = [(written[first], written[second]) for first, second in merges]
        self._tokenizer: Tokenizer | PlainTokenizer
        try:
            self._tokenizer = _tokenizer({text: number for number, text in enumerate(written)}, pairs)
        except ImportError:  # as where an exported model answers
            self._tokenizer = PlainTokenizer(joins_of(merges, self.tokens))

    def split(self, texts: Sequence[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of all texts from `evenly_spaced`, and where each text starts in them.

        No token reaches over a space, so every different word is split once.
        """
        tokens, starts = split_by_words(self._tokenizer, _WORD, texts)
        return tokens + np.int32(FIRST), starts

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        """Pieces of one text from `evenly_spaced`: first character, the one behind the last, and the id."""
        found = self._tokenizer.encode(written(text))
        return [(*place, number + FIRST) for place, number in zip(found.offsets, found.ids, strict=True)]


def read_merges(value: object, most: int) -> Merges:
    """Merges out of JSON, at most `most`, checked by `tokens_of`.

    Raises: `ValueError` if they are no list of pairs of whole numbers, too many, or not consistent.
    """
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(f"merges: no list of at most {most} pairs")
    merges: list[Any] = []
    for pair in value:
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or type(pair[0]) is not int
            or type(pair[1]) is not int
        ):
            raise ValueError(f"merges: {str(pair)[:40]} is no pair of whole numbers")
        merges.append((pair[0], pair[1]))
    tokens_of(tuple(merges))
    return tuple(merges)
