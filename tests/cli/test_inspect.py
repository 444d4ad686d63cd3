"""The real command in a process of its own: what it prints, where, and how it ends."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from command_line import alone, within
from data.made import write_class_folders
from pellucid.cli.command_line import settings_from
from pellucid.cli.main import build_parser


def inspect(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Inspect within this process, or, with an environment of its own, in another."""
    return alone("inspect", *words, **environment) if environment else within("inspect", *words)


@pytest.fixture
def photos(tmp_path):
    return write_class_folders(tmp_path / "photos", {"cat": 12, "dog": 10})


def test_people_get_a_table_and_sentences(photos):
    done = inspect(photos)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("22 images in 2 classes from")
    assert "class  train  validation  test" in lines
    assert "cat        8           2     2" in lines or "cat        9           1     2" in lines
    assert "All are 16 x 16 pixels, and trained at 16 x 16 pixels in grey." in lines


def test_json_is_exactly_one_document_on_stdout(photos):
    done = inspect(photos, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["train"] + document["validation"] + document["test"] == 22
    assert (
        document["duplicates"]
        == document["near_duplicates"]
        == document["leaked"]
        == document["skipped"]
        == 0
    )


def test_bundled_sample():
    document = json.loads(inspect("sample:fashion", "--json").stdout)
    assert (document["train"] + document["validation"], document["test"]) == (10_000, 2_000)
    assert len(document["classes"]) == 10


def test_bad_images_end_with_3_and_are_all_listed(photos):
    (photos / "cat" / "page.png").write_text("<html>not found</html>")
    (photos / "dog" / "empty.png").write_bytes(b"")
    done = inspect(photos, "--json")
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["exit_code"], error["place"]) == (3, 3, str(photos))
    assert error["remedy"] == "fix or remove them, or leave them out with --skip-bad"
    assert done.stderr.startswith(f"error: {photos}: 2 of 24 images cannot be used; fix or remove them")
    assert "page.png: not an image (HTML)" in done.stderr
    assert "empty.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_missing_data_ends_with_3_and_unknown_flags_with_2(tmp_path):
    assert inspect(tmp_path / "nowhere").returncode == 3
    done = inspect(tmp_path, "--no-such-flag")
    assert done.returncode == 2
    assert inspect(tmp_path, "--image-size", "huge").returncode == 2


def test_the_seed_is_heard():
    assert settings_from(build_parser().parse_args(["inspect", "photos", "--seed", "3"])).seed == 3


@pytest.mark.skipif(os.name == "nt", reason="Windows refuses such names itself")
def test_hostile_names_reach_the_terminal_as_text_only(tmp_path):
    name = "evil\x1b[2J\n\u202e<b>"
    folder = write_class_folders(tmp_path / "photos", {name: 6, "dog": 6})
    Image.open(folder / "dog" / "000.png").save(folder / "dog" / "x\x1b]0;owned\x07.png")
    (folder / "dog" / "bad\x1b[31m.png").write_bytes(b"")
    done = inspect(folder, "--skip-bad")
    assert done.returncode == 0
    assert all(character.isprintable() or character == "\n" for character in done.stdout)
    assert r"evil\x1b[2J\n\u202e<b>" in done.stdout
    refused = inspect(folder)
    assert refused.returncode == 3
    assert "\x1b" not in refused.stderr


def test_a_plain_locale_changes_nothing(tmp_path):
    folder = write_class_folders(tmp_path / "photos", {"Äpfel": 6, "birne": 6})
    one = inspect(folder, "--json", LC_ALL="C.UTF-8")
    other = inspect(folder, "--json", LC_ALL="C", PYTHONUTF8="1")
    assert one.returncode == other.returncode == 0
    assert one.stdout == other.stdout
    assert inspect(folder, PYTHONIOENCODING="ascii").returncode == 0


@pytest.fixture
def weights(tmp_path):
    """Real digits, and a table that gives the mean of the pixels of each."""
    from sklearn.datasets import load_digits

    images = load_digits().images[:60]
    rows = ["image,ink"]
    for index, image in enumerate(images):
        Image.fromarray((image * 15).astype(np.uint8)).save(tmp_path / f"{index:02}.png")
        rows.append(f"{index:02}.png,{image.mean()}")
    (tmp_path / "ink.csv").write_text("\n".join(rows))
    return tmp_path / "ink.csv"


def test_a_table_of_fractions_is_shown_as_numbers_and_the_reason_given(weights):
    done = inspect(weights)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("60 images, each with a number to predict, from")
    table = [line.split() for line in lines]
    assert ["number", "train", "validation", "test"] in table
    assert ["images", "36", "12", "12"] in table
    words = " ".join(done.stdout.split())
    assert "the labels are taken as numbers to predict, since they have fractions and" in words
    assert "class" not in words.replace("take them as classes with --target class", "")
    assert all(len(line) <= 80 or " " not in line for line in lines)


def test_the_target_asked_for_stands(weights, photos):
    document = json.loads(inspect(weights, "--json", "--target", "number").stdout)
    assert document["classes"] == []
    assert document["numbers"]["splits"]["train"]["examples"] == document["train"] == 36
    done = inspect(weights, "--target", "class")
    assert done.returncode == 3
    assert "too few examples; 3 are needed, one each for train, validation, test" in done.stderr
    done = inspect(photos, "--target", "number")
    assert done.returncode == 3
    assert "numbers are to be predicted, but most labels are names: 'cat' at" in done.stderr
