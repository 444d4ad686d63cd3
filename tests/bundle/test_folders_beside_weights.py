"""Held-out answers and detectors in model folders: written, read again, refused where damaged or forged."""

import dataclasses
import json
import shutil
import struct

import numpy as np
import pytest
import torch

from every_model import MODELS, answers_of, inputs_of
from forged_folders import (
    document_of,
    require_cuts_refused,
    require_flips_refused,
    require_only_the_file_itself,
    require_refused,
)
from models_with_detectors import model_with_detector
from pellucid.bundle import HeldOut, load_any, save
from pellucid.bundle.format import pack
from pellucid.bundle.held_out import MOST_EXAMPLES, most_kept
from pellucid.targets import CLASSIFICATION, Labels
from small_models import digits, reseal

NAME, OF_DETECTOR = "held-out.safetensors", "novelty.safetensors"
DETECTORS = ("mlp", "logistic-regression of texts")


def with_answers(model, novelty=None):
    """A model with 40 held-out answers."""
    labels = digits()[1][:40].astype(int if model.classes else float)
    return model.with_held_out(
        HeldOut.of(Labels(labels, model.classes, model.target), answers_of(model), novelty)
    )


def kept(kind):
    """One of two models with held-out answers: of classes with a detector, and of numbers without."""
    if kind == "numbers":
        return with_answers(MODELS["cnn of numbers"]())
    model = model_with_detector("mlp")
    model = with_answers(model, model.answer(inputs_of(model)).novelty)
    held = model.held_out
    test = HeldOut(held.labels[:9], held.said[:9], held.novelty[:9], held.target)
    return model.with_held_out(dataclasses.replace(held, test=test))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders that must stay as they are."""
    place = tmp_path_factory.mktemp("kept")
    for kind in ("classes", "numbers"):
        save(kept(kind), place / kind, {})
    for kind in DETECTORS:
        save(model_with_detector(kind), place / kind, {})
    return place


@pytest.fixture(params=["classes", "numbers"])
def folder(request, whole, tmp_path):
    """A folder of one kind, to be damaged."""
    return shutil.copytree(whole / request.param, tmp_path / "model")


@pytest.fixture(params=DETECTORS)
def with_detector(request, whole, tmp_path):
    """A folder of a model with a detector, to be damaged."""
    return shutil.copytree(whole / request.param, tmp_path / "model")


@pytest.fixture(params=["classes", "numbers", *DETECTORS])
def file(request, whole, tmp_path):
    """The file of answers, or of a detector, in a folder that may be damaged."""
    folder = shutil.copytree(whole / request.param, tmp_path / "model")
    return folder / (OF_DETECTOR if request.param in DETECTORS else NAME)


def tensors_of(folder):
    """The arrays of a folder, to be changed."""
    found = load_any(folder).held_out.arrays()
    return {name: torch.from_numpy(np.array(array)) for name, array in found.items()}


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_they_are_the_same_after_loading(kind, whole):
    before, after = kept(kind).held_out, load_any(whole / kind).held_out
    assert before.arrays().keys() == after.arrays().keys()
    for name, array in before.arrays().items():
        np.testing.assert_array_equal(array, after.arrays()[name])
        assert array.dtype == after.arrays()[name].dtype


def test_a_folder_without_test_answers_still_loads_and_those_of_the_test_are_read(whole):
    assert load_any(whole / "numbers").held_out.test is None
    assert len(load_any(whole / "classes").held_out.test) == 9


def test_equal_answers_are_equal_bytes_and_the_weights_are_the_same_without(whole, tmp_path):
    save(kept("classes"), tmp_path / "again", {})
    save(model_with_detector("mlp"), tmp_path / "without", {})
    assert (tmp_path / "again" / NAME).read_bytes() == (whole / "classes" / NAME).read_bytes()
    for name in ("weights.safetensors", "novelty.safetensors"):
        assert (tmp_path / "without" / name).read_bytes() == (whole / "classes" / name).read_bytes()
    assert load_any(tmp_path / "without").held_out is None
    assert "held_out" not in document_of(tmp_path / "without")


def test_another_temperature_or_other_classes_drop_or_refuse_them():
    model = kept("classes")
    assert model.at(2.0).held_out is None
    assert model.held_out is not None
    with pytest.raises(ValueError, match="are about 0 classes where the model has 10"):
        model.with_held_out(kept("numbers").held_out)
    with pytest.raises(ValueError, match="have a novelty, but the model has no detector"):
        MODELS["cnn"]().with_held_out(model.held_out)


def test_one_flipped_byte(file):
    require_flips_refused(file, 40, rf"{file.name}: ")


@pytest.mark.parametrize("sealed", [False, True])
def test_truncation(sealed, file):
    require_cuts_refused(file, sealed=sealed)


def test_a_missing_file_a_link_and_bytes_too_many(file, tmp_path):
    require_only_the_file_itself(file, tmp_path / "elsewhere")


def test_numbers_that_are_not_finite(file):
    content = file.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    entries = json.loads(content[8 : 8 + length])
    entry = entries.get("said") or next(each for each in entries.values() if each["dtype"] == "F64")
    place = 8 + length + entry["data_offsets"][0]
    bad = np.array(np.nan, {"F32": "<f4", "F64": "<f8"}[entry["dtype"]]).tobytes()
    file.write_bytes(content[:place] + bad + content[place + len(bad) :])
    reseal(file.parent)
    require_refused(file.parent, "not finite")


@pytest.mark.parametrize(
    ("held_out", "said"),
    [
        (None, "held_out: no object"),
        ({"examples": 40, "novelty": False, "code": "os.system"}, "held_out: unknown keys"),
        ({"examples": 0, "novelty": False}, "held_out: examples: 0 is no whole number from 1 to 10000"),
        ({"examples": 40, "novelty": 1}, "held_out: novelty: 1 is neither true nor false"),
        ({"examples": 41, "novelty": False}, r"held-out\.safetensors: "),
        ({"examples": 40, "novelty": False, "test": 9}, "held_out: test: int found, an object expected"),
        (
            {"examples": 40, "novelty": False, "test": {"examples": 10**9, "novelty": False}},
            "is no whole number",
        ),
        ({"examples": 40, "novelty": False, "test": {"examples": 9, "novelty": True}}, "of one split only"),
        (
            {"examples": 40, "novelty": False, "test": {"examples": 9, "novelty": False, "test": {}}},
            "held_out: .*missing keys",
        ),
    ],
)
def test_settings_that_are_none(held_out, said, folder):
    reseal(folder, held_out=held_out)
    require_refused(folder, said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda each: each["labels"].__setitem__(0, 10), "a label is none of the classes"),
        (lambda each: each["said"].__setitem__(0, 0.2), "probabilities are negative, or do not add up to 1"),
        (lambda each: each["said"][0].__setitem__(slice(2), torch.tensor([-1.0, 2.0])), "are negative"),
        (lambda each: each["novelty"].__setitem__(0, 1.5), "a novelty lies outside 0 to 1"),
        (lambda each: each["test.labels"].__setitem__(0, 10), "a label is none of the classes"),
        (lambda each: each["test.said"].__setitem__(0, 0.2), "probabilities are negative, or do not add up"),
    ],
)
def test_what_no_model_says(change, said, whole, tmp_path):
    folder = shutil.copytree(whole / "classes", tmp_path / "model")
    tensors = tensors_of(folder)
    change(tensors)
    (folder / NAME).write_bytes(pack(tensors))
    reseal(folder)
    require_refused(folder, said)


@pytest.mark.parametrize("name", ["labels", "said", "novelty", "test.labels", "test.said", "test.novelty"])
def test_an_array_of_another_type_or_name_or_none(name, whole, tmp_path):
    folder = shutil.copytree(whole / "classes", tmp_path / "model")
    tensors = tensors_of(folder)
    for changed in (
        {**tensors, name: tensors[name].double()},
        {**tensors, name: tensors[name][:-1]},
        {**tensors, "code": tensors[name]},
        {each: tensor for each, tensor in tensors.items() if each != name},
    ):
        (folder / NAME).write_bytes(pack(changed))
        reseal(folder)
        require_refused(folder, rf"{NAME}: .*use an undamaged copy")


def test_novelty_without_a_detector(whole, tmp_path):
    folder = shutil.copytree(whole / "classes", tmp_path / "model")
    document = document_of(folder)
    del document["novelty"], document["sha256"]["novelty.safetensors"]
    (folder / "model.json").write_text(json.dumps(document))
    reseal(folder)
    require_refused(folder, "have a novelty, but the model has no detector")


def test_the_key_without_the_checksum_and_the_checksum_without_the_key(file):
    folder, key = file.parent, "novelty" if file.name == OF_DETECTOR else "held_out"
    document = document_of(folder)
    stated = document.pop(key)
    (folder / "model.json").write_text(json.dumps(document))
    reseal(folder)
    require_refused(folder, f"{file.name}: (the description does not speak of it|belongs to no detector)")
    del document["sha256"][file.name]
    (folder / "model.json").write_text(json.dumps(document))
    reseal(folder)
    model = load_any(folder)
    assert (model.detector if key == "novelty" else model.held_out) is None
    ordered = [*document.items()]
    ordered.insert(list(document).index("sha256"), (key, stated))
    (folder / "model.json").write_text(json.dumps(dict(ordered)))
    reseal(folder)
    require_refused(folder, "is missing from 'sha256'")


def test_of_many_classes_fewer_examples_are_kept():
    assert [most_kept(each) for each in (0, 2, 200, 1000, 10**8)] == [MOST_EXAMPLES] * 3 + [2000, 1]
    with pytest.raises(ValueError, match="2001 examples of 1000 classes are too many"):
        HeldOut.expected({"examples": 2001, "novelty": False}, ("a",) * 1000, CLASSIFICATION)


def test_one_flipped_byte_in_the_description(with_detector):
    require_flips_refused(with_detector / "model.json", 40, r"model\.json: ")


def test_a_shape_bomb_allocates_nothing(with_detector):
    plan = document_of(with_detector)["novelty"]
    reseal(with_detector, novelty={**plan, "measure": {**plan["measure"], "columns": 10**7}})
    require_refused(with_detector, r"novelty\.safetensors: .*the architecture needs|features")


@pytest.mark.parametrize(
    ("novelty", "said"), [(None, "novelty: no object"), ({"kind": "os.system"}, "novelty: ")]
)
def test_settings_of_no_detector(novelty, said, with_detector):
    reseal(with_detector, novelty=novelty)
    require_refused(with_detector, said)


def test_a_detector_of_another_model(with_detector, whole, tmp_path):
    other = shutil.copytree(whole / "mlp", tmp_path / "other")
    if document_of(with_detector) == document_of(other):
        other = shutil.copytree(whole / "logistic-regression of texts", tmp_path / "texts")
    shutil.copy(other / OF_DETECTOR, with_detector / OF_DETECTOR)
    reseal(with_detector, novelty=document_of(other)["novelty"])
    require_refused(with_detector, r"the detector takes \d+ features where the model has \d+")


def test_a_key_that_stands_there_twice(with_detector):
    text = (with_detector / "model.json").read_text()
    (with_detector / "model.json").write_text(text.replace('"novelty":', '"novelty": {}, "novelty":', 1))
    require_refused(with_detector, "not acceptable JSON")
