"""Training speed of one and the same network in Keras, fastai, skorch, plain PyTorch and Pellucid.

    python benchmarks/training_speed.py [DATA] [--rounds 5] [--steps 24] [--only NAME ...]

Every contestant lives in a process of its own that waits while the others run. In each round each
trains one epoch of the same pictures; the order rotates from round to round. Building, compiling
and a warm-up epoch are not counted. Everybody uses all cores, as each does by default.
`contestants/` holds the network and the loop of each.

Takes: about 7 minutes on two cores and 8 GB of memory; the rivals come with `pip install pellucid[bench]`.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from contestants import CONTESTANTS
from contestants.data import Data
from measuring import heading, print_table, spread, summary, write_json

from pellucid.data import prepare
from pellucid.settings import Settings

FOLDER = Path(__file__).resolve().parent
PACKAGES = ("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fastai", "skorch", "numpy")
OURS = "pellucid"
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class Worker:
    """A contestant's process, warmed up.

    Attributes:
        parameters: trainable parameters of its network.
        speeds: images per second of each round.
        loss: mean training loss of the last round.
    """

    def __init__(self, name: str, data: Path, log: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in THREAD_LIMITS}
        surroundings = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(FOLDER)}
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "contestants", name, str(data)],
                env={**kept, **surroundings, **CONTESTANTS[name].environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self.speeds: list[float] = []
        self.loss = float("nan")
        self.parameters = int(self._answer()["parameters"])

    def round(self) -> None:
        """Train one epoch.

        Raises:
            RuntimeError: the process died.
        """
        assert self.process.stdin is not None
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.speeds.append(answer["images_per_second"])
        self.loss = answer["loss"]

    def close(self) -> None:
        """Let the process end."""
        if self.process.poll() is None:
            self.process.communicate()

    def _answer(self) -> dict[str, float]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(self.log.read_text(errors="replace").strip().rpartition("\n")[2])
        answer: dict[str, float] = json.loads(line)
        return answer


def cut(place: str, batch: int, steps: int, warm_up_steps: int) -> Data:
    """Take the first training pictures of some data.

    Args:
        place: DATA as `pellucid train` takes it.
        batch: pictures per step.
        steps: steps of an epoch.
        warm_up_steps: steps of the epoch that is not counted.

    Returns:
        `batch * steps` pictures.
    """
    dataset, _ = prepare(place, Settings())
    chosen = np.random.default_rng(0).permutation(dataset.train)[: batch * steps]
    if len(chosen) < batch * steps:
        raise SystemExit(
            f"{place}: has {len(dataset.train)} pictures to train on, {batch * steps} are needed"
        )
    return Data(
        np.ascontiguousarray(dataset.inputs[chosen]),
        dataset.labels[chosen],
        len(dataset.classes),
        batch,
        min(warm_up_steps, steps),
    )


def start_all(names: list[str], data: Path, logs: Path) -> tuple[dict[str, Worker], dict[str, str]]:
    """Start and warm up the contestants, one after the other.

    Args:
        names: which.
        data: file with the pictures.
        logs: folder for what they print.

    Returns:
        Those that run, and why the others do not.
    """
    workers: dict[str, Worker] = {}
    missing: dict[str, str] = {}
    for name in names:
        print(f"  warming up {CONTESTANTS[name].title}", file=sys.stderr, flush=True)
        try:
            workers[name] = Worker(name, data, logs / f"{name}.log")
        except RuntimeError as error:
            is_absent = str(error).startswith(("ModuleNotFoundError", "ImportError"))
            remedy = f"; pip install {' '.join(CONTESTANTS[name].packages)}" if is_absent else ""
            missing[name] = f"{error}{remedy}"
    return workers, missing


def run_rounds(workers: dict[str, Worker], rounds: int) -> None:
    """Let everybody train in every round, the order rotated.

    Args:
        workers: who.
        rounds: how often.
    """
    names = list(workers)
    for number in range(rounds):
        print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
        first = number % len(names)
        for name in names[first:] + names[:first]:
            workers[name].round()


def show(title: str, table: str, workers: dict[str, Worker], missing: dict[str, str]) -> None:
    """Print one table, slowest first.

    Args:
        title: what it shows.
        table: `defaults` or `equal`.
        workers: everybody who ran.
        missing: everybody who did not.
    """
    belongs = [name for name in CONTESTANTS if CONTESTANTS[name].table in (table, "both")]
    ours = workers.get(OURS)
    rows = []
    ran = [name for name in belongs if name in workers]
    for name in sorted(ran, key=lambda each: statistics.median(workers[each].speeds)):
        speeds = workers[name].speeds
        ratio = ""
        if ours is not None and name != OURS:
            ratios = [mine / theirs for mine, theirs in zip(ours.speeds, speeds, strict=True)]
            ratio = f"{statistics.median(ratios):.2f} x ({spread(ratios, 2)})"
        entry = CONTESTANTS[name]
        rows.append(
            [
                entry.title,
                entry.arithmetic,
                f"{statistics.median(speeds):,.0f}",
                spread(speeds),
                ratio,
                f"{workers[name].loss:.2f}",
            ]
        )
    print(title)
    print_table(["", "arithmetic", "images/s, median", "range", "Pellucid is", "loss"], rows)
    for name in belongs:
        if name in missing:
            print(f"missing: {CONTESTANTS[name].title}: {missing[name]}\n")


def main() -> int:
    """Measure and print both tables.

    Returns:
        0 when all networks have the same number of parameters, else 1.
    """
    parser = argparse.ArgumentParser(description="Compare the training speed of libraries on one network.")
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=24, help="steps per contestant and round (default: 24)")
    parser.add_argument("--warm-up", type=int, default=4, help="steps before the first round (default: 4)")
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--only", nargs="+", choices=list(CONTESTANTS), default=list(CONTESTANTS))
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()

    facts: dict[str, Any] = heading(PACKAGES)
    data = cut(arguments.data, arguments.batch, arguments.steps, arguments.warm_up)
    with tempfile.TemporaryDirectory() as folder:
        data.save(Path(folder) / "data.npz")
        workers, missing = start_all(arguments.only, Path(folder) / "data.npz", Path(folder))
        try:
            run_rounds(workers, arguments.rounds)
        finally:
            for worker in workers.values():
                worker.close()

    counts = {name: worker.parameters for name, worker in workers.items()}
    agree = len(set(counts.values())) == 1
    print(
        f"n = {arguments.rounds} rounds of {arguments.steps} steps of {arguments.batch} pictures each; "
        f"trainable parameters {', '.join(f'{count:,}' for count in sorted(set(counts.values())))} "
        f"({'equal for all' if agree else f'NOT EQUAL: {counts}'}); "
        "ratios are medians over the rounds\n"
    )
    show("Everybody at their defaults", "defaults", workers, missing)
    show("Published beside it: everybody at Pellucid's precision and layout", "equal", workers, missing)
    speeds = {name: summary(worker.speeds) for name, worker in workers.items()}
    write_json(
        arguments.json, {**facts, "parameters": counts, "images_per_second": speeds, "missing": missing}
    )
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
