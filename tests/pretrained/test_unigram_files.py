# ruff: noqa: RUF001  # odd characters are what is tested
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers

from pellucid.encoding import UnigramEncoder
from pellucid.encoding.unigram import LONGEST_REPLACEMENT
from pellucid.pretrained.unigram_files import (
    UnigramPieces,
    read_packed,
    read_sentencepiece,
    read_tokenizer,
)
from pretrained.unigram_written import (
    PIECES,
    REPLACED,
    compiled,
    message,
    packed,
    sentencepiece,
    tokenizer,
)

EXPECTED = UnigramPieces([piece for piece, _ in PIECES], [score for _, score in PIECES], 0, REPLACED)


def test_three_forms_of_one_vocabulary() -> None:
    assert read_sentencepiece(sentencepiece()) == EXPECTED
    assert read_tokenizer(tokenizer()) == EXPECTED
    behind = b"and the tensors"
    assert read_packed(b"head" + packed() + behind, 4) == (EXPECTED, 4 + len(packed()))


def test_the_table_is_what_the_library_reads_in_it() -> None:
    library = normalizers.Precompiled(compiled(REPLACED))
    for character in [*REPLACED, "b", "京", "𝐛", "é"]:
        assert library.normalize_str(character) == EXPECTED.replaced.get(character, character)


def test_keys_of_several_characters_are_left_out() -> None:
    table = compiled(REPLACED | {"e\u0301": "é", "ab": "x"})
    assert (
        read_sentencepiece(message((3, message((2, table)))) + sentencepiece(reads=message((2, table))))
        == EXPECTED
    )


def test_its_encoder_knows_the_rows_of_the_vectors() -> None:
    made, rows = EXPECTED.encoder(9, ("<s>",), ("</s>",))
    assert made.entries == tuple(piece for piece, _ in PIECES[1:])
    assert rows == [0, *range(len(PIECES))]
    assert made.unknown == -14
    found = made.encode(["Ａ 京ab\nq"])
    assert [PIECES[rows[number]][0] for number in found.ids.tolist()] == [
        "<s>", "▁a", "▁", "京", "ab", "▁", "<unk>", "</s>"
    ]  # fmt: skip
    filled, rows = EXPECTED.encoder(9, ("<s>",), (), "</s>")
    assert "</s>" not in filled.entries
    assert rows[:3] == [2, 0, 1]


SPLIT = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"}
READ = {"type": "Replace", "pattern": {"String": "!"}, "content": " ! "}
MODEL = tokenizer()["model"]


def test_single_characters_are_replaced_in_what_others_become() -> None:
    found = read_tokenizer(tokenizer(normalizer=[tokenizer()["normalizer"], READ, READ | {"content": "⁄"}]))
    assert found.replaced == REPLACED | {"!": " ⁄ "}


@pytest.mark.parametrize(
    ("read", "content", "reason"),
    [
        (read_sentencepiece, sentencepiece(message((3, 2))), "BPE pieces are not supported, only Unigram"),
        (read_sentencepiece, sentencepiece(message((35, 1))), "byte fallback"),
        (read_sentencepiece, sentencepiece(types=(2, 3, 3, 1, 1, 1, 1, 6)), "byte fallback"),
        (read_sentencepiece, sentencepiece(message((24, 1))), "does not read spaces as usual"),
        (read_sentencepiece, sentencepiece(reads=message((3, 0))), "does not read spaces as usual"),
        (read_sentencepiece, sentencepiece(types=(3, 3, 3, 1, 1, 1, 1, 1)), "cut off or damaged"),
        (read_sentencepiece, b"\x0a\xff", "cut off or damaged"),
        (read_sentencepiece, message((1, message((1, 5)))), "cut off or damaged"),
        (read_tokenizer, [], "cut off or damaged"),
        (read_tokenizer, tokenizer(model=MODEL | {"type": "BPE"}), "BPE pieces are not supported"),
        (read_tokenizer, tokenizer(model=MODEL | {"byte_fallback": True}), "byte fallback"),
        (read_tokenizer, tokenizer(model=MODEL | {"unk_id": None}), "cut off or damaged"),
        (read_tokenizer, tokenizer(model=MODEL | {"vocab": [["a"]]}), "cut off or damaged"),
        (read_tokenizer, tokenizer(normalizer={"type": "Lowercase"}), "'Lowercase'} is not supported"),
        (read_tokenizer, tokenizer(normalizer={"type": "Precompiled"}), "cut off or damaged"),
        (read_tokenizer, tokenizer(normalizer=[READ, tokenizer()["normalizer"]]), "is not supported"),
        (read_tokenizer, tokenizer(pre_tokenizer=SPLIT), "does not read spaces as usual"),
        (read_tokenizer, tokenizer(pre_tokenizer=None), "does not read spaces as usual"),
    ],
)
def test_other_vocabularies_are_refused(read: Callable[[Any], object], content: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(content)


@pytest.mark.parametrize(
    "changed", [{"scores": [1.0, *[-1.0] * 7]}, {"scores": [float("nan")] * 8}, {"unknown": 8}]
)
def test_nonsense_makes_no_encoder(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cut off or damaged"):
        EXPECTED._replace(**changed).encoder(9, (), ())


def used(made: UnigramPieces) -> UnigramEncoder:
    """Encoder of a vocabulary, having read a text and come through its own file."""
    encoder, rows = made.encoder(9, (), ())
    assert all(0 <= row < len(made.pieces) for row in rows)
    again = UnigramEncoder.from_parts(encoder.to_json(), encoder.content())
    assert again.encode(["a ab京Ａ\n"]).ids.tolist() == encoder.encode(["a ab京Ａ\n"]).ids.tolist()
    return encoder


def test_what_is_cut_off_is_refused() -> None:
    content = packed()
    for end in range(len(content)):
        with pytest.raises(ValueError, match="cut off or damaged"):
            read_packed(content[:end], 0)
    content = sentencepiece()
    for end in [*range(160), *range(160, len(content), 997)]:
        with contextlib.suppress(ValueError):  # a message may end before a field that has a default
            used(read_sentencepiece(content[:end]))


@given(
    is_packed=st.booleans(),
    places=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=4
    ),
)
def test_flipped_bytes_are_read_or_refused(is_packed: bool, places: list[tuple[float, int]]) -> None:
    content = bytearray(packed() if is_packed else sentencepiece())
    for place, byte in places:
        content[int(place**3 * len(content))] = byte  # most at the front, where the pieces are
    try:
        found = _read(bytes(content))
        encoder = used(found)
    except ValueError:
        return
    assert encoder.vocabulary > len(found.pieces) == len(found.scores)


@given(st.binary(max_size=300))
def test_a_table_of_anything_is_read_or_refused(table: bytes) -> None:
    content = message((1, message((1, b"a"), (3, 2))), (3, message((2, table))))
    try:
        found = read_sentencepiece(content)
    except ValueError:
        return
    assert found.pieces == ["a"]
    assert all(len(character) == 1 for character in found.replaced)
    assert all(len(read.encode()) <= LONGEST_REPLACEMENT for read in found.replaced.values())


def _read(content: bytes) -> UnigramPieces:
    is_packed = content[:4] == packed()[:4]
    return read_packed(content, 0)[0] if is_packed else read_sentencepiece(content)
