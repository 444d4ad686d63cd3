"""A contest of libraries: each in a process of its own that waits while the others run.

In every round each contestant trains one epoch of the same examples; the order rotates from round
to round. `contestants/` holds the network and the loop of each.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from contestants import Contestant
from contestants.data import Cut
from measuring import print_table, spread

FOLDER = Path(__file__).resolve().parent
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


class Worker:
    """A contestant's process, warmed up.

    Attributes:
        parameters: trainable parameters of its network.
        speeds: examples per second of each round.
        loss: mean training loss of the last round.
    """

    def __init__(self, name: str, contestant: Contestant, data: Path, log: Path) -> None:
        kept = {key: value for key, value in os.environ.items() if key not in THREAD_LIMITS}
        surroundings = {"TF_CPP_MIN_LOG_LEVEL": "2", "PYTHONPATH": str(FOLDER)}
        self.log = log
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "contestants", name, str(data)],
                env={**kept, **surroundings, **contestant.environment},
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
        self.speeds.append(answer["examples_per_second"])
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


def start_all(
    contestants: Mapping[str, Contestant], data: Path, logs: Path
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Start and warm up the contestants, one after the other; those that run, and why the others do not.

    `data` is the file with the examples, `logs` a folder for what they print.
    """
    workers: dict[str, Worker] = {}
    missing: dict[str, str] = {}
    for name, contestant in contestants.items():
        print(f"  warming up {contestant.title}", file=sys.stderr, flush=True)
        try:
            workers[name] = Worker(name, contestant, data, logs / f"{name}.log")
        except RuntimeError as error:
            is_absent = str(error).startswith(("ModuleNotFoundError", "ImportError"))
            remedy = f"; pip install {' '.join(contestant.packages)}" if is_absent else ""
            missing[name] = f"{error}{remedy}"
    return workers, missing


def held(
    contestants: Mapping[str, Contestant], data: Cut, rounds: int
) -> tuple[dict[str, Worker], dict[str, str]]:
    """Let everybody train on the data in every round, the order rotated.

    Those that ran, their processes ended, and why the others did not.
    """
    with tempfile.TemporaryDirectory() as folder:
        data.save(Path(folder) / "data.npz")
        workers, missing = start_all(contestants, Path(folder) / "data.npz", Path(folder))
        try:
            names = list(workers)
            for number in range(rounds):
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
    ours: str,
    unit: str,
) -> None:
    """Print one table, slowest first, in comparison with `ours`; `unit` is what is trained each second."""
    rows = []
    ran = [name for name in contestants if name in workers]
    for name in sorted(ran, key=lambda each: statistics.median(workers[each].speeds)):
        speeds = workers[name].speeds
        rows.append(
            [
                contestants[name].title,
                contestants[name].arithmetic,
                f"{statistics.median(speeds):,.0f}",
                spread(speeds),
                _ratio(workers[ours].speeds, speeds) if ours in workers and name != ours else "",
                f"{workers[name].loss:.2f}",
            ]
        )
    print_table(["", "arithmetic", f"{unit}/s, median", "range", "Pellucid is", "loss"], rows)
    for name in contestants:
        if name in missing:
            print(f"missing: {contestants[name].title}: {missing[name]}\n")


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> str:
    """How many times as fast, round by round."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return f"{statistics.median(ratios):.2f} x ({spread(ratios, 2)})"
