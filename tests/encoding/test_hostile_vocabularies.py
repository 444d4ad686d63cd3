import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoding.written import ENGLISH, everyone
from pellucid.encoding import ENCODERS, TokenEncoder, WordPieceEncoder, encoder, fit_tokens
from pellucid.encoding.encoder import read_content
from pellucid.encoding.token_encoders import CHARACTERS, SUB_WORDS, WORDS
from pellucid.safety.strict import Anything
from pellucid.settings import Settings

WORD_PARTS = {"entries": ["a", "b"], "merges": []}
STATED = {"tokens": "words", "length": 8, "vocabulary": 4}


def written(document: object) -> bytes:
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("settings", "parts", "message"),
    [
        (STATED | {"tokens": "pickle"}, WORD_PARTS, "tokens: 'pickle' is not one of"),
        (STATED | {"vocabulary": 5}, WORD_PARTS, "vocabulary: 4 ids found, 5 stated"),
        (STATED, WORD_PARTS | {"pre_tokenizer": {}}, r"unknown keys \['pre_tokenizer'\]"),
        (STATED, {"entries": ["a", "a"], "merges": []}, "entries: one of them is there twice"),
        (STATED, {"entries": ["a", "b" * 65], "merges": []}, "entries: .* is no text of 1 to 64"),
        (STATED, {"entries": ["a", "\ud800"], "merges": []}, "it is not UTF-8"),
        (STATED, {"entries": ["a", "b"], "merges": [[1, 2]]}, "merges: words have none"),
        (STATED | {"tokens": "sub-words"}, WORD_PARTS, "entries: sub-words have none"),
    ],
)
def test_impossible_parts_are_refused(settings: object, parts: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TokenEncoder.from_parts(settings, written(parts))


PIECES = {"entries": ["[CLS]", "[SEP]", "a", "##b"]}
STATED_PIECES = {"length": 8, "vocabulary": 6, "lower_case": True}


@pytest.mark.parametrize(
    ("settings", "parts", "message"),
    [
        (STATED_PIECES | {"length": 2}, PIECES, "length: 2 is no whole number from 3"),
        (STATED_PIECES | {"vocabulary": 7}, PIECES, "vocabulary: 6 ids found, 7 stated"),
        (STATED_PIECES, PIECES | {"normalizer": {}}, r"unknown keys \['normalizer'\]"),
        (STATED_PIECES, {"entries": ["[CLS]", "[SEP]", "a", "a"]}, "entries: one of them is there twice"),
        (STATED_PIECES, {"entries": ["[CLS]", "[SEP]", "[PAD]", "a"]}, r"entries: \[PAD\] has an id of its"),
        (STATED_PIECES, {"entries": ["[SEP]", "a", "b", "c"]}, r"entries: \[CLS\] is missing"),
    ],
)
def test_impossible_word_pieces_are_refused(settings: object, parts: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WordPieceEncoder.from_parts(settings, written(parts))


def test_a_large_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoder, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="11 bytes, where a vocabulary has at most 10"):
        read_content(b'{"a": true}', {"a": Anything()})


def test_too_many_entries_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.encoding import encoder, token_encoders

    for module in (encoder, token_encoders):
        monkeypatch.setattr(module, "MOST_ENTRIES", 3)
    with pytest.raises(ValueError, match="vocabulary: 4 ids, where 3 are admitted"):
        TokenEncoder(WORDS, 8, ("a", "b"))
    with pytest.raises(ValueError, match="entries: no list of at most 3 texts"):
        TokenEncoder.from_parts(STATED | {"vocabulary": 3}, written({"entries": [*"abcd"], "merges": []}))


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(kind=st.sampled_from(sorted(ENCODERS)), data=st.data())
def test_whatever_is_in_the_files_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    settings = {
        name: data.draw(
            st.one_of(json_values, st.sampled_from(["words", "characters", "sub-words", 0, 1, 2, 8]))
        )
        for name in ("tokens", "length", "vocabulary", "words", "shortest", "longest", "kept", "lower_case")
        if data.draw(st.booleans())
    }
    names = {"tokens": ("entries", "merges"), "word-pieces": ("entries",)}.get(kind, ("names",))
    content = data.draw(
        st.one_of(
            st.binary(max_size=40), st.fixed_dictionaries({name: json_values for name in names}).map(written)
        )
    )
    try:
        encoder = ENCODERS[kind].from_parts(settings, content)
    except ValueError:
        return
    assert encoder.vocabulary >= 2


@given(
    entries=st.lists(st.one_of(st.text(max_size=3), st.sampled_from(["[CLS]", "[SEP]", "[UNK]", "##", "#"]))),
    length=st.integers(0, 9),
    lower_case=st.booleans(),
)
def test_whatever_pieces_are_read_give_ids_of_theirs(
    entries: list[str], length: int, lower_case: bool
) -> None:
    marked = ["[CLS]", "[SEP]", *entries]
    stated = {"length": length, "vocabulary": len(marked) + 2, "lower_case": lower_case}
    try:
        encoder = WordPieceEncoder.from_parts(stated, written({"entries": marked}))
    except ValueError:
        return
    found = encoder.encode(["".join(entries), *ENGLISH])
    assert 1 <= found.ids.min()
    assert found.ids.max() < encoder.vocabulary
    assert found.lengths.max() <= length


def test_a_file_is_never_given_to_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    import tokenizers

    def refuse(*_: object) -> None:
        raise AssertionError("the library was given the content of a file")

    encoder = fit_tokens(*everyone(ENGLISH), Settings(tokens=SUB_WORDS)).encoder
    for name in ("from_str", "from_file", "from_buffer", "from_pretrained"):
        monkeypatch.setattr(
            f"tokenizers.{name}" if hasattr(tokenizers, name) else f"tokenizers.Tokenizer.{name}", refuse
        )
    again = TokenEncoder.from_parts(encoder.to_json(), encoder.content())
    assert again.encode(ENGLISH).ids.tolist() == encoder.encode(ENGLISH).ids.tolist()
    pieces = WordPieceEncoder.from_parts(STATED_PIECES, written(PIECES))
    assert pieces.encode(["AB"]).ids.tolist() == [2, 4, 5, 3]


def test_characters_may_be_any() -> None:
    parts = written({"entries": ["\x00", "\u0301", "👍"], "merges": []})
    encoder = TokenEncoder.from_parts({"tokens": CHARACTERS, "length": 8, "vocabulary": 5}, parts)
    assert encoder.encode(["👍 \u0301"]).ids.tolist() == [4, 1, 3]
