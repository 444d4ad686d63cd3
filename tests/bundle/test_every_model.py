"""What holds for every model that a folder can hold."""

import re

import numpy as np
import pytest
import torch

from every_model import CLASSICAL, CLASSIFIERS, MODELS, ON_NETWORK, SAVED, answers_of, inputs_of
from forged_folders import document_of
from pellucid.arithmetic import at_temperature
from pellucid.bundle import ClassicalModel, Model, load, load_any, save
from pellucid.bundle.format import KINDS
from pellucid.classical import PREDICTORS, feature_length
from pellucid.errors import DataError, ModelFileError
from pellucid.input_kinds import TEXTS, VALUES
from pellucid.targets import CLASSIFICATION, MULTILABEL
from small_models import DIGITS, digits


@pytest.fixture(params=SAVED)
def each(request):
    return SAVED[request.param]()


@pytest.fixture(params=CLASSIFIERS)
def classifier(request):
    return MODELS[request.param]()


@pytest.fixture(
    params=["cnn", "svm of vectors", "ridge", "text-cnn of numbers", "svm-on-text-cnn", "average"]
)
def of_a_base(request):
    """A model of each base class that refuses, of every kind of input, for classes and for numbers."""
    return SAVED[request.param]()


def test_the_protocol(each):
    assert isinstance(each, Model)
    assert type(each.parameters) is int
    assert each.parameters > 0
    assert each.name
    assert each.temperature == 1


@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_answers_the_same(name, saved):
    model, loaded = SAVED[name](), load_any(saved(name))
    assert type(loaded) is type(model)
    assert (loaded.classes, loaded.preprocessing) == (model.classes, model.preprocessing)
    assert loaded.input_kind is model.input_kind
    assert (loaded.parameters, loaded.name) == (model.parameters, model.name)
    assert np.array_equal(answers_of(loaded, 200), answers_of(model, 200))


def test_equal_models_are_equal_bytes(each, tmp_path):
    save(each, tmp_path / "one", {})
    save(load_any(tmp_path / "one"), tmp_path / "two", {})
    names, others = (
        sorted(path.relative_to(tmp_path / place) for path in (tmp_path / place).rglob("*") if path.is_file())
        for place in ("one", "two")
    )
    assert names == others
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize("name", ["cnn", "text-cnn", "svm of vectors", "svm-on-cnn", "svm of texts", "bag"])
def test_its_temperature_is_saved_and_leaves_the_weights_alone(name, saved, tmp_path):
    model = SAVED[name]().at(1.7)
    save(model, tmp_path / "model", {})
    loaded = load_any(tmp_path / "model")
    assert loaded.temperature == 1.7
    assert np.array_equal(answers_of(loaded), answers_of(model))
    one, two = ((place / "weights.safetensors").read_bytes() for place in (saved(name), tmp_path / "model"))
    assert one == two


def test_probabilities_at_a_temperature(classifier):
    plain = answers_of(classifier)
    assert np.array_equal(answers_of(classifier.at(1)), plain)
    for temperature in (0.5, 3.0):
        found = answers_of(classifier.at(temperature))
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_allclose(found, at_temperature(plain, temperature), atol=1e-12)
        assert np.array_equal(found.argmax(axis=1), plain.argmax(axis=1))
    assert classifier.temperature == 1


def test_questions_of_the_other_kind_and_senseless_temperatures_are_refused(of_a_base):
    each = of_a_base
    inputs = inputs_of(each)
    for temperature in (0.0, -1.0, 0.001, 101.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"temperature: .* is outside 0.01 to 100"):
            each.at(temperature)
    if not each.classes:
        with pytest.raises(
            DataError, match="it predicts numbers and has no probabilities; use predict_values"
        ):
            each.predict_proba(inputs)
    else:
        with pytest.raises(DataError, match="it predicts classes and no numbers; use predict_proba"):
            each.predict_values(inputs)


def test_answers_have_one_row_for_each_input(each):
    for count in (0, 1, 3):
        found = each.target.ask(each, inputs_of(each)[:count])
        assert found.dtype == np.float64
        assert found.shape == ((count, len(each.classes)) if each.classes else (count,))


def test_a_row_does_not_depend_on_its_batch(each):
    inputs = inputs_of(each, 1500)
    together = each.target.ask(each, inputs)
    for rows in (slice(0, 1), slice(1020, 1030), slice(1499, 1500)):
        np.testing.assert_allclose(each.target.ask(each, inputs[rows]), together[rows], atol=2e-5)


def test_inputs_of_another_form_are_refused(of_a_base):
    each = of_a_base
    inputs = inputs_of(each)
    expected = "a list of texts" if each.input_kind is TEXTS else r"(uint8|float32) of shape \(n, "
    with pytest.raises(DataError, match=rf"found float64 of shape .*, expected {expected}"):
        each.target.ask(each, np.zeros(np.shape(inputs)))
    with pytest.raises(DataError, match=r"found .*, expected"):
        each.target.ask(each, inputs[0])
    if each.input_kind is not TEXTS:
        with pytest.raises(DataError, match=rf"expected {expected}"):
            each.target.ask(each, inputs[:, :-1])
        with pytest.raises(DataError, match="found list, expected"):
            each.target.ask(each, ["a text"])


