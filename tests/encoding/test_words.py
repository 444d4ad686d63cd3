# ruff: noqa: RUF001  # odd characters are what is tested
import unicodedata

import numpy as np
import pytest
from hypothesis import given

from encoding.written import ODD, any_texts, anything
from pellucid.encoding.words import SPACE, characters, characters_of, is_unseen, kind_of, normalise, words_of


def pieces(text: str, find=words_of) -> list[str]:
    """The pieces of one text, written out in full."""
    found = characters([normalise(text)])
    spans = find(found)
    return ["".join(map(chr, found.points[a:b])) for a, b in zip(spans.starts, spans.ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" \n\x00\t\u200b ", []),
        ("The ship's  captain", ["the", "ship", "'s", "captain"]),
        ("don't they’ll", ["don", "'t", "they", "'ll"]),
        ("l'homme d’hier", ["l'", "homme", "d'", "hier"]),
        ("'quoted' o'", ["'", "quoted", "'", "o", "'"]),
        ("my_var==x1->y[3.14]", ["my_var", "==", "x1", "-", ">", "y", "[", "3", ".", "14", "]"]),
        ("wow!!!!!! ... ----", ["wow", "!!!", "...", "---"]),
        ("!?!?", ["!", "?", "!", "?"]),
        ("我喜欢 Tokyo東京", ["我", "喜", "欢", "tokyo", "東", "京"]),
        ("สวัสดี", ["ส", "วั", "ส", "ดี"]),
        ("한국어 말", ["한국어", "말"]),
        ("नमस्ते", ["नमस्ते"]),
        ("👨\u200d👩\u200d👧👍🏽👍🏽", ["👨\u200d👩\u200d👧", "👍🏽", "👍🏽"]),
        ("🇩🇪🇫🇷🇮", ["🇩🇪", "🇫🇷", "🇮"]),
        ("1\ufe0f\u20e3 ❤\ufe0f", ["1\ufe0f\u20e3", "❤\ufe0f"]),
        ("Ｆｕｌｌ ﬁn e\u0301", ["full", "fin", "é"]),
        ("so\u00adft \ufeffmark", ["soft", "mark"]),
        ("שלום\u200f עולם", ["שלום", "עולם"]),
        (" \u0301x", ["\u0301x"]),
    ],
)
def test_words_by_example(text: str, words: list[str]) -> None:
    assert pieces(text) == words


@pytest.mark.parametrize(
    ("text", "expected"), [("", ""), (" a \n\x00 b ", "a b"), ("我 们", "我 们"), ("\n", ""), ("ab", "ab")]
)
def test_characters_keep_one_white_space_between_words(text: str, expected: str) -> None:
    found = pieces(text, characters_of)
    assert "".join(" " if kind_of(ord(each)) == SPACE else each for each in found) == expected


@given(any_texts)
def test_words_cover_everything_but_white_space(texts: list[str]) -> None:
    found = characters([normalise(text) for text in texts])
    spans = words_of(found)
    assert (np.diff(spans.starts) > 0).all()
    assert (spans.ends > spans.starts).all()
    assert (spans.ends[:-1] <= spans.starts[1:]).all()
    covered = np.zeros(len(found.points), bool)
    following = np.append(spans.starts[1:], len(found.points))[: len(spans.starts)]
    for start, end, after in zip(spans.starts, spans.ends, following, strict=True):
        covered[start:end] = True
        left = found.points[end:after][found.kinds[end:after] != SPACE]
        assert (left == found.points[start]).all()  # what a repeated symbol has more than three of
        covered[end:after] |= found.kinds[end:after] != SPACE
    assert (covered == (found.kinds != SPACE)).all()


@given(any_texts)
def test_a_text_is_split_the_same_among_others(texts: list[str]) -> None:
    for find in (words_of, characters_of):
        found = characters([normalise(text) for text in texts])
        spans = find(found)
        written = [
            "".join(map(chr, found.points[a:b])) for a, b in zip(spans.starts, spans.ends, strict=True)
        ]
        assert len(spans.offsets) == len(texts) + 1
        for text, first, last in zip(texts, spans.offsets, spans.offsets[1:], strict=False):
            alone = pieces(text, find)
            together = written[first:last]
            assert [each.strip() for each in together] == [each.strip() for each in alone]


@given(anything)
def test_normal_forms_of_a_text_are_one(text: str) -> None:
    clean = "".join(each for each in text if not is_unseen(each))
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert normalise(unicodedata.normalize(form, clean)) == normalise(clean)


@pytest.mark.parametrize("text", ODD)
def test_odd_texts_are_split(text: str) -> None:
    assert all(each.strip() for each in pieces(text))
