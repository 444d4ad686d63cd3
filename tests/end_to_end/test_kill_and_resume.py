"""A run killed with SIGKILL and resumed ends in the same bytes as one never killed."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

import spawning
from killing import KILL_IN_SAVE

CHAINS, KILLS_PER_CHAIN = int(os.environ.get("KILL_CHAINS", "2")), 3
"""Six kills; `KILL_CHAINS=20` in the environment makes sixty."""
TRAINING = ("--epochs", "4", "--width", "8", "--parts", "2", "--seed", "5", "--dropout", "0.1")


BY_FOLDS, BY_VALIDATION = ("--folds", "2"), ("--folds", "0", "--no-learning-curve")


@pytest.fixture(scope="module")
def unbroken(pellucid, few_digits, tmp_path_factory) -> dict[tuple[str, ...], bytes]:
    """The weights of runs that were never killed, by what judged their models."""
    found = {}
    for judging in (BY_FOLDS, BY_VALIDATION):
        run = tmp_path_factory.mktemp("unbroken") / "run"
        pellucid.succeed("train", few_digits, "--out", run, *TRAINING, *judging)
        found[judging] = (run / "models" / "cnn" / "weights.safetensors").read_bytes()
    return found


def _killed_after(seconds: float, words: list[str]) -> int:
    process = spawning.Process("-m", "pellucid", *words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        return process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return process.wait()


def _killed_in_save(count: int, words: list[str]) -> int:
    done = spawning.run("-c", KILL_IN_SAVE, count, *words, capture_output=True)
    return done.returncode


def _finish(pellucid, words: list[str], run: Path) -> bytes:
    pellucid.succeed(*words)
    left = [path.name for path in run.rglob("*") if path.name.endswith((".tmp", ".old"))]
    assert left == []
    assert not (run / "checkpoints").exists()
    return (run / "models" / "cnn" / "weights.safetensors").read_bytes()


@pytest.mark.slow
def test_a_kill_inside_a_save_loses_nothing(pellucid, few_digits, tmp_path):
    run, whole = tmp_path / "run", tmp_path / "whole"
    given = [*TRAINING, "--no-baselines", "--folds", "2", "--resume"]
    words = ["train", str(few_digits), "--out", str(run), *given]
    assert _killed_in_save(25, words) == -signal.SIGKILL
    assert list((run / "checkpoints").glob("step-*"))
    assert _finish(pellucid, words, run) == _finish(pellucid, [*words[:3], str(whole), *given], whole)


@pytest.mark.slow
@pytest.mark.parametrize("chain", range(CHAINS))
def test_kills_at_random_moments_change_no_byte(pellucid, few_digits, unbroken, tmp_path, chain):
    draws = random.Random(os.environ.get("KILL_SEED", "pellucid") + str(chain))
    run = tmp_path / "run"
    judging = BY_VALIDATION if chain else BY_FOLDS
    words = ["train", str(few_digits), "--out", str(run), *TRAINING, *judging, "--resume"]
    began = time.monotonic()
    for number in range(KILLS_PER_CHAIN):
        given = [*words, "--threads", str(draws.randint(1, 3))]
        if number % 2:
            code = _killed_in_save(draws.randint(1, 60), given)
        else:
            code = _killed_after(draws.uniform(1.0, 6.0), given)
        assert code in (-signal.SIGKILL, 0)
    assert _finish(pellucid, words, run) == unbroken[judging]
    assert time.monotonic() - began < 280
