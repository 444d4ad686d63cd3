"""Processes that end, stop, or cannot do what the others do, and what becomes of the others."""

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

import spawning
from pellucid.errors import RankFailedError
from pellucid.settings import Settings
from pellucid.training import ranks as ranks_module
from pellucid.training.ranks import together
from training.sessions import After, same
from training.test_ranks import alone


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "found"),
    [
        (
            signal.SIGKILL,
            "rank 2 of 3: was ended by SIGKILL, which is also sent where memory runs out; run the same",
        ),
        (
            signal.SIGSTOP,
            "rank 2 of 3: is stopped, as by SIGSTOP or Ctrl-Z; run the same command with --resume",
        ),
    ],
    ids=["SIGKILL", "SIGSTOP"],
)
def test_a_rank_that_ends_or_stops_is_named_and_nobody_is_left(monkeypatch, begin, number, found):
    monkeypatch.setattr(ranks_module, "TIME_OUT", 4.0)
    processes = []

    def stop(state):
        if state.step == 2:
            os.kill(processes[1].pid, number)

    def run():
        with together(Settings(processes=3, threads=1)) as ranks:
            processes.extend(ranks._started)
            begin(batch_size=260).run([After(step=stop)])

    began = time.monotonic()
    with pytest.raises(RankFailedError, match=found):
        alone(run)
    assert time.monotonic() - began < 60
    assert all(process.poll() is not None for process in processes)


@pytest.mark.slow
def test_ranks_wait_for_rank_0_longer_than_an_exchange_may_take(monkeypatch, begin):
    monkeypatch.setattr(ranks_module, "TIME_OUT", 2.0)

    def run():
        with together(Settings(processes=2, threads=1)):
            time.sleep(4.0)
            return (
                begin(batch_size=260, epochs=1).run([After(epoch=lambda state: time.sleep(4.0))]).state_dict()
            )

    assert same(alone(lambda: begin(batch_size=260, epochs=1).run().state_dict()), alone(run))


@pytest.mark.slow
def test_ranks_that_would_round_otherwise_are_refused(monkeypatch):
    monkeypatch.setattr(ranks_module, "instructions", lambda: "another kind")
    with pytest.raises(
        RankFailedError, match=r"rank 1 of 2: has .*, rank 0 has another kind, and so would round otherwise"
    ):
        alone(lambda: together(Settings(processes=2, threads=1)).__enter__())


TRAIN = [
    "--model",
    "cnn",
    "--epochs",
    "6",
    "--batch-size",
    "256",
    "--no-baselines",
    "--folds",
    "0",
    "--seed",
    "3",
]
# The command, with a shorter time-out and a checkpoint after every epoch.
COMMAND = """
import sys
from pellucid.training import ranks
from pellucid.training.observers import Checkpointer
ranks.TIME_OUT = 5.0
Checkpointer.__init__.__defaults__ = (0.0, 0.0)
from pellucid.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_the_command_ends_with_7_and_is_resumed_with_any_number_of_processes(digits, tmp_path):
    np.savez(tmp_path / "digits.npz", x_train=digits.inputs, y_train=digits.labels)

    def command(out, *more, program=("-c", COMMAND)):
        words = ["train", str(tmp_path / "digits.npz"), "--out", str(tmp_path / out), *TRAIN, *more]
        return spawning.Process(*program, *words, stderr=subprocess.PIPE, text=True)

    def finished(process):
        _, errors = process.communicate(timeout=200)
        return process.returncode, errors

    assert finished(command("alone"))[0] == 0
    process = command("run", "--processes", "3", "--threads", "1")
    while not list(tmp_path.glob("run/checkpoints/step-*")):
        time.sleep(0.02)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    code, errors = finished(process)
    assert code == 7
    assert "error: rank 1 of 3: was ended by SIGKILL" in errors
    assert not any(Path(f"/proc/{each}").exists() for each in children)
    torchrun = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "pellucid")
    assert finished(command("run", "--resume", program=torchrun))[0] == 0
    weights = [(tmp_path / out / "models/cnn/weights.safetensors").read_bytes() for out in ("alone", "run")]
    assert weights[0] == weights[1]
