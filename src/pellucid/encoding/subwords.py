"""Sub-words: byte-pair encoding, learnt by the library `tokenizers` and applied in plain Python.

It is applied here, so that a text has the same ids where only onnxruntime is installed.

Source: Sennrich, Haddow, Birch 2016, Neural Machine Translation of Rare Words with Subword Units.
"""

import heapq
import itertools
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.encoding.encoder import FIRST
from pellucid.encoding.words import starts_of, written
from pellucid.language.sentence import Sentence

# Each merge joins two tokens to a further one; tokens 0 to 255 are the bytes.
Merges = tuple[tuple[int, int], ...]

BYTES = 256
# Most bytes of a sub-word.
LONGEST_TOKEN = 32

_GONE = -1
_WORD = re.compile(" ?[^ ]+")
_ENDING = re.compile("'(?:s|t|re|ve|m|ll|d)")


def one_thread() -> None:
    """Keep the library of tokenizers to one thread, before it is loaded.

    Its threads would be as many as there are cores, whatever --threads says, and warn after a fork.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def evenly_spaced(text: str) -> str:
    """Text with one space for all white space between words, none at its ends, writable in UTF-8."""
    return " ".join(written(text).split())


def split_by_words(
    ids_of: Callable[[list[str]], list[list[int]]], word: re.Pattern[str], texts: Sequence[str]
) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
    """Ids of texts, and each text's start; `ids_of` splits every different `word` once.

    It must split a word alike wherever it occurs.
    """
    different: dict[str, int] = {}
    words = [[different.setdefault(each, len(different)) for each in word.findall(text)] for text in texts]
    ids, starts = _flattened(ids_of([*different]))
    order, begins = _flattened(words)
    counts = np.diff(starts)[order]
    ends = starts_of(counts)
    places = np.arange(ends[-1]) + np.repeat(starts[order] - ends[:-1], counts)
    return ids[places], ends[begins]


def _flattened(parts: list[list[int]]) -> tuple[Int32[np.ndarray, " numbers"], Int64[np.ndarray, " starts"]]:
    """Lists in one array, and where each starts in it."""
    starts = starts_of([*map(len, parts)])
    return np.fromiter(itertools.chain.from_iterable(parts), np.int32, int(starts[-1])), starts


class SubWords:
    """Splitter of texts by merges; checks them with `tokens_of`.

    A text is cut into runs of letters, of numbers and of anything else, each with the space before it. Of the
    neighbouring tokens of a run the pair whose merge was learnt first is joined, the leftmost of several,
    until none is left. Characters that are newer than this Python's Unicode are neither letters nor numbers.
    """

    def __init__(self, merges: Merges) -> None:
        self.tokens = tokens_of(merges)
        numbers = {token: number for number, token in enumerate(self.tokens)}
        # When each pair of tokens is joined, and the token that it becomes.
        self._joins = {
            (first, second): (rank, numbers[self.tokens[first] + self.tokens[second]])
            for rank, (first, second) in enumerate(merges)
        }

    def split(self, texts: Sequence[str]) -> tuple[Int32[np.ndarray, " ids"], Int64[np.ndarray, " starts"]]:
        """Ids of all texts from `evenly_spaced`, and where each text starts in them."""

        def ids_of(words: list[str]) -> list[list[int]]:
            runs = [[word[start:end].encode() for start, end in _runs(word)] for word in words]
            return [[number for run in each for _, _, number in self._joined(run)] for each in runs]

        tokens, starts = split_by_words(ids_of, _WORD, texts)  # no token reaches over a space
        return tokens + np.int32(FIRST), starts

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        """Pieces of one text from `evenly_spaced`: first character, the one behind the last, and the id."""
        text, found = written(text), []
        for start, end in _runs(text):
            characters = [place for place in range(start, end) for _ in text[place].encode()]
            for first, behind, number in self._joined(text[start:end].encode()):
                found.append((characters[first], characters[behind - 1] + 1, number + FIRST))
        return found

    def _joined(self, content: bytes) -> Iterator[tuple[int, int, int]]:
        """First byte, the one behind the last, and token of each piece of a run.

        A token is kept where it begins; one that was joined to the token before it is gone. The lowest rank
        comes from a heap, in which an entry is out of date once one of its two tokens has changed.
        """
        ids = [*content]
        after, before = [*range(1, len(ids) + 1)], [*range(-1, len(ids) - 1)]
        joins, end = self._joins, len(ids)
        waiting = [
            (joins[pair][0], place, pair)
            for place, pair in enumerate(itertools.pairwise(content))
            if pair in joins
        ]
        heapq.heapify(waiting)
        while waiting:
            _, place, pair = heapq.heappop(waiting)
            behind = after[place]
            if behind == end or (ids[place], ids[behind]) != pair:
                continue
            ids[place], ids[behind] = joins[pair][1], _GONE
            after[place] = after[behind]
            if after[place] != end:
                before[after[place]] = place
            for left in (before[place], place):
                if left >= 0 and after[left] != end:
                    new = ids[left], ids[after[left]]
                    if new in joins:
                        heapq.heappush(waiting, (joins[new][0], left, new))
        for place, number in enumerate(ids):
            if number != _GONE:
                yield place, after[place], number


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """First character of each run, and the one behind its last."""
    if text[1 if text[:1] == " " else 0 :].isalpha():  # as nearly all words are
        yield 0, len(text)
        return
    start = 0
    while start < len(text):
        ending = _ENDING.match(text, start)
        if ending:
            end = ending.end()
        else:
            first = start + 1 if text[start] == " " and start + 1 < len(text) else start
            kind, end = _kind(text[first]), first + 1
            while end < len(text) and text[end] != " " and _kind(text[end]) == kind:
                end += 1
        yield start, end
        start = end


def _kind(character: str) -> str:
    """`L` of a letter, `N` of a number, or empty."""
    category = unicodedata.category(character)[0]
    return category if category in "LN" else ""


def byte_letters() -> tuple[str, ...]:
    """Printable characters, 256 different ones, by which byte-level encodings write each byte."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return tuple(chr(byte if byte in printable else next(others)) for byte in range(BYTES))


