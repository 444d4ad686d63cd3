"""Folders of a BERT: what they compute, in every form they come in, and what is refused."""

import json
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from pellucid.bundle.network_answers import answer_texts
from pellucid.errors import ModelFileError
from pellucid.pretrained import SENTENCES, TextBackbone, read_sentence_folder
from pellucid.pretrained import known_weights as known_module
from pellucid.settings import Settings
from pretrained.tiny_bert import CONFIG, MODULES, PIECES, POOLING, features, tensors, write_folder

TEXTS = ["The ship sails.", "", "at noon the ship sails at noon at noon", "a é b 👍", "sailing"]
ROWS = [
    [5, 1, 2, 3, 9, 11, 6],
    [5, 6],
    [5, 8, 7, 1, 2, 3, 9, 8, 7, 6],  # cut at ten
    [5, 12, 4, 13, 4, 6],  # the accent of é is dropped: e is unknown
    [5, 3, 10, 6],
]
"""Rows of the table of pieces for each text, by hand."""


def require_refused(folder, match: str) -> None:
    with pytest.raises(ModelFileError, match=match):
        read_sentence_folder(folder)


def found(backbone: TextBackbone, texts: list[str]) -> np.ndarray:
    network = backbone.network(backbone.config_for(3, Settings())).eval()
    return answer_texts(network, backbone.encoder, texts, network.features)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "ships")


def test_features_are_those_of_the_formulas(folder: Path) -> None:
    expected = np.stack([features(rows) for rows in ROWS])
    np.testing.assert_allclose(found(read_sentence_folder(folder), TEXTS), expected, atol=1e-6)


def test_what_is_read(folder: Path) -> None:
    backbone = read_sentence_folder(folder)
    assert (backbone.encoder.length, backbone.config.input_shape) == (10, (10,))
    assert backbone.encoder.vocabulary == backbone.config.vocabulary == len(PIECES)
    assert (backbone.origin.name, backbone.origin.licence) == ("ships", "cc-by-4.0")
    assert len(backbone.origin.sha256) == 64
    assert list(backbone.origin.facts()) == ["pretrained part", "its source", "its licence", "its weights"]
    assert read_sentence_folder(folder, 14).encoder.length == 14


def without_modules(folder: Path) -> None:
    (folder / "modules.json").unlink()
    (folder / "sentence_bert_config.json").unlink()
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 10, "do_lower_case": true}')


def with_newer_names(folder: Path) -> None:
    for each in (modules := json.loads(json.dumps(MODULES))):
        each["type"] = f"sentence_transformers.base.modules.x.{each['type'].rpartition('.')[2]}"
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling" / "config.json").write_text('{"pooling_mode": "mean", "include_prompt": true}')


def with_another_list(folder: Path) -> None:
    (folder / "vocab.txt").unlink()
    vocabulary = {piece: row for row, piece in enumerate(PIECES)}
    document = {"normalizer": {"type": "os.system"}, "model": {"type": "WordPiece", "vocab": vocabulary}}
    (folder / "tokenizer.json").write_text(json.dumps(document))


def with_line_ends(folder: Path) -> None:
    (folder / "vocab.txt").write_bytes("\r\n".join(PIECES).encode())


def with_a_prefix(folder: Path) -> None:
    save_file({f"bert.{name}": value for name, value in tensors().items()}, folder / "model.safetensors")


@pytest.mark.parametrize(
    "change", [without_modules, with_newer_names, with_another_list, with_line_ends, with_a_prefix]
)
def test_every_form_gives_the_same(folder: Path, change: object) -> None:
    expected = found(read_sentence_folder(folder), TEXTS)
    change(folder)
    assert np.array_equal(found(read_sentence_folder(folder), TEXTS), expected)


def test_half_precision_is_near(folder: Path) -> None:
    expected = found(read_sentence_folder(folder), TEXTS)
    halves = {
        name: value.astype(np.float16) if value.dtype == np.float32 else value
        for name, value in tensors().items()
    }
    save_file(halves, folder / "model.safetensors")
    backbone = read_sentence_folder(folder)
    assert {tensor.dtype for tensor in backbone.tensors.values()} == {torch.float32}
    np.testing.assert_allclose(found(backbone, TEXTS), expected, atol=1e-2)


def test_places_as_many_as_there_are_where_nothing_is_said(folder: Path) -> None:
    (folder / "sentence_bert_config.json").unlink()
    assert read_sentence_folder(folder).encoder.length == 14
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1000000000000000019884624838656}')
    assert read_sentence_folder(folder).encoder.length == 14


