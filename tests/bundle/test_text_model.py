"""Text models in memory: every text is answered, whatever stands beside it."""

import gc
import tracemalloc

import numpy as np
import pytest
import torch

from every_model import MODELS, classical_model, network_model
from pellucid.bundle import ClassicalModel, Model, TextModel, load_any, save
from pellucid.bundle.model import require_texts
from pellucid.data.raw_texts import Texts
from pellucid.errors import DataError
from pellucid.input_kinds import TEXTS
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, DIGITS, digits, untrained_model, vector_model
from text_models import encoder, text_model, texts, trained_text_model

NAMES = [
    "text-cnn", "rnn", "rnn of sub-words", "bag", "svm-on-text-cnn", "transformer",
    "sentence-encoder", "ngram-encoder",
    "word-vectors",
    "logistic-regression-on-sentence-encoder",
]  # fmt: skip
STRANGE = [
    "",
    " \t\n",
    "\0",
    "seven " * 50_000,
    "ж" * 100_000,
    "\U0001f3f3️‍\U0001f308",
    "‮ thgir ot tfel",
    "日本語のテキスト",
    "<script>alert(1)</script>",
    "é" + "\u0301" * 1000,
    "\ufeff",
]


@pytest.fixture(params=NAMES, scope="module")
def model(request) -> Model:
    return MODELS[request.param]()


def test_a_text_does_not_depend_on_its_neighbours(model: Model) -> None:
    asked = [text for text in texts()[:300] if len(text) > 20]
    among = [each for text in asked for each in (text, "seven", "a long text " * 400)]
    together = model.predict_proba(among)[::3]
    alone = np.concatenate([model.predict_proba([text]) for text in asked[:60]])
    np.testing.assert_allclose(together[:60], alone, rtol=0, atol=1e-6)
    np.testing.assert_allclose(together, model.predict_proba(asked), rtol=0, atol=1e-6)


def test_the_order_is_kept(model: Model) -> None:
    order = np.random.default_rng(0).permutation(500)
    plain = model.predict_proba(texts()[:500])
    shuffled = model.predict_proba([texts()[index] for index in order])
    np.testing.assert_allclose(shuffled, plain[order], rtol=0, atol=1e-6)
    hidden = model.transform([texts()[index] for index in order])
    np.testing.assert_allclose(hidden, model.transform(texts()[:500])[order], rtol=0, atol=1e-5)


def test_every_text_is_answered(model: Model) -> None:
    found = model.predict_proba(STRANGE)
    assert found.shape == (len(STRANGE), 10)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_huge_texts_are_cut() -> None:
    model = text_model("text-cnn", length=24)
    start = " ".join(texts()[:3])
    cut = " ".join(start.split()[:24])
    np.testing.assert_allclose(
        model.predict_proba([cut + " nine" * 300_000]), model.predict_proba([cut]), atol=1e-6
    )


def test_every_form_of_many_texts_is_taken(model: Model) -> None:
    asked = texts()[:40]
    plain = model.predict_proba(asked)
    for form in (tuple(asked), Texts.of(asked), np.array(asked), np.array(asked, dtype=object)):
        assert np.array_equal(model.predict_proba(form), plain)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("one text", "texts: found a single text, expected a list of them; put it into a list"),
        (b"bytes", "texts: found bytes, expected a list of texts"),
        (None, "texts: found NoneType, expected a list of texts"),
        ({"a": 1}, "texts: found dict, expected a list of texts"),
        (np.zeros((2, 3)), r"texts: found float64 of shape \(2, 3\), expected a list of texts"),
        (np.array([["a"], ["b"]]), r"texts: found <U1 of shape \(2, 1\), expected a list of texts"),
        (np.array([1.5, 2.5]), r"texts: found float64 of shape \(2,\), expected a list of texts"),
        (["a", 3], "texts: int at position 1, expected a text; leave it out"),
        (["a", "b", None], "texts: NoneType at position 2, expected a text"),
        (np.array(["a", np.nan], dtype=object), "texts: float at position 1, expected a text"),
        ([b"a"], "texts: bytes at position 0, expected a text"),
        (["fine", "half \ud83d"], r"texts: half a character \(a lone surrogate\) in the text at position 1"),
    ],
)
def test_what_is_no_list_of_texts_is_refused(inputs: object, words: str) -> None:
    with pytest.raises(DataError, match=words):
        require_texts(inputs)


def test_a_single_text_and_images_are_refused(model: Model) -> None:
    with pytest.raises(DataError, match="texts: found a single text"):
        model.predict_proba("seven")
    with pytest.raises(DataError, match="texts: found uint8 of shape"):
        model.predict_proba(digits()[0][:3])
    with pytest.raises(DataError, match="texts: found uint8 of shape"):
        model.transform(digits()[0][:3])


