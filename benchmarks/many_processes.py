"""Whether processes that train together give the bytes of one, what ends them, and what they cost.

    python benchmarks/many_processes.py [cnn rnn vae ...] [--processes 2 3 4] [--schedules 20] [--kills 50]
        [--rounds 5] [--time-out 8]

Each family learns from a bundled sample; `folds`, `gan`, and `backbone` of drawn weights, from 300 images of
it. It is trained on 1 and 2 threads and on each number of processes of one thread: all files of its models
and its table of the test must agree. `--schedules` says how many trainings
are killed with SIGKILL at random moments, all their processes, and each time resumed on a number of threads
or processes that is drawn anew. `--kills` says how many trainings lose one rank at a random moment, by
SIGKILL or SIGSTOP in turns: the command must end with exit code 7 (or by the signal, where it is rank 0)
within the time-out, which `--time-out` shortens, nothing of it may be left, and it must be resumed to the
same bytes. `--rounds` says how often two processes of one thread are timed against one of two threads, in
turns.

Takes: about an hour and a half on two cores; `cnn --schedules 2 --kills 4 --rounds 2` some minutes.
"""

import gzip
import hashlib
import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import command_line, heading, in_turns, middle, print_table, ran, summary, write_json

import pellucid

IMAGES, TEXTS, ALONE = "sample:fashion", "sample:spam", "--no-baselines --folds 0"
FAMILIES = {
    "cnn": f"{IMAGES} --model cnn --width 16 --batch-size 256 --dropout 0.1 --epochs 3 {ALONE}",
    "muon": f"{IMAGES} --model cnn --width 16 --batch-size 256 --optimizer muon --epochs 2 {ALONE}",
    "lenet": f"{IMAGES} --model lenet --batch-size 256 --epochs 6 {ALONE}",
    "mlp": f"{IMAGES} --model mlp --batch-size 256 --epochs 12 {ALONE}",
    "folds": "few.npz --model mlp --batch-size 64 --parts 4 --folds 3 --epochs 8",
    "backbone": f"few.npz --backbone test_efficientnet --weights backbone.safetensors {ALONE} --epochs 3",
    "vae": f"{IMAGES} --model vae --width 16 --batch-size 192 --epochs 3",
    "gan": "few.npz --model gan --width 8 --batch-size 64 --parts 4 --epochs 20",
    "bag": f"{TEXTS} --model bag --epochs 2 --folds 0",
    "text-cnn": f"{TEXTS} --model text-cnn --width 32 --epochs 2 {ALONE}",
    "rnn": f"{TEXTS} --model rnn --width 32 --length 100 --epochs 2 {ALONE}",
}
# The command, with a time-out of its own and a checkpoint after every epoch.
DRIVER = """
import sys
from pellucid.training import ranks
from pellucid.training.observers import Checkpointer
ranks.TIME_OUT = float(sys.argv.pop(1))
Checkpointer.__init__.__defaults__ = (0.0, 0.0)
from pellucid.cli.main import main
sys.exit(main(sys.argv[1:]))
"""
SLACK = 15.0  # seconds beyond the time-out within which everything has ended, on a busy machine


class Way:
    """A number of threads and of processes."""

    def __init__(self, threads: int, processes: int = 1) -> None:
        self.threads, self.processes = threads, processes

    def __str__(self) -> str:
        return f"{self.processes} x {self.threads}"

    def command(self, family: str, run: Path, time_out: float = 120.0) -> list[str]:
        """The command of a training this way, which goes on with what is there."""
        words = [*FAMILIES[family].split(), "--out", str(run), "--threads", str(self.threads), "--resume"]
        more = ["--processes", str(self.processes)] if self.processes > 1 else []
        return [sys.executable, "-c", DRIVER, str(time_out), "train", *words, *more]


def digest(run: Path) -> str:
    """One hash of all that a training has learnt and answered."""
    found = hashlib.sha256()
    for path in sorted([*run.glob("models/**/*.safetensors"), run / "test.csv"]):
        if path.is_file():
            found.update(path.relative_to(run).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:12]


