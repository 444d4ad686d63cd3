# ruff: noqa: RUF001  # odd characters are what is tested
import json

import numpy as np
import pytest
from hypothesis import given

from encoding.written import ENGLISH, ODD, any_texts, everyone
from pellucid.data.raw_texts import Texts
from pellucid.encoding import ENCODERS, UNKNOWN, Encoder, TokenEncoder, fit_tokens
from pellucid.encoding import encoder as flat_module
from pellucid.encoding.token_encoders import BYTE, CHARACTERS, SUB_WORDS, TOKENS, WORDS
from pellucid.settings import Settings

TRAINING = [*ENGLISH * 3, *(text for text in ODD if "\ud800" not in text)]
FITTED = {tokens: fit_tokens(*everyone(TRAINING), Settings(tokens=tokens)).encoder for tokens in TOKENS}

every_kind = pytest.mark.parametrize("tokens", TOKENS)


def ids_of(encoder: Encoder, texts: list[str]) -> list[list[int]]:
    """The ids of each text."""
    found = encoder.encode(texts)
    return [found.ids[a:b].tolist() for a, b in zip(found.offsets, found.offsets[1:], strict=False)]


@every_kind
@given(texts=any_texts)
def test_ids_are_in_range_the_same_alone_explained_and_after_saving(tokens: str, texts: list[str]) -> None:
    encoder = FITTED[tokens]
    again = ENCODERS["tokens"].from_parts(json.loads(json.dumps(encoder.to_json())), encoder.content())
    assert isinstance(again, Encoder)
    assert again == encoder
    assert again.content() == encoder.content()
    found = encoder.encode(texts)
    assert (len(found), found.vocabulary, found.length) == (len(texts), encoder.vocabulary, encoder.length)
    assert ((found.lengths >= 1) & (found.lengths <= encoder.length)).all()
    assert ((found.ids >= 1) & (found.ids < encoder.vocabulary)).all()
    together = ids_of(encoder, texts)
    assert ids_of(again, texts) == together == [ids_of(encoder, [text])[0] for text in texts]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flat_module, "_TEXTS_OF_A_BLOCK", 2)
        assert ids_of(encoder, texts) == together
    for text, ids in zip(texts, together, strict=True):
        explained = encoder.explain(text)
        assert [number for _, number in explained] == ids
        if tokens in (WORDS, BYTE):
            assert all(piece in text for piece, _ in explained)


def test_explained_pieces_are_as_written() -> None:
    text = "Ｔｈｅ  so\u00adft ﬁsh’s e\u0301tude"
    pieces = [piece for piece, _ in FITTED[WORDS].explain(text)]
    assert pieces == ["Ｔｈｅ", "so\u00adft", "ﬁsh", "’s", "e\u0301tude"]
    assert [piece for piece, _ in FITTED[BYTE].explain("é")] == ["é", "é"]
    assert FITTED[WORDS].explain(" ") == [("", UNKNOWN)]


def test_words_are_a_dictionary() -> None:
    encoder = TokenEncoder(WORDS, 4, ("the", "ship", "'s"))
    assert ids_of(encoder, ["The ship's the captain the", "?", ""]) == [[2, 3, 4, 2], [UNKNOWN], [UNKNOWN]]
    assert encoder.vocabulary == 5
    assert encoder.count(["The ship's the captain the", "?"])._asdict() == {
        "texts": 2,
        "ids": 7,
        "unknown": 2,
        "cut": 1,
    }


def test_words_equal_a_word_level_tokenizer() -> None:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    encoder = FITTED[WORDS]
    numbers = {"unknown": UNKNOWN} | {word: number + 2 for number, word in enumerate(encoder.entries)}
    oracle = Tokenizer(models.WordLevel(numbers, "unknown"))
    oracle.normalizer = normalizers.Lowercase()
    oracle.pre_tokenizer = pre_tokenizers.Split(Regex(r"'?\w+|[^\w\s]"), "removed", invert=True)
    texts = [text for text in ENGLISH if "'" not in text] + ["a ship, a whale; the oil!"]
    assert ids_of(encoder, texts) == [oracle.encode(text).ids for text in texts]


def test_characters_and_bytes_by_hand() -> None:
    encoder = TokenEncoder(CHARACTERS, 9, ("a", " ", "我"))
    assert ids_of(encoder, [" A \n 我b "]) == [[2, 3, 4, UNKNOWN]]
    assert ids_of(TokenEncoder(BYTE, 3), ["é\x00ab"]) == [[0xC3 + 2, 0xA9 + 2, 2]]


@pytest.mark.parametrize("white", ["\t", "\u3000", " \r\n"])
def test_white_space_of_any_kind_is_one_space(white: str) -> None:
    for encoder in (TokenEncoder(CHARACTERS, 9, ("a", "b", " ")), FITTED[CHARACTERS], FITTED[SUB_WORDS]):
        assert ids_of(encoder, [f"a{white}b"]) == ids_of(encoder, ["a b"])
    assert ids_of(TokenEncoder(CHARACTERS, 9, ("a", "b", " ")), [f"a{white}b"]) == [[2, 4, 3]]


@pytest.mark.parametrize("vocabulary", [1 << 16, (1 << 16) + 1])
def test_large_results_lie_in_a_file(vocabulary: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.raw_texts._MOST_IN_MEMORY", 1000)
    entries = tuple(f"w{number}" for number in range(vocabulary - 2))
    texts = [f"w{number} x w{vocabulary - 3}" for number in range(1000)]
    found = TokenEncoder(WORDS, 8, entries).encode(texts)
    assert not found.ids.flags.owndata
    assert found.ids.dtype == ("<u2" if vocabulary <= 1 << 16 else "<i4")
    assert found.ids.reshape(1000, 3).tolist() == [[2 + n, UNKNOWN, vocabulary - 1] for n in range(1000)]


def test_no_texts() -> None:
    for encoder in FITTED.values():
        assert len(encoder.encode([])) == 0
        assert encoder.count([]) == (0, 0, 0, 0)


@every_kind
def test_a_line_of_a_million_characters_is_cut(tokens: str) -> None:
    encoder = TokenEncoder(tokens, 16, FITTED[tokens].entries, FITTED[tokens].merges)
    texts = ["x" * 1_000_000, "the ship " * 110_000]
    assert encoder.encode(texts).lengths.max() <= 16
    assert encoder.count(texts).cut == (1 if tokens == WORDS else 2)


def test_texts_from_a_store_are_those_of_a_list() -> None:
    texts = [text for text in ODD if "\ud800" not in text]
    for encoder in FITTED.values():
        assert np.array_equal(encoder.encode(Texts.of(texts)).ids, encoder.encode(texts).ids)


def test_sub_words_know_everything() -> None:
    assert FITTED[SUB_WORDS].count(list(ODD)).unknown == 0
