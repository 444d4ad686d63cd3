"""`tune` in real processes: killed and started again, and sharing a database while one of them dies."""

import contextlib
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest

import spawning
from pellucid.pipeline.tuning import conclusion
from pellucid.pipeline.tuning.study import opened_study, storage_url
from pellucid.pipeline.tuning.tune import tune
from small_models import digits

pytestmark = pytest.mark.slow

TRIALS, SEEDS = 4, 2
GIVEN = {"model": "mlp", "epochs": 1, "threads": 1}
HEARTBEAT, GRACE = 1, 6  # seconds, so that the dead are found soon
# With fewer last trainings; the first trial of a process may take as long as the test wants.
COMMAND = f"""
import sys, time
from pellucid.pipeline.tuning import conclusion, study, tune
conclusion.SEEDS, study.HEARTBEAT, study.GRACE = {SEEDS}, {HEARTBEAT}, {GRACE}
if sys.argv.pop(1) == "endless":
    tune._trial = lambda *_: time.sleep(600)
from pellucid.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    pixels, labels = digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[:400], y_train=labels[:400], x_test=pixels[900:], y_test=labels[900:])
    return path


@contextlib.contextmanager
def started(data: Path, run: Path, *more: str, trial: str = "usual") -> Iterator[subprocess.Popen[bytes]]:
    """A process that tunes; it is killed at the end if it still runs."""
    words = ["tune", str(data), "--out", str(run), "--trials", str(TRIALS), *more]
    for name, value in GIVEN.items():
        words += [f"--{name}", str(value)]
    with run.with_suffix(".log").open("w") as log:
        process = spawning.Process("-c", COMMAND, trial, *words, stdout=log, stderr=log)
    try:
        yield process
    except BaseException as error:
        error.add_note(run.with_suffix(".log").read_text())
        raise
    finally:
        process.kill()
        process.wait()


def when(happened: Callable[[], bool], *processes: subprocess.Popen[bytes]) -> None:
    """Wait for something that processes do."""
    until = time.monotonic() + 300
    while not happened():
        assert all(each.poll() is None for each in processes), [
            each.args for each in processes if each.poll() is not None
        ]
        assert time.monotonic() < until
        time.sleep(0.05)


def states(database: Path) -> Counter[str]:
    """How many trials of a database are in which state."""
    if not database.exists():
        return Counter()
    with (
        contextlib.closing(sqlite3.connect(database, timeout=60)) as file,
        contextlib.suppress(sqlite3.Error),
    ):
        return Counter(state for (state,) in file.execute("SELECT state FROM trials"))
    return Counter()  # there are no tables yet


def ends(process: subprocess.Popen[bytes]) -> None:
    """It must end well."""
    assert process.wait(timeout=300) == 0


def found(run: Path) -> dict:
    """What a study found, without its times."""
    tuned = json.loads((run / "metrics.json").read_text())["tune"]
    for each in tuned["trials"]:
        each["facts"].pop("seconds", None)
    return tuned


def test_a_study_killed_in_a_trial_and_in_the_last_trainings_ends_in_the_same_bytes(
    data, tmp_path, monkeypatch
):
    monkeypatch.setattr(conclusion, "SEEDS", SEEDS)
    whole = tune(data, out=tmp_path / "whole", trials=TRIALS, quiet=True, **GIVEN)
    run = tmp_path / "run"
    with started(data, run) as process:
        when(lambda: states(run / "study.db")["COMPLETE"] >= 2, process)
        when(lambda: states(run / "study.db")["RUNNING"] == 1, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert states(run / "study.db")["RUNNING"] == 1
    with started(data, run) as process:
        when(lambda: bool([*run.glob("checkpoints/afresh-*.npz")]), process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (run / "metrics.json").exists()
    with started(data, run) as process:
        ends(process)
    assert found(run) == found(whole)
    assert [each["slot"] for each in found(run)["trials"]] == list(range(TRIALS))
    ended = states(run / "study.db")
    assert ended["COMPLETE"] + ended["PRUNED"] == TRIALS
    assert ended["FAIL"] == 1
    assert ended["RUNNING"] == ended["WAITING"] == 0
    for file in ("model/weights.safetensors", "best.toml", "test.csv"):
        assert (run / file).read_bytes() == (whole / file).read_bytes()


@pytest.fixture
def postgresql() -> Iterator[str]:
    """Address of a real server on the loopback."""
    programs = [Path(each).parent for each in (shutil.which("initdb"),) if each is not None]
    programs += sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs or not (programs[-1] / "initdb").exists():
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    pytest.importorskip("psycopg")
    place = Path(tempfile.mkdtemp(prefix="pellucid-postgresql-"))
    user = {"user": "postgres"} if os.getuid() == 0 else {}  # it refuses to run as root
    if user:
        shutil.chown(place, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    kept = place / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": place, **user}
    made = [programs[-1] / "initdb", "-D", kept, "-U", "me", "--auth=trust", "--no-sync"]
    subprocess.run(made, check=True, **quiet)
    server = [programs[-1] / "postgres", "-D", kept, "-p", str(port), "-k", place, "-c", "fsync=off"]
    with subprocess.Popen([*server, "-c", "listen_addresses=127.0.0.1"], **quiet) as process:
        try:
            asked = [programs[-1] / "pg_isready", "-h", "127.0.0.1", "-p", str(port)]
            when(lambda: subprocess.run(asked, **quiet).returncode == 0)
            yield f"postgresql://me@127.0.0.1:{port}/postgres"
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            shutil.rmtree(place)


# Trials that take no time, of one process no end of it.
SEARCH = f"""
import math, sys, time
from pathlib import Path
from pellucid.pipeline.tuning import study
study.HEARTBEAT, study.GRACE = {HEARTBEAT}, {GRACE}
run, seconds = Path(sys.argv[1]), float(sys.argv[2])
run.mkdir()
def train(values, reporter):
    time.sleep(seconds)
    return study.Trained(-values["learning_rate"], 0.5, {{"seconds": seconds}})
