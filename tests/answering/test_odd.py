"""`pellucid inspect --odd`: what is odd is found, how it is said, and what is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from command_line import within
from generators import trained_generator
from pellucid.answering.generated import inspect_odd
from pellucid.bundle import save
from pellucid.data import Dataset
from pellucid.errors import DataError, ModelFileError, UsageError
from pellucid.pipeline.judging.novelty_detectors import generator_with_detector
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, GENERATION
from small_models import CLASSES, DIGITS, digits, trained_model

PIXELS, LABELS = digits()
ODD = (20, 70, 110)


def with_detector(*, is_labelled=True):
    """A generator of digits with its detector."""
    labels = LABELS if is_labelled else np.zeros_like(LABELS)
    names, target = (CLASSES, CLASSIFICATION) if is_labelled else ((), GENERATION)
    material = Dataset(PIXELS, labels, np.arange(600), np.arange(600, 800), names, DIGITS, target=target)
    return generator_with_detector(trained_generator(is_labelled=is_labelled), material, 0)


@pytest.fixture(scope="module")
def run(saved_run):
    return saved_run(with_detector())


def polluted(side=8):
    """Digits that the generator has not seen, three of them replaced by upright bars and noise."""
    images = PIXELS[900:1020].copy()
    images[ODD[0]] = np.random.default_rng(0).integers(0, 256, (8, 8, 1))
    images[ODD[1], ::2], images[ODD[1], 1::2] = 255, 0
    images[ODD[2]] = 255 - images[ODD[2]]
    return images.repeat(side // 8, axis=1).repeat(side // 8, axis=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The same as files at twice the size, without labels."""
    place = tmp_path_factory.mktemp("data") / "images"
    place.mkdir()
    for number, image in enumerate(polluted(16)):
        Image.fromarray(image[..., 0]).save(place / f"{number:03d}.png")
    return place


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    place = tmp_path_factory.mktemp("npz") / "digits.npz"
    np.savez(place, x_train=polluted()[..., 0], y_train=LABELS[900:1020])
    return place


def test_planted_images_come_first(run, table):
    check, found = inspect_odd(str(table), run, Settings())
    assert found.images == sum(check.metrics()[part] for part in ("train", "validation", "test")) == 120
    first = {int(each.source.rpartition(":")[2]) - 1 for each in found.oddest[:3]}
    assert first == set(ODD)
    assert [each.novelty for each in found.oddest] == sorted(
        (each.novelty for each in found.oddest), reverse=True
    )
    assert all(each.novelty > 200 / 201 for each in found.oddest[:3])
    assert 3 <= found.beyond <= found.above < 25
    assert found.held_out == 200
    usual = np.median([each.distance for each in found.oddest[-20:]])
    assert 0.5 < usual < 1.5 < found.oddest[2].distance


def test_images_of_another_size_without_labels_are_fitted_as_predict_does(run, folder):
    _, found = inspect_odd(str(folder), str(run), Settings())
    first = {int(each.source.rpartition("/")[2][:3]) for each in found.oddest[:3]}
    assert first == set(ODD)
    assert found.pixels.shape == (100, 8, 8, 1)
    assert {each.label for each in found.oddest} == {""}


def test_a_generator_that_learned_without_labels_finds_them_too(tmp_path, table):
    save(with_detector(is_labelled=False), tmp_path / "model", {})
    _, found = inspect_odd(str(table), tmp_path, Settings())
    assert set(ODD) == {int(each.source.rpartition(":")[2]) - 1 for each in found.oddest[:3]}