def write_backbone() -> None:
    """A small network of drawn weights, as a user's own file, and a few images for it."""
    import timm
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = timm.create_model("test_efficientnet", pretrained=False, num_classes=7)
    save_file(network.state_dict(), "backbone.safetensors")
    sample = Path(pellucid.__file__).parent / "data" / "fashion"
    images, labels = (
        np.frombuffer(gzip.decompress(next(sample.glob(f"train-{kind}*")).read_bytes()), np.uint8)
        for kind in ("images", "labels")
    )
    pixels = images[16:].reshape(-1, 28, 28)
    test = {"x_test": pixels[300:400], "y_test": labels[308:408]}
    np.savez("few.npz", x_train=pixels[:300], y_train=labels[8:308], **test)


def started(words: Sequence[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def followers(process: int) -> list[int]:
    """The other ranks of a command."""
    found = Path(f"/proc/{process}/task/{process}/children")
    children = map(int, found.read_text().split()) if found.exists() else ()
    return [each for each in children if b"training.follower" in Path(f"/proc/{each}/cmdline").read_bytes()]


def state(process: int) -> str:
    """State of a process, as the system names it; empty where there is none, or where it has ended."""
    try:
        found = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""
    return "" if found in "ZX" else found


def lost(
    words: Sequence[str], seconds: float, number: signal.Signals, draws: random.Random, most: float
) -> Any:
    """Send a signal to a random rank after some time; what came of it, `None` if the command ended before."""
    process = started(words)
    try:
        if code := process.wait(timeout=seconds):
            raise SystemExit(f"error: {' '.join(words)}: {code}")
        return None
    except subprocess.TimeoutExpired:
        pass  # it is in the middle of its work, as is wanted
    others = followers(process.pid)
    rank = draws.randrange(len(others) + 1)
    os.kill([process.pid, *others][rank], number)
    began = time.monotonic()
    if rank == 0 and number is signal.SIGSTOP:  # what is stopped cannot end, but the others must
        while any(map(state, others)) and time.monotonic() - began < most:
            time.sleep(0.1)
        seconds = time.monotonic() - began
        os.kill(process.pid, signal.SIGCONT)
    try:
        _, errors = process.communicate(timeout=most)
    except subprocess.TimeoutExpired:
        process.kill()
        for each in others:
            os.kill(each, signal.SIGKILL)
        process.communicate()
        return {"rank": rank, "signal": number.name, "code": "hung", "seconds": most, "left": 0, "words": ""}
    if rank or number is signal.SIGKILL:
        seconds = time.monotonic() - began
    time.sleep(1.0)
    left = sum(bool(state(each)) for each in others)
    last = errors.strip().splitlines()[-1:]
    found = {"rank": rank, "signal": number.name, "code": process.returncode, "seconds": seconds}
    return {**found, "left": left, "words": " ".join(last) if process.returncode == 7 else ""}


def training_seconds(run: Path) -> float:
    """Seconds of the steps of a run's training, without its first epoch."""
    records = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    return sum(float(record["seconds"]) for record in records[1:])


def same_on_any(
    families: Sequence[str], ways: Sequence[Way], schedules: int, draws: random.Random
) -> tuple[dict[str, dict[str, str]], dict[str, float], Counter[str]]:
    """Hashes of each family by how it was trained, the seconds that it takes, and how often it was killed."""
    hashes: dict[str, dict[str, str]] = {}
    seconds: dict[str, float] = {}
    kills: Counter[str] = Counter()
    for family in families:
        for way in ways:
            run = Path(f"{family}-{way}".replace(" ", ""))
            seconds[family] = ran(way.command(family, run)).seconds
            hashes.setdefault(family, {})[str(way)] = digest(run)
    for place, family in zip(range(schedules), itertools.cycle(families), strict=False):
        run = Path(f"{family}-schedule-{place}")
        for _ in range(draws.randint(1, 3)):
            process = started(draws.choice(ways).command(family, run))
            try:
                process.communicate(timeout=draws.uniform(0.2, 0.9) * seconds[family])
                break
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                kills[family] += 1
        ran(draws.choice(ways).command(family, run))
        hashes[family][f"schedule {place}"] = digest(run)
    return hashes, seconds, kills


def lost_in_time(
    way: Way,
    family: str,
    name: str,
    moment: float,
    number: signal.Signals,
    draws: random.Random,
    time_out: float,
) -> tuple[Path, dict[str, Any]]:
    """Train anew until a signal comes before the end; the run, and what came of it."""
    for number_of_try in itertools.count():
        run = Path(f"{name}-{number_of_try}")
        found = lost(way.command(family, run, time_out), moment, number, draws, time_out + SLACK)
        if found is not None:
            return run, found
        moment /= 2
    raise AssertionError


def timed_in_turns(family: str, rounds: int) -> dict[str, Any]:
    """Seconds of training after the first epoch: one process of two threads, and two of one."""
    numbers = itertools.count()

    def time_of(way: Way) -> float:
        run = Path(f"{family}-timed-{next(numbers)}")
        ran(way.command(family, run))
        return training_seconds(run)

    return in_turns({str(way): (lambda way=way: time_of(way)) for way in (Way(2), Way(1, 2))}, rounds)


def print_hashes(hashes: Mapping[str, Mapping[str, str]], kills: Mapping[str, int]) -> None:
    """Print for each family how many different hashes its trainings ended in."""
    rows = [
        (
            family,
            str(len(found)),
            str(kills[family]),
            str(len(set(found.values()))),
            next(iter(found.values())),
        )
        for family, found in hashes.items()
    ]
    print_table(("family", "trainings", "kills", "different hashes", "the first"), rows)


def print_lost(outcomes: Sequence[dict[str, Any]], time_out: float) -> bool:
    """Print what came of the lost ranks; whether no process hung or was left behind."""
    kinds: dict[tuple[str, str, str], list[float]] = {}
    for each in outcomes:
        key = each["signal"], "rank 0" if each["rank"] == 0 else "another", str(each["code"])
        kinds.setdefault(key, []).append(each["seconds"])
    print(f"\n{len(outcomes)} ranks lost; time-out {time_out:g} s\n")
    print_table(
        ("signal", "to", "exit code", "times", "seconds, at most"),
        [(*key, str(len(seconds)), f"{max(seconds):.1f}") for key, seconds in sorted(kinds.items())],
    )
    left = sum(each["left"] for each in outcomes)
    print(f"\nprocesses left behind: {left}")
    return not left and not any(each["code"] == "hung" for each in outcomes)


def main() -> int:
    parser = command_line(
        __doc__, processes=[2, 3, 4], schedules=20, kills=50, rounds=5, time_out=8.0, seed=0
    )
    parser.add_argument("families", nargs="*", default=list(FAMILIES), metavar="FAMILY")
    given = parser.parse_args()
    if unknown := set(given.families) - set(FAMILIES):
        parser.error(f"unknown family {', '.join(sorted(unknown))}; known are {', '.join(FAMILIES)}")
    facts = heading("pellucid", "torch")
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    draws, several = random.Random(given.seed), [Way(1, each) for each in given.processes]
    ways, outcomes = [Way(1), Way(2), *several], []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if "backbone" in given.families:
            write_backbone()
        hashes, seconds, kills = same_on_any(given.families, ways, given.schedules, draws)
        signals = itertools.cycle((signal.SIGKILL, signal.SIGSTOP))
        for place, family in zip(range(given.kills), itertools.cycle(given.families), strict=False):
            way, moment = draws.choice(several), draws.uniform(0.1, 0.9) * seconds[family]
            name = f"{family}-lost-{place}"
            run, found = lost_in_time(way, family, name, moment, next(signals), draws, given.time_out)
            ran(draws.choice(ways).command(family, run))
            hashes[family][f"lost {place}"] = digest(run)
            outcomes.append({"family": family, "way": str(way), **found})
            print(outcomes[-1], flush=True)
        timed = {family: timed_in_turns(family, given.rounds) for family in given.families if given.rounds}
    print(f"\n{', '.join(map(str, ways))} (processes x threads)\n")
    print_hashes(hashes, kills)
    is_well = all(len(set(found.values())) == 1 for found in hashes.values())
    if outcomes:
        is_well = print_lost(outcomes, given.time_out) and is_well
    if timed:
        print("\nseconds of training after the first epoch\n")
        print_table(
            ("family", *next(iter(timed.values())), "rate of two processes"),
            [
                (
                    family,
                    *(middle(values, 2) for values in found.values()),
                    f"{statistics.median(one / two for one, two in zip(*found.values(), strict=True)):.2f}",
                )
                for family, found in timed.items()
            ],
        )
    times = {family: {way: summary(each) for way, each in found.items()} for family, found in timed.items()}
    write_json(given.json, {**facts, "hashes": hashes, "lost": outcomes, "seconds": times})
    return int(not is_well)


if __name__ == "__main__":
    sys.exit(main())