space = [study.Dimension("learning_rate", 0.1, low=0.01, high=1.0, is_log=True)]
with study.opened_study(study.storage_url(None, run.parent), "study") as found:
    study.Search(found, space, 40, 1, run).work(train, lambda: math.inf, lambda _: None)
"""


def test_three_processes_share_sqlite_and_no_slot_is_filled_twice(tmp_path):
    def searching(name: str, seconds: str) -> subprocess.Popen[bytes]:
        return spawning.Process("-c", SEARCH, tmp_path / name, seconds)

    database = tmp_path / "study.db"
    with searching("a", "600") as dying:
        when(lambda: states(database)["RUNNING"] == 1, dying)
        with searching("b", "0.01") as first, searching("c", "0.01") as second:
            when(lambda: states(database)["COMPLETE"] == 39, dying, first, second)
            dying.send_signal(signal.SIGKILL)
            assert first.wait(timeout=300) == second.wait(timeout=300) == 0
    with opened_study(storage_url(None, tmp_path), "study") as study:
        trials = study.get_trials()
    ended = [each.user_attrs for each in trials if each.state.name == "COMPLETE"]
    assert sorted(each["slot"] for each in ended) == list(range(40))
    assert len({each["worker"] for each in ended}) == 2
    (dead,) = [each for each in trials if f"-{dying.pid}-" in each.user_attrs.get("worker", "")]
    assert (dead.state.name, dead.user_attrs["slot"]) == ("FAIL", 0)


def test_two_processes_share_postgresql_of_which_one_dies(postgresql, data, tmp_path, request):
    """As on two machines: each has a folder of its own, so that only the heartbeat shows who is dead."""
    address = postgresql.replace("postgresql://", "postgresql+psycopg://")
    more = ["--storage", postgresql]

    storages = []

    def trials() -> list[optuna.trial.FrozenTrial]:
        if not storages:
            storages.append(optuna.storages.RDBStorage(address))
            request.addfinalizer(storages[0].engine.dispose)
        (name,) = optuna.get_all_study_names(storages[0])
        return optuna.load_study(study_name=name, storage=storages[0]).get_trials(deepcopy=False)

    def slots(*states: str) -> list[int]:
        with contextlib.suppress(Exception):  # there are no tables yet
            return sorted(each.user_attrs["slot"] for each in trials() if each.state.name in states)
        return []

    ended, runs = ("COMPLETE", "PRUNED"), [tmp_path / "a", tmp_path / "b"]
    with started(data, runs[0], *more, trial="endless") as dying:
        when(lambda: slots("RUNNING") == [0], dying)
        with started(data, runs[1], *more) as living:
            when(lambda: len(slots(*ended)) == TRIALS - 1, dying, living)
            time.sleep(GRACE + 2)
            (dead,) = [each for each in trials() if each.state.name == "RUNNING"]
            assert f"-{dying.pid}-" in dead.user_attrs["worker"]  # it lives, and nobody takes its trial away
            dying.send_signal(signal.SIGKILL)
            dying.wait()
            ends(living)
    every = trials()
    assert slots(*ended) == list(range(TRIALS))
    assert every[dead.number].state.name == "FAIL"
    again = every[-1]
    assert (again.params, again.user_attrs["slot"]) == (dead.params, dead.user_attrs["slot"])
    with started(data, runs[0], *more) as process:
        ends(process)
    assert len(trials()) == len(every)
    assert found(runs[0]) == found(runs[1])
