"""Models with a detector: what they say, in one pass, and that the detector stays with them."""

import numpy as np
import pytest

from every_model import MODELS, answers_of, inputs_of
from models_with_detectors import KINDS, model_with_detector, with_detector
from pellucid.bundle import load_any, save


@pytest.mark.parametrize("name", KINDS)
def test_answers_are_the_same_as_without_a_detector_to_the_last_bit(name):
    model = model_with_detector(name)
    said, novelty = model.answer(inputs_of(model))
    np.testing.assert_array_equal(said, answers_of(model))
    np.testing.assert_array_equal(said, answers_of(KINDS[name]()))
    assert novelty.shape == (40,)
    assert ((novelty >= 0) & (novelty <= 1)).all()


@pytest.mark.parametrize("name", KINDS)
def test_the_detector_looks_at_what_the_model_sees(name):
    model = model_with_detector(name)
    rows = model.seen(inputs_of(model))
    assert rows.shape == (40, model.columns_seen)
    np.testing.assert_allclose(
        model.answer(inputs_of(model)).novelty, model.detector.novelty(rows), atol=1e-6
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_model_without_a_detector_says_nothing(name):
    model = MODELS[name]()
    said, novelty = model.answer(inputs_of(model))
    np.testing.assert_array_equal(said, answers_of(model))
    assert novelty is None


@pytest.mark.parametrize("name", ["mlp", "svm-on-cnn", "logistic-regression of texts"])
def test_no_inputs(name):
    model = model_with_detector(name)
    said, novelty = model.answer(inputs_of(model)[:0])
    assert (said.shape, novelty.shape) == ((0, 10), (0,))


@pytest.mark.parametrize("name", ["mlp", "cnn, mirrored", "text-cnn", "svm-on-cnn"])
def test_hidden_layer_and_answer_come_of_one_pass(name, monkeypatch):
    model = model_with_detector(name)
    passes = []
    whole = model.network.features

    def counted(batch):
        passes.append(len(batch))
        return whole(batch)

    monkeypatch.setattr(model.network, "features", counted)
    model.answer(inputs_of(model))
    # the mirrored image goes through the network as well, with a detector or without
    assert sum(passes) == (80 if name == "cnn, mirrored" else 40)


def test_the_detector_stays_at_another_temperature():
    for name in ("mlp", "svm-on-cnn", "text-cnn", "mlp of vectors"):
        model = model_with_detector(name)
        hotter = model.at(2.0)
        assert hotter.detector is model.detector
        assert model.temperature == 1
        np.testing.assert_array_equal(
            hotter.answer(inputs_of(model)).novelty, model.answer(inputs_of(model)).novelty
        )


def test_a_detector_of_other_features_is_refused():
    detector = model_with_detector("mlp").detector
    with pytest.raises(ValueError, match=r"takes 32 features where the model has \d+"):
        KINDS["logistic-regression"]().with_detector(detector)


def test_a_detector_of_other_classes_is_refused():
    numbers = model_with_detector("cnn of numbers")
    with pytest.raises(ValueError, match="counted 100 classes where the model has 10"):
        MODELS["cnn"]().with_detector(numbers.detector)


def test_a_model_that_looks_at_nothing_has_no_detector():
    model = MODELS["majority"]()
    assert model.columns_seen == 0
    with pytest.raises(ValueError, match="takes 32 features where the model has 0"):
        model.with_detector(model_with_detector("mlp").detector)


def test_noise_is_unlike_digits():
    model = with_detector(KINDS["mlp"](), train=1000, validation=300)
    noise = np.random.default_rng(0).integers(0, 256, (100, 8, 8, 1), dtype=np.uint8)
    assert (model.answer(noise).novelty > model.detector.threshold).mean() > 0.7
    assert (model.answer(inputs_of(model, 400)).novelty > model.detector.threshold).mean() < 0.15


@pytest.mark.parametrize("name", KINDS)
def test_a_saved_detector_says_the_same(name, tmp_path):
    model = model_with_detector(name)
    save(model, tmp_path / "model", {})
    again = load_any(tmp_path / "model")
    for before, after in zip(model.answer(inputs_of(model)), again.answer(inputs_of(model)), strict=True):
        np.testing.assert_array_equal(before, after)
    assert "unlike the training data" in (tmp_path / "model" / "README.md").read_text()


def test_weights_are_the_same_bytes_with_a_detector_and_without(tmp_path):
    for name in ("mlp", "svm-on-cnn"):
        save(model_with_detector(name), tmp_path / "with", {})
        save(KINDS[name](), tmp_path / "without", {})
        one, other = ((tmp_path / each / "weights.safetensors").read_bytes() for each in ("with", "without"))
        assert one == other
        assert not (tmp_path / "without" / "novelty.safetensors").exists()
        assert "novelty" not in (tmp_path / "without" / "model.json").read_text()


def test_equal_detectors_are_equal_bytes(tmp_path):
    for place in ("one", "other"):
        save(with_detector(KINDS["mlp"]()), tmp_path / place, {})
    one, other = ((tmp_path / place / "novelty.safetensors").read_bytes() for place in ("one", "other"))
    assert one == other


def test_the_card_says_which_inputs_deserve_doubt(tmp_path):
    model = with_detector(MODELS["svm"]())
    save(model, tmp_path / "model", {})
    card = " ".join((tmp_path / "model" / "README.md").read_text().replace("\\", "").split())
    examples = f"the share of {model.detector.examples:,} validation examples that look less foreign"
    assert examples in card
    assert "what lies above 0.95 deserves doubt, as do 5 % of inputs like the training data" in card