def test_capitals_are_kept_where_the_folder_says_so(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    expected = np.stack([features([5, 4, 2, 6]), features([5, 14, 6])])
    np.testing.assert_allclose(found(read_sentence_folder(folder), ["The ship", "é"]), expected, atol=1e-6)


def test_known_weights_are_recognised_wherever_they_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = read_sentence_folder(folder).origin.sha256
    real = SENTENCES["all-minilm-l6-v2"]
    origin = known_module.Origin("ships", "Ships 1.0", "https://example.org", "MIT", digest)
    monkeypatch.setattr(known_module, "_ALL", {"ships": real._replace(origin=origin)})
    assert read_sentence_folder(folder).origin == origin


@pytest.mark.parametrize("readme", [None, "# No heading\nlicense: mit\n", "---\nlanguage: en\n---\n"])
def test_a_licence_is_not_made_up(folder: Path, readme: str | None) -> None:
    (folder / "README.md").unlink()
    if readme is not None:
        (folder / "README.md").write_text(readme)
    assert read_sentence_folder(folder).origin.licence == "not stated"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "mpnet"}, "config.json: model_type: 'mpnet' is not supported, only bert, xlm-rob"),
        ({"hidden_act": "gelu_new"}, "hidden_act: 'gelu_new' is not supported, only gelu, relu"),
        ({"layer_norm_eps": 0}, "layer_norm_eps: 0 is no number from 1e-12 to 0.001"),
        ({"position_embedding_type": "relative_key"}, "'relative_key' is not supported, only absolute"),
        (
            {"hidden_size": 16},
            r"'embeddings.word_embeddings.weight' is F32 \[17, 8\], where fractions of the",
        ),
        ({"num_hidden_layers": 3}, "lacks 'encoder.layer.2.attention.self.query.weight'; choose the weights"),
        ({"num_attention_heads": 3}, "sentence-encoder: 8 numbers do not split into 3 heads"),
        (
            {"max_position_embeddings": 8195},
            "max_position_embeddings: 8195 is no whole number from 1 to 8194",
        ),
        ({"vocab_size": 14}, "15 pieces for 14 vectors"),
        ({"vocab_size": 18}, r"is F32 \[17, 8\], where fractions of the shape \[18, 8\] are expected"),
    ],
)
def test_configs_that_are_not_supported_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    place = write_folder(tmp_path / "ships", **changes)
    with pytest.raises(ModelFileError, match=message) as caught:
        read_sentence_folder(place)
    assert str(caught.value).startswith(str(place))
    assert caught.value.exit_code == 4


def others(name: str) -> str:
    """The pooling config of another kind."""
    return json.dumps({**POOLING, "pooling_mode_mean_tokens": name == "both", "pooling_mode_cls_token": True})


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", "[]", "config.json: list found, an object expected; choose an undamaged folder"),
        ("config.json", " " * (1 << 20) + "{}", "config.json: larger than 1 MB"),
        ("vocab.txt", "\n".join((*PIECES[:-1], "the")), "the list of pieces holds one of them twice"),
        ("vocab.txt", "\n".join(PIECES[1:]), r"the list of pieces lacks \[PAD\] or \[UNK\]"),
        ("modules.json", "{}", "modules.json: no list of modules"),
        (
            "modules.json",
            json.dumps(MODULES[:1]),
            "modules Transformer are not supported, only Transformer, P",
        ),
        ("modules.json", json.dumps([*MODULES, {"type": "x.Dense"}]), "Normalize, Dense are not supported"),
        (
            "modules.json",
            json.dumps([MODULES[0], MODULES[1] | {"path": "../elsewhere"}]),
            "path: '../elsewhere' is no plain name of a folder",
        ),
        ("modules.json", json.dumps([MODULES[0], MODULES[1] | {"path": "2"}]), "2/config.json: missing"),
        ("1_Pooling/config.json", others("cls"), "pooling cls_token is not supported, only mean_tokens"),
        ("1_Pooling/config.json", others("both"), "pooling cls_token, mean_tokens is not supported"),
        ("1_Pooling/config.json", '{"pooling_mode": "cls"}', "pooling cls_tokens is not supported"),
        ("sentence_bert_config.json", '{"max_seq_length": 2}', "max_seq_length: 2 is no whole number from 3"),
        ("tokenizer_config.json", '{"do_lower_case": 1}', "do_lower_case: 1 is neither true nor false"),
        ("tokenizer_config.json", '{"strip_accents": false}', "strip_accents: False is not supported, only"),
        (
            "tokenizer_config.json",
            '{"tokenize_chinese_chars": false}',
            "tokenize_chinese_chars: False is not",
        ),
    ],
)
def test_files_that_say_something_else_are_refused(
    folder: Path, file: str, content: str, message: str
) -> None:
    (folder / file).write_text(content)
    with pytest.raises(ModelFileError, match=message) as caught:
        read_sentence_folder(folder)
    assert str(caught.value).startswith(str(folder))
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"model": {"type": "BPE", "vocab": {}}}, "tokenizer.json: holds no word pieces"),
        ({"model": {"type": "WordPiece", "vocab": ["a"]}}, "tokenizer.json: holds no word pieces"),
        ({"model": {"type": "WordPiece", "vocab": {"a": 0, "b": 0}}}, "rows of its pieces are not 0 to 1"),
        ({"model": {"type": "WordPiece", "vocab": {"a": "0"}}}, "rows of its pieces are not 0 to 0"),
    ],
)
def test_other_lists_of_pieces_are_refused(folder: Path, document: object, message: str) -> None:
    (folder / "vocab.txt").unlink()
    require_refused(folder, r"neither vocab.txt nor tokenizer.json; choose a whole folder")
    (folder / "tokenizer.json").write_text(json.dumps(document))
    require_refused(folder, message)


