"""FAULTS 20 for classical models: what their folders may not say, and what their arrays may not hold."""

import resource
import sys

import numpy as np
import pytest

from every_model import MODELS, answers_of
from forged_folders import document_of, header_of, require_refused, write_weights
from pellucid.bundle import load_any, save
from pellucid.errors import ModelFileError
from small_models import reseal, sealed, untrained_model

SETTINGS = {"number": False, "outputs": 10, "inputs": 64, "columns": 10}
WRONG = {
    "no predictor": ({"predictor": None}, "predictor must be given in a model"),
    "predictor without settings": ({"predictor": {"kind": "linear"}}, r"missing keys \['settings'\]"),
    "a name to import": (
        {"predictor": {"kind": "os.system", "settings": {}}},
        "predictor: kind: 'os.system' is not one of constant, linear, kernel, forest",
    ),
    "something more": (
        {"predictor": {"kind": "linear", "settings": SETTINGS, "path": "../elsewhere"}},
        r"predictor: unknown keys \['path'\]",
    ),
    "absurd settings": (
        {"predictor": {"kind": "linear", "settings": SETTINGS | {"inputs": 10**12}}},
        "inputs: .* is no whole number",
    ),
    "another predictor": (
        {"predictor": {"kind": "constant", "settings": {"number": False, "outputs": 10}}},
        "does not fit the architecture: lacks 'predictor.answer'",
    ),
    "more inputs": (
        {"predictor": {"kind": "linear", "settings": SETTINGS | {"inputs": 65}}},
        r"is F64 \[64, 10\], the architecture needs float64 \[65, 10\]",
    ),
    "unknown features": ({"features": "os.system"}, "features: 'os.system' is not one of pixels, hog"),
    "features of vectors": ({"features": "values"}, "features: 'values' is not one of pixels, hog, network"),
    "other features": ({"features": "hog"}, "the predictor takes 64 features where 'hog' gives"),
    "features of no network": ({"features": "network"}, "architecture must be given"),
    "a network": (
        {"architecture": untrained_model().network.config.to_json()},
        "architecture must be null in a model of the kind classical-image-classifier",
    ),
    "other images": (
        {"preprocessing": {"height": 9, "width": 8, "channels": 1, "low": 0.0, "high": 255.0}},
        "the predictor takes 64 features where 'pixels' gives 72",
    ),
    "no preprocessing": ({"preprocessing": None}, "preprocessing must be given"),
    "mirrored": ({"mirror": True}, "'mirror' must be false in a model of the kind classical"),
    "too few classes": ({"classes": ["a", "b"]}, "the predictor has 10 outputs where 2 are needed"),
    "numbers": (
        {"kind": "classical-image-regressor", "classes": []},
        "the predictor has 10 outputs where 1 is needed",
    ),
    "a network's kind": ({"kind": "image-classifier"}, "predictor must be null in a model of the kind image"),
    "an absurd temperature": ({"temperature": 1e-9}, "temperature: 1e-09 is no number"),
}  # fmt: skip


@pytest.mark.parametrize("change", WRONG)
def test_a_description_that_cannot_be(change, copied):
    fields, reason = WRONG[change]
    folder = copied("logistic-regression")
    (folder / "model.json").write_bytes(sealed({**document_of(folder), **fields}))
    with pytest.raises(ModelFileError, match=reason) as caught:
        load_any(folder)
    assert caught.value.exit_code == 4
    assert str(caught.value).startswith(str(folder))


