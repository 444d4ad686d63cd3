"""Classical models in memory: parts that must fit each other, and inputs larger than memory."""

import tracemalloc

import numpy as np
import pytest

from every_model import MODELS
from pellucid.arithmetic import at_temperature
from pellucid.bundle import ClassicalModel, Model, load_any, save
from pellucid.bundle.model import LEAST_TEMPERATURE, MOST_TEMPERATURE
from pellucid.classical import PREDICTORS, feature_length
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.targets import CLASSIFICATION, REGRESSION
from small_models import CLASSES, DIGITS, digits, number_model, untrained_model, vector_model, vectors


def linear(inputs: int, outputs: int = 2, weight: float = 0.0):
    """A linear model of numbers (one output) or classes."""
    settings = {"number": outputs == 1, "outputs": outputs, "inputs": inputs, "columns": outputs}
    arrays = {
        "weights": np.full((inputs, outputs), weight),
        "bias": np.arange(outputs, dtype=np.float64),
        "classes": np.arange(outputs, dtype=np.int32),
    }
    return PREDICTORS["linear"].from_parts(settings, arrays)


@pytest.mark.parametrize(
    ("predictor", "features", "classes", "more", "reason"),
    [
        (linear(64), "pixels", CLASSES, {}, "the predictor has 2 outputs where 10 are needed"),
        (linear(64), "pixels", (), {}, "the predictor has 2 outputs where 1 is needed"),
        (linear(63), "pixels", "ab", {}, "the predictor takes 63 features where 'pixels' gives 64"),
        (linear(64), "values", "ab", {}, "features 'values' are not made of images"),
        (linear(64), "os.system", "ab", {}, "features 'os.system' are not made of images"),
        (linear(64), "pixels", "ab", {"preprocessing": None}, "features 'pixels' are not made of feature"),
        (linear(64), "network", "ab", {}, "features 'network' and a network: one without the other"),
        (linear(64), "pixels", "ab", {"network": untrained_model().network}, "one without the other"),
        (
            linear(9),
            "network",
            "ab",
            {"network": vector_model().network},
            r"the network takes \(64,\), but preprocessing makes \(1, 8, 8\)",
        ),
        (linear(5), "network", "ab", {"network": untrained_model().network}, "takes 5 features where 'netw"),
        (linear(64), "pixels", "ab", {"temperature": 0.0}, "temperature: 0.0 is outside 0.01 to 100"),
        (
            linear(64, 1),
            "pixels",
            (),
            {"temperature": 2.0},
            "in a model of numbers, where only 1 has a meaning",
        ),
    ],
)
def test_parts_that_do_not_fit(predictor, features, classes, more, reason):
    target = CLASSIFICATION if classes else REGRESSION
    with pytest.raises(ValueError, match=reason):
        ClassicalModel(predictor, features, classes, target, **{"preprocessing": DIGITS, **more})


def test_probabilities_by_hand():
    """Logits 0 and 1 for every input, at temperature 1 and 2."""
    model = ClassicalModel(linear(64), "pixels", ("a", "b"), CLASSIFICATION, preprocessing=DIGITS)
    pixels = digits()[0][:3]
    np.testing.assert_allclose(model.predict_proba(pixels), [[1 / (1 + np.e), np.e / (1 + np.e)]] * 3)
    root = np.sqrt(np.e)
    np.testing.assert_allclose(model.at(2.0).predict_proba(pixels), [[1 / (1 + root), root / (1 + root)]] * 3)


@pytest.mark.parametrize("temperature", [LEAST_TEMPERATURE, 0.05, 20.0, MOST_TEMPERATURE])
def test_extreme_temperatures_stay_finite(temperature):
    rows = np.array([[1.0, 0.0, 0.0], [1 - 1e-12, 1e-12, 0.0], [0.5, 0.25, 0.25], [1e-300, 1.0, 0.0]])
    found = at_temperature(rows, temperature)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert (found[rows == 0] == 0).all()
    assert found[2, 0] > found[2, 1] == found[2, 2]


def test_numbers_by_hand():
    """The sum of the values."""
    model = ClassicalModel(linear(64, 1, 1.0), "values", (), REGRESSION, preprocessing=None)
    np.testing.assert_allclose(model.predict_values(vectors()[:9]), vectors()[:9].sum(axis=1))
    assert (model.length, model.parameters, model.name) == (64, 65, "linear model")


def test_a_constant_takes_vectors_of_any_length(tmp_path):
    model = MODELS["majority of vectors"]()
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    for length in (1, 64, 100):
        assert loaded.predict_proba(np.zeros((2, length), np.float32)).shape == (2, 10)
    assert "a vector of numbers, of any length" in (tmp_path / "model" / "README.md").read_text()


@pytest.mark.parametrize("features", ["pixels", "hog"])
def test_a_memory_mapped_array_is_never_copied_whole(features, tmp_path):
    file = np.lib.format.open_memmap(tmp_path / "pixels.npy", "w+", np.uint8, (6_000, 32, 32, 3))
    file[::7] = 200
    del file
    model = ClassicalModel(
        linear(feature_length(features, (32, 32, 3))),
        features,
        ("a", "b"),
        CLASSIFICATION,
        preprocessing=Preprocessing(32, 32, 3),
    )
    model.predict_proba(np.zeros((2, 32, 32, 3), np.uint8))
    peaks = []
    pixels = np.load(tmp_path / "pixels.npy", mmap_mode="r")
    for count in (2_000, 6_000):
        tracemalloc.start()
        assert model.predict_proba(pixels[:count]).shape == (count, 2)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2e6


def test_a_forest_without_questions_is_saved(tmp_path):
    """Empty arrays stand in the file where the next one begins."""
    settings = {"number": True, "outputs": 1, "inputs": 64, "trees": 1, "nodes": 0, "leaves": 1, "entries": 1}
    arrays = {name: np.zeros(0, np.int32) for name in ("feature", "left", "right")}
    arrays |= {"roots": np.array([-1], np.int32), "threshold": np.zeros(0, np.float32)}
    arrays |= {"ends": np.ones(1, np.int32), "entry": np.zeros(1, np.int32), "content": np.array([3.5])}
    forest = PREDICTORS["forest"].from_parts(settings, arrays)
    save(ClassicalModel(forest, "values", (), REGRESSION, preprocessing=None), tmp_path / "model", {})
    assert (load_any(tmp_path / "model").predict_values(vectors()[:2]) == 3.5).all()


def test_models_of_others_cannot_be_saved(tmp_path):
    class Borrowed(Model):
        pass

    with pytest.raises(TypeError, match=r"Borrowed cannot be saved; only models of pellucid\.bundle can"):
        save(Borrowed(), tmp_path / "model", {})


def test_parameters_count_the_network_too():
    network = number_model().network
    weights = sum(each.numel() for each in network.parameters())
    hidden = number_model().transform(digits()[0][:1]).shape[1]
    model = ClassicalModel(
        linear(hidden, 1), "network", (), REGRESSION, preprocessing=DIGITS, network=network
    )
    assert model.parameters == weights + hidden + 1
    assert model.name == "linear model on cnn"
