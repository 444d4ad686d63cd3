"""Time, accuracy and size of every classical baseline on the full Fashion-MNIST, or on the bundled sample.

    python benchmarks/baselines.py [--data FOLDER] [--sample] [--only NAME ...] [--seed 0] [--threads N]
        [--images-a-tree N]

Each baseline is trained as `pellucid train` trains it: set-ups compared on the validation split, the
best trained on the training split and then asked once about the test split. One line more has
logistic regression on pixels alone. FOLDER holds the four IDX files; Debian's package
`dataset-fashion-mnist` puts them where the default looks. Where it is not there, the script says so
and measures nothing.

Takes: on two cores about 3 minutes; half a minute with `--sample`.
"""

import argparse
import dataclasses
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import FASHION, Among, command_line, cores, heading, print_table, write_json

from pellucid.classical import Budget, TrainingSet, baselines_for, extract, fit_baseline
from pellucid.data import Dataset, prepare
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, Labels

PIXELS_ALONE = "logistic-regression on pixels"
Z = 1.959964


def wilson(share: float, examples: int) -> tuple[float, float]:
    """Both ends of the 95 % interval of a share that was observed on so many examples (Wilson 1927)."""
    middle = (share + Z**2 / (2 * examples)) / (1 + Z**2 / examples)
    half = Z / (1 + Z**2 / examples) * np.sqrt(share * (1 - share) / examples + Z**2 / (4 * examples**2))
    return float(middle - half), float(middle + half)


def measure(name: str, lesson: TrainingSet, dataset: Dataset, given: argparse.Namespace) -> dict[str, Any]:
    """Train one baseline, or logistic regression on pixels alone, and ask it about the test split."""
    own = {"seed": given.seed, "threads": given.threads}
    began = time.process_time()
    if name == PIXELS_ALONE:
        alone = dataclasses.replace(lesson, inputs=extract("pixels", dataset.inputs), kind="values")
        fitted = fit_baseline("logistic-regression", alone, **own)
        fitted = dataclasses.replace(fitted, features="pixels")
    else:
        budget = dataclasses.replace(Budget(), grown=given.images_a_tree)
        fitted = fit_baseline(name, lesson, **own, budget=budget)
    cpu, began = time.process_time() - began, time.perf_counter()
    answers = fitted.predictor.predict(extract(fitted.features, np.asarray(dataset.inputs[dataset.test])))
    asking, tried = time.perf_counter() - began, fitted.configurations
    accuracy = float((answers.argmax(axis=1) == dataset.labels[dataset.test]).mean())
    return {
        "name": name,
        "accuracy": accuracy,
        "interval": wilson(accuracy, len(dataset.test)),
        "train_examples": fitted.train_examples,
        "seconds": fitted.seconds,
        "cpu_seconds": cpu,
        "test_seconds": asking,
        "megabytes": sum(array.nbytes for array in fitted.predictor.arrays().values()) / 1e6,
        "configurations": [list(each) for each in tried],
        "chosen": max(tried, key=lambda each: each.score).words if tried else "",
    }


def main() -> int:
    parser = command_line(
        __doc__, data=str(FASHION), sample=False, only=Among((*baselines_for(CLASSIFICATION), PIXELS_ALONE)),
        seed=0, threads=cores(), images_a_tree=Budget().grown,
    )  # fmt: skip
    given = parser.parse_args()
    place = "sample:fashion" if given.sample else given.data
    if not given.sample and not Path(place).exists():
        print(f"skipped: {place} is not there; apt install dataset-fashion-mnist, or give --data FOLDER")
        return 0
    facts = heading("pellucid", "scikit-learn", "numpy")
    dataset, _ = prepare(place, Settings())
    train, validation = dataset.train, dataset.validation
    labels = Labels(dataset.labels, dataset.classes, dataset.target)
    lesson = TrainingSet(dataset.inputs, labels, train, validation)
    print(f"{len(train):,} train, {len(validation):,} validation, {len(dataset.test):,} test\n")
    found, rows = [], []
    for name in given.only:
        each = measure(name, lesson, dataset, given)
        print(f"{name}: {each['seconds']:.1f} s; {each['configurations']}", flush=True)
        cells = ["{:.3f}-{:.3f}".format(*each["interval"]), f"{each['train_examples']:,}"]
        cells += [f"{each[key]:.1f}" for key in ("seconds", "cpu_seconds", "test_seconds", "megabytes")]
        rows.append([name, f"{each['accuracy']:.4f}", *cells, each["chosen"]])
        found.append(each)
    costs = ["s", "CPU s", "s for the test", "MB"]
    print_table(["baseline", "test accuracy", "95 % interval", "learnt from", *costs, "chosen"], rows)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    together = sum(each["seconds"] for each in found if each["name"] != PIXELS_ALONE)
    print(f"all baselines together {together:.0f} s on {given.threads} threads; peak memory {peak:,.0f} MB")
    write_json(given.json, {**facts, "baselines": found, "seconds": together, "peak_megabytes": peak})
    return 0


if __name__ == "__main__":
    sys.exit(main())
