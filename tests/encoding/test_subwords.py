import gzip
import itertools
import json
import unicodedata

import pytest
from hypothesis import example, given
from tokenizers import Tokenizer, models, pre_tokenizers

from encoding.written import ENGLISH, ODD, any_texts
from pellucid.data.sources.samples import SPAM_FILE
from pellucid.encoding.subwords import (
    LONGEST_TOKEN,
    SubWords,
    byte_letters,
    evenly_spaced,
    learn_merges,
    read_merges,
    tokens_of,
)
from pellucid.encoding.words import normalise

MERGES = learn_merges([*ENGLISH, *ODD], 400)


def test_letters_of_bytes_are_those_of_the_library() -> None:
    assert sorted(byte_letters()) == sorted(pre_tokenizers.ByteLevel.alphabet())
    assert byte_letters()[ord("A")] == "A"
    assert byte_letters()[ord(" ")] == "Ġ"


def test_merges_lead_to_tokens() -> None:
    assert tokens_of(((97, 98), (256, 99), (98, 99), (97, 258)))[256:] == (b"ab", b"abc", b"bc")


def test_what_is_learnt_joins_what_is_frequent() -> None:
    assert b" the" in tokens_of(MERGES)
    assert len(tokens_of(MERGES)) <= 400
    assert max(map(len, tokens_of(MERGES))) <= LONGEST_TOKEN


@given(any_texts)
def test_tokens_of_a_text_are_its_bytes(texts: list[str]) -> None:
    splitter = SubWords(MERGES)
    spaced = [evenly_spaced(normalise(text)) for text in texts]
    ids, offsets = splitter.split(spaced)
    assert len(offsets) == len(texts) + 1
    for text, start, end in zip(spaced, offsets, offsets[1:], strict=False):
        assert b"".join(splitter.tokens[number - 2] for number in ids[start:end]) == text.encode()


def library(merges: tuple[tuple[int, int], ...], tokens: tuple[bytes, ...]) -> Tokenizer:
    letters = byte_letters()
    written = ["".join(letters[byte] for byte in token) for token in tokens]
    pairs = [(written[first], written[second]) for first, second in merges]
    oracle = Tokenizer(models.BPE({text: number for number, text in enumerate(written)}, pairs))
    oracle.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    return oracle


def assert_as_the_library(texts: list[str], merges: tuple[tuple[int, int], ...]) -> None:
    """Characters that only a newer Unicode than this Python's knows are left out."""
    splitter = SubWords(merges)
    oracle = library(merges, splitter.tokens)
    for text in texts:
        known = evenly_spaced("".join(each for each in text if unicodedata.category(each) != "Cn"))
        found, pieces = oracle.encode(known), splitter.pieces(known)
        assert pieces == [(*at, number + 2) for at, number in zip(found.offsets, found.ids, strict=True)]
        assert splitter.split([known])[0].tolist() == [number for _, _, number in pieces]  # word by word


@example(["0\r\U0002ebe1"])  # without the newest character a space would end it
@given(any_texts)
def test_texts_are_split_as_by_the_library(texts: list[str]) -> None:
    assert_as_the_library([evenly_spaced(normalise(text)) for text in texts], MERGES)


def test_mails_are_split_as_by_the_library() -> None:
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as file:
        mails = [json.loads(line)["text"] for line in itertools.islice(file, 60)]
    spaced = [evenly_spaced(normalise(mail)) for mail in mails]
    assert_as_the_library([*spaced, "a" * 3000, "they'll've '' don'tt !'s"], learn_merges(spaced[:30], 1000))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([[97, 98]] * 11, "no list of at most 10 pairs"),
        ([[97]], "is no pair of whole numbers"),
        ([[97, 98.0]], "is no pair of whole numbers"),
        ([[97, True]], "is no pair of whole numbers"),
        ([[97, 256]], "97 and 256 are not both among 256 tokens"),
        ([[-1, 97]], "-1 and 97 are not both"),
        ([[97, 98], [97, 98]], "one of them is there twice"),
        ([[97, 97], [256, 256], [257, 257], [258, 258], [259, 259], [260, 260]], "a token of 64 bytes"),
    ],
)
def test_hostile_merges_are_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_merges(value, 10)
