"""`pellucid.ray.Predictor`: columns of answers beside those of a batch, by itself and in a local Ray."""

import csv
import io
import subprocess
import sys

import numpy as np
import pytest

from exported_models import content_of
from pellucid.errors import UsageError
from pellucid.ray import Predictor
from pellucid.runtime.__main__ import main
from small_models import digits, write_digits
from text_models import texts

LIGHT = """
import sys
from pellucid.ray import Predictor
assert Predictor(sys.argv[1], "text")({"text": ["a film"]})["error"].tolist() == [""]
assert not {"torch", "ray", "sklearn"} & sys.modules.keys()
"""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name in ("cnn, mirrored", "rnn", "lenet of numbers"):
        (folder / f"{name}.onnx").write_bytes(content_of(name))
    return folder


def column(values):
    found = np.empty(len(values), object)
    found[:] = values
    return found


def cells(found, names):
    return list(zip(*(found[name].tolist() for name in names), strict=True))


def test_images_as_paths_bytes_or_arrays_get_the_answers_of_the_runtime(models, tmp_path, capfd):
    paths = write_digits(tmp_path, range(5))
    assert main([str(models / "cnn, mirrored.onnx"), *map(str, paths), "--probabilities"]) == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    pixels = digits()[0][:5]
    answer = Predictor(models / "cnn, mirrored.onnx", "image", probabilities=True)
    numbers = ["probability", "novelty", *(name for name in rows[0] if name.startswith("digit "))]
    for given in (
        column([str(path) for path in paths]),
        column([path.read_bytes() for path in paths]),
        pixels,
        pixels[..., 0],
        column([paths[0], str(paths[1]), paths[2].read_bytes(), bytearray(paths[3].read_bytes()), pixels[4]]),
    ):
        found = answer({"image": given, "number": np.arange(5)})
        assert list(found) == ["image", "number", *list(rows[0])[1:]]
        assert found["image"] is given
        assert found["label"].tolist() == [row["label"] for row in rows]
        assert found["error"].tolist() == [""] * 5
        for name in numbers:
            expected = [float(row[name]) if row[name] else np.nan for row in rows]
            np.testing.assert_allclose(found[name], expected, atol=1e-6)


def test_what_is_no_image_has_its_reason(models, tmp_path):
    (good,) = write_digits(tmp_path, range(1))
    (tmp_path / "empty.png").write_bytes(b"")
    given = {
        "": good.read_bytes(),
        "empty file (zero bytes)": str(tmp_path / "empty.png"),
        "no such file": str(tmp_path / "nowhere.png"),
        "is nothing, where a path, the bytes of a file or an array is expected": None,
        "is an int, where a path, the bytes of a file or an array is expected": 7,
        "is a ndarray, where a path, the bytes of a file or an array is expected": np.array(["a"]),
        "not an image (HTML)": b"<html></html>",
        "images have the shape": np.zeros(3),
        "not numbers": np.full((8, 8), np.nan),
    }
    found = Predictor(models / "cnn, mirrored.onnx", "image")({"image": column(list(given.values()))})
    for expected, error in zip(given, found["error"], strict=True):
        assert expected in error
        assert (expected == "") == (error == "")
    assert (found["label"] != "").tolist() == [True] + [False] * 8
    assert np.isfinite(found["probability"]).tolist() == [True] + [False] * 8


def test_texts_and_numbers(models):
    some = column([*texts()[:3], "", None, 12])
    found = Predictor(models / "rnn.onnx", "text")({"text": some})
    assert found["error"].tolist() == ["", "", "", "holds no text", "holds no text", ""]
    assert all(found["label"][:3])
    found = Predictor(models / "lenet of numbers.onnx", "image")({"image": digits()[0][:3]})
    assert found["label"].dtype == np.float64
    assert np.isfinite(found["label"]).all()
    assert np.isnan(found["probability"]).all()


def test_an_empty_batch_has_every_column(models):
    for name, kind in (("cnn, mirrored", "image"), ("rnn", "text")):
        found = Predictor(models / f"{name}.onnx", kind, probabilities=True)({kind: column([])})
        assert {len(values) for values in found.values()} == {0}
        assert {"label", "probability", "error", "novelty"} < found.keys()


def test_columns_of_the_batch_are_never_replaced(models):
    batch = {"image": digits()[0][:2], "label": digits()[1][:2]}
    with pytest.raises(UsageError, match="label: there already in the batch; give a prefix for the new ones"):
        Predictor(models / "cnn, mirrored.onnx", "image")(batch)
    found = Predictor(models / "cnn, mirrored.onnx", "image", prefix="predicted_")(batch)
    assert list(found)[:3] == ["image", "label", "predicted_label"]
    with pytest.raises(UsageError, match="picture: no column of the batch, which has image, label"):
        Predictor(models / "cnn, mirrored.onnx", "picture")(batch)
    with pytest.raises(UsageError, match=r"max_error: 2 does not lie between 0 and 1"):
        Predictor(models / "cnn, mirrored.onnx", "image", max_error=2)


def test_it_needs_neither_torch_nor_ray(models):
    subprocess.run([sys.executable, "-c", LIGHT, str(models / "rnn.onnx")], check=True, timeout=60)
