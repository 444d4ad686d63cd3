"""Training speed of one and the same network in Keras, fastai, skorch, plain PyTorch and Pellucid.

    python benchmarks/training_speed.py [DATA] [--rounds 5] [--steps 24] [--only NAME ...]

Every contestant lives in a process of its own that waits while the others run. In each round each
trains one epoch of the same images; the order rotates from round to round. Building, compiling
and a warm-up epoch are not counted. Everybody uses all cores, as each does by default.
`contestants/` holds the network and the loop of each.

Takes: about 7 minutes on two cores and 8 GB of memory; the baselines come with `pip install pellucid[bench]`.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from contestants import IMAGES, Contestant, Data
from measuring import Among, command_line, heading, print_table, spread, summary, write_json

from pellucid.data import prepare
from pellucid.settings import Settings

OURS = "pellucid"
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
TABLES = {
    "defaults": "Everybody at their defaults",
    "equal": "Published beside it: everybody at Pellucid's precision and layout",
}


class Worker:
    """A contestant's process, warmed up: its parameters, its speeds round by round, its last mean loss."""

    def __init__(self, name: str, contestant: Contestant, data: Path, log: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in THREAD_LIMITS}
        own = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(Path(__file__).resolve().parent)}
        self.log, self.loss, self.speeds = log, float("nan"), list[float]()
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "contestants", contestant.module, name, str(data)],
                env={**kept, **own, **contestant.environment},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        self.parameters = int(self._answer()["parameters"])

    def round(self) -> None:
        """Train one epoch; `RuntimeError` if the process died."""
        self.process.stdin.write("epoch\n")
        self.process.stdin.flush()
        answer = self._answer()
        self.speeds.append(answer["examples_per_second"])
        self.loss = answer["loss"]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.communicate()

    def _answer(self) -> dict[str, float]:
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(self.log.read_text(errors="replace").strip().rpartition("\n")[2])
        answer: dict[str, float] = json.loads(line)
        return answer


def contest(
    contestants: Mapping[str, Contestant], data: Data, rounds: int
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Let everybody train on the data in every round; those that ran, and why the others did not."""
    workers, missing = dict[str, Worker](), dict[str, str]()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        data.save(path)
        try:
            for name, contestant in contestants.items():
                print(f"  warming up {contestant.title}", file=sys.stderr, flush=True)
                try:
                    workers[name] = Worker(name, contestant, path, Path(folder) / f"{name}.log")
                except RuntimeError as error:
                    is_absent = str(error).startswith(("ModuleNotFoundError", "ImportError"))
                    missing[name] = f"{error}{f'; pip install {contestant.package}' if is_absent else ''}"
            names = list(workers)
            for number in range(rounds if names else 0):
                print(f"  round {number + 1} of {rounds}", file=sys.stderr, flush=True)
                first = number % len(names)
                for name in names[first:] + names[:first]:
                    workers[name].round()
        finally:
            for worker in workers.values():
                worker.close()
    return workers, missing


def show(
    contestants: Mapping[str, Contestant],
    workers: Mapping[str, Worker],
    missing: Mapping[str, str],
    unit: str,
) -> dict[str, Any]:
    """Print both tables, slowest first, in comparison with Pellucid; the speeds, for `--json`."""
    for table, title in TABLES.items():
        print(title)
        belong = [name for name, each in contestants.items() if each.table in (table, "both")]
        rows = []
        for name in sorted(
            (name for name in belong if name in workers),
            key=lambda each: statistics.median(workers[each].speeds),
        ):
            speeds, ratio = workers[name].speeds, ""
            if OURS in workers and name != OURS:
                ratios = [mine / other for mine, other in zip(workers[OURS].speeds, speeds, strict=True)]
                ratio = f"{statistics.median(ratios):.2f} x ({spread(ratios, 2)})"
            median, loss = f"{statistics.median(speeds):,.0f}", f"{workers[name].loss:.2f}"
            each = contestants[name]
            rows.append([each.title, each.arithmetic, median, spread(speeds), ratio, loss])
        print_table(["", "arithmetic", f"{unit}/s, median", "range", "Pellucid is", "loss"], rows)
        for name in belong:
            if name in missing:
                print(f"missing: {contestants[name].title}: {missing[name]}\n")
    return {name: summary(worker.speeds) for name, worker in workers.items()}


def say_size(rounds: int, steps: int, batch: int, counts: Mapping[str, int], agree: bool) -> None:
    equal = "the same network for all" if agree else f"NOT EQUAL: {counts}"
    print(
        f"n = {rounds} rounds of {steps} steps of {batch} examples each; ratios are medians over the rounds"
    )
    print(f"trainable parameters {', '.join(f'{c:,}' for c in sorted(set(counts.values())))} ({equal})\n")


def cut(place: str, batch: int, steps: int, warm_up_steps: int) -> Data:
    """`batch * steps` training images of DATA; the epoch of `warm_up_steps` is not counted."""
    dataset, _ = prepare(place, Settings())
    chosen = np.random.default_rng(0).permutation(dataset.train)[: batch * steps]
    if len(chosen) < batch * steps:
        raise SystemExit(f"{place}: has {len(dataset.train)} images to train on, {batch * steps} are needed")
    pixels, labels = np.ascontiguousarray(dataset.inputs[chosen]), dataset.labels[chosen]
    return Data(pixels, labels, len(dataset.classes), batch, min(warm_up_steps, steps))


def main() -> int:
    """Measure and print both tables; 0 when all networks have the same number of parameters, else 1."""
    parser = command_line(__doc__, rounds=5, steps=24, warm_up=4, batch=256, only=Among(IMAGES))
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    given = parser.parse_args()
    facts = heading("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fastai", "skorch", "numpy")
    data = cut(given.data, given.batch, given.steps, given.warm_up)
    chosen = {name: IMAGES[name] for name in given.only}
    workers, missing = contest(chosen, data, given.rounds)
    counts = {name: worker.parameters for name, worker in workers.items()}
    agree = len(set(counts.values())) == 1
    say_size(given.rounds, given.steps, given.batch, counts, agree)
    speeds = show(chosen, workers, missing, "images")
    facts |= {"parameters": counts, "images_per_second": speeds, "missing": missing}
    write_json(given.json, facts)
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
