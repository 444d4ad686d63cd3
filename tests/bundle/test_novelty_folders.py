"""FAULTS 20 for the file of a detector: damaged and forged, of a network and of sparse features."""

import json
import shutil
import struct

import pytest

from forged_folders import (
    document_of,
    require_cuts_refused,
    require_flips_refused,
    require_only_the_file_itself,
    require_refused,
)
from models_with_detectors import model_with_detector
from pellucid.bundle import load_any, save
from small_models import reseal

NAME = "novelty.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Folders of two models with detectors, which must stay as they are."""
    place = tmp_path_factory.mktemp("with detectors")
    for kind in ("mlp", "logistic-regression of texts"):
        save(model_with_detector(kind), place / kind, {})
    return place


@pytest.fixture(params=["mlp", "logistic-regression of texts"])
def folder(request, whole, tmp_path):
    """A folder of one kind, to be damaged."""
    return shutil.copytree(whole / request.param, tmp_path / "model")


def test_one_flipped_byte(folder):
    for name in (NAME, "model.json"):
        require_flips_refused(folder / name, 80, rf"{name}: ")


@pytest.mark.parametrize("sealed", [False, True])
def test_truncation(sealed, folder):
    require_cuts_refused(folder / NAME, sealed=sealed)


def test_a_missing_file_a_link_and_bytes_too_many(folder, tmp_path):
    require_only_the_file_itself(folder / NAME, tmp_path / "elsewhere")


def test_a_shape_bomb_allocates_nothing(folder):
    plan = document_of(folder)["novelty"]
    reseal(folder, novelty={**plan, "measure": {**plan["measure"], "columns": 10**7}})
    require_refused(folder, r"novelty\.safetensors: .*the architecture needs|features")


def test_numbers_that_are_not_finite(folder):
    content = (folder / NAME).read_bytes()
    end = 8 + struct.unpack("<Q", content[:8])[0]
    (folder / NAME).write_bytes(content[:end] + struct.pack("<d", float("nan")) + content[end + 8 :])
    reseal(folder)
    require_refused(folder, "not finite")


@pytest.mark.parametrize(
    ("novelty", "said"),
    [
        (None, "'novelty' is not an object"),
        ([], "'novelty' is not an object"),
        ({}, "novelty: "),
        ({"kind": "os.system"}, "novelty: "),
    ],
)
def test_settings_that_are_none(novelty, said, folder):
    reseal(folder, novelty=novelty)
    require_refused(folder, said)


def test_a_detector_of_another_model(folder, whole, tmp_path):
    other = shutil.copytree(whole / "mlp", tmp_path / "other")
    if document_of(folder) == document_of(other):
        other = shutil.copytree(whole / "logistic-regression of texts", tmp_path / "texts")
    shutil.copy(other / NAME, folder / NAME)
    reseal(folder, novelty=document_of(other)["novelty"])
    require_refused(folder, r"the detector takes \d+ features where the model has \d+")


def test_the_key_without_the_checksum_and_the_checksum_without_the_key(folder):
    document = document_of(folder)
    novelty = document.pop("novelty")
    (folder / "model.json").write_text(json.dumps(document))
    reseal(folder)
    require_refused(folder, f"{NAME}: belongs to no detector")
    del document["sha256"][NAME]
    (folder / "model.json").write_text(json.dumps(document))
    reseal(folder)
    load_any(folder)
    place = list(document).index("sha256")
    ordered = [*document.items()]
    ordered.insert(place, ("novelty", novelty))
    (folder / "model.json").write_text(json.dumps(dict(ordered)))
    reseal(folder)
    require_refused(folder, "is missing from 'sha256'")


def test_a_key_that_stands_there_twice(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"novelty":', '"novelty": {}, "novelty":', 1))
    require_refused(folder, "not acceptable JSON")