def test_the_terminal_gets_a_short_list_and_a_sheet(run, folder, tmp_path):
    done = within.succeed("inspect", folder, "--odd", run, "--sheet", tmp_path / "odd.png")
    words = " ".join(done.stdout.split())
    assert words.startswith("120 images without labels from")
    assert f"Oddest images, by the encoder of vae in {run}, beside 200 images held out" in words
    assert "of 120 images look odder than all of those, where about 0.60 would by chance" in words
    listed = [line.split() for line in done.stdout.splitlines() if line.endswith(".png")]
    assert [row[0] for row in listed] == [str(place) for place in range(1, 11)]
    assert {int(row[3][-7:-4]) for row in listed[:3]} == set(ODD)
    assert listed[0][2] == "all"
    assert all(len(line) <= 80 or ".png" in line for line in done.stdout.splitlines())
    with Image.open(tmp_path / "odd.png") as sheet:
        assert sheet.size == (98, 98)


def test_json_is_what_inspect_gives_with_one_key_more(run, table):
    plain = json.loads(within("inspect", table, "--json").stdout)
    document = json.loads(within("inspect", table, "--json", "--odd", run).stdout)
    odd = document.pop("odd")
    assert document == plain
    assert (odd["run"], odd["model"], odd["images"], odd["held_out"]) == (str(run), "vae", 120, 200)
    assert odd["expected_above_threshold"] == pytest.approx(6)
    assert set(odd["examples"][0]) == {"source", "label", "split", "novelty", "distance"}
    assert len(odd["examples"]) == 100
    assert {each["label"] for each in odd["examples"]} <= set("0123456789")


def test_a_run_that_learned_from_the_data_itself_says_so(run, table, tmp_path):
    (tmp_path / "run").mkdir()
    save(with_detector(), tmp_path / "run" / "model", {})
    counts = {"train": 80, "validation": 20, "test": 20}
    (tmp_path / "run" / "config.json").write_text(json.dumps({"data": {"place": str(table), **counts}}))
    _, found = inspect_odd(str(table), tmp_path / "run", Settings())
    assert "was trained on" in " ".join(found.lines())
    assert inspect_odd(str(table), run, Settings())[1].warnings == ()


def test_a_model_that_cannot_look_is_refused(tmp_path, table):
    save(trained_model(), tmp_path / "classifier", {})
    with pytest.raises(UsageError, match="its model, mlp, is no generator; give a run of train --model vae"):
        inspect_odd(str(table), tmp_path / "classifier", Settings())
    save(trained_generator(), tmp_path / "bare", {})
    with pytest.raises(UsageError, match=r"keeps no detector, since .*fewer than 20 images were"):
        inspect_odd(str(table), tmp_path / "bare", Settings())
    with pytest.raises(ModelFileError, match="there is no such folder"):
        inspect_odd(str(table), tmp_path / "nothing", Settings())
    save(trained_generator(2, model="gan"), tmp_path / "gan", {})
    with pytest.raises(UsageError, match="gan, makes images and has no encoder to rank any by"):
        inspect_odd(str(table), tmp_path / "gan", Settings())


def test_data_that_hold_no_images_are_refused(run, tmp_path):
    texts = tmp_path / "texts.csv"
    texts.write_text("text,label\n" + "".join(f"a text with number {row},{row % 2}\n" for row in range(40)))
    with pytest.raises(DataError, match=r"holds texts, and .* ranks images; give images"):
        inspect_odd(str(texts), run, Settings())
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.md").write_text("nothing")
    with pytest.raises(DataError, match="empty"):
        inspect_odd(str(tmp_path / "empty"), run, Settings())
    done = within("inspect", texts, "--sheet", tmp_path / "odd.png")
    assert done.returncode == 2
    assert "--sheet: shows the images of --odd RUN; give it, or leave this out" in done.stderr


def test_too_few_held_out_images_give_no_detector():
    material = Dataset(
        PIXELS, LABELS, np.arange(600), np.arange(600, 610), CLASSES, DIGITS, target=CLASSIFICATION
    )
    assert generator_with_detector(trained_generator(), material, 0).detector is None
    blind = trained_generator(2, model="gan")
    assert generator_with_detector(blind, material, 0) is blind
