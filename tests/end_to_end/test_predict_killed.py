"""A `predict` killed with SIGKILL and resumed writes the same bytes as one never killed."""

import json
import os
import tarfile

import pytest

import spawning
from killing import KILLED_PREDICTS
from models_with_detectors import with_detector
from pellucid.bundle import save
from small_models import trained_model, write_digits

KILLS = int(os.environ.get("KILLS", "4"))
"""Kills of each form of file; `KILLS=40` in the environment makes more."""

IMAGES = 150


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A run, and every form of INPUT together: more than one block of each."""
    folder = tmp_path_factory.mktemp("killed")
    save(with_detector(trained_model(), train=1000, validation=300), folder / "run", {})
    write_digits(folder / "images", range(IMAGES))
    (folder / "images" / "0005.png").write_bytes(b"")
    (folder / "table.csv").write_text("image\n" + "".join(f"images/{n:04}.png\n" for n in range(100)))
    with tarfile.open(folder / "some.tar.gz", "w:gz") as archive:
        archive.add(folder / "images", "inside")
    return folder


pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


@pytest.mark.parametrize("form", ["csv", pytest.param("jsonl"), "parquet"])
def test_kills_at_random_moments_change_no_byte(form, given, tmp_path):
    out = tmp_path / f"answers.{form}"
    words = ["predict", "run", "images", "table.csv", "some.tar.gz", "--out", str(out), "--probabilities"]
    require_equal(words, out, given)
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_shard_killed_at_random_moments_is_the_same_part(form, given, tmp_path):
    out = tmp_path / f"answers.{form}"
    part = tmp_path / f"answers.2-of-3.{form}"
    words = ["predict", "run", "images", "table.csv", "--out", str(out), "--probabilities", "--shard", "2/3"]
    require_equal(words, part, given)
    assert sorted(path.name for path in tmp_path.iterdir()) == [part.name, f"{part.name}.json"]


def require_equal(words, out, given):
    """Kill and resume `predict` again and again, and compare what it leaves with what one process writes."""
    asked = {"words": words, "out": str(out), "kills": KILLS, "seed": os.environ.get("KILL_SEED", out.suffix)}
    around = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = spawning.run(
        "-c", KILLED_PREDICTS, json.dumps(asked), cwd=given, capture_output=True, text=True, env=around
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["killed"] >= 2, said
    assert said["resumed"] >= 1, said
    assert said["is_equal"], said
    assert said["says_the_same"], said
