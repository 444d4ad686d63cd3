"""Runs of the real command, for the benchmarks that ask what a user gets and what it costs."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measuring import print_table, spread


@dataclass(frozen=True)
class RealRun:
    """What one `pellucid train` reached and cost.

    Attributes:
        preset: as given.
        seed: as given.
        model: name of the network.
        recommended: name of the model that the run recommends.
        recommended_accuracy: of that model on the test split.
        accuracy: of the network on the test split.
        low: lower end of its 95 % interval.
        high: upper end.
        validation_accuracy: on the validation split, of the weights that were kept.
        epochs: trained.
        train_seconds: of training steps, as the command reports them.
        wall_seconds: of the whole command: start, reading, checking, training, validation, test, report.
        peak_megabytes: largest resident memory of the command's process.
    """

    preset: str
    seed: int
    model: str
    recommended: str
    recommended_accuracy: float
    accuracy: float
    low: float
    high: float
    validation_accuracy: float
    epochs: int
    train_seconds: float
    wall_seconds: float
    peak_megabytes: float


def program() -> str:
    """Path of the command `pellucid` in the environment of this interpreter."""
    return os.path.join(os.path.dirname(sys.executable), "pellucid")


def run_once(
    data: str,
    preset: str,
    seed: int,
    extra: Sequence[str],
    cache: Path,
    environment: Mapping[str, str] | None = None,
) -> RealRun:
    """Run the command and read what it left.

    `cache` is the folder of the command's cache; `environment` joins this process's own.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        command = [
            program(),
            "train",
            data,
            "--out",
            str(run),
            "--preset",
            preset,
            "--seed",
            str(seed),
            *extra,
        ]
        began = time.perf_counter()
        own = {"XDG_CACHE_HOME": str(cache), **(environment or {})}
        process = subprocess.Popen(command, env={**os.environ, **own})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"error: {' '.join(command)} ended with {process.returncode}")
        metrics = json.loads((run / "metrics.json").read_bytes())
        epochs = len((run / "history.jsonl").read_bytes().splitlines())
        name = json.loads((run / "config.json").read_bytes())["plan"]["model"]
    entry = metrics["models"][name]
    accuracy = entry["test"]["accuracy"]
    per_megabyte = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes there, KiB elsewhere
    return RealRun(
        preset=preset,
        seed=seed,
        model=name,
        recommended=metrics["recommended"],
        recommended_accuracy=metrics["models"][metrics["recommended"]]["test"]["accuracy"]["value"],
        accuracy=accuracy["value"],
        low=accuracy["low"],
        high=accuracy["high"],
        validation_accuracy=entry["validation"]["accuracy"],
        epochs=epochs,
        train_seconds=entry["train_seconds"],
        wall_seconds=seconds,
        peak_megabytes=usage.ru_maxrss / per_megabyte,
    )


def run_all(
    data: str,
    presets: Sequence[str],
    seeds: int,
    extra: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> list[RealRun]:
    """Run every preset with every seed below `seeds`; all share one cache, which starts empty."""
    with tempfile.TemporaryDirectory() as cache:
        return [
            run_once(data, preset, seed, extra, Path(cache), environment)
            for preset in presets
            for seed in range(seeds)
        ]


def show(runs: Sequence[RealRun]) -> None:
    """Print a line per run and a mean per preset."""
    rows = []
    for preset in dict.fromkeys(run.preset for run in runs):
        of_preset = [run for run in runs if run.preset == preset]
        rows += [_line(run) for run in of_preset]
        if len(of_preset) > 1:
            rows.append(_mean(of_preset))
    header = [
        "",
        "seed",
        "test accuracy",
        "95 %",
        "validation",
        "epochs",
        "training s",
        "command s",
        "peak MB",
        "recommended",
    ]
    print_table(header, rows)


def _line(run: RealRun) -> list[str]:
    return [
        f"{run.preset}, {run.model}",
        str(run.seed),
        f"{run.accuracy:.4f}",
        f"{run.low:.4f}-{run.high:.4f}",
        f"{run.validation_accuracy:.4f}",
        str(run.epochs),
        f"{run.train_seconds:,.1f}",
        f"{run.wall_seconds:,.1f}",
        f"{run.peak_megabytes:,.0f}",
        run.recommended,
    ]


def _mean(runs: Sequence[RealRun]) -> list[str]:
    def mean(name: str, digits: int) -> str:
        return f"{statistics.fmean(getattr(run, name) for run in runs):,.{digits}f}"

    return [
        f"{runs[0].preset}: mean, n = {len(runs)}",
        "",
        mean("accuracy", 4),
        f"runs {spread([run.accuracy for run in runs], 4)}",
        mean("validation_accuracy", 4),
        mean("epochs", 0),
        mean("train_seconds", 1),
        mean("wall_seconds", 1),
        f"max {max(run.peak_megabytes for run in runs):,.0f}",
        "",
    ]


def as_json(runs: Sequence[RealRun]) -> list[dict[str, Any]]:
    """The runs for `--json`."""
    return [asdict(run) for run in runs]
