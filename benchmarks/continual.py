"""Going on from a trained network against training anew: what it keeps, what it learns, what it costs.

    python benchmarks/continual.py [--examples 6000] [--seeds 3] [--preset quick] [--width 16] [--threads 1]

Fashion-MNIST of Debian's package `dataset-fashion-mnist`. New classes: a network learns the first
seven classes of so many training images and goes on with the other three. More of the same: it goes
on with as many further images of the seven classes. Each is set against training anew on all images
together, and against going on without rehearsal. All 10,000 test images are asked for.

Takes: about 6 minutes on two cores.
"""

import gzip
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import command_line, heading, print_table, summary, write_json

import pellucid
from pellucid.pipeline.results import Run

DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")
OLD, NEW = range(7), range(7, 10)


class Images(NamedTuple):
    """Images and their classes."""

    pixels: np.ndarray
    labels: np.ndarray

    def of(self, classes: Sequence[int]) -> "Images":
        """Those of some classes."""
        kept = np.isin(self.labels, list(classes))
        return Images(self.pixels[kept], self.labels[kept])


def read(part: str) -> Images:
    """Read a part of Fashion-MNIST: all of `train` or `t10k`."""
    pixels = gzip.decompress((DEBIAN_FOLDER / f"{part}-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((DEBIAN_FOLDER / f"{part}-labels-idx1-ubyte.gz").read_bytes())
    return Images(
        np.frombuffer(pixels, np.uint8, offset=16).reshape(-1, 28, 28),
        np.frombuffer(labels, np.uint8, offset=8),
    )


def trained(folder: Path, name: str, data: tuple[Images, Images], **given: Any) -> Run:
    """Run `pellucid train` on images to train and to test; `name` is that of data and run in the folder."""
    (x_train, y_train), (x_test, y_test) = data
    path = folder / f"{name}.npz"
    np.savez(path, x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    return pellucid.train(path, out=folder / name, baselines=False, quiet=True, **given)


def measured(run: Run, old: Images, new: Images) -> dict[str, float]:
    """Ask a run's network about test images of what was learned first, and of what came later if any did.

    Accuracies, and seconds of training.
    """
    model = pellucid.load(run.folder)
    right = [model.predict(each.pixels).astype(str) == each.labels.astype(str) for each in (old, new)]
    (entry,) = run.metrics["models"].values()
    return {
        "old": float(right[0].mean()),
        "new": float(right[1].mean()) if len(right[1]) else float("nan"),
        "all": float(np.concatenate(right).mean()),
        "seconds": float(entry["train_seconds"]),
    }


def once(seed: int, examples: int, given: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Train, go on and train anew with one seed; what was measured, by row of the table.

    `examples` training images are looked at first, and then again.
    """
    train, test = read("train"), read("t10k")
    first = Images(train.pixels[:examples], train.labels[:examples])
    more = Images(train.pixels[examples : 2 * examples], train.labels[examples : 2 * examples]).of(OLD)
    both = Images(*(np.concatenate(pair) for pair in zip(first.of(OLD), more, strict=True)))
    old, new, nothing = test.of(OLD), test.of(NEW), test.of(())
    given = {**given, "seed": seed}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        start = trained(folder, "start", (first.of(OLD), old), **given)
        on = {name: value for name, value in given.items() if name != "width"} | {"from_": start.folder}
        classes, same = (first.of(NEW), new), (more, old)
        runs = {
            "7 classes: the network that goes on": (start, nothing),
            "3 new classes: going on": (trained(folder, "on", classes, **on), new),
            "3 new classes: without rehearsal": (trained(folder, "off", classes, rehearse=False, **on), new),
            "3 new classes: anew on all": (trained(folder, "all", (first, test), **given), new),
            "more of the 7: going on": (trained(folder, "more", same, **on), nothing),
            "more of the 7: without rehearsal": (trained(folder, "m", same, rehearse=False, **on), nothing),
            "more of the 7: anew on all": (trained(folder, "both", (both, old), **given), nothing),
        }
        return {name: measured(run, old, asked) for name, (run, asked) in runs.items()}


def cell(values: Sequence[float], digits: int) -> str:
    """Mean and range; a dash where nothing was asked."""
    if any(value != value for value in values):
        return "-"
    low, high = min(values), max(values)
    return f"{statistics.fmean(values):.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def main() -> None:
    """Measure and print."""
    parser = command_line(__doc__)
    parser.add_argument("--examples", type=int, default=6000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--preset", default="quick")
    parser.add_argument("--width", type=int, default=16, help="channels of the first block of the cnn")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    document = heading(("pellucid", "torch", "numpy"))
    given = {"preset": arguments.preset, "width": arguments.width, "threads": arguments.threads}
    found = []
    for seed in range(arguments.seeds):
        found.append(once(seed, arguments.examples, given))
        print(f"seed {seed} done", flush=True)
    columns = {
        name: {key: [each[name][key] for each in found] for key in found[0][name]} for name in found[0]
    }
    print_table(
        ("network", "old test", "new test", "all", "training s"),
        [
            (name, *(cell(each[key], 3) for key in ("old", "new", "all")), cell(each["seconds"], 1))
            for name, each in columns.items()
        ],
    )
    print(f"n = {arguments.seeds} seeds; mean, and the range in brackets")
    results = {
        name: {key: summary(values) for key, values in each.items() if not any(v != v for v in values)}
        for name, each in columns.items()
    }
    write_json(arguments.json, {**document, "results": results})


if __name__ == "__main__":
    main()