@pytest.mark.parametrize(
    ("name", "fields", "reason"),
    [
        ("svm of vectors", {"length": 63}, "takes vectors of 64 numbers where 'length' is 63"),
        ("svm of vectors", {"length": None}, "length must be given"),
        ("svm of vectors", {"features": "pixels"}, "features: 'pixels' is not one of values, network"),
        ("svm-on-cnn", {"features": "pixels"}, "architecture must be null"),
        (
            "svm-on-cnn",
            {"features": "pixels", "architecture": None},
            "holds 'network.* which does not belong",
        ),
        ("svm-on-cnn", {"classes": ["a", "b"]}, "the network has 10 outputs where 2 are needed"),
        ("ridge", {"temperature": 2.0}, "temperature: 2.0 in a model of numbers, where only 1 has a meaning"),
        (
            "ridge",
            {"classes": ["a", "b"]},
            "'classes' must be empty in a model of the kind classical-image-reg",
        ),
    ],
)
def test_other_descriptions_that_cannot_be(name, fields, reason, copied):
    folder = copied(name)
    (folder / "model.json").write_bytes(sealed({**document_of(folder), **fields}))
    require_refused(folder, reason)


def forge(folder, name: str, change) -> None:
    """Change one array of the weights in place, every checksum right."""
    header, data = header_of(folder)
    entry = header["predictor." + name]
    first, end = entry["data_offsets"]
    dtype = {"F32": np.float32, "F64": np.float64, "I32": np.int32}[entry["dtype"]]
    array = np.frombuffer(data[first:end], dtype).reshape(entry["shape"]).copy()
    change(array)
    write_weights(folder, header, data[:first] + array.tobytes() + data[end:])


def put(place, value):
    def change(array):
        array[place] = value

    return change


FORGED = {
    "a node that loops": ("random-forest", "left", put(0, 0), "forest: a branch leads back"),
    "entries past the end": ("random-forest", "ends", put(-1, 2**31 - 1), "a leaf is empty, or the leaves"),
    "a threshold that is no number": ("random-forest", "threshold", put(0, np.nan), "not finite"),
    "a width of no number": ("svm", "gamma", put(..., np.inf), "not finite"),
    "a width below zero": ("svm", "gamma", put(..., -1.0), "kernel: "),
    "a column of no class": ("svm", "classes", put(-1, 10), "classes must ascend"),
    "a column twice": ("logistic-regression", "classes", put(1, 0), "classes must ascend"),
    "weights without end": ("ridge", "weights", put((0, 0), np.inf), "not finite"),
    "shares of more than one": ("majority", "answer", put(0, 3.0), "constant: "),
}


@pytest.mark.parametrize("case", FORGED)
def test_arrays_that_cannot_be(case, copied):
    name, array, change, reason = FORGED[case]
    folder = copied(name)
    forge(folder, array, change)
    require_refused(folder, reason)


def test_a_bomb_allocates_nothing(copied):
    """Settings and header agree on a forest of several gigabytes, over a file of some kilobytes."""
    folder = copied("random-forest")
    nodes, trees = 49_000_000, 100
    counts = {"trees": trees, "nodes": nodes, "leaves": nodes + trees, "entries": nodes + trees}
    settings = {"number": False, "outputs": 10, "inputs": 64} | counts
    lengths = {"roots": trees, "ends": nodes + trees, "entry": nodes + trees, "content": nodes + trees}
    header, at = {}, 0
    for name in ("roots", "feature", "threshold", "left", "right", "ends", "entry", "content"):
        length = lengths.get(name, nodes)
        kind = "F32" if name == "threshold" else "I32"
        header["predictor." + name] = {
            "dtype": kind, "shape": [length], "data_offsets": [at, at := at + 4 * length],
        }  # fmt: skip
    write_weights(folder, header, b"\0" * 1000)
    reseal(folder, predictor={"kind": "forest", "settings": settings})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    require_refused(folder, r"\d+ bytes, but its header announces \d+")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 50_000 * (1 if sys.platform == "linux" else 1024)


def test_a_model_on_a_network_needs_nothing_but_its_folder(tmp_path):
    model = MODELS["svm-on-cnn"]()
    save(model, tmp_path / "run", {})
    (tmp_path / "run").rename(tmp_path / "elsewhere")
    assert np.array_equal(answers_of(load_any(tmp_path / "elsewhere")), answers_of(model))
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == [
        "README.md", "model.json", "weights.safetensors",
    ]  # fmt: skip
