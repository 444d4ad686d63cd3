# ruff: noqa: RUF001  # odd characters are what is tested
import functools
import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

from encoding.written import ENGLISH, ODD, any_texts, everyone
from pellucid.encoding import ENCODERS, UNKNOWN, UnigramEncoder
from pellucid.encoding.unigram import BLANK

SCORES = {
    "<s>": 0.0,
    "</s>": 0.0,
    BLANK: -3.0,
    "▁the": -4.0,
    "▁ship": -7.0,
    "▁sh": -6.5,
    "ip": -6.25,
    "s": -4.5,
    "▁sail": -8.0,
    "▁harbour": -9.0,
    "har": -7.5,
    "bour": -8.5,
    "北京": -9.5,
    "北": -8.75,
    "京": -9.0,
    "喜欢": -9.25,
    "é": -6.0,
    "👍": -9.75,
    "ガ": -10.0,
    "▁क": -9.0,
    "्ष": -9.0,
    "1": -5.0,
    "fi": -6.75,
    "n": -5.0,
    **{letter: -5.5 - number / 7 for number, letter in enumerate("ehipolaturbdcgmkwy'!.,()")},
}
REPLACED = {
    "\n": " ", "\t": " ", "\x00": "", "\u3000": " ", "\u200b": " ", "\u00ad": "",
    "ﬁ": "fi", "①": "1", "ｶ": "カ", "ﾞ": "\u3099", "…": "...", "Ａ": "a", "½": "1\u20442",
}  # fmt: skip


def encoder(length: int = 16) -> UnigramEncoder:
    entries, scores = zip(*SCORES.items(), strict=True)
    return UnigramEncoder(entries, scores, length, ("<s>",), ("</s>",), min(scores) - 10, REPLACED)


def pieces(made: UnigramEncoder, text: str) -> list[str]:
    """What stands at the ids of a text, without its marks."""
    spelt = ["", "?", *made.entries]
    return [spelt[number] for number in made.encode([text]).ids.tolist()][1:-1]