@pytest.mark.parametrize("name", SAVED)
def test_commands_take_models_of_images_and_of_texts_each_with_its_card(name, saved):
    each, folder = SAVED[name](), saved(name)
    if each.input_kind is VALUES:
        with pytest.raises(ModelFileError, match="this model takes feature vectors, not images or texts"):
            load(folder)
    else:
        assert load(folder).preprocessing == each.preprocessing
    card = (folder / "README.md").read_text()
    assert re.search(r"^\| parameters \| [\d,]+ \|$", card, re.M)
    assert "| training examples | 300 |" in card
    assert ("## Numbers" in card) == (not each.classes)
    assert ("## Classes" in card) == (each.target is CLASSIFICATION)
    assert ("## Labels" in card) == (each.target is MULTILABEL)
    assert "None" not in card
    assert max(len(line) for line in card.splitlines()) < 180


def test_the_hidden_layer(each):
    inputs = inputs_of(each, 5)
    if getattr(each, "network", None) is None:
        with pytest.raises(DataError, match="it has no hidden layer"):
            each.transform(inputs)
    else:
        first = next(layer for layer in each.network.head.modules() if isinstance(layer, torch.nn.Linear))
        assert each.transform(inputs).shape == (5, first.in_features)
        assert each.transform(inputs[:0]).shape == (0, first.in_features)


@pytest.mark.parametrize("name", ON_NETWORK)
def test_a_model_on_a_network_sees_what_the_network_gives(name):
    model = MODELS[name]()
    seen = model.predictor.predict(model.transform(inputs_of(model)))
    expected = seen if model.classes else seen[:, 0]
    np.testing.assert_allclose(answers_of(model), expected, atol=1e-12)


@pytest.mark.parametrize("name", CLASSICAL | ON_NETWORK)
def test_classical_models_learned_something(name):
    """Majority and mean aside, they know digits that they have not seen."""
    model, labels = MODELS[name](), digits()[1][-200:]
    found = answers_of(model, 200)
    if name.startswith(("majority", "mean")):
        assert (found == found[0]).all()
    elif not model.classes:
        assert np.mean((found - labels) ** 2) < np.var(labels)
    else:
        assert (
            found.argmax(axis=1) == labels
        ).mean() > 0.3  # chance is 0.1, and the network below is untrained


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("cnn", ["| network | cnn |", "| mirroring | none |"]),
        ("majority", ["| model | the same answer always |", r"| features | none\: it looks at nothing |"]),
        ("logistic-regression", ["| model | linear model |", "| features | pixels |"]),
        ("svm", [r"| model | support vector machine \(Gaussian kernel\) |"]),
        ("svm of vectors", ["| input | a vector of 64 numbers |", "| features | the values as they are |"]),
        (
            "logistic-regression-on-cnn",
            [
                "| model | linear model on cnn |",
                "| features | the last hidden layer of a cnn network, which lies in this folder |",
            ],
        ),
        ("mean", ["| output | one number, in the unit of the training labels |"]),
        (
            "text-cnn",
            [
                "A text classifier trained with Pellucid.",
                "| input | one text, of which the first 24 tokens are read |",
                "| tokens | words; 26 different ones |",
                "or `pellucid predict path/to/this/folder text.txt`.",
                "Words of the training texts are in `tokenizer.json`",
            ],
        ),
        ("rnn of sub-words", ["| tokens | words and parts of words; "]),
        (
            "bag",
            [
                "| input | one text, of which the first 24 n\\-grams are read |",
                r"| n\-grams | words, up to 2",
            ],
        ),
        (
            "svm of texts",
            [
                "| model | linear model |",
                "| input | one text, of any length |",
                r"| features | how often words",
            ],
        ),
        ("majority of texts", [r"| features | none\: it looks at nothing |"]),
        ("svm-on-text-cnn", ["| tokens | words; 26 different ones |"]),
        ("text-cnn of numbers", ["A model that predicts a number from a text, trained with Pellucid."]),
        ("cnn of numbers", ["Those had the mean 4.426 and the standard deviation 2.86;"]),
    ],
)
def test_what_a_card_says(name, lines, saved):
    card = (saved(name) / "README.md").read_text()
    for line in lines:
        assert line in card


def test_a_card_states_the_temperature_and_histograms(tmp_path):
    length = feature_length("hog", (8, 8, 1))
    settings = {"number": False, "outputs": 2, "inputs": length, "columns": 2}
    arrays = {"weights": np.zeros((length, 2)), "bias": np.zeros(2), "classes": np.arange(2, dtype=np.int32)}
    linear = PREDICTORS["linear"].from_parts(settings, arrays)
    model = ClassicalModel(linear, "hog", ("a", "b"), CLASSIFICATION, preprocessing=DIGITS, temperature=1.234)
    save(model, tmp_path / "model", {})
    card = (tmp_path / "model" / "README.md").read_text()
    assert r"| features | histograms of oriented gradients \(HOG\) |" in card
    assert r"| calibration | temperature 1\.23, fitted on validation examples |" in card


def test_every_kind_is_among_them(saved):
    makes_images = {"image-generator"}  # answers nothing: test_generator_folders.py
    assert {document_of(saved(name))["kind"] for name in SAVED} == set(KINDS) - makes_images