def test_a_vocabulary_in_another_encoding_is_refused(folder: Path) -> None:
    (folder / "vocab.txt").write_bytes(b"[PAD]\n\xff\n")
    require_refused(folder, r"vocab.txt: not UTF-8")


@pytest.mark.parametrize("length", [2, 15])
def test_lengths_that_have_no_places_are_refused(folder: Path, length: int) -> None:
    with pytest.raises(ModelFileError, match=f"length: {length} is no whole number from 3 to 14"):
        read_sentence_folder(folder, length)


def test_no_folder_and_no_config(tmp_path: Path) -> None:
    require_refused(tmp_path / "no", r"there is no such folder; name one with model.safetensors and")
    require_refused(tmp_path, r"config.json: missing; choose a whole folder")


def test_weights_that_may_run_code_are_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    require_refused(folder, "missing, and there are no weights; save the weights as")
    (folder / "pytorch_model.bin").write_bytes(b"")
    require_refused(folder, r"missing, and pytorch_model.bin may run code and is refused")
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weights": [1.0] * 100}))
    require_refused(folder, r"not an undamaged safetensors file .* may run code and are ref")


def test_damaged_weights_are_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = path.read_bytes()
    bomb = json.dumps(
        {"embeddings.word_embeddings.weight": {"dtype": "F32", "shape": [1 << 40, 8], "data_offsets": [0, 4]}}
    ).encode()
    for damaged in (b"", content[:7], content[:100], content[:-1], content + b"\0", b"\xff" * 200,
                    struct.pack("<Q", len(bomb)) + bomb + b"\0" * 4):  # fmt: skip
        path.write_bytes(damaged)
        require_refused(folder, "not an undamaged safetensors file")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value.astype(np.int64), r"is I64 \[8\], where fractions of the shape \[8\]"),
        (lambda value: value[:7], r"is F32 \[7\], where fractions of the shape \[8\]"),
        (lambda value: value * np.nan, "holds numbers that are not finite; use another copy"),
    ],
)
def test_tensors_of_another_form_are_refused(folder: Path, change: object, message: str) -> None:
    held = tensors()
    held["embeddings.LayerNorm.bias"] = change(held["embeddings.LayerNorm.bias"])
    save_file(held, folder / "model.safetensors")
    require_refused(folder, rf"'embeddings.LayerNorm.bias' {message}")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes")
def test_what_is_no_file_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    os.mkfifo(folder / "config.json")
    require_refused(folder, r"config.json: missing; choose a whole folder")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(name=st.sampled_from(sorted(CONFIG)), value=json_values)
def test_any_value_in_any_field_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, value: object
) -> None:
    place = write_folder(tmp_path_factory.mktemp("any") / "ships")
    (place / "config.json").write_text(json.dumps(CONFIG | {name: value}))
    try:
        backbone = read_sentence_folder(place)
    except ModelFileError:
        return
    assert backbone.config.embedding == 8


@given(place=st.integers(0, 2500), value=st.integers(0, 255))
def test_one_flipped_byte_of_the_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int
) -> None:
    folder = write_folder(tmp_path_factory.mktemp("any") / "ships")
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[place] = value
    (folder / "model.safetensors").write_bytes(content)
    try:
        assert np.isfinite(found(read_sentence_folder(folder), TEXTS)).all()
    except ModelFileError:
        return
