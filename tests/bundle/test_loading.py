"""FAULTS 19: where a model is; foreign model files, each made for real, are never opened."""

import builtins
import gzip
import os
import pickle
import sys
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from forged_folders import document_of
from pellucid.bundle import load, model_folder, save
from pellucid.errors import ModelFileError
from small_models import digits, reseal, untrained_model

FILES = ("model.json", "weights.safetensors", "README.md")


# Where a model is


def test_a_run_stands_for_its_recommended_model(model, tmp_path):
    (tmp_path / "run").mkdir()
    save(model, tmp_path / "run" / "model", {})
    assert model_folder(tmp_path / "run") == tmp_path / "run" / "model"
    pixels = digits()[0][:5]
    assert np.array_equal(load(str(tmp_path / "run")).predict_proba(pixels), model.predict_proba(pixels))


def test_hard_linked_models_load(folder, tmp_path):
    (tmp_path / "linked").mkdir()
    for name in FILES:
        os.link(folder / name, tmp_path / "linked" / name)
    assert load(tmp_path / "linked").classes == load(folder).classes


def test_files_that_the_description_does_not_name_are_left_alone(folder):
    (folder / "INTENDED_USE.md").write_text("To read digits.")
    assert load(folder).classes[0] == "digit 0"


def test_a_missing_folder(tmp_path):
    with pytest.raises(ModelFileError, match="nowhere: there is no such folder; give a run"):
        load(tmp_path / "nowhere")


def test_a_folder_without_a_model(tmp_path):
    with pytest.raises(
        ModelFileError, match=r"neither a model folder nor a finished run; model\.json is missing"
    ):
        load(tmp_path)


def test_a_run_that_is_not_finished(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelFileError, match="neither a model folder nor a finished run"):
        load(tmp_path)  # of another program
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ModelFileError, match=r"not finished, so it has no model yet; .*with --resume$"):
        load(tmp_path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(ModelFileError, match="neither a model folder nor a finished run"):
        load(tmp_path)  # of a comparison, which leaves no model


def test_a_plain_file(tmp_path):
    (tmp_path / "model.txt").write_text("weights: 1 2 3")
    with pytest.raises(ModelFileError, match=r"model\.txt: a file, not a model folder"):
        load(tmp_path / "model.txt")


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file(name, folder):
    (folder / name).unlink()
    with pytest.raises(ModelFileError, match=r"missing"):
        load(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(folder):
    (folder / "weights.safetensors").chmod(0)
    with pytest.raises(ModelFileError, match="cannot be read: permission denied"):
        load(folder)


# FAULTS 19: kinds that may run code


class Trap:
    """Unpickling it would leave a file behind."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def write_zip(path, trap):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", pickle.dumps(trap))


def write_npz(path):
    with path.open("wb") as file:
        np.savez(file, weights=np.ones(3))


def write_tar(path, trap, mode):
    (path.parent / "data.pkl").write_bytes(pickle.dumps(trap))
    with tarfile.open(path, mode) as archive:
        archive.add(path.parent / "data.pkl", "../escaped.pkl")
    (path.parent / "data.pkl").unlink()


FOREIGN = {
    "pickle": lambda path, trap: path.write_bytes(pickle.dumps(trap)),
    "pickle of protocol 0": lambda path, trap: path.write_bytes(pickle.dumps(trap, protocol=0)),
    "pickle of protocol 1": lambda path, trap: path.write_bytes(pickle.dumps({"a": trap}, protocol=1)),
    "pickle of protocol 2": lambda path, trap: path.write_bytes(pickle.dumps(trap, protocol=2)),
    "torch": lambda path, trap: torch.save({"trap": trap}, path),
    "torch before 1.6": lambda path, trap: torch.save(
        {"trap": trap}, path, _use_new_zipfile_serialization=False
    ),
    "zip": write_zip,
    "npz": lambda path, trap: write_npz(path),
    "tar": lambda path, trap: write_tar(path, trap, "w"),
    "tar.gz": lambda path, trap: write_tar(path, trap, "w:gz"),
    "tar.bz2": lambda path, trap: write_tar(path, trap, "w:bz2"),
    "tar.xz": lambda path, trap: write_tar(path, trap, "w:xz"),
    "gzipped pickle": lambda path, trap: path.write_bytes(gzip.compress(pickle.dumps(trap))),
    "hdf5": lambda path, trap: path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(504)),
}


PLACES = ["the model itself", "in a folder", "as weights", "as description"]


@pytest.mark.parametrize(("kind", "place"), list(zip(FOREIGN, PLACES * 4, strict=False)))
def test_a_kind_that_may_run_code_is_refused_unopened(kind, place, folder, tmp_path):
    sprung = tmp_path / "sprung"
    (tmp_path / "other").mkdir()
    given, path = {
        "the model itself": (tmp_path / "other" / "model.pt",) * 2,
        "in a folder": (tmp_path / "other", tmp_path / "other" / "model.pt"),
        "as weights": (folder, folder / "weights.safetensors"),
        "as description": (folder, folder / "model.json"),
    }[place]
    FOREIGN[kind](path, Trap(sprung))
    if place == "as weights":
        reseal(folder)
    with pytest.raises(ModelFileError, match=r"such a file may run code; refused") as caught:
        load(given)
    assert caught.value.exit_code == 4
    assert not sprung.exists()
    assert not list(tmp_path.rglob("escaped.pkl"))


def test_no_name_from_a_file_is_imported(tmp_path, monkeypatch):
    model = untrained_model()
    model.classes = ("antigravity", "os.system", *model.classes[2:])
    save(model, tmp_path / "model", {"this": "antigravity"})
    asked = []
    real_import = builtins.__import__
    monkeypatch.setattr(
        builtins,
        "__import__",
        lambda name, *rest, **more: asked.append(name) or real_import(name, *rest, **more),
    )
    load(tmp_path / "model")
    reseal(
        tmp_path / "model",
        architecture={**document_of(tmp_path / "model")["architecture"], "name": "antigravity"},
    )
    with pytest.raises(ModelFileError, match="'antigravity' is not one of"):
        load(tmp_path / "model")
    assert "antigravity" not in asked
    assert "antigravity" not in sys.modules
