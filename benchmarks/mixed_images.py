"""Long trainings of `cnn` on photographs with and without mixed images, on training images held out.

    python benchmarks/mixed_images.py FOLDER [--presets best] [--epochs 60] [--mix 0 0.5] [--erase 0.2 0.4]

FOLDER holds `train/` with one sub-folder per class. 4,000 of its images are held out, drawn by one seed; the
others train `cnn` as `fit` does, with a tenth of them as validation. `test/` is never looked at. Every value
of `--mix` meets every value of `--erase`. One thread; accuracy, log loss and seconds of the processor.

Takes: FOLDER; for 25,000 images of 32x32 and 60 epochs about 20 minutes each on one core with `standard`.
"""

import dataclasses
import sys
import time
from pathlib import Path

import numpy as np
from measuring import command_line, heading, print_table, write_json
from sklearn.metrics import accuracy_score, log_loss

from pellucid import ImageClassifier
from pellucid.data import prepare
from pellucid.settings import Settings
from pellucid.training.recipe_defaults import PRESETS

_HELD_OUT = 4_000


def measured(images: np.ndarray, labels: np.ndarray, preset: str, epochs: int) -> dict[str, float]:
    """Accuracy and log loss on held-out images, and seconds of the processor of one `fit`."""
    held, learnt = np.split(np.random.default_rng(3).permutation(len(labels)), [_HELD_OUT])
    began = time.process_time()
    classifier = ImageClassifier(preset=preset, epochs=epochs, threads=1)
    classifier.fit(images[learnt], labels[learnt])
    seconds = time.process_time() - began
    said = classifier.predict_proba(images[held])
    return {
        "accuracy": float(accuracy_score(labels[held], classifier.classes_[said.argmax(1)])),
        "log_loss": float(log_loss(labels[held], said, labels=classifier.classes_)),
        "seconds": seconds,
    }


def main() -> int:
    """Measure and print a table; the exit code."""
    parser = command_line(__doc__)
    parser.add_argument("data", type=Path, metavar="FOLDER", nargs="?", help="without it nothing is measured")
    parser.add_argument("--presets", nargs="+", choices=list(PRESETS), default=["best"])
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--mix", nargs="+", type=float, default=[0.0, 0.5])
    parser.add_argument("--erase", nargs="+", type=float, default=[0.2, 0.4])
    given = parser.parse_args()
    if given.data is None:
        print("skipped: give FOLDER, photographs in train/ with one sub-folder per class")
        return 0
    facts = heading(("pellucid", "torch", "pillow", "numpy"))
    dataset, _ = prepare(str(given.data / "train"), Settings(groups=False))
    images, labels = np.array(dataset.inputs), np.array(dataset.labels)
    rows, found = [], []
    for preset in given.presets:
        for mix in given.mix:
            for erase in given.erase:
                # the rule halves what is erased where images are mixed
                PRESETS[preset] = dataclasses.replace(
                    PRESETS[preset], mix=mix, erase=2 * erase if mix else erase
                )
                run = measured(images, labels, preset, given.epochs)
                row = (
                    preset,
                    f"{mix:g}",
                    f"{erase:g}",
                    f"{run['accuracy']:.4f}",
                    f"{run['log_loss']:.4f}",
                    f"{run['seconds']:.0f} s",
                )
                print(*row, flush=True)
                rows.append(row)
                found.append({"preset": preset, "mix": mix, "erase": erase, **run})
    print()
    print_table(("preset", "mixed", "erased", "accuracy", "log loss", "processor"), rows)
    write_json(given.json, {**facts, "found": found})
    return 0


if __name__ == "__main__":
    sys.exit(main())
