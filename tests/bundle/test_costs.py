"""FAULTS 33, 34, 43: small weights with huge layers, finite weights but not answers, indices that wrap."""

import dataclasses
import json
import resource
import sys
import tracemalloc

import numpy as np
import pytest
import torch

from every_model import MODELS, inputs_of
from forged_folders import header_of, require_refused, write_weights
from generators import trained_generator
from limited import quickly
from models_with_detectors import model_with_detector
from pellucid.bundle import FeatureModel, ImageModel, load_any, save
from pellucid.classical.forests import Forest
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.errors import ModelFileError, UsageError
from pellucid.networks import InputFacts, NetworkConfig, build, design
from pellucid.networks.config import Attention, Latent, OwnLayers, Recurrent
from pellucid.networks.costs import cost_of_answer, require_affordable
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, reseal, untrained_model
from text_models import text_model

LARGE_IMAGE = NetworkConfig(name="lenet", input_shape=(1, 4096, 4096), outputs=10, widths=(64, 1, 1, 1))


def texts_of_length(length, **given):
    settings = {"input_shape": (length,), "outputs": 10, "batch_norm": False, "vocabulary": 300, **given}
    return NetworkConfig(**settings)


HUGE = {
    "an image of 4096 x 4096 with 64 channels": (LARGE_IMAGE, r"\d+\.\d GB beside the weights"),
    "an image of a generator with as many": (
        NetworkConfig(
            name="vae", input_shape=(1, 4096, 4096), outputs=4, widths=(64, 1),
            own=Latent(latent=2, conditions=1, components=1, likelihood="sigma-vae"),
        ),
        r"\d+\.\d GB beside the weights",
    ),
    "a text of 65,536 words of 16,384 numbers": (
        texts_of_length(65_536, name="word-vectors", embedding=16_384, own=OwnLayers()),
        r"25\.\d GB beside the weights",
    ),
    "seventy recurrent layers over 65,536 tokens": (
        texts_of_length(
            65_536, name="rnn", activation="tanh", embedding=1, widths=(1,) * 70, own=Recurrent(cell="lstm")
        ),
        r"9,\d{3} billion multiply-adds",
    ),
    "attention over 8,192 tokens in 70 layers": (
        texts_of_length(
            8_192, name="sentence-encoder", embedding=256,
            own=Attention(transformer_layers=70, attention_heads=1, feed_forward=1),
        ),
        "billion multiply-adds",
    ),
    "a generator of 100,000 classes": (
        NetworkConfig(
            name="vae", input_shape=(1, 8, 8), outputs=4, widths=(1, 1),
            own=Latent(latent=2, conditions=100_000, components=1, likelihood="sigma-vae"),
        ),
        "100,000 classes of images to make are too many",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_an_answer_is_bounded_by_the_config_alone(name):
    config, reason = HUGE[name]
    with quickly(2), pytest.raises(ValueError, match=rf"{reason}.*if you trust it, raise PELLUCID_"):
        require_affordable(config)


def test_a_folder_of_small_weights_and_a_huge_layer_is_refused_before_it_is_built(tmp_path):
    network = build(LARGE_IMAGE)
    save(ImageModel(network, Preprocessing(4096, 4096, 1), CLASSES, CLASSIFICATION), tmp_path / "model", {})
    assert (tmp_path / "model" / "weights.safetensors").stat().st_size < 10_000_000
    with quickly(2), pytest.raises(ModelFileError, match=r"model\.json: one answer would take .* GB"):
        load_any(tmp_path / "model")


def test_a_recurrent_network_of_few_weights_that_works_for_minutes_is_refused():
    text = text_model("rnn", cell="gru").network.config
    long = dataclasses.replace(text, input_shape=(65_536,), widths=(8,) * 70)
    with quickly(3), pytest.raises(ValueError, match="billion multiply-adds; if you trust it, raise"):
        require_affordable(long)


def test_more_probabilities_than_there_is_room_for(tmp_path):
    network = build(design("mlp", Settings(model="mlp", width=1, depth=1), InputFacts((1,), 60_000, 1000)))
    save(FeatureModel(network, [str(each) for each in range(60_000)], CLASSIFICATION), tmp_path / "model", {})
    require_refused(tmp_path / "model", r"60,000 classes: their probabilities would take 1\.1 GB")


def test_a_budget_is_raised_by_its_variable_and_read_strictly(monkeypatch):
    with pytest.raises(ValueError, match=r"raise PELLUCID_MEMORY_GB in the environment \(now 1 gigabytes\)"):
        require_affordable(LARGE_IMAGE)
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "100")
    require_affordable(LARGE_IMAGE)
    monkeypatch.setenv("PELLUCID_MEMORY_GB", "much")
    with pytest.raises(
        UsageError, match="PELLUCID_MEMORY_GB: 'much' is not a number of gigabytes above zero"
    ):
        require_affordable(LARGE_IMAGE)


def test_nobody_trains_what_nobody_could_load():
    with pytest.raises(UsageError, match=r"one answer would take .* choose a smaller --image-size"):
        design("lenet", Settings(model="lenet"), InputFacts((3, 4096, 4096), 10, 1000))


@pytest.mark.parametrize(
    "name",
    ["cnn", "text-cnn", "rnn", "bag", "transformer", "sentence-encoder", "ngram-encoder", "word-vectors"],
)
def test_costs_grow_with_what_they_count(name):
    config = MODELS[name]().network.config
    cost = cost_of_answer(config)
    assert 0 < cost.memory < 10_000_000
    assert 0 < cost.multiply_adds < 100_000_000


def test_a_batch_is_as_large_as_memory_admits(monkeypatch):
    model = untrained_model()
    expected = model.predict_proba(inputs_of(model))
    needed = cost_of_answer(model.network.config).memory
    monkeypatch.setenv("PELLUCID_MEMORY_GB", str(3.5 * needed / 1e9))
    asked = []
    model.network.register_forward_pre_hook(lambda _, taken: asked.append(len(taken[0])))
    np.testing.assert_allclose(model.predict_proba(inputs_of(model)), expected, atol=1e-6)
    assert max(asked) == 3


# Finite weights without finite answers


def _overflowing(folder):
    """Set every float of the weights to the largest there is, and seal the folder anew."""
    header, data = header_of(folder)
    content = bytearray(data)
    for entry in header.values():
        first, end = entry["data_offsets"]
        kind = {"F32": np.float32, "F64": np.float64}.get(entry["dtype"])
        if kind is not None and end - first > 200:
            content[first:end] = np.full(
                (end - first) // kind().itemsize, np.finfo(kind).max / 2, kind
            ).tobytes()
    write_weights(folder, header, bytes(content))


@pytest.mark.parametrize(
    "name",
    ["cnn", "cnn of numbers", "mlp of vectors", "text-cnn", "rnn", "bag", "transformer",
     "sentence-encoder", "ngram-encoder", "word-vectors", "logistic-regression", "ridge", "svm of numbers",
     "ridge of texts, of numbers", "ridge-on-cnn"],
)  # fmt: skip
def test_weights_that_are_finite_and_answers_that_are_not(name, tmp_path):
    save(MODELS[name](), tmp_path / "model", {})
    _overflowing(tmp_path / "model")
    try:
        model = load_any(tmp_path / "model")
    except ModelFileError as error:
        assert "not a finite number" in str(error)  # noqa: PT017
    else:  # some cannot overflow: then every answer is finite
        assert np.isfinite(model.answer(inputs_of(model)).said).all()


@pytest.mark.parametrize("kind", ["vae", "gan"])
def test_images_that_are_no_images(kind, tmp_path):
    save(trained_generator(epochs=1, model=kind), tmp_path / "model", {})
    _overflowing(tmp_path / "model")
    require_refused(tmp_path / "model", "is not a finite number")


def test_an_answer_that_overflows_for_one_input_alone_is_refused():
    model = untrained_model("mlp")
    with torch.no_grad():
        for weight in model.network.parameters():
            weight.zero_()
        model.network.standardise.std.fill_(1e-38)
        model.network.standardise.mean.fill_(100)
    grey = np.full((3, 8, 8, 1), 100, np.uint8)
    assert np.isfinite(model.predict_proba(grey)).all()
    grey[1] = 200
    with pytest.raises(ModelFileError, match="for input 2 is not a finite number"):
        model.predict_proba(grey)


# Indices that pass a check by wrapping around


def test_columns_that_ascend_only_by_wrapping_around():
    """Differences of int32 wrap, so that SciPy once read outside its arrays and ended the process."""
    model = model_with_detector("logistic-regression of texts")
    arrays = model.detector.arrays()
    places = arrays["measure.kept_columns"].copy()
    places[-2:] = (-(2**31), 2**31 - 1)
    arrays["measure.kept_columns"] = places
    with pytest.raises(ValueError, match="columns of kept do not ascend"):
        type(model.detector).from_parts(model.detector.to_json(), arrays)
    ends = model.detector.arrays()
    ends["measure.kept_ends"] = ends["measure.kept_ends"].copy()
    ends["measure.kept_ends"][:2] = (2**31 - 1, -(2**31))
    with pytest.raises(ValueError, match="rows of kept do not end where its entries do"):
        type(model.detector).from_parts(model.detector.to_json(), ends)


def test_a_leaf_that_stands_for_more_than_memory_holds(tmp_path):
    """One leaf of ten million entries met by 1,024 rows: once 80 GB from a file of as many megabytes."""
    entries = 3_000_000
    forest = Forest(
        outputs=10, number=False, inputs=1,
        roots=np.array([-1], np.int32), feature=np.zeros(0, np.int32), threshold=np.zeros(0, np.float32),
        left=np.zeros(0, np.int32), right=np.zeros(0, np.int32), ends=np.array([entries], np.int32),
        entry=np.zeros(entries, np.int32), content=np.ones(entries, np.int32),
    )  # fmt: skip
    found = forest.predict(np.zeros((6, 1), np.float32))
    np.testing.assert_allclose(found[:, 0], 1)
    tracemalloc.start()
    forest.predict(np.zeros((6, 1), np.float32))
    assert tracemalloc.get_traced_memory()[1] < 200_000_000
    tracemalloc.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere memory is told in other units")
def test_the_cost_of_weights_that_are_not_there_is_not_found_out_by_running_them(tmp_path):
    """A convolution copies its weights before it looks at how many examples there are: 600 MB here."""
    save(MODELS["cnn"](), tmp_path / "model", {})
    architecture = json.loads((tmp_path / "model" / "model.json").read_text())["architecture"]
    reseal(tmp_path / "model", architecture={**architecture, "widths": [8, 4096]})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    require_refused(tmp_path / "model", r"weights\.safetensors: ")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000
