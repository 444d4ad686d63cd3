"""Accuracy, time and memory of `pellucid train` on the full Fashion-MNIST or photographs, by effort and seed.

    python benchmarks/fashion_mnist.py [--data DATA] [--presets quick standard] [--seeds 3] [--avx2]

Runs the real command in processes of their own, into temporary folders; the first run finds an empty cache.
`--avx2` keeps torch and oneDNN from whatever the processor has beyond AVX2, bf16 among it. DATA is the folder
of the four IDX files, where Debian's package `dataset-fashion-mnist` puts them by default, or any other, such
as photographs in `train/` and `test/` with one sub-folder per class. Among the presets may be time limits,
such as 60s or 10m. Further flags go to `pellucid train`.

Takes: on two cores 2 minutes a run for quick, 4 with --avx2 or for standard, 60 for best; 20 as it stands.
"""

import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from measuring import AVX2, FASHION, PELLUCID, command_line, heading, print_table, ran, spread, write_json


@dataclass(frozen=True)
class RealRun:
    """What one `pellucid train` reached and cost; accuracies are on the test split by default."""

    preset: str  # or a time limit
    seed: int
    model: str
    recommended: str
    recommended_accuracy: float
    accuracy: float  # of the network, its 95 % interval from low to high
    low: float
    high: float
    validation_accuracy: float  # of the weights that were kept
    epochs: int
    train_seconds: float  # of training steps, as the command reports them
    wall_seconds: float  # of the whole command
    peak_megabytes: float


def run_once(
    data: str,
    preset: str,
    seed: int,
    extra: Sequence[str],
    cache: Path,
    environment: Mapping[str, str] | None = None,
) -> RealRun:
    """Run the command with a cache folder, `environment` beside this process's own, and read what it left."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        effort = "--time-limit" if preset[0].isdigit() else "--preset"
        command = [PELLUCID, "train", data, "--out", run, effort, preset, "--seed", seed, *extra]
        ended = ran(command, {"XDG_CACHE_HOME": str(cache), **(environment or {})})
        metrics = json.loads((run / "metrics.json").read_bytes())
        epochs = len((run / "history.jsonl").read_bytes().splitlines())
        name = json.loads((run / "config.json").read_bytes())["plan"]["model"]
    entry, recommended = metrics["models"][name], metrics["recommended"]
    accuracy = entry["test"]["accuracy"]
    return RealRun(
        preset=preset,
        seed=seed,
        model=name,
        recommended=recommended,
        recommended_accuracy=metrics["models"][recommended]["test"]["accuracy"]["value"],
        accuracy=accuracy["value"],
        low=accuracy["low"],
        high=accuracy["high"],
        validation_accuracy=entry["validation"]["accuracy"],
        epochs=epochs,
        train_seconds=entry["train_seconds"],
        wall_seconds=ended.seconds,
        peak_megabytes=ended.megabytes,
    )


def show(runs: Sequence[RealRun]) -> list[dict[str, Any]]:
    """Print a line per run and a mean per preset; the runs, for `--json`."""
    rows = []
    for preset in dict.fromkeys(run.preset for run in runs):
        of_preset = [run for run in runs if run.preset == preset]
        for run in of_preset:
            words = [f"{preset}, {run.model}", str(run.seed), f"{run.accuracy:.4f}"]
            words += [f"{run.low:.4f}-{run.high:.4f}", *_figures([run]), run.recommended]
            rows.append(words)
        if len(of_preset) > 1:
            accuracies = [run.accuracy for run in of_preset]
            mean = [f"{statistics.fmean(accuracies):.4f}", f"runs {spread(accuracies, 4)}"]
            rows.append([f"{preset}: mean, n = {len(of_preset)}", "", *mean, *_figures(of_preset), ""])
    figures = ["validation", "epochs", "training s", "command s", "peak MB"]
    print_table(["", "seed", "test accuracy", "95 %", *figures, "recommended"], rows)
    return [asdict(run) for run in runs]


def _figures(runs: Sequence[RealRun]) -> list[str]:
    digits = {"validation_accuracy": 4, "epochs": 0, "train_seconds": 1, "wall_seconds": 1}
    means = [
        f"{statistics.fmean(getattr(run, name) for run in runs):,.{each}f}" for name, each in digits.items()
    ]
    return [*means, f"{max(run.peak_megabytes for run in runs):,.0f}"]


def main() -> int:
    parser = command_line(__doc__, data=str(FASHION), presets=["quick", "standard"], seeds=3, avx2=False)
    given, extra = parser.parse_known_args()  # further flags go to pellucid train
    if given.data == str(FASHION) and not FASHION.exists():
        print(f"skipped: {given.data} is not there; apt install dataset-fashion-mnist, or give --data DATA")
        return 0
    facts = heading("pellucid", "torch", "pillow", "numpy")
    environment = AVX2 if given.avx2 else {}
    with tempfile.TemporaryDirectory() as cache:
        runs = [
            run_once(given.data, preset, seed, extra, Path(cache), environment)
            for preset in given.presets
            for seed in range(given.seeds)
        ]
    write_json(given.json, {**facts, "avx2": given.avx2, "runs": show(runs)})
    return 0


if __name__ == "__main__":
    sys.exit(main())
