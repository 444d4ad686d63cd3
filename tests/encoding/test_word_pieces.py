import json

import numpy as np
import pytest
from hypothesis import given
from tokenizers.implementations import BertWordPieceTokenizer

from encoding.written import ENGLISH, ODD, any_texts
from pellucid.encoding import ENCODERS, Encoder, WordPieceEncoder
from pellucid.encoding import encoder as encoder_module

MARKS = ("[CLS]", "[SEP]")
WORDS = ("the", "ship", "sail", "har", "at", "noon", "grain", "of", "'", "!", "我", "北")
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz0123456789.,(=)")
WITHIN = (*(f"##{letter}" for letter in LETTERS), "##bour")
ENTRIES = (*WORDS, *MARKS, *LETTERS, *WITHIN)
CASED = (*ENTRIES, "É", "I")


def encoder(length: int = 16, lower_case: bool = True) -> WordPieceEncoder:
    return WordPieceEncoder(CASED if not lower_case else ENTRIES, length, lower_case)


def pieces(made: WordPieceEncoder, text: str) -> list[str]:
    """What stands at the ids of a text."""
    spelt = ["[PAD]", "[UNK]", *made.entries]
    return [spelt[number] for number in made.encode([text]).ids.tolist()]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The ship sails", ["the", "ship", "sail", "##s"]),
        ("Harbour!!", ["har", "##bour", "!", "!"]),
        ("nôon", ["noon"]),
        ("我北", ["我", "北"]),
        ("ship我at", ["ship", "我", "at"]),
        ("👍 the", ["[UNK]", "the"]),
        ("s\x00hip\u200d at\u3000noon", ["ship", "at", "noon"]),
        ("a" * 100, ["a", *["##a"] * 13]),
        ("a" * 101, ["[UNK]"]),
        ("", []),
        (" \n\t", []),
    ],
)
def test_pieces_by_hand(text: str, expected: list[str]) -> None:
    assert pieces(encoder(), text) == ["[CLS]", *expected, "[SEP]"]


def test_capitals_count_where_they_are_kept() -> None:
    kept = encoder(lower_case=False)
    assert pieces(kept, "É I the Noon")[1:-1] == ["É", "I", "the", "[UNK]"]
    assert pieces(encoder(), "É I the")[1:-1] == ["e", "i", "the"]


@pytest.mark.parametrize("text", ["[SEP] the", "[PAD]", "the [UNK] ship", "[CLS][MASK]"])
def test_what_a_text_says_is_no_mark(text: str) -> None:
    found = encoder().encode([text]).ids
    ours = [encoder().encode([""]).ids.tolist()[place] for place in (0, -1)]
    assert [found[0], found[-1]] == ours
    assert not np.isin(found[1:-1], [*ours, 0]).any()


@pytest.mark.parametrize("lower_case", [True, False])
@given(texts=any_texts)
def test_ids_are_those_of_the_library_in_one_go(lower_case: bool, texts: list[str]) -> None:
    made = encoder(lower_case=lower_case)
    library = BertWordPieceTokenizer(
        {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", *made.entries])},
        lowercase=lower_case,
        strip_accents=None,
    )
    library.enable_truncation(16)
    marks = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    for text in texts:
        if not any(mark in text for mark in marks):
            written = text.encode("utf-8", "replace").decode()
            assert made.encode([text]).ids.tolist() == library.encode(written).ids


@given(any_texts)
def test_each_text_by_itself_and_explained(texts: list[str]) -> None:
    made = encoder()
    together = made.encode(texts)
    assert len(together) == len(texts)
    for number, text in enumerate(texts):
        ids = together.ids[together.offsets[number] : together.offsets[number + 1]].tolist()
        assert ids == made.encode([text]).ids.tolist()
        explained = made.explain(text)
        assert [number for _, number in explained] == ids
        written = text.encode("utf-8", "replace").decode()
        assert all(piece in written for piece, _ in explained)


def test_a_long_text_is_cut_between_its_marks() -> None:
    found = pieces(encoder(5), "the ship at noon at noon")
    assert found == ["[CLS]", "the", "ship", "at", "[SEP]"]
    assert pieces(encoder(3), "noon ship") == ["[CLS]", "noon", "[SEP]"]


def test_coverage_counts_no_marks() -> None:
    assert encoder(5).count(["the ship", "the ship at noon", "👍 the", ""]) == (4, 8, 1, 1)


def test_capitals_and_pieces_are_explained_as_they_were_written() -> None:
    explained = encoder().explain("Sails at NÔON")
    assert [piece for piece, _ in explained] == ["", "Sail", "s", "at", "NÔON", ""]


@pytest.mark.parametrize("lower_case", [True, False])
def test_saved_and_read_it_gives_the_same_ids(lower_case: bool) -> None:
    made = encoder(lower_case=lower_case)
    again = ENCODERS["word-pieces"].from_parts(json.loads(json.dumps(made.to_json())), made.content())
    assert isinstance(again, Encoder)
    assert again == made
    assert again.content() == made.content()
    texts = [*ENGLISH, *ODD]
    assert again.encode(texts).ids.tolist() == made.encode(texts).ids.tolist()


def test_no_text_at_all() -> None:
    assert len(encoder().encode([])) == 0


def test_too_many_pieces_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder_module, "MOST_ENTRIES", 4)
    with pytest.raises(ValueError, match="vocabulary: 5 ids, where 4 are admitted"):
        WordPieceEncoder(("the", *MARKS), 8)
