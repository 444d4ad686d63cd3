"""FAULTS 43: models that pass the probe of loading and overflow on a later input."""

import numpy as np
import pytest
import torch
from PIL import Image

from command_line import rows_of
from pellucid.answering.evaluate import evaluate
from pellucid.answering.explain import explain
from pellucid.answering.predict import predict
from pellucid.bundle import load
from pellucid.cli.main import main
from pellucid.errors import ModelFileError
from pellucid.settings import Settings
from small_models import untrained_model

BRIGHT = (1, 2)
"""Pixel that is brighter than the one to its right only in the images that overflow."""


@pytest.fixture(scope="module")
def model():
    """A network that is finite on every plain image: it sees how much brighter one pixel is than the next."""
    found = untrained_model("mlp")
    with torch.no_grad():
        first = found.network.body.linear1.weight
        first[0] = 0
        first[0, 10], first[0, 11] = 1e37, -1e37
        found.network.body.linear2.weight[:, 0] = 1e3
    return found


@pytest.fixture(scope="module")
def run(model, saved_run):
    return saved_run(model)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Five images in class folders; the second and the fourth overflow."""
    folder = tmp_path_factory.mktemp("images")
    for number in range(5):
        pixels = np.full((8, 8), 40 * number, np.uint8)
        if number in (1, 3):
            pixels[BRIGHT] = 255
        (folder / f"digit {number % 2}").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(folder / f"digit {number % 2}" / f"{number}.png")
    return folder


def paths_of(images):
    return sorted(map(str, images.rglob("*.png")), key=lambda path: path.rpartition("/")[2])


def test_predict_gives_it_a_row_with_the_reason_and_answers_the_rest(run, model, images, tmp_path, capfd):
    out = tmp_path / "out.csv"
    assert main(["predict", str(run), *paths_of(images), "--out", str(out), "--probabilities"]) == 0
    rows = rows_of(out)
    reason = "what the model computes for it is not a finite number; train the model again"
    assert [row["error"] for row in rows] == ["", reason, "", reason, ""]
    assert rows[1]["label"] == rows[1]["probability"] == rows[3]["digit 0"] == ""
    alone = load(run).predict_proba(np.stack([np.full((8, 8, 1), 40 * each, np.uint8) for each in (0, 2, 4)]))
    said = [[float(row[name]) for name in model.classes] for row in rows[::2]]
    np.testing.assert_allclose(said, alone, atol=1e-6)
    assert capfd.readouterr().err == (
        "3 images labelled by mlp\n2 got no finite answer: see the column error\n"
    )


def test_where_no_input_has_an_answer_there_is_a_row_for_each(run, images, tmp_path):
    done = predict(run, [str(images / "digit 1")], tmp_path / "out.csv", Settings())
    assert (done.labelled, done.unreadable, done.unanswered) == (0, 0, 2)
    assert [bool(row["error"]) for row in rows_of(tmp_path / "out.csv")] == [True, True]


def test_it_is_not_left_out_of_a_score(run, images):
    expected = r"for 2 images is not a finite number: .*1.png, .*3.png; train it again"
    with pytest.raises(ModelFileError, match=expected):
        evaluate(run, str(images), Settings(skip_bad=True))


def test_it_cannot_be_explained(run, images, tmp_path):
    place = str(images / "digit 1" / "3.png")
    with pytest.raises(ModelFileError, match=r"3.png: what the model computes .* or choose another image"):
        explain(run, place, tmp_path / "page.html", Settings())
    assert not (tmp_path / "page.html").exists()
