"""Time to the same accuracy on Fashion-MNIST: libraries by documented recipes, Pellucid by fewer epochs.

    python benchmarks/time_to_accuracy.py [--rounds 3] [--only NAME ...] [--epochs 1 2 3 4 6]
                                          [--limits 3 6 15 30] [--avx2]

Every library trains by its own documented recipe (`recipes.py`) on the 60,000 training images and is asked
once about the 10,000 test images. Pellucid trains its `cnn` and its `mlp`, each as wide as usual and half as
wide, for each number of epochs in `--epochs`, and its support vector machine within each time limit of
`--limits`, at its defaults otherwise. Beside each recipe stands the shortest of Pellucid's trainings that is
at least as accurate in its mean over the rounds. Seconds run from the images in memory to the trained model;
processes are interleaved, one after the other, on all cores.

Takes: on two cores about 25 minutes a round; the others come with `pip install 'pellucid[bench]' lightning`.
"""

import gzip
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
from fashion_mnist import DEBIAN_FOLDER
from measuring import AVX2, command_line, heading, print_table, spread, write_json
from recipes import RECIPES

OURS = ("pellucid", "pellucid-narrow", "pellucid-mlp", "pellucid-narrow-mlp", "pellucid-svm")
_BY_SECONDS = "pellucid-svm"
_HEADERS = {"images": 16, "labels": 8}


def load(folder: Path) -> dict[str, np.ndarray]:
    """The four IDX files of FOLDER."""

    def read(name: str) -> np.ndarray:
        content = gzip.decompress((folder / name).read_bytes())
        kind = "images" if "images" in name else "labels"
        flat = np.frombuffer(content, np.uint8, offset=_HEADERS[kind])
        return flat.reshape(-1, 28, 28) if kind == "images" else flat

    return {
        "x_train": read("train-images-idx3-ubyte.gz"),
        "y_train": read("train-labels-idx1-ubyte.gz"),
        "x_test": read("t10k-images-idx3-ubyte.gz"),
        "y_test": read("t10k-labels-idx1-ubyte.gz"),
    }


def run_once(name: str, data: Path, epochs: int, environment: dict[str, str]) -> dict[str, float]:
    """Seconds and test accuracy of one recipe, in a process of its own.

    Raises: `SystemExit` if it failed.
    """
    command = [
        sys.executable,
        str(Path(__file__).with_name("recipes.py")),
        name,
        str(data),
        "--epochs",
        str(epochs),
    ]
    settings = {**os.environ, **RECIPES[name].environment, **environment}
    ended = subprocess.run(command, env=settings, capture_output=True, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"error: {name} ended with {ended.returncode}\n{ended.stderr[-2000:]}")
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def rows(found: dict[tuple[str, int], list[dict[str, float]]]) -> list[tuple[str, ...]]:
    """Rows of the table: each recipe, and the shortest of our trainings that reaches its mean accuracy."""
    mean = {key: statistics.fmean(run["accuracy"] for run in runs) for key, runs in found.items()}
    seconds = {key: [run["seconds"] for run in runs] for key, runs in found.items()}
    ours = sorted((key for key in found if key[0] in OURS), key=lambda key: statistics.median(seconds[key]))
    table = []
    for key in found:
        name, epochs = key
        reached = next((other for other in ours if mean[other] >= mean[key]), None)
        beside = ("", "") if name in OURS else ("not reached", "")
        if name not in OURS and reached is not None:
            ratios = [theirs / own for theirs, own in zip(seconds[key], seconds[reached], strict=True)]
            took = statistics.median(seconds[reached])
            beside = (
                f"{RECIPES[reached[0]].title}, {reached[1]}: {mean[reached]:.4f}, {took:.1f} s",
                f"{statistics.median(ratios):.2f} x [{spread(ratios, 2)}]",
            )
        took = f"{statistics.median(seconds[key]):.1f} s [{spread(seconds[key], 1)}]"
        table.append((RECIPES[name].title, str(epochs), f"{mean[key]:.4f}", took, *beside))
    return table


def main() -> int:
    """Measure and print a table; the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("--data", type=Path, default=Path(DEBIAN_FOLDER), metavar="FOLDER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    parser.add_argument("--epochs", nargs="+", type=int, default=[1, 2, 3, 4, 6], help="of its networks")
    parser.add_argument("--limits", nargs="+", type=int, default=[3, 6, 15, 30], help="of its svm, seconds")
    parser.add_argument(
        "--avx2", action="store_true", help="torch and oneDNN as a processor of AVX2 alone computes"
    )
    given = parser.parse_args()
    facts = heading(("pellucid", "torch", "keras", "tensorflow-cpu", "jax", "fastai", "skorch", "lightning"))
    there = [
        name
        for name in given.only
        if all(importlib.util.find_spec(package.split(".")[0]) for package in RECIPES[name].packages)
    ]
    for name in sorted(set(given.only) - set(there)):
        print(f"{name}: not installed, left out")
    lengths = {name: given.limits if name == _BY_SECONDS else given.epochs for name in OURS}
    plan = [(name, length) for name in there for length in lengths.get(name, [RECIPES[name].epochs])]
    found: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        np.savez(data, **load(given.data))
        for number in range(given.rounds):
            for name, epochs in plan[number % len(plan) :] + plan[: number % len(plan)]:
                run = run_once(name, data, epochs, AVX2 if given.avx2 else {})
                found[name, epochs].append(run)
                print(f"{name}, {epochs}: {run['accuracy']:.4f} in {run['seconds']:.1f} s", flush=True)
    ordered = {key: found[key] for key in plan}
    print(f"\nn = {given.rounds}; accuracy on 10,000 test images, mean; seconds, median\n")
    print_table(("recipe", "epochs or limit", "accuracy", "time", "Pellucid", "Pellucid is"), rows(ordered))
    write_json(given.json, {**facts, "found": [[*key, runs] for key, runs in ordered.items()]})
    return 0


if __name__ == "__main__":
    sys.exit(main())