def learn_merges(texts: Iterable[str], size: int) -> Merges:
    """Learn up to `size` tokens, bytes included, from normalised texts: the same for the same texts."""
    one_thread()
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    letters = {letter: bytes([byte]) for byte, letter in enumerate(byte_letters())}
    tokenizer = Tokenizer(models.BPE(vocab={}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        min_frequency=2,
        show_progress=False,
        initial_alphabet=[*letters],
        max_token_length=LONGEST_TOKEN,
    )
    tokenizer.train_from_iterator(map(evenly_spaced, texts), trainer)
    numbers = {bytes([byte]): byte for byte in range(BYTES)}
    merges = []
    for pair in json.loads(tokenizer.to_str())["model"]["merges"]:
        first, second = (b"".join(letters[letter] for letter in part) for part in pair)
        merges.append((numbers[first], numbers[second]))
        numbers.setdefault(first + second, len(numbers))
    return tuple(merges)


def tokens_of(merges: Merges) -> tuple[bytes, ...]:
    """Bytes of every token that merges lead to, by its id.

    Two merges may give the same token, which then has one id.

    Raises: `ValueError` if a merge names a token that is not there yet, comes twice, or makes a token too
        long.
    """
    tokens = [bytes([byte]) for byte in range(BYTES)]
    known = set(tokens)
    if len(set(merges)) != len(merges):
        raise ValueError("merges: one of them is there twice")
    for first, second in merges:
        if not (0 <= first < len(tokens) and 0 <= second < len(tokens)):
            raise ValueError(
                Sentence(
                    "merges: {first} and {second} are not both among {tokens} tokens",
                    first,
                    second,
                    len(tokens),
                )
            )
        token = tokens[first] + tokens[second]
        if len(token) > LONGEST_TOKEN:
            raise ValueError(
                Sentence(
                    "merges: a token of {token} bytes, where {LONGEST_TOKEN} are admitted",
                    len(token),
                    LONGEST_TOKEN,
                )
            )
        if token not in known:
            known.add(token)
            tokens.append(token)
    return tuple(tokens)


def read_merges(value: object, most: int) -> Merges:
    """Merges out of JSON, at most `most`.

    Raises: `ValueError` if they are no list of pairs of whole numbers, too many, or refused by `tokens_of`.
    """
    if not isinstance(value, list) or len(value) > most:
        raise ValueError(Sentence("merges: no list of at most {most} pairs", most))
    for pair in value:
        if not isinstance(pair, list) or [*map(type, pair)] != [int, int]:
            raise ValueError(Sentence("merges: {pair} is no pair of whole numbers", str(pair)[:40]))
    merges = tuple((first, second) for first, second in value)
    tokens_of(merges)
    return merges
