import gzip
import itertools
import json
import re
import unicodedata

import pytest
from hypothesis import given
from tokenizers import pre_tokenizers

from encoding.written import ENGLISH, ODD, any_texts
from pellucid.data.reading.forms import SPAM_FILE
from pellucid.encoding.subwords import (
    LONGEST_TOKEN,
    PlainTokenizer,
    SubWords,
    byte_letters,
    evenly_spaced,
    joins_of,
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


@given(any_texts)
def test_word_by_word_is_as_in_one_go(texts: list[str]) -> None:
    splitter = SubWords(MERGES)
    for text in map(evenly_spaced, texts):
        assert splitter.split([text])[0].tolist() == [number for _, _, number in splitter.pieces(text)]


@given(any_texts)
def test_plain_python_gives_the_ids_of_the_library(texts: list[str]) -> None:
    assert_plain_equals([evenly_spaced(normalise(text)) for text in texts], MERGES)


def test_plain_python_splits_mails_as_the_library_does() -> None:
    with gzip.open(SPAM_FILE, "rt", encoding="utf-8") as file:
        mails = [json.loads(line)["text"] for line in itertools.islice(file, 200)]
    spaced = [evenly_spaced(normalise(mail)) for mail in mails]
    assert_plain_equals([*spaced, "a" * 3000, "they'll've '' don'tt !'s"], learn_merges(spaced[:50], 1000))


def assert_plain_equals(spaced: list[str], merges: tuple[tuple[int, int], ...]) -> None:
    """Characters that only a newer Unicode than this Python's knows are left out."""
    known = ["".join(each for each in text if unicodedata.category(each) != "Cn") for text in spaced]
    library = SubWords(merges)
    plain = PlainTokenizer(joins_of(merges, library.tokens))
    words = [*dict.fromkeys(word for text in known for word in re.findall(" ?[^ ]+", text))]
    for word, found in zip(words, plain.encode_batch_fast(words), strict=True):
        assert [(*place, number + 2) for place, number in zip(found.offsets, found.ids, strict=True)] == (
            library.pieces(word)
        )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "no list of at most 10 pairs"),
        ([[97, 98]] * 11, "no list of at most 10 pairs"),
        ([[97]], "is no pair of whole numbers"),
        ([[97, 98.0]], "is no pair of whole numbers"),
        ([[97, True]], "is no pair of whole numbers"),
        (["ab"], "is no pair of whole numbers"),
        ([[97, 256]], "97 and 256 are not both among 256 tokens"),
        ([[-1, 97]], "-1 and 97 are not both"),
        ([[97, 98], [97, 98]], "one of them stands twice"),
        ([[97, 97], [256, 256], [257, 257], [258, 258], [259, 259], [260, 260]], "a token of 64 bytes"),
    ],
)
def test_hostile_merges_are_refused(value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_merges(value, 10)