@functools.cache
def library() -> Tokenizer:
    """Unigram of the library, which knows no marks, behind its own normal form and cut into words."""
    made = encoder()
    known = [(piece, score) for piece, score in SCORES.items() if score < 0]
    tokenizer = Tokenizer(models.Unigram([("?", min(made.scores)), *known], 0, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            *(normalizers.Replace(old, new) for old, new in REPLACED.items()),
            normalizers.NFC(),
            normalizers.Replace(Regex(f"[ {BLANK}]+"), " "),
            normalizers.Replace(Regex("^ | $"), ""),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(BLANK, prepend_scheme="always")
    return tokenizer


def ids_by_library(text: str) -> list[int]:
    """Ids of ours that the library's pieces have."""
    numbers = encoder().entries
    found = library().encode(text.encode("utf-8", "replace").decode()).tokens
    return [2 + numbers.index(piece) if piece in SCORES else UNKNOWN for piece in found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the ships", ["▁the", "▁ship", "s"]),
        ("  the\n\tthe ", ["▁the", "▁the"]),
        ("the▁the", ["▁the", "▁the"]),
        ("北京喜欢", ["▁", "北京", "喜欢"]),
        ("ﬁn ｶﾞ ①", ["▁", "fi", "n", "▁", "ガ", "▁", "1"]),
        ("e\u0301", ["▁", "é"]),
        ("zz the", ["▁", "?", "▁the"]),
        ("zzsz", ["▁", "?", "s", "?"]),
        ("xharbours", ["▁", "?", "har", "bour", "s"]),
        ("", []),
        (" \x00", []),
    ],
)
def test_pieces_by_hand(text: str, expected: list[str]) -> None:
    assert pieces(encoder(), text) == expected


def test_the_most_probable_way_of_all() -> None:
    """`▁sh` and `ip` add up to -12.75, which one piece has to exceed."""
    rarer = UnigramEncoder(("▁ship", "▁sh", "ip"), (-13.0, -6.5, -6.25), 4)
    assert pieces_of(rarer, "ship") == ["▁sh", "ip"]
    assert pieces_of(UnigramEncoder(("▁ship", "▁sh", "ip"), (-12.7, -6.5, -6.25), 4), "ship") == ["▁ship"]


def pieces_of(made: UnigramEncoder, text: str) -> list[str]:
    return [made.entries[number - 2] for number in made.encode([text]).ids.tolist()]


@given(any_texts)
def test_ids_are_those_of_the_library(texts: list[str]) -> None:
    made = encoder(5_000)
    found = made.encode(texts)
    for number, text in enumerate(texts):
        if any(unicodedata.category(character) == "Cn" for character in text):
            continue  # the library knows another version of Unicode
        ids = found.ids[found.offsets[number] : found.offsets[number + 1]].tolist()
        assert ids[1:-1] == ids_by_library(text), ascii(text)


@given(any_texts)
def test_each_text_by_itself_and_explained(texts: list[str]) -> None:
    made = encoder().prefixed("the ship: ")
    together = made.encode(texts)
    for number, text in enumerate(texts):
        ids = together.ids[together.offsets[number] : together.offsets[number + 1]].tolist()
        assert ids == made.encode([text]).ids.tolist()
        explained = made.explain(text)
        assert [number for _, number in explained] == ids
        assert all(piece in text.encode("utf-8", "replace").decode() for piece, _ in explained)


def test_pieces_are_explained_as_they_were_written() -> None:
    explained = encoder().explain("the\u3000Ａﬁn 北京e\u0301")
    assert [piece for piece, _ in explained] == ["", "the", "", "Ａ", "ﬁ", "n", "", "北京", "e\u0301", ""]


@pytest.mark.parametrize("text", ["</s> the", "<s>", "<s></s>"])
def test_what_a_text_says_is_no_mark(text: str) -> None:
    made = encoder()
    assert not np.isin(made.encode([text]).ids[1:-1], [2, 3]).any()


def test_a_prefix_comes_before_every_text_and_is_no_part_of_it() -> None:
    made = encoder(8).prefixed("the n ")
    assert made.before == ("<s>", "▁the", "▁", "n")
    assert made.marks == 5
    assert pieces(made, "ship sails ship") == ["▁the", "▁", "n", "▁ship", "▁sail", "s"]
    assert made.count(["ship", "ship sails ship", "zz"]) == (3, 7, 1, 1)
    whole = encoder(100)
    assert made.encode(["sails"]).ids.tolist() == whole.encode(["the n sails"]).ids.tolist()


def test_fewer_pieces_split_the_training_texts_as_all_do() -> None:
    texts = [*ENGLISH, "北京!", *(text for text in ODD[:-1] if "喜欢" not in text)]
    made = encoder(5_000)
    fewer, ids = made.restricted(*everyone(texts), 3)
    assert fewer.vocabulary == len(ids) <= made.vocabulary
    assert ids[fewer.encode(texts).ids].tolist() == made.encode(texts).ids.tolist()
    assert [made.entries[number - 2] for number in ids[2:].tolist()] == list(fewer.entries)
    assert "喜欢" not in fewer.entries  # no text has it
    assert {"<s>", "</s>", "北", "京", BLANK, "▁the"} <= {*fewer.entries}
    assert pieces(fewer, "北喜欢") == ["▁", "北", "?"]
    without = made.restricted(*everyone(["the"]), 0)[0]
    assert pieces(without, "ship") == [
        "▁",
        "s",
        "h",
        "i",
        "p",
    ]  # finer ones, no unknown


def test_saved_and_read_it_gives_the_same_ids() -> None:
    made = encoder().prefixed("the")
    again = ENCODERS["unigram"].from_parts(json.loads(json.dumps(made.to_json())), made.content())
    assert again == made
    assert again.content() == made.content()
    texts = [*ENGLISH, *ODD]
    assert again.encode(texts).ids.tolist() == made.encode(texts).ids.tolist()


def test_without_marks_an_empty_text_is_unknown() -> None:
    bare = UnigramEncoder((BLANK,), (-1.0,), 4)
    assert bare.encode(["", "\n"]).ids.tolist() == [UNKNOWN, 2, UNKNOWN]
    assert bare.explain("") == [("", UNKNOWN)]


STATED = {"length": 8, "vocabulary": 5, "before": ["<s>"], "behind": [], "unknown": -20.0}
PARTS = {"entries": ["<s>", "▁a", "b"], "scores": [0, -1.5, -2], "replaced": {"\n": " "}}


@pytest.mark.parametrize(
    ("settings", "parts", "message"),
    [
        (STATED | {"length": 1}, PARTS, "length: 1 is no whole number from 2"),
        (STATED | {"vocabulary": 6}, PARTS, "vocabulary: 5 ids found, 6 stated"),
        (STATED | {"before": ["<t>"]}, PARTS, "entries: <t> is missing"),
        (STATED | {"unknown": 1.0}, PARTS, "unknown: 1.0 is no number from"),
        (STATED, PARTS | {"model": {}}, r"unknown keys \['model'\]"),
        (STATED, PARTS | {"scores": [0, -1.5]}, "scores: 2 for 3 entries"),
        (STATED, PARTS | {"scores": [0, -1.5, 2]}, "scores: 2 is no number from"),
        (STATED, PARTS | {"entries": ["<s>", "b", "b"]}, "entries: one of them is there twice"),
        (STATED, PARTS | {"entries": ["<s>", "▁a▁", "b"]}, "entries: '▁a▁' reaches over a space"),
        (STATED, PARTS | {"replaced": {"ab": ""}}, "replaced: more or less than one character"),
        (STATED, PARTS | {"replaced": {"a": 1}}, "replaced: a: '1' is no text"),
    ],
)
def test_impossible_parts_are_refused(settings: object, parts: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        UnigramEncoder.from_parts(settings, json.dumps(parts).encode())


json_values = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.floats(-9, 9), st.text(max_size=3))


@given(
    pairs=st.lists(st.tuples(st.text(max_size=3), st.floats(-9, 0)), max_size=6),
    replaced=st.dictionaries(st.text(max_size=1), st.text(max_size=2), max_size=3),
    length=json_values,
    texts=any_texts,
)
def test_whatever_is_read_gives_ids_of_its_own(
    pairs: list[tuple[str, float]], replaced: dict[str, str], length: object, texts: list[str]
) -> None:
    stated = STATED | {"length": length, "vocabulary": 2 + len(pairs), "before": [], "unknown": -99.0}
    parts = {
        "entries": [each for each, _ in pairs],
        "scores": [each for _, each in pairs],
        "replaced": replaced,
    }
    try:
        made = UnigramEncoder.from_parts(stated, json.dumps(parts).encode())
    except ValueError:
        return
    found = made.encode([*texts, "".join(made.entries)])
    assert 1 <= found.ids.min()
    assert found.ids.max() < made.vocabulary
    assert found.lengths.max() <= made.length
