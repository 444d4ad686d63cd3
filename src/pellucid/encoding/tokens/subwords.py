"""Sub-words: byte-level byte-pair encoding, built anew from its merges alone."""

import json
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int32, Int64

from pellucid.encoding.lookup import FIRST
from pellucid.encoding.tokens.plain import PlainTokenizer, joins_of
from pellucid.encoding.words.characters import written
from pellucid.encoding.words.distinct import one_thread, split_by_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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
    return _merges_of(tokenizer.to_str())


def _merges_of(saved: str) -> Merges:
    """Merges of a tokenizer just trained, as pairs of our token numbers."""
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
