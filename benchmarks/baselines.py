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

import dataclasses
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from measuring import command_line, cores, heading, print_table, write_json

from pellucid.classical import BASELINES, Budget, Fitted, TrainingSet, extract, fit_baseline
from pellucid.data import Dataset, prepare
from pellucid.settings import Settings

DEBIAN_FOLDER = "/usr/share/datasets/fashion-mnist"
PIXELS_ALONE = "logistic-regression on pixels"
Z = 1.959964


def wilson(share: float, examples: int) -> tuple[float, float]:
    """Both ends of the 95 % interval of a share that was observed on so many examples (Wilson 1927)."""
    middle = (share + Z**2 / (2 * examples)) / (1 + Z**2 / examples)
    half = Z / (1 + Z**2 / examples) * np.sqrt(share * (1 - share) / examples + Z**2 / (4 * examples**2))
    return float(middle - half), float(middle + half)


def measure(
    name: str, lesson: TrainingSet, dataset: Dataset, seed: int, threads: int, budget: Budget
) -> dict[str, Any]:
    """Train one baseline, or `PIXELS_ALONE`, and ask it about the test split; what is shown and written.

    `lesson` is what the others learn from.
    """
    began = time.process_time()
    if name == PIXELS_ALONE:
        pixels = extract("pixels", dataset.inputs)
        alone = dataclasses.replace(lesson, inputs=pixels, kind="values")
        fitted = fit_baseline("logistic-regression", alone, seed=seed, threads=threads)
        fitted = dataclasses.replace(fitted, features="pixels")
    else:
        fitted = fit_baseline(name, lesson, seed=seed, threads=threads, budget=budget)
    cpu = time.process_time() - began
    began = time.perf_counter()
    answers = fitted.predictor.predict(extract(fitted.features, np.asarray(dataset.inputs[dataset.test])))
    asking = time.perf_counter() - began
    accuracy = float((answers.argmax(axis=1) == dataset.labels[dataset.test]).mean())
    return {
        "name": name,
        "features": fitted.features,
        "seconds": fitted.seconds,
        "cpu_seconds": cpu,
        "test_seconds": asking,
        "accuracy": accuracy,
        "interval": wilson(accuracy, len(dataset.test)),
        "train_examples": fitted.train_examples,
        "megabytes": sum(array.nbytes for array in fitted.predictor.arrays().values()) / 1e6,
        "configurations": [list(each) for each in fitted.configurations],
        "chosen": chosen(fitted),
    }


def chosen(fitted: Fitted) -> str:
    """Set-up that was best, in words."""
    return max(fitted.configurations, key=lambda each: each.score).words if fitted.configurations else ""


def main() -> int:
    """Measure and print a table."""
    parser = command_line(__doc__)
    parser.add_argument("--data", default=DEBIAN_FOLDER, metavar="FOLDER", help=f"default: {DEBIAN_FOLDER}")
    parser.add_argument("--sample", action="store_true", help="the bundled sample instead")
    parser.add_argument("--only", nargs="+", choices=[*BASELINES, PIXELS_ALONE], help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--images-a-tree", type=int, default=Budget().grown, help="of the random forest")
    arguments = parser.parse_args()
    budget = dataclasses.replace(Budget(), grown=arguments.images_a_tree)
    place = "sample:fashion" if arguments.sample else arguments.data
    if place == DEBIAN_FOLDER and not Path(DEBIAN_FOLDER).exists():
        print(
            f"skipped: {DEBIAN_FOLDER} is not there; apt install dataset-fashion-mnist, or give --data FOLDER"
        )
        return 0
    facts = heading(("pellucid", "scikit-learn", "numpy"))
    dataset, _ = prepare(place, Settings())
    lesson = TrainingSet(
        inputs=dataset.inputs,
        labels=dataset.labels,
        train=dataset.train,
        validation=dataset.validation,
        classes=len(dataset.classes),
    )
    print(
        f"{len(dataset.train):,} train, {len(dataset.validation):,} validation, {len(dataset.test):,} test\n"
    )
    found = []
    for name in arguments.only or [*BASELINES, PIXELS_ALONE]:
        found.append(measure(name, lesson, dataset, arguments.seed, arguments.threads, budget))
        print(f"{name}: {found[-1]['seconds']:.1f} s; {found[-1]['configurations']}", flush=True)
    show(found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 1024**2
    )
    baselines = sum(each["seconds"] for each in found if each["name"] in BASELINES)
    print(
        f"all baselines together {baselines:.0f} s on {arguments.threads} threads; peak memory {peak:,.0f} MB"
    )
    write_json(arguments.json, {**facts, "baselines": found, "seconds": baselines, "peak_megabytes": peak})
    return 0


def show(found: list[dict[str, Any]]) -> None:
    """Print one row for each baseline, of what `measure` gave."""
    print()
    print_table(
        [
            "baseline",
            "test accuracy",
            "95 % interval",
            "learnt from",
            "s",
            "CPU s",
            "s for the test",
            "MB",
            "chosen",
        ],
        [
            [
                each["name"],
                f"{each['accuracy']:.4f}",
                "{:.3f}-{:.3f}".format(*each["interval"]),
                f"{each['train_examples']:,}",
                f"{each['seconds']:.1f}",
                f"{each['cpu_seconds']:.1f}",
                f"{each['test_seconds']:.1f}",
                f"{each['megabytes']:.1f}",
                each["chosen"],
            ]
            for each in found
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
