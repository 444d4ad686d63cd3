import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoding.written import ENGLISH, ODD, any_texts, everyone
from pellucid.encoding import UNKNOWN, Encoder, NgramEncoder, fit_ngrams
from pellucid.encoding.ngrams import Shape, grams_of
from pellucid.encoding.words import characters, normalise, words_of
from pellucid.settings import Settings

TRAINING = [*ENGLISH * 3, *(text for text in ODD if "\ud800" not in text)]
SHAPES = (Shape(2), Shape(3), Shape(2, 1, 4))


def fitted(shape: Shape, texts: list[str], length: int = 500) -> NgramEncoder:
    """An encoder that keeps every n-gram of texts."""
    groups = grams_of(shape, [normalise(text) for text in texts])
    kept = [np.unique(grams.names) for grams in groups]
    return NgramEncoder(shape, length, tuple(map(len, kept)), np.concatenate(kept))


FITTED = {shape: fitted(shape, TRAINING) for shape in SHAPES}
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


def by_hand(shape: Shape, text: str) -> list[list[tuple]]:
    """The n-grams of a text by plain loops, one list for each size."""
    found = characters([normalise(text)])
    spans = words_of(found)
    words = ["".join(map(chr, found.points[a:b])) for a, b in zip(spans.starts, spans.ends, strict=True)]
    sizes = [[tuple(words[i : i + n]) for i in range(len(words) - n + 1)] for n in range(1, shape.words + 1)]
    for n in range(shape.shortest, shape.longest + 1) if shape.longest else ():
        longer = [word for word in words if len(word) > n]
        places = [(word, i) for word in longer for i in range(len(word) - n + 1)]
        sizes.append([(word[i : i + n], i == 0, i + n == len(word)) for word, i in places])
    return sizes


@every_shape
@given(texts=any_texts, length=st.integers(1, 40))
def test_texts_are_cut_that_have_more_ngrams_than_are_read(
    shape: Shape, texts: list[str], length: int
) -> None:
    asked = [*texts, *ENGLISH, "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 2]
    whole = FITTED[shape]
    encoder = NgramEncoder(shape, length, whole.kept, whole.names)
    assert encoder.cut(asked) == (whole.encode(asked).lengths > length).sum()


@every_shape
@given(texts=any_texts)
def test_ngrams_are_those_of_plain_loops(shape: Shape, texts: list[str]) -> None:
    groups = grams_of(shape, [normalise(text) for text in texts])
    expected = [by_hand(shape, text) for text in texts]
    names: dict[int, tuple] = {}
    for size, grams in enumerate(groups):
        plain = [(number, gram) for number, text in enumerate(expected) for gram in text[size]]
        assert grams.texts.tolist() == [number for number, _ in plain]
        for name, (_, gram) in zip(grams.names.tolist(), plain, strict=True):
            assert names.setdefault(name, gram) == gram
    assert len(set(names.values())) == len(names)


@every_shape
@given(texts=any_texts)
def test_ids_are_in_range_the_same_alone_explained_and_after_saving(shape: Shape, texts: list[str]) -> None:
    encoder = FITTED[shape]
    again = NgramEncoder.from_parts(json.loads(json.dumps(encoder.to_json())), encoder.content())
    assert again.content() == encoder.content()
    assert again.to_json() == encoder.to_json()
    found, after = encoder.encode(texts), again.encode(texts)
    assert np.array_equal(found.ids, after.ids)
    assert np.array_equal(found.offsets, after.offsets)
    assert (found.lengths >= 1).all()
    assert ((found.ids >= 1) & (found.ids < encoder.vocabulary)).all()
    alone = [encoder.encode([text]).ids.tolist() for text in texts]
    assert found.ids.tolist() == [number for ids in alone for number in ids]
    assert [[number for _, number in encoder.explain(text)] for text in texts] == alone


def test_groups_lie_side_by_side() -> None:
    encoder = fitted(Shape(2), ["the ship sails the ship"])
    assert encoder.kept == (3, 3)
    assert encoder.borders == (2, 5, 8)
    explained = encoder.explain("The ship  sails. the SHIP")
    words = {piece: number for piece, number in explained if number < 5}
    assert sorted(words) == ["SHIP", "The", "sails", "ship", "the"]
    assert words["The"] == words["the"]
    pairs = sorted(piece for piece, number in explained if number >= 5)
    assert pairs == ["The ship", "ship  sails", "the SHIP"]
    assert encoder.count(["The ship  sails. the SHIP"]) == (1, 6, 1, 0)  # the full stop; pairs aside
    assert encoder.encode(["?"]).ids.tolist() == [UNKNOWN]
    assert isinstance(encoder, Encoder)


def test_parts_of_words_know_the_edges() -> None:
    encoder = fitted(Shape(1, 2, 2), ["abab"])
    assert encoder.kept == (1, 3)  # ab at the beginning, ba, ab at the end
    explained = encoder.explain("ABAB")
    assert explained[0] == ("ABAB", 2)
    assert sorted(piece for piece, _ in explained[1:]) == ["AB", "AB", "BA"]
    assert len({number for _, number in explained}) == 4
    assert encoder.explain("xabx") == [("", UNKNOWN)]


def test_a_text_is_cut() -> None:
    encoder = fitted(Shape(1), ["a b c"], length=2)
    assert encoder.encode(["a b c", "a"]).lengths.tolist() == [2, 1]
    assert encoder.count(["a b c", "a"]).cut == 1


def test_ids_go_by_frequency() -> None:
    encoder = fit_ngrams(*everyone([*["the ship"] * 3, *["the"] * 2, "a"]), Settings()).encoder
    assert encoder.encode(["the ship a"]).ids.tolist()[:4] == [2, 3, 4, 5]


CONTENT = FITTED[Shape(2)].content()
STATED = FITTED[Shape(2)].to_json()


def hexadecimal(names: list[int]) -> bytes:
    return json.dumps({"names": np.array(names, ">u8").tobytes().hex()}).encode()


@pytest.mark.parametrize(
    ("change", "content", "message"),
    [
        ({"words": 0}, CONTENT, "words: 0 is no whole number from 1 to 5"),
        ({"shortest": 1}, CONTENT, "shortest: 1 is no whole number from 0 to 0"),
        ({"longest": 2, "shortest": 2}, CONTENT, "kept: .* does not fit"),
        ({"kept": [1, 2]}, CONTENT, "kept: .* does not fit"),
        ({"vocabulary": 5}, CONTENT, "names: not 16 digits for each of 3 n-grams"),
        ({}, b'{"names": 7}', "names: not 16 digits"),
        ({"vocabulary": 3, "kept": [1, 0]}, b'{"names": "zzzzzzzzzzzzzzzz"}', "names: not hexadecimal"),
        ({"vocabulary": 3, "kept": [1, 0]}, b'{"names": "00 00 00 00 00 0"}', "names: "),
        ({"vocabulary": 4, "kept": [2, 0]}, hexadecimal([7, 7]), "have the same name"),
    ],
)
def test_hostile_parts_are_refused(change: dict, content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NgramEncoder.from_parts(STATED | change, content)


def test_no_ngram_at_all() -> None:
    encoder = NgramEncoder(Shape(1), 3, (0,), np.zeros(0, np.uint64))
    again = NgramEncoder.from_parts(encoder.to_json(), encoder.content())
    assert again.encode(["a", ""]).ids.tolist() == [UNKNOWN, UNKNOWN]
    assert len(again.encode([])) == 0
