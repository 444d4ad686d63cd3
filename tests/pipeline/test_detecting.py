"""Detectors for the models of a run, and the synthetic outliers by which they are judged."""

import dataclasses

import numpy as np
import pytest

from every_model import MODELS, network_model
from pellucid.data import Dataset
from pellucid.pipeline.judging.novelty_detectors import judged_places, synthetic_outliers, with_detectors
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers
from pellucid.targets import CLASSIFICATION, REGRESSION
from small_models import CLASSES, DIGITS, digits

PIXELS, LABELS = digits()
MATERIAL = Dataset(
    PIXELS, LABELS, np.arange(600), np.arange(600, 900), CLASSES, DIGITS, target=CLASSIFICATION
)


def candidate(name: str) -> Candidate:
    model = MODELS[name]()
    return Candidate(
        name, model, 600, 1.0, HeldOutAnswers(MATERIAL.validation, model.predict_proba(PIXELS[600:900]))
    )


def detector_of(candidate: Candidate, material: Dataset = MATERIAL):
    return with_detectors([candidate], material, 0)[0].model.detector


def test_every_model_that_looks_at_its_inputs_gets_one():
    names = ("majority", "svm", "cnn", "svm-on-cnn")
    found = with_detectors([candidate(name) for name in names], MATERIAL, seed=0)
    assert [each.model.detector is not None for each in found] == [False, True, True, True]
    for each in found[1:]:
        counted = np.bincount(each.held_out.answers.argmax(axis=1), minlength=10)
        np.testing.assert_array_equal(each.model.detector.answers, counted)
        assert each.model.detector.examples == 300


@pytest.mark.parametrize("name", ["svm", "cnn"])
def test_the_threshold_comes_from_validation_examples_and_from_no_training_example(name):
    """Training examples look less foreign than new ones: measured by them, alarms would be too frequent."""
    model = MODELS[name]()
    (among,) = with_detectors([candidate(name)], MATERIAL, seed=0)
    expected = np.sort(among.model.detector.foreignness(model.seen(PIXELS[600:900])))
    np.testing.assert_array_equal(among.model.detector.reference, expected)


def test_models_on_one_network_share_what_is_computed_of_it(monkeypatch):
    standing, model = candidate("svm-on-cnn"), network_model("network", CLASSIFICATION)
    said = model.predict_proba(PIXELS[600:900])
    network = Candidate("cnn", model, 600, 1.0, HeldOutAnswers(MATERIAL.validation, said))
    assert network.model.network is standing.model.network
    asked = []
    seen = type(network.model).seen
    monkeypatch.setattr(
        type(network.model), "seen", lambda model, inputs: asked.append(0) or seen(model, inputs)
    )
    monkeypatch.setattr(type(standing.model), "seen", lambda model, inputs: pytest.fail("computed twice"))
    found = with_detectors([network, standing], MATERIAL, seed=0)
    assert len(asked) == 2  # training and validation examples
    assert found[0].model.detector.measure is found[1].model.detector.measure


def test_one_model_alone():
    assert detector_of(candidate("svm")).examples == 300
    without = dataclasses.replace(MATERIAL, validation=np.arange(0))
    assert detector_of(candidate("svm"), without) is None
    assert detector_of(candidate("majority")) is None


def test_too_few_training_examples_have_no_detector():
    few = dataclasses.replace(MATERIAL, train=np.arange(10))
    assert detector_of(candidate("svm"), few) is None


def test_numbers():
    numbers = dataclasses.replace(MATERIAL, labels=LABELS.astype(np.float64), classes=(), target=REGRESSION)
    model = MODELS["cnn of numbers"]()
    said = model.predict_values(PIXELS[600:900])
    detector = detector_of(
        Candidate("cnn", model, 600, 1.0, HeldOutAnswers(MATERIAL.validation, said)), numbers
    )
    np.testing.assert_allclose(detector.answers, np.sort(model.predict_values(PIXELS[600:900])))
    assert len(detector.measure.centres) == 1


def test_of_many_validation_examples_some_are_drawn_by_the_seed():
    many = dataclasses.replace(MATERIAL, validation=np.arange(5000))
    one, again, other = (judged_places(many, seed) for seed in (1, 1, 2))
    assert len(one) == 2000
    assert (np.diff(one) > 0).all()
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()


SOME = PIXELS[:20]


@pytest.fixture
def made():
    return synthetic_outliers(SOME, np.random.default_rng(0))


def test_images_stay_images_whose_pieces_change_places(made):
    assert {each.shape for each in made.values()} == {SOME.shape}
    assert {each.dtype for each in made.values()} == {np.dtype(np.uint8)}
    shuffled = made["shuffled_pieces"]
    assert (shuffled != SOME).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(
        np.sort(shuffled.reshape(len(SOME), -1)), np.sort(SOME.reshape(len(SOME), -1))
    )
    np.testing.assert_array_equal(255 - made["inverted"], SOME)


def test_an_image_too_small_for_pieces_stays_as_it_is():
    tiny = np.arange(18, dtype=np.uint8).reshape(2, 3, 3, 1)
    np.testing.assert_array_equal(synthetic_outliers(tiny, np.random.default_rng(0))["shuffled_pieces"], tiny)


def test_texts():
    texts = ["green apples", "a b"]
    made = synthetic_outliers(texts, np.random.default_rng(0))
    assert [sorted(text) for text in made["shuffled_letters"]] == [sorted(text) for text in texts]
    assert [len(text) for text in made["random_letters"]] == [12, 3]
    assert set("".join(made["random_letters"])) <= set("".join(texts))


def test_the_same_seed_makes_the_same(made):
    again = synthetic_outliers(SOME, np.random.default_rng(0))
    assert all((again[name] == made[name]).all() for name in made)