@pytest.mark.parametrize(
    "name", ["bag", *(pytest.param(name, marks=pytest.mark.slow) for name in ("text-cnn", "rnn"))]
)
def test_what_was_learnt_is_saved(name: str, tmp_path) -> None:
    model = trained_text_model(name)
    accuracy = (model.predict_proba(texts()[1000:]).argmax(axis=1) == digits()[1][1000:]).mean()
    assert accuracy > (0.6 if name == "bag" else 0.95)
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    assert isinstance(loaded, TextModel)
    assert loaded.encoder.content() == model.encoder.content()
    assert np.array_equal(loaded.predict_proba(texts()), model.predict_proba(texts()))


def test_frozen_while_it_is_asked() -> None:
    """Dropout is off while it answers, and on again where it was."""
    model = text_model("rnn")
    model.network.train()
    assert np.array_equal(model.predict_proba(texts()[:9]), model.predict_proba(texts()[:9]))
    assert model.network.training


def test_numbers_are_in_the_unit_of_the_labels() -> None:
    model = text_model("text-cnn", ())
    near = model.predict_values(texts())
    assert near.shape == (len(texts()),)
    rescale = model.network.rescale
    rescale.mean.mul_(1000), rescale.std.mul_(1000)
    np.testing.assert_allclose(model.predict_values(texts()), near * 1000, rtol=1e-4)


@pytest.mark.slow
def test_memory_is_bounded_by_blocks_of_texts() -> None:
    model = text_model("text-cnn", length=24)
    many = Texts.of(texts() * 16)
    model.predict_proba(many[:10])
    peaks = []
    for count in (7_000, 28_000):
        asked = many[:count]
        gc.collect()
        tracemalloc.start()
        assert model.predict_proba(asked).shape == (count, 10)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 6e6


@pytest.mark.parametrize(
    ("network", "reads", "words"),
    [
        (
            "text-cnn",
            lambda: encoder("rnn", "sub-words"),
            r"the network knows 26 tokens, the vocabulary \d\d\d",
        ),
        (
            "text-cnn",
            lambda: encoder("rnn", length=25),
            r"the network takes \(24,\), but texts have at most 25",
        ),
    ],
)
def test_network_and_encoder_must_speak_of_the_same_ids(network: str, reads, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TextModel(text_model(network).network, reads(), CLASSES, CLASSIFICATION)


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"encoder": None}, r"the network takes \(24,\), but preprocessing makes None"),
        ({"network": None}, "features 'network' and a network: one without the other"),
        ({"preprocessing": DIGITS}, "features 'network' of texts, but preprocessing makes images"),
        ({"encoder": encoder("rnn", length=9)}, "but texts have at most 9 tokens"),
        ({"network": vector_model().network}, "the network knows 0 tokens, the vocabulary 26"),
        ({"network": untrained_model().network}, "the network knows 0 tokens, the vocabulary 26"),
        ({"features": "pixels", "network": None}, "features 'pixels' and tokens: one without the other"),
        (
            {"network": text_model("text-cnn", width=31).network},
            "the predictor takes .* where 'network' gives",
        ),
    ],
)
def test_parts_of_a_model_on_a_network_that_do_not_fit(parts: dict, words: str) -> None:
    network = network_model("text network", CLASSIFICATION)
    fitting = {
        "predictor": classical_model("svm", "text network").predictor,
        "features": "network",
        "classes": CLASSES,
        "target": CLASSIFICATION,
        "preprocessing": None,
        "network": network.network,
        "encoder": network.encoder,
    }
    assert ClassicalModel(**fitting).input_kind is TEXTS
    with pytest.raises(ValueError, match=words):
        ClassicalModel(**{**fitting, **parts})


def test_bf16_elsewhere_changes_nothing() -> None:
    model = text_model("rnn")
    plain = model.predict_proba(texts()[:20])
    with torch.autocast("cpu", torch.bfloat16):
        assert np.array_equal(model.predict_proba(texts()[:20]), plain)


def test_batches_of_a_transformer_hold_few_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    model = text_model("sentence-encoder")
    expected = model.transform(texts()[:100])
    seen: list[tuple[int, int]] = []
    model.network.body.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape)))
    model.transform(texts()[:100])
    assert len(seen) == 1
    monkeypatch.setattr(
        "pellucid.bundle.network_answers._MOST_VALUES", 100 * model.network.config.feed_forward
    )
    del seen[:]
    np.testing.assert_allclose(model.transform(texts()[:100]), expected, atol=1e-6)
    assert all(rows * columns <= 100 for rows, columns in seen)
    assert sum(rows for rows, _ in seen) == 100
