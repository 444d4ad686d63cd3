"""Folders of generators: the same images back, and nothing else let in."""

import json

import numpy as np
import pytest

from forged_folders import require_refused
from generators import trained_generator
from pellucid.bundle import AdversarialModel, AutoencoderModel, load, load_any, save
from pellucid.data import Dataset
from pellucid.errors import DataError, ModelFileError
from pellucid.networks import InputFacts, build, design
from pellucid.pipeline.judging.novelty_detectors import generator_with_detector
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, DIGITS, digits, reseal

PIXELS, LABELS = digits()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "model"
    save(trained_generator(4), place, {"training examples": 600})
    return place


@pytest.mark.parametrize("is_labelled", [True, False])
def test_a_loaded_gan_makes_the_same_images_and_scores(tmp_path, is_labelled):
    model = trained_generator(2, is_labelled=is_labelled, model="gan")
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    assert isinstance(loaded, AdversarialModel)
    turns, labels = model.turns(30), LABELS[:9] if is_labelled else np.zeros(9, np.int64)
    assert np.array_equal(loaded.sample(turns, 5), model.sample(turns, 5))
    assert np.array_equal(loaded.sample(turns[:7], 5), model.sample(turns, 5)[:7])
    assert np.array_equal(loaded.scores(PIXELS[:9], labels), model.scores(PIXELS[:9], labels))
    assert np.array_equal(loaded.seen(PIXELS[:9]), model.transform(PIXELS[:9]))
    assert np.array_equal(loaded.transform(PIXELS[:9]), model.transform(PIXELS[:9]))
    card = (tmp_path / "model" / "README.md").read_text()
    assert "A network that makes images," in card
    assert "noise values" in card


@pytest.mark.parametrize("is_labelled", [True, False])
def test_a_loaded_generator_makes_the_same_images(tmp_path, is_labelled):
    model = trained_generator(4, is_labelled=is_labelled)
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    assert isinstance(loaded, AutoencoderModel)
    assert loaded.classes == (CLASSES if is_labelled else ())
    turns = model.turns(30)
    assert np.array_equal(loaded.sample(turns, 5), model.sample(turns, 5))
    assert np.array_equal(loaded.transform(PIXELS[:9]), model.transform(PIXELS[:9]))
    labels = LABELS[:9] if is_labelled else np.zeros(9, np.int64)
    assert np.array_equal(loaded.bound(PIXELS[:9], labels, 3).total, model.bound(PIXELS[:9], labels, 3).total)


def test_the_folder_names_likelihood_and_spread(folder):
    document = json.loads((folder / "model.json").read_text())
    assert document["kind"] == "image-generator"
    assert document["architecture"]["likelihood"] == "sigma-vae"
    card = (folder / "README.md").read_text()
    assert "A network that makes images," in card
    assert "pellucid generate" in card
    assert "grey levels" in card


def test_equal_weights_are_equal_bytes(folder, tmp_path):
    save(trained_generator(4), tmp_path / "again", {"training examples": 600})
    for name in ("weights.safetensors", "model.json", "README.md"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_whoever_wants_a_prediction_is_told(folder):
    with pytest.raises(ModelFileError, match="makes images and predicts nothing; use pellucid generate"):
        load(folder)
    loaded = load_any(folder)
    for ask in (loaded.predict_proba, loaded.predict_values, loaded.answer, loaded._answers):
        with pytest.raises(DataError, match="makes images"):
            ask(PIXELS[:1])


def test_a_detector_sees_the_last_layer_before_the_latent_numbers(folder):
    loaded = load_any(folder)
    seen = loaded.seen(PIXELS[:5])
    assert seen.shape == (5, loaded.columns_seen)
    head = loaded.network.head
    means = (seen @ head.weight.detach().numpy().T + head.bias.detach().numpy())[:, :16]
    np.testing.assert_allclose(means, loaded.transform(PIXELS[:5]), atol=1e-4)
    assert loaded.seen(PIXELS[:0]).shape == (0, loaded.columns_seen)


def test_a_detector_is_kept_and_changes_no_weight(folder, tmp_path):
    material = Dataset(
        PIXELS, LABELS, np.arange(600), np.arange(600, 700), CLASSES, DIGITS, target=CLASSIFICATION
    )
    model = generator_with_detector(trained_generator(4), material, 0)
    save(model, tmp_path / "with detector", {})
    again = load_any(tmp_path / "with detector")
    seen = again.seen(PIXELS[700:720])
    assert np.array_equal(again.detector.novelty(seen), model.detector.novelty(seen))
    weights = [(place / "weights.safetensors").read_bytes() for place in (folder, tmp_path / "with detector")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "image-classifier"}, "is no network of a model of the kind image-classifier"),
        ({"classes": ["a", "b"]}, "distinguishes 10 classes"),
        ({"classes": ["a", "a"]}, "different names"),
        ({"mirror": True}, "mirror"),
    ],
)
def test_a_description_that_cannot_be_is_refused(folder, changes, message):
    reseal(folder, **changes)
    require_refused(folder, message)


def test_a_classifier_is_no_generator(tmp_path):
    config = design("vae", Settings(model="vae", width=8), InputFacts((1, 8, 8), 3, 100))
    with pytest.raises(ValueError, match="3 classes, and 10 are named"):
        AutoencoderModel(build(config), DIGITS, CLASSES)


def test_an_image_does_not_depend_on_how_many_are_made():
    model = trained_generator(4)
    many = model.sample(model.turns(300), 1)
    assert np.array_equal(model.sample(model.turns(7), 1), many[:7])
    assert not np.array_equal(model.sample(model.turns(7), 2), many[:7])


def test_made_digits_look_like_their_class():
    model = trained_generator(4)
    made = model.sample(np.repeat(np.arange(10), 20), 0).astype(np.float64)
    means = np.stack([PIXELS[:600][LABELS[:600] == code].mean(axis=0) for code in range(10)])
    away = ((made[:, None] - means) ** 2).sum(axis=(2, 3, 4))
    assert (away.argmin(axis=1) == np.repeat(np.arange(10), 20)).mean() > 0.5


def test_a_walk_begins_and_ends_at_the_rebuilt_images():
    model = trained_generator(4)
    ends, labels = PIXELS[:2], LABELS[:2]
    way = model.walk(ends, labels, 5)
    assert way.shape == (5, 8, 8, 1)
    assert np.array_equal(way[[0, -1]], model.reconstruct(ends, labels))


def test_images_of_another_form_are_refused():
    with pytest.raises(DataError, match="images: found"):
        trained_generator(4).transform(np.zeros((2, 9, 9, 1), np.uint8))
