"""Faults of runs (rows 21 to 28 of the table of faults), made for real."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import spawning

SMALL = ("--width", "8", "--threads", "1", "--no-baselines")


@pytest.fixture
def tiny_disk(tmp_path):
    """A disk of 60 MB."""
    if os.geteuid() != 0 or sys.platform != "linux":
        pytest.skip("mounting a small disk needs root on Linux")
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", folder]).returncode:
        pytest.skip("this system does not allow mounting a tmpfs")
    yield folder
    subprocess.run(["umount", folder], check=True)


def _started(*words):
    return spawning.Process("-m", "pellucid", *words, stderr=subprocess.PIPE, text=True)


def _wait_for(path, process, seconds=60):
    end = time.monotonic() + seconds
    while not list(path.parent.glob(path.name)):
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_disk_that_fills_up_leaves_the_last_checkpoint_and_resumes(pellucid, digits_npz, tiny_disk):
    run = tiny_disk / "run"
    words = [
        "train", digits_npz, "--out", run, "--epochs", "12", "--width", "12", "--threads", "1",
        "--no-baselines", "--folds", "0",
    ]  # fmt: skip
    process = _started(*words)
    _wait_for(run / "checkpoints" / "step-*", process)
    process.send_signal(signal.SIGSTOP)  # else what it writes meanwhile takes the space that the filler needs
    free = shutil.disk_usage(tiny_disk).free
    filler = tiny_disk / "filler"
    filler.write_bytes(b"x" * (free - 4096))
    process.send_signal(signal.SIGCONT)
    message = process.communicate(timeout=120)[1]
    assert process.returncode == 5, message
    assert "--resume" in message
    assert [path for path in run.rglob("*.tmp")] == []
    filler.unlink()
    pellucid.succeed(*words, "--resume")


def test_too_little_space_is_refused_before_the_data_is_read(pellucid, digits_npz, tiny_disk):
    (tiny_disk / "filler").write_bytes(b"x" * 40_000_000)
    done = pellucid("train", digits_npz, "--out", tiny_disk / "run", *SMALL)
    assert done.returncode == 5
    assert "MB free" in done.stderr
    assert "read" not in done.stderr.replace("already", "")


def test_a_missing_or_read_only_parent(pellucid, digits_npz, tmp_path):
    file = tmp_path / "file"
    file.write_text("not a folder")
    done = pellucid("train", digits_npz, "--out", file / "run", *SMALL)
    assert done.returncode == 5
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
        pytest.param(signal.SIGHUP, 129, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_a_checkpoint_within_five_seconds(pellucid, digits_npz, tmp_path, number, code):
    run = tmp_path / "run"
    words = ["train", digits_npz, "--out", run, "--epochs", "300", *SMALL]
    process = _started(*words)
    _wait_for(run / "history.jsonl", process)
    process.send_signal(number)
    began = time.monotonic()
    message = process.communicate(timeout=30)[1]
    assert time.monotonic() - began < 5
    assert process.returncode == code
    assert "checkpoint written; run the same command with --resume" in message
    assert list((run / "checkpoints").glob("step-*"))


def test_a_second_run_into_the_same_folder_is_refused_at_once(pellucid, digits_npz, tmp_path):
    run = tmp_path / "run"
    first = _started("train", digits_npz, "--out", run, "--epochs", "300", *SMALL)
    try:
        _wait_for(run / "config.json", first)
        second = pellucid("train", digits_npz, "--out", run, "--resume", *SMALL)
        assert second.returncode == 5
        assert f"process {first.pid} is writing here" in second.stderr
    finally:
        first.kill()
        first.communicate()
    # The lock of the killed process is stale: the next one takes it.
    pellucid.succeed("train", digits_npz, "--out", run, "--overwrite", "--epochs", "1", *SMALL)


def test_an_existing_run_is_refused_without_being_asked(pellucid, digits_npz, tmp_path):
    run = tmp_path / "run"
    assert pellucid("train", digits_npz, "--out", run, "--epochs", "1", *SMALL).returncode == 0
    before = (run / "metrics.json").read_bytes()
    done = pellucid("train", digits_npz, "--out", run, *SMALL)
    assert done.returncode == 5
    assert "--resume to go on, --overwrite to replace it" in done.stderr
    assert (run / "metrics.json").read_bytes() == before


def test_a_folder_of_other_things_is_never_taken(pellucid, digits_npz, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    for flags in ((), ("--overwrite",), ("--resume",)):
        done = pellucid("train", digits_npz, "--out", tmp_path, *flags, *SMALL)
        assert done.returncode == 5
        assert "holds files, but no run" in done.stderr
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_divergence_names_step_examples_and_rate_and_saves_no_nan(pellucid, digits_npz, tmp_path):
    run = tmp_path / "run"
    done = pellucid(
        "train", digits_npz, "--out", run, "--model", "mlp", "--no-batch-norm", "--optimizer", "sgd",
        "--learning-rate", "1000", "--schedule", "constant", "--epochs", "50", "--precision", "fp32",
        "--activation", "leaky-relu", "--depth", "6", *SMALL,
    )  # fmt: skip
    assert done.returncode == 6, done.stderr
    assert "step " in done.stderr
    assert "on examples" in done.stderr
    assert "learning rate" in done.stderr
    assert not (run / "model").exists()


@pytest.fixture(scope="module")
def interrupted(digits_npz, tmp_path_factory):
    """A run that was stopped while it trained, and data of its own that may be changed."""
    place = tmp_path_factory.mktemp("interrupted")
    shutil.copy(digits_npz, place / "data.npz")
    words = ("--out", place / "run", "--epochs", "300", "--learning-rate", "0.01")
    process = _started("train", place / "data.npz", *words, *SMALL)
    _wait_for(place / "run" / "history.jsonl", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    return place / "run", place / "data.npz"


def test_resuming_with_other_settings_names_them(pellucid, interrupted):
    run, data = interrupted
    done = pellucid("train", data, "--out", run, "--resume", "--learning-rate", "0.02")
    assert done.returncode == 2
    assert "learning_rate was 0.01, is 0.02" in done.stderr


@pytest.mark.slow
def test_resuming_with_other_data_names_what_changed(pellucid, interrupted):
    run, changed = interrupted
    data = dict(np.load(changed))
    np.savez(changed, **{**data, "x_train": data["x_train"][:-5], "y_train": data["y_train"][:-5]})
    done = pellucid("train", changed, "--out", run, "--resume")
    np.savez(changed, **data)
    assert done.returncode == 3
    assert "the data changed since the run was started (train was" in done.stderr


def test_resume_without_a_checkpoint_starts_afresh(pellucid, digits_npz, tmp_path):
    pellucid.succeed("train", digits_npz, "--out", tmp_path / "new", "--resume", "--epochs", "1", *SMALL)
    assert json.loads((tmp_path / "new" / "metrics.json").read_text())["format"] == 2


@pytest.mark.slow
def test_no_locale_and_odd_names_change_nothing(pellucid, process, digits_npz, tmp_path):
    runs = [tmp_path / "plain", tmp_path / "größer\nline"]
    words = ("train", digits_npz, "--epochs", "1", *SMALL, "--out")
    for done in (pellucid(*words, runs[0]), process(*words, runs[1], LC_ALL="C", TZ="UTC+9")):
        assert done.returncode == 0, done.stderr
    first, second = ((run / "model" / "weights.safetensors").read_bytes() for run in runs)
    assert first == second


def test_a_traceback_is_shown_only_on_demand(pellucid, tmp_path):
    for flags, shown in (((), False), (("--debug",), True)):
        done = pellucid("train", tmp_path / "missing", "--out", tmp_path / "run", *flags)
        assert done.returncode == 3
        assert ("Traceback" in done.stderr) is shown
