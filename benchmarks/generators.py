"""What made images are worth: a classifier that learned from them alone, on real test images.

    python benchmarks/generators.py [--data FOLDER] [--models vae gan] [--time-limits 8m 12m] [--seeds 1]

Runs the real command for each model, each with its time limit, makes as many images as there were to train
on with `pellucid generate`, trains `lenet` on them through the real command, and tests it on the real test
split; beside it the rows of the run's own table, where the classifier learns from at most 10,000 images:
model, plain generator and real images, all measured with the same held-out images. FOLDER is any DATA with
classes; the default is the full Fashion-MNIST as Debian's package `dataset-fashion-mnist` lays it out, and
where that is not there, the bundled sample. Further flags go to `pellucid train`.

Takes: on two cores about 32 minutes a seed on the full data; 7 with `--data sample:fashion --time-limits 90s
90s`.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from measuring import command_line, heading, print_table, spread, write_json

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"


def main() -> int:
    """Run and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("--data", metavar="DATA", help=f"default: {DEBIAN_FOLDER}, or sample:fashion")
    parser.add_argument("--models", nargs="+", default=["vae", "gan"], choices=["vae", "gan"])
    parser.add_argument(
        "--time-limits",
        nargs="+",
        default=["8m", "12m"],
        metavar="TIME",
        help="of each model's whole command",
    )
    parser.add_argument("--seeds", type=int, default=1, help="runs (default: 1)")
    arguments, extra = parser.parse_known_args()
    data = arguments.data or (DEBIAN_FOLDER if Path(DEBIAN_FOLDER).exists() else "sample:fashion")
    facts = heading(("pellucid", "torch", "numpy"))
    runs = [
        run_once(model, data, limit, seed, extra)
        for seed in range(arguments.seeds)
        for model, limit in zip(arguments.models, arguments.time_limits, strict=True)
    ]
    header = (
        "model",
        "seed",
        "made images teach",
        "real images teach",
        "coverage",
        "own table: teach a classifier",
        "command s",
    )
    print_table(header, [_line(each) for each in runs])
    for model in arguments.models:
        taught = [each["taught_by_made"] for each in runs if each["model"] == model]
        print(f"\nimages of {model} teach:", spread(taught, 3))
    write_json(arguments.json, {**facts, "data": data, "runs": runs})
    return 0


def run_once(model: str, data: str, time_limit: str, seed: int, extra: Sequence[str]) -> dict[str, Any]:
    """Train a generator, then a classifier on its images and one on real ones.

    The time limit is that of the generator's whole command, as are the further flags. The accuracies on real
    test images, and what the generator cost.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.monotonic()
        given = ("--model", model, "--time-limit", time_limit, "--seed", str(seed), *extra)
        _command("train", data, "--out", folder / model, *given)
        seconds = time.monotonic() - began
        metrics = json.loads((folder / model / "metrics.json").read_text())
        count = metrics["data"]["train"]
        _command("generate", folder / model, "--count", count, "--seed", seed, "--out", folder / "made")
        table = folder / "made" / "labels.csv"
        taught = {
            f"taught_by_{kind}": _taught(source, data, folder / f"taught-by-{kind}", seed)
            for kind, source in (("made", str(table)), ("real", data))
        }
        rows = metrics["generators"]["models"]
        return {
            "model": model,
            "seed": seed,
            **taught,
            "seconds": seconds,
            "coverage": rows[model]["coverage"]["value"],
            "own_table": {
                row: (scores["accuracy_trained_on_it"] or {}).get("value") for row, scores in rows.items()
            },
        }


def _taught(source: str, data: str, out: Path, seed: int) -> float:
    """Accuracy on the real test split of a small CNN that learned from some images."""
    given = ("--model", "lenet", "--dropout", "0.3", "--no-batch-norm", "--no-augment", "--no-baselines")
    _command("train", source, "--out", out, *given, "--epochs", "8", "--seed", seed, "--no-groups")
    scored = _command("evaluate", out, data, "--json")
    return float(json.loads(scored)["test"]["accuracy"]["value"])


def _command(*words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pellucid", *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"pellucid {words[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def _line(run: dict[str, Any]) -> Sequence[str]:
    own = ", ".join(f"{row} {value:.3f}" for row, value in run["own_table"].items() if value is not None)
    return (
        run["model"],
        str(run["seed"]),
        f"{run['taught_by_made']:.3f}",
        f"{run['taught_by_real']:.3f}",
        f"{run['coverage']:.2f}",
        own,
        f"{run['seconds']:.0f}",
    )


if __name__ == "__main__":
    sys.exit(main())
