"""The real MiniLM, GloVe and others out of their packages, against what others compute with them."""

import base64
import functools
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from safetensors.numpy import save_file
from tokenizers import Tokenizer

from encoding.written import ODD, any_texts
from labelled import numbered
from pellucid.bundle import ClassicalModel, TextModel, load, save
from pellucid.bundle.network_answers import answer_texts
from pellucid.classical import TrainingSet, fit_baseline
from pellucid.classical.training_set import Budget
from pellucid.data.raw_texts import Texts
from pellucid.encoding import UnigramEncoder
from pellucid.errors import UsageError
from pellucid.networks.config import Attention
from pellucid.pretrained import (
    Learnt,
    TextBackbone,
    installed,
    read_folder,
    read_multilingual,
    read_sentence_folder,
    read_word_vectors,
)
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pretrained.tiny_unigram import document
from pretrained.unigram_written import compiled

pytestmark = pytest.mark.slow

GOLDEN = json.loads(Path(__file__).with_name("golden_minilm.json").read_text())
MARKS = ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")

ABOUT = {
    "boats": ["The ferry left the harbour.", "Sailors repaired the mast.", "A yacht race off the coast."],
    "bread": ["Knead the dough for ten minutes.", "The loaf needs more yeast.", "Flour, water and salt."],
}
UNSEEN = ["The captain anchored his vessel.", "She baked rolls in the oven."]


def place(name: str) -> Path:
    """Where a package holds its weights; without it the test is skipped, in CI it fails."""
    try:
        return installed(name)
    except UsageError as error:
        need = pytest.fail if os.environ.get("CI", "") not in ("", "0", "false") else pytest.skip
        need(f"{error}; make test-all installs it")
        raise


@pytest.fixture(scope="module")
def minilm() -> TextBackbone:
    return read_sentence_folder(place("all-minilm-l6-v2"))


@pytest.fixture(scope="module")
def rows(minilm: TextBackbone) -> dict[int, int]:
    """Our id of each of theirs."""
    pieces = (installed("all-minilm-l6-v2") / "vocab.txt").read_text(encoding="utf-8").split("\n")[:-1]
    ours = {piece: number for number, piece in enumerate(["[PAD]", "[UNK]", *minilm.encoder.entries])}
    return {row: ours[piece] for row, piece in enumerate(pieces)}


def test_ids_are_those_of_the_golden_file(minilm: TextBackbone, rows: dict[int, int]) -> None:
    found = minilm.encoder.encode(GOLDEN["texts"])
    assert len(found) == len(GOLDEN["ids"]) > 0
    for number, ids in enumerate(GOLDEN["ids"]):
        ours = found.ids[found.offsets[number] : found.offsets[number + 1]].tolist()
        assert ours == [rows[each] for each in ids], GOLDEN["texts"][number][:40]


def test_features_are_those_of_sentence_transformers(minilm: TextBackbone) -> None:
    network = minilm.network(minilm.config_for(2, Settings())).eval()
    found = answer_texts(network, minilm.encoder, GOLDEN["texts"], network.features)
    assert found.shape == (len(GOLDEN["texts"]), 384)
    np.testing.assert_allclose(found[:, : len(GOLDEN["features"][0])], GOLDEN["features"], atol=1e-5, rtol=0)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


