"""A run on an encoder out of an ONNX file: trained, asked, explained, and its folder damaged."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from closed_encoders import FEATURES, SIDE, write_encoder
from forged_folders import document_of, require_refused
from pellucid.bundle import load
from pellucid.cli.main import main
from pellucid.errors import UsageError
from pellucid.insight.explaining import explain_model
from pellucid.pretrained import read_folder
from photographs import class_folders
from small_models import reseal

pytestmark = pytest.mark.slow

HEAD, LINEAR = "own", "logistic-regression-on-own"


def trained(folder: Path, out: str) -> Path:
    command = [
        "train",
        str(folder / "photos"),
        "--out",
        str(folder / out),
        "--backbone",
        str(folder / "own.onnx"),
    ]
    assert main(command) == 0
    return folder / out


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("closed")
    write_encoder(folder, stated=False)
    class_folders(folder / "photos", count=15, side=24)
    return trained(folder, "run")


@pytest.fixture
def model(run, tmp_path) -> Path:
    return shutil.copytree(run / "models" / HEAD, tmp_path / "model")


def test_the_file_lies_in_the_model_and_the_run_says_that_it_is_closed(run):
    encoder = (run.parent / "own.onnx").read_bytes()
    for name in (HEAD, LINEAR, f"svm-on-{HEAD}"):
        assert (run / "models" / name / "encoder.onnx").read_bytes() == encoder
        document = document_of(run / "models" / name)
        assert document["sha256"]["encoder.onnx"] == document["architecture"]["sha256"]
        assert len((run / "models" / name / "weights.safetensors").read_bytes()) < 30_000
    (choice,) = json.loads((run / "config.json").read_text())["backbones"]
    for words in ("It is a closed encoder", "never tuned", "usual for ImageNet"):
        assert words in choice["reason"]
    report = (run / "report.html").read_text()
    assert "It is a closed encoder" in report
    assert not list((run / "models").glob("*-tuned"))


def test_it_is_asked_and_explained(run, capsys):
    image = next((run.parent / "photos" / "flower").glob("*.png"))
    assert main(["predict", str(run), str(image), "--model", LINEAR]) == 0
    assert main(["evaluate", str(run), str(run.parent / "photos")]) == 0
    capsys.readouterr()
    pixels = np.asarray(Image.open(image))[None]
    for name in (HEAD, LINEAR):
        explained = explain_model(load(run / "models" / name), pixels, None, None, name)
        assert "closed encoder (body.encoder)" in explained.notes[0]
        assert [each.name for each in explained.attributions.methods] == ["occlusion"]
        assert (explained.contributions is None) == (name == HEAD)
    assert load(run / "models" / HEAD).transform(pixels).shape == (1, FEATURES)


def test_the_same_bytes_twice(run):
    again = trained(run.parent, "again")
    for path in (run / "models").rglob("*.*"):
        assert (again / path.relative_to(run)).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("command", [["export", "--out", "m.onnx"], ["export", "--out", "m.html"], ["serve"]])
def test_what_would_run_the_file_elsewhere_is_refused(command, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([command[0], str(run / "models" / LINEAR), *command[1:]]) == 4
    assert "is built on a closed encoder, an ONNX file that is run in a process" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_damaged_folder_is_refused(model):
    path = model / "encoder.onnx"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"x")
    require_refused(model, "encoder.onnx: its checksum does not match")
    reseal(model)
    require_refused(model, "sha256 of encoder.onnx: not that of the architecture")
    path.write_bytes(content)
    reseal(model)
    path.unlink()
    require_refused(model, "encoder.onnx: missing")
    path.write_bytes(content)
    architecture = document_of(model)["architecture"]
    reseal(model, architecture={**architecture, "size": 5})
    require_refused(model, "size mismatch")
    reseal(model, architecture={**architecture, "output": "other"})
    require_refused(model, "onnxruntime cannot compute it")
    reseal(model, architecture=architecture)
    load(model)


def test_another_number_of_features_is_refused(run):
    backbone = read_folder(run.parent / "own.onnx")
    network = load(run / "models" / HEAD).network
    encoder = network.body.get_submodule("encoder")
    object.__setattr__(encoder.own, "features", FEATURES - 1)
    with pytest.raises(pellucid.ModelFileError, match="gives 12 numbers for an image, where 11 are expected"):
        encoder(torch.zeros(2, 3, SIDE, SIDE))
    assert backbone.own.features == FEATURES


def test_estimators_take_it_and_texts_do_not(run):
    photos = run.parent / "photos"
    images = np.stack([np.asarray(Image.open(path)) for path in sorted(photos.glob("*/*.png"))])
    labels = np.repeat(["china", "flower"], 15)
    estimator = pellucid.ImageClassifier(backbone=str(run.parent / "own.onnx")).fit(images, labels)
    assert estimator.score(images, labels) > 0.8
    texts = pellucid.TextClassifier(backbone=str(run.parent / "own.onnx"))
    with pytest.raises(UsageError, match=r"own\.onnx takes images, and the inputs are texts"):
        texts.fit(["hello there", "nice day"] * 10, ["a", "b"] * 10)
