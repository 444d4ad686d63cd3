"""Folders with a Unigram vocabulary, against what sentence-transformers and model2vec give."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pellucid.bundle.network_answers import answer_texts
from pellucid.data.raw_texts import Texts
from pellucid.encoding import UNKNOWN, UnigramEncoder
from pellucid.encoding.encoder import FIRST
from pellucid.errors import ModelFileError
from pellucid.networks.config import Attention
from pellucid.pretrained import Learnt, TextBackbone, read_folder
from pellucid.pretrained import text_backbones as backbones
from pellucid.settings import Settings
from pretrained.tiny_unigram import FORMS, PIECES, PLACES, STRANGE, TEXTS, document, write_folder

GOLDEN = json.loads(Path(__file__).with_name("golden_unigram.json").read_text())


def read(folder: Path, length: int | None = None, learnt: Learnt | None = None) -> TextBackbone:
    backbone = read_folder(folder, length, learnt)
    assert isinstance(backbone, TextBackbone)
    assert isinstance(backbone.encoder, UnigramEncoder)
    return backbone


def features(backbone: TextBackbone, texts: list[str]) -> np.ndarray:
    network = backbone.network(backbone.config_for(2, Settings())).eval()
    found = answer_texts(network, backbone.encoder, texts, network.features)
    is_of_vectors = backbone.config.name == "word-vectors"  # whose mean stands before the largest numbers
    return found[:, : backbone.config.embedding] * (2**0.5 if is_of_vectors else 1)


@pytest.mark.parametrize("form", FORMS)
def test_features_are_those_of_the_original(form, tmp_path, monkeypatch):
    folder = write_folder(tmp_path / form, form)
    texts = TEXTS if form.startswith("model2vec") else TEXTS + STRANGE
    whole = read(folder)
    np.testing.assert_allclose(features(whole, texts), GOLDEN[form], atol=1e-5)
    monkeypatch.setattr(backbones, "FREQUENT_PIECES", 0)
    kept = read(folder, learnt=Learnt(Texts.of(texts), np.arange(len(texts))))
    np.testing.assert_allclose(features(kept, texts), GOLDEN[form], atol=1e-5)
    assert kept.encoder.vocabulary < whole.encoder.vocabulary
    few = read(folder, learnt=Learnt(Texts.of(["京", "ab"]), np.array([0])))
    assert few.config.vocabulary == few.encoder.vocabulary < kept.encoder.vocabulary


def test_what_is_read(tmp_path):
    backbone = read(write_folder(tmp_path, "xlm-roberta"))
    own = backbone.config.layers(Attention)
    assert (backbone.encoder.length, own.norm_epsilon) == (12, 1e-3)
    again = type(backbone.config).from_json(backbone.config.to_json())
    assert again == backbone.config
    (tmp_path / "sentence_bert_config.json").unlink()
    (tmp_path / "tokenizer_config.json").unlink()
    assert read(tmp_path).encoder.length == PLACES - 2
    assert read(tmp_path, 5).encoder.length == 5


def test_a_text_says_no_mark(tmp_path):
    encoder = read(write_folder(tmp_path, "xlm-roberta")).encoder
    known = {each: FIRST + number for number, each in enumerate(encoder.entries)}
    found = [number for _, number in encoder.explain("</s>")]
    assert found == [known["<s>"], known["▁"], UNKNOWN, known["</s>"]]


def test_configs_saved_before_there_were_other_norms_are_read(tmp_path):
    config = read(write_folder(tmp_path, "bert", layer_norm_eps=1e-12)).config
    saved = config.to_json()
    assert "norm_epsilon" not in saved
    assert type(config).from_json(saved) == config


def _tokenizer(**changed: object):
    return lambda folder: (folder / "tokenizer.json").write_text(
        json.dumps(document("xlm-roberta") | changed)
    )


def _config(**changed: object):
    return lambda folder: write_folder(folder, "xlm-roberta", **changed)


def _prefix(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    save_file(
        {name.replace("roberta.", "bert."): each for name, each in found.items()},
        folder / "model.safetensors",
    )


ADDED = {"id": 14, "content": "a b", "special": False}
LONG = [
    {"type": "Replace", "pattern": {"String": each}, "content": 9 * each} for each in ("½", "½", "½")
]  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), r"tokenizer.json is missing.*AutoTokenizer"),
        (_tokenizer(post_processor=None), "not one mark before and one behind every text"),
        (_tokenizer(added_tokens=[ADDED]), "'content': 'a b', 'special': False} is not supported"),
        (_tokenizer(normalizer={"type": "Sequence", "normalizers": LONG}), "cut off or damaged"),
        (_config(vocab_size=13), "14 pieces for 13 vectors"),
        (_config(pad_token_id=0), "pad_token_id: '0' is not supported, only 1"),
        (_config(max_position_embeddings=8195), "8195 is no whole number from 1 to 8194"),
        (_config(max_position_embeddings=2), "length: "),
        (_config(layer_norm_eps=0.1), "layer_norm_eps: 0.1 is no number from 1e-12 to 0.001"),
        (_prefix, "lacks 'embeddings.word_embeddings.weight'; choose the weights"),
        (
            _config(model_type="modernbert"),
            "rotary positions, local attention and gated layers; choose an encoder of texts of the form "
            "bert, xlm-roberta, model2vec, such as multilingual-e5-small",
        ),
    ],
)
def test_other_folders_are_refused(damage, message, tmp_path):
    damage(write_folder(tmp_path / "own", "xlm-roberta"))
    with pytest.raises(ModelFileError, match=message):
        read_folder(tmp_path / "own")


def test_pieces_over_spaces_are_refused(tmp_path):
    folder = write_folder(tmp_path, "model2vec-0.6")
    found = document("model2vec-0.6")
    found["model"]["vocab"] = [["▁a▁b", -1.0], *([*row] for row in PIECES[1:])]
    (folder / "tokenizer.json").write_text(json.dumps(found))
    with pytest.raises(ModelFileError, match="'▁a▁b' reaches over a space"):
        read_folder(folder)