@functools.cache
def own_tokenizer() -> Tokenizer:
    """The package's own tokenizer, which cuts at the same length and fills nothing up."""
    tokenizer = Tokenizer.from_file(str(installed("all-minilm-l6-v2") / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    return tokenizer


@given(texts=any_texts)
@example(texts=list(ODD))
def test_ids_are_those_of_the_packages_own_tokenizer(
    minilm: TextBackbone, rows: dict[int, int], texts: list[str]
) -> None:
    for text in texts:
        if not any(mark in text for mark in MARKS):
            written = text.encode("utf-8", "replace").decode()
            expected = [rows[each] for each in own_tokenizer().encode(written).ids]
            assert minilm.encoder.encode([text]).ids.tolist() == expected


def test_its_origin_is_known(minilm: TextBackbone) -> None:
    assert minilm.origin.licence == "Apache-2.0"
    assert minilm.origin.title == "all-MiniLM-L6-v2, a sentence encoder for English"


def test_six_sentences_are_enough_and_the_folder_says_the_same(minilm: TextBackbone, tmp_path: Path) -> None:
    network = minilm.network(minilm.config_for(2, Settings())).eval()
    texts = [text for about in ABOUT.values() for text in about]
    features = answer_texts(network, minilm.encoder, texts, network.features)
    order = np.array([0, 3, 1, 4, 2, 5])
    lesson = TrainingSet(
        inputs=features, labels=numbered(np.array([0, 0, 0, 1, 1, 1]), 2), train=order[:4],
        validation=order[4:], kind="network",
    )  # fmt: skip
    fitted = fit_baseline("logistic-regression", lesson, seed=0, threads=1, budget=Budget.shrunk(0.1))
    model = ClassicalModel(
        fitted.predictor, fitted.features, tuple(ABOUT), CLASSIFICATION, preprocessing=None, network=network,
        encoder=minilm.encoder,
    )  # fmt: skip
    answers = model.predict_proba(UNSEEN)
    assert answers.argmax(1).tolist() == [0, 1]
    save(model, tmp_path / "model", minilm.origin.facts())
    loaded = load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(UNSEEN), answers)
    assert np.array_equal(loaded.transform(UNSEEN), model.transform(UNSEEN))
    card = (tmp_path / "model" / "README.md").read_text()
    for words in (r"all\-MiniLM\-L6\-v2, a sentence encoder for English", r"Apache\-2\.0", "huggingface"):
        assert words in card
    assert "Words of the training texts are in" not in card


def test_a_small_head_is_saved_too(minilm: TextBackbone, tmp_path: Path) -> None:
    network = minilm.network(minilm.config_for(2, Settings(depth=1, width=4))).eval()
    model = TextModel(network, minilm.encoder, tuple(ABOUT), CLASSIFICATION)
    save(model, tmp_path / "model", minilm.origin.facts())
    loaded = load(tmp_path / "model")
    assert np.array_equal(loaded.predict_proba(UNSEEN), model.predict_proba(UNSEEN))


def test_glove_knows_what_sentences_are_about() -> None:
    texts = [text for about in ABOUT.values() for text in about]
    glove = read_word_vectors(place("glove-6b-50d"), Texts.of(texts), np.arange(6))
    assert 19_000 < len(glove.encoder.entries) < 20_100
    assert glove.origin.licence == "PDDL-1.0"
    network = glove.network(glove.config_for(2, Settings())).eval()
    features = answer_texts(network, glove.encoder, [*texts, *UNSEEN], network.features)
    assert features.shape == (8, 100)
    near = features[6:] @ features[:6].T
    assert near[0, :3].mean() > near[0, 3:].mean()
    assert near[1, 3:].mean() > near[1, :3].mean()


LANGUAGES = json.loads(Path(__file__).with_name("golden_languages.json").read_text())


@functools.cache
def for_languages(name: str) -> TextBackbone:
    texts = Texts.of(LANGUAGES["texts"])
    return read_multilingual(name, place(name), Learnt(texts, np.arange(len(texts))))


@pytest.mark.parametrize(("name", "within"), [("use-multilingual", 1e-5), ("e5-small", 5e-3)])
def test_features_are_those_of_the_packages_for_many_languages(name: str, within: float) -> None:
    # the engine of e5 rounds what passes its layers to 8 bits
    found, expected = for_languages(name), np.array(LANGUAGES["features"][name])
    network = found.network(found.config_for(2, Settings())).eval()
    features = answer_texts(network, found.encoder, LANGUAGES["texts"], network.features)
    own = features[:, : expected.shape[1]]
    np.testing.assert_allclose(own, expected, atol=within, rtol=0)
    cosines = (own * expected).sum(1) / np.linalg.norm(own, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.999
    assert found.encoder.vocabulary < 100_000


@pytest.mark.parametrize("name", ["use-multilingual", "e5-small"])
def test_a_model_on_many_languages_is_saved_and_says_where_it_comes_from(name: str, tmp_path: Path) -> None:
    found = for_languages(name)
    network = found.network(found.config_for(2, Settings())).eval()
    model = TextModel(network, found.encoder, tuple(ABOUT), CLASSIFICATION)
    save(model, tmp_path / "model", found.origin.facts())
    asked = ["Der Bus nach Köln", "京都の寺", *UNSEEN]
    assert np.array_equal(load(tmp_path / "model").predict_proba(asked), model.predict_proba(asked))
    card = (tmp_path / "model" / "README.md").read_text().replace("\\", "")
    assert found.origin.title in card
    assert found.origin.licence in card


# Of one layer, our names to those of transformers.
OF_LAYER = {
    "output": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}


def e5_folder(folder: Path, form: str) -> Path:
    """Write the pieces that were kept of e5-small as a folder of transformers."""
    found = for_languages("e5-small")
    encoder, own = found.encoder, found.config.layers(Attention)
    assert isinstance(encoder, UnigramEncoder)
    pieces, before = ["<pad>", "<unk>", *encoder.entries], 2 if form == "xlm-roberta" else 0
    written = document("xlm-roberta")
    written["model"] |= {
        "vocab": [[*row] for row in zip(pieces, [0.0, 0.0, *encoder.scores], strict=True)],
        "unk_id": 1,
    }
    written["normalizer"]["precompiled_charsmap"] = base64.b64encode(compiled(encoder.replaced)).decode()
    marks = ("<pad>", "<unk>", "<s>", "</s>")
    written["added_tokens"] = [
        each | {"id": pieces.index(each["content"])}
        for each in written["added_tokens"]
        if each["content"] in marks
    ]
    for mark, special in written["post_processor"]["special_tokens"].items():
        special["ids"] = [pieces.index(mark)]
    (folder / "tokenizer.json").write_text(json.dumps(written))
    tensors = {name.removeprefix("body.encoder."): each.numpy() for name, each in found.tensors.items()}
    places = np.pad(tensors["places.weight"], ((before, 0), (0, 0)), constant_values=np.float32(9))
    theirs = {
        "embeddings.word_embeddings.weight": tensors["embedding.weight"],
        "embeddings.position_embeddings.weight": places,
        "embeddings.token_type_embeddings.weight": np.zeros((1, places.shape[1]), np.float32),
    }
    for kind in ("weight", "bias"):
        theirs[f"embeddings.LayerNorm.{kind}"] = tensors[f"norm.{kind}"]
        for number in range(own.transformer_layers):
            ours, layer = f"layer{number + 1}.", f"encoder.layer.{number}."
            parts = np.split(tensors[f"{ours}query_key_value.{kind}"], 3)
            for part, each in zip(("query", "key", "value"), parts, strict=True):
                theirs[f"{layer}attention.self.{part}.{kind}"] = each
            theirs |= {f"{layer}{its}.{kind}": tensors[f"{ours}{my}.{kind}"] for my, its in OF_LAYER.items()}
    save_file(
        {name: np.ascontiguousarray(each) for name, each in theirs.items()}, folder / "model.safetensors"
    )
    config = {
        "model_type": form, "hidden_size": found.config.embedding, "vocab_size": len(pieces),
        "num_hidden_layers": own.transformer_layers, "num_attention_heads": own.attention_heads,
        "intermediate_size": own.feed_forward, "max_position_embeddings": len(places), "type_vocab_size": 1,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "pad_token_id": 1,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("form", ["bert", "xlm-roberta"])
def test_a_folder_of_e5_gives_what_its_package_gives(form: str, tmp_path: Path) -> None:
    whole, texts = for_languages("e5-small"), LANGUAGES["texts"]
    asked = [f"query: {text}" for text in texts]
    learnt = Learnt(Texts.of(asked), np.arange(len(asked)))
    found = read_folder(e5_folder(tmp_path, form), whole.encoder.length, learnt)
    assert isinstance(found, TextBackbone)
    theirs = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    rows = ["<pad>", "<unk>", *whole.encoder.entries]
    ours = ["<pad>", "<unk>", *found.encoder.entries]
    for text in asked:
        ids = [number for _, number in found.encoder.explain(text)]
        assert [ours[number] for number in ids] == [rows[number] for number in theirs.encode(text).ids]
    features = [
        answer_texts(network, each.encoder, said, network.features)
        for each, said in ((whole, texts), (found, asked))
        for network in [each.network(each.config_for(2, Settings())).eval()]
    ]
    np.testing.assert_allclose(features[1], features[0], atol=1e-5)
