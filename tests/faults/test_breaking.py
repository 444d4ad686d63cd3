"""FAULTS 21, 23, 44: a disk that fails at any one call of a whole run, and kills at any call of any command.

By default a few of each; `BREAK_EVERY=1` in the environment breaks every call of a training run, once and for
good, and `KILLS=50` kills that often for each command. `KILL_SEED` draws other moments.
"""

import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

from breaking import FULL, KILLED, ONCE, broken
from fuzz.harness import fast_place
from pellucid.cli.main import main
from runs_to_continue import write_npz
from small_models import write_digits
from tiny_backbone import NAME, tiny_weights

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs fork and /proc")

EVERY = os.environ.get("BREAK_EVERY", "") not in ("", "0")
KILLS = int(os.environ.get("KILLS", "2"))
FEW = ("--epochs", "2", "--threads", "1", "--seed", "5")
ALONE = "--no-baselines"
TINY = (*FEW, "--model", "mlp", "--width", "8", "--batch-size", "32")
_CLOCK = re.compile(r"seconds|_per_second$")


def results(run: Path) -> dict[str, object]:
    """Everything in a run that does not depend on the clock."""
    found: dict[str, object] = {}
    for path in sorted(run.rglob("*")):
        name = str(path.relative_to(run))
        assert not name.endswith((".tmp", ".old")), f"left behind: {name}"
        if path.suffix in (".safetensors", ".jsonl") and path.name != "history.jsonl":
            found[name] = path.read_bytes()
        if path.name == "history.jsonl":
            found[name] = [_without_clock(json.loads(line)) for line in path.read_text().splitlines()]
        if path.name == "metrics.json":
            found[name] = _without_clock(json.loads(path.read_text()))
    assert "metrics.json" in found
    return found


def _without_clock(value):
    if isinstance(value, dict):
        return {key: _without_clock(each) for key, each in value.items() if not _CLOCK.search(key)}
    return [_without_clock(each) for each in value] if isinstance(value, list) else value


class Place:
    """A folder with data, a cache of its own, and the run that comes to be there."""

    def __init__(self, folder: Path, words: tuple[object, ...]) -> None:
        self.folder, self.run = folder, folder / "run"
        self.words = (*words, "--out", self.run)
        self.roots = (self.run, folder / "cache" / "pellucid")

    def clear(self) -> None:
        shutil.rmtree(self.run, ignore_errors=True)
        shutil.rmtree(self.folder / "cache", ignore_errors=True)

    def broken(self, *given, **named):
        return broken(self.words, self.roots, *given, **named)

    def resumed(self, *given, **named):
        return broken((*self.words, "--resume"), self.roots, *given, **named)


def main_in_this_process(*words: object) -> None:
    """Run a command so that its forks have everything loaded, and find a thread where they left one."""
    assert main(list(map(str, words))) == 0


@pytest.fixture(scope="module")
def folder():
    """A folder in memory where there is such: syncing takes most of the time elsewhere."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir=fast_place()) as name:
        patch.setenv("XDG_CACHE_HOME", f"{name}/cache")
        write_digits(Path(name) / "digits", range(150), by_class=True)
        yield Path(name)


@pytest.fixture(scope="module")
def place(folder):
    found = Place(folder, ("train", folder / "digits", *TINY, ALONE, "--folds", "0"))
    main_in_this_process(*found.words)
    found.clear()
    whole = found.broken()
    assert whole.code == 0, whole.said
    found.calls, found.results = whole.calls, results(found.run)
    return found


def test_every_call_of_a_run_is_counted(place):
    names = {name: place.calls.count(name) for name in place.calls}
    assert names["fsync"] > 40, names
    assert names["replace"] > 20, names
    assert names["write"] > 20, names


def _chosen(count):
    if EVERY:
        return range(1, count + 1)
    return sorted(random.Random(os.environ.get("KILL_SEED", "0")).sample(range(1, count + 1), 2))


@pytest.mark.parametrize("how", [ONCE, FULL])
def test_whichever_call_fails_nothing_earned_is_lost(place, how):
    wrong, harmless = [], []
    for at in _chosen(len(place.calls)):
        place.clear()
        ended = place.broken(at, how)
        what = f"{how}: call {at} of {len(place.calls)}, {place.calls[at - 1]}"
        if ended.code == 0:  # what failed is not needed
            harmless.append(what)
            assert results(place.run) == place.results, what
            continue
        kept = sorted(path.name for path in (place.run / "checkpoints").glob("step-*"))
        is_kept = not ended.earned or (place.run / "model").exists() or (
            bool(kept) and int(kept[-1].removeprefix("step-")) >= ended.earned[-1]
        )  # fmt: skip
        again = place.resumed()
        is_same = again.code == 0 and results(place.run) == place.results
        if not (ended.code == 5 and is_kept and is_same and "error: " in ended.said):
            wrong.append(f"{what}: {ended.code} {is_kept} {again.code} {is_same}\n{ended.said}{again.said}")
    if EVERY:
        sys.__stderr__.write(
            f"\n{how}: {len(place.calls)} calls failed one by one, {len(wrong)} wrongly; "
            f"{len(harmless)} ended the run no less: {harmless}\n"
        )
    assert not wrong, "\n".join(wrong[:5]) + f"\n({len(wrong)} in all)"


def _words(command: str, folder: Path) -> tuple[object, ...]:
    """A command that writes a run, on data of its own."""
    if command == "train":
        return ("train", folder / "digits", *TINY, ALONE)
    old = write_npz(folder / "old.npz", range(3), slice(0, 150), slice(150, 200))
    if command == "compare":
        return ("compare", old, "--vary", "activation=relu,tanh", "--seeds", "2", "--folds", "2", *TINY)
    if command == "train --backbone":
        few = write_npz(folder / "few.npz", range(3), slice(0, 80), slice(80, 120))
        return (
            "train",
            few,
            "--backbone",
            NAME,
            "--weights",
            tiny_weights(folder),
            "--image-size",
            "32",
            "--folds",
            "2",
            *FEW,
            ALONE,
        )
    new = write_npz(folder / "new.npz", range(4), slice(400, 600), slice(600, 700))
    main_in_this_process("train", old, *TINY, ALONE, "--out", folder / "start", "--overwrite")
    return ("train", new, "--from", folder / "start", *FEW, ALONE)


OTHERS = ("train --from", "compare", "train --backbone")


@pytest.mark.parametrize(
    "command", ["train", *(pytest.param(each, marks=pytest.mark.slow) for each in OTHERS)]
)
def test_kills_at_any_call_change_no_byte(command, folder):
    place = Place(folder, _words(command, folder))
    place.clear()
    main_in_this_process(*place.words)
    expected = results(place.run)
    place.clear()
    count = len(place.broken().calls)
    draws = random.Random(os.environ.get("KILL_SEED", "pellucid") + command)
    killed = resumed = chains = 0
    wanted = (KILLS + 1) // 2 if "--backbone" in command else KILLS  # which takes the longest by far
    while killed < wanted:
        place.clear()
        chains += 1
        for _ in range(min(5, wanted - killed)):
            resumed += (place.run / "config.json").exists()
            ended = place.resumed(draws.randint(1, count), KILLED, seed=draws.randrange(1 << 30))
            assert ended.code in (-signal.SIGKILL, 0), ended.said
            killed += ended.code != 0
            if ended.code == 0:
                break
        last = place.resumed()
        assert last.code == 0, last.said
        assert results(place.run) == expected
    sys.__stderr__.write(f"\n{command}: {killed} kills in {chains} chains, {resumed} of a run begun\n")
