"""The real command in a process of its own: what it prints, and how it ends."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

import spawning
from command_line import within

TINY = ("--model", "mlp", "--depth", "1", "--width", "16", "--epochs", "3", "--threads", "1")
VARY = ("--vary", "learning_rate=0.02,0.00001")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    digits = load_digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=(digits.images[:400] * 15).astype(np.uint8), y_train=digits.target[:400])
    return path


def command(*words: object) -> list[str]:
    return ["-m", "pellucid", "compare", *map(str, words)]


def compare(*words: object) -> subprocess.CompletedProcess[str]:
    return spawning.run(
        *command(*words),
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"NO_COLOR": "1"},
        timeout=300,
    )


def test_what_it_prints(data, tmp_path):
    done = compare(data, *VARY, "--out", tmp_path / "run", *TINY, "--seeds", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    said = [
        line for line in lines if not line.startswith(("  report: ", "  next: ")) and str(data) not in line
    ]
    assert max(map(len, said)) <= 80
    assert any("80 images for the test are set aside and not used" in line for line in lines)
    assert "  2 variants, each trained 6 times (2 seeds on 3 folds)" in lines
    variants = [line for line in lines if line.startswith("✓ learning_rate=")]
    assert [line.split(":")[0] for line in variants] == ["✓ learning_rate=0.02", "✓ learning_rate=1e-05"]
    assert any(line.startswith("  about ") and "for 1 more variant" in line for line in lines)
    assert "learning_rate=0.02 is best: mean accuracy" in done.stderr
    assert f"report: {tmp_path / 'run' / 'report.html'}" in done.stderr
    assert lines[-1].startswith("  next: pellucid train ")
    assert lines[-1].endswith("--learning-rate 0.02")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "error: compare: --out RUN is missing"),
        (("--out", "run"), "error: compare: --vary is missing"),
        (("--out", "run", "--vary", "depth=1"), "error: --vary depth: has one value only"),
        (("--out", "run", "--vary", "dpeth=1,2"), "error: --vary dpeth: is not known"),
        (
            ("--out", "run", "--vary", "depth=1,2", "--folds", "1"),
            "error: settings: --folds: 1 leaves nothing to learn from",
        ),
        (("--out", "run", "--vary", "depth=1,2", "--resume", "--overwrite"), "error: --resume: contradicts"),
    ],
)
def test_refusals_come_before_the_data_is_read(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "unreadable.npz").touch()
    done = within("compare", "unreadable.npz", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1


def _trainings(run: Path, process: subprocess.Popen[str], number: int) -> None:
    """Wait until so many trainings are finished."""
    end = time.monotonic() + 120
    while len(list((run / "checkpoints" / "trainings").glob("[!.]*.npz"))) < number:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow)]
)
def test_a_signal_keeps_what_is_finished(data, tmp_path, number, code):
    run = tmp_path / "run"
    words = (data, *VARY, "--out", run, *TINY, "--epochs", "40")
    process = spawning.Process(*command(*words), stderr=subprocess.PIPE, text=True)
    _trainings(run, process, 1)
    process.send_signal(number)
    message = process.communicate(timeout=30)[1]
    assert process.returncode == code, message
    assert "what was finished is kept; run the same command with --resume to go on" in message
    assert "Traceback" not in message
