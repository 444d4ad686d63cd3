"""Weights of 4 and of 6 bits: read as they were written, and computed with as their formulas say."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.data.raw_texts import Texts
from pellucid.errors import ModelFileError
from pellucid.networks import build
from pellucid.pretrained import Learnt, read_multilingual
from pellucid.pretrained.packed_weights import PackedBert, PackedNgrams, unpacked
from pellucid.settings import Settings
from pretrained.packed import SIZES, features_of_ngrams, write_bert, write_ngrams
from pretrained.unigram_written import PIECES


def test_a_block_is_a_scale_and_the_lower_halves_before_the_upper_ones() -> None:
    content = struct.pack("<e", 0.5) + bytes([0x80, 0x98, 0x0F, *[0x88] * 13])
    found = unpacked(np.frombuffer(content * 2, np.uint8).reshape(1, -1))
    block = [-4.0, 0.0, 3.5, *[0.0] * 13, 0.0, 0.5, -4.0, *[0.0] * 13]
    np.testing.assert_array_equal(found, [block * 2])


def test_a_packed_bert_is_read_as_it_was_written(tmp_path: Path) -> None:
    arrays = write_bert(tmp_path / "small.bin")
    packed = PackedBert.read(tmp_path / "small.bin")
    assert packed.sizes == SIZES
    assert packed.pieces.pieces == [piece for piece, _ in PIECES]
    rows = np.array([1, 0, 4, 7])
    config, tensors = packed.below_head(rows, 6)
    assert (config.name, config.vocabulary, config.input_shape) == ("sentence-encoder", 4, (6,))
    expected = {
        "embedding.weight": arrays["emb.word"][rows],
        "places.weight": arrays["emb.pos"][:6] + arrays["emb.type"][0],
        "norm.weight": arrays["emb.ln.w"],
        "layer2.query_key_value.weight": np.concatenate([arrays[f"l1.{part}.w"] for part in "qkv"]),
        "layer2.linear1.weight": arrays["l1.fi.w"],
        "layer1.norm2.bias": arrays["l0.oln.b"],
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(tensors[f"body.encoder.{name}"], array, err_msg=name)
    network = build(config)
    network.load_state_dict({**network.state_dict(), **tensors})


@pytest.mark.parametrize("changed", [{"magic": b"E5S2"}, {"version": 2}, {"epsilon": 1e-5}, {"block": 64}])
def test_files_of_another_form_are_refused(tmp_path: Path, changed: dict[str, object]) -> None:
    write_bert(tmp_path / "small.bin", **changed)
    with pytest.raises(ModelFileError, match=r"small\.bin: it is of another form; install its package anew"):
        PackedBert.read(tmp_path / "small.bin")


def test_files_that_end_early_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.bin"
    write_bert(path)
    content = path.read_bytes()
    path.write_bytes(content[:-4])
    with pytest.raises(ModelFileError, match=r"l1.oln.b; install its package anew"):
        PackedBert.read(path).below_head(np.array([0]), 4)
    for end in (3, 40, 60, 300, 700):
        path.write_bytes(content[:end])
        with pytest.raises(ModelFileError, match="install its package anew"):
            PackedBert.read(path)


def test_an_encoder_of_ngrams_computes_what_its_formulas_say(tmp_path: Path) -> None:
    arrays = write_ngrams(tmp_path / "grams")
    rows = np.array([0, 0, 5, 9, 11, 2, 7])
    config, tensors = PackedNgrams.read(tmp_path / "grams").below_head(rows, 9)
    network = build(config).eval()
    network.load_state_dict({**network.state_dict(), **tensors})
    texts = [[2, 3, 4, 5, 6, 2, 3], [4], [6, 5]]
    ids = torch.zeros(3, 7, dtype=torch.int64)
    for line, text in zip(ids, texts, strict=True):
        line[: len(text)] = torch.tensor(text)
    with torch.no_grad():
        found = network.features(ids)
    expected = [features_of_ngrams(arrays, rows[text].tolist()) for text in texts]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_of_many_pieces_those_of_the_texts_are_kept(tmp_path: Path) -> None:
    write_ngrams(tmp_path / "grams")
    found = read_multilingual(
        "use-multilingual", tmp_path / "grams", Learnt(Texts.of(["a ab", "京"]), np.array([0]))
    )
    assert found.origin.name == "use-multilingual"
    assert found.encoder.length == 256
    tokens = found.encoder.encode(["a 京 q"])
    network = found.network(found.config_for(2, Settings())).eval()
    assert network(torch.from_numpy(tokens.padded(np.array([0])))).shape == (1, 2)


def test_an_archive_with_objects_or_without_end_is_refused(tmp_path: Path) -> None:
    arrays = write_ngrams(tmp_path / "grams")
    path = tmp_path / "grams" / "weights.npz"
    np.savez(path, **arrays, odd=np.array([{}], object))
    with pytest.raises(
        ModelFileError, match=r"grams: Object arrays cannot be loaded.*install its package anew"
    ):
        PackedNgrams.read(path.parent)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ModelFileError, match=r"grams: .*install its package anew"):
        PackedNgrams.read(path.parent)
