"""What multilingual sentence encoders gain on few texts in other languages than English, whole command.

    python benchmarks/languages.py [--sets debian-de chinese] [--each 10 30 100] [--seeds 3] [--tested 600]

Of each set (`text_data.py`) so many texts of each class are drawn by seed to learn from, and others to be
tested on; classes with fewer than half as many take no part. `pellucid train` runs with `--backbone none`,
and with what is installed; accuracy is that of the recommended model on the test texts.

Takes: a minute or two for each set, number and seed on two cores
"""

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import PELLUCID, command_line, heading, mean_of, print_table, ran, write_json
from text_data import SETS, TextData, load

_OTHERS = [name for name in SETS if name.startswith("debian") or name in ("chinese", "slovenian")]


def drawn(data: TextData, each: int, tested: int, seed: int) -> TextData:
    """So many texts of each class to learn from, and some to be tested on."""
    draws = np.random.default_rng(seed)
    labels, test = np.array(data.train_labels), np.array(data.test_labels)
    names = [name for name in sorted(set(labels)) if np.count_nonzero(labels == name) >= each / 2]
    train = np.concatenate([draws.permutation(np.flatnonzero(labels == name))[:each] for name in names])
    asked = draws.permutation(np.flatnonzero(np.isin(test, names)))[:tested]
    return TextData(
        data.name,
        [data.train[place] for place in train],
        labels[train].tolist(),
        [data.test[place] for place in asked],
        test[asked].tolist(),
    )


def measured(data: TextData, backbone: str | None) -> dict[str, Any]:
    """Accuracy and name of the recommended model, and seconds of the whole command."""
    flags = [] if backbone is None else ["--backbone", backbone]
    with tempfile.TemporaryDirectory() as folder:
        train, test = data.write(Path(folder))
        run = Path(folder, "run")
        ended = ran([PELLUCID, "train", train, "--test", test, "--out", run, *flags])
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    name = metrics["recommended"]
    return {
        "model": name,
        "accuracy": metrics["models"][name]["test"]["accuracy"]["value"],
        "seconds": ended.seconds,
    }


def compared(given: argparse.Namespace) -> dict[str, Any]:
    """Train on every draw with and without backbones, and print a table."""
    rows, found = [], []
    for name in given.sets:
        data = load(name)
        for each in given.each:
            ways: dict[str, list[dict[str, Any]]] = {"none": [], "installed": []}
            for seed in range(given.seeds):
                part = drawn(data, each, given.tested, seed)
                for way, outcomes in ways.items():
                    outcomes.append(measured(part, "none" if way == "none" else None))
            found.append({"set": name, "each": each, **ways})
            cells = [mean_of([one["accuracy"] for one in outcomes], 3) for outcomes in ways.values()]
            seconds = [f"{statistics.median(one['seconds'] for one in each):.0f} s" for each in ways.values()]
            models = ", ".join(sorted({one["model"] for one in ways["installed"]}))
            rows.append([name, str(each), *cells, *seconds, models])
            print(rows[-1], flush=True)
    print_table(["set", "a class", "none", "installed", "seconds", "seconds", "recommended"], rows)
    return {"found": found}


def main() -> None:
    parser = command_line(__doc__, seeds=3, tested=600)
    parser.add_argument("--sets", nargs="*", choices=list(SETS), default=_OTHERS)
    parser.add_argument("--each", nargs="*", type=int, default=[10, 30, 100])
    given = parser.parse_args()
    write_json(given.json, heading("torch", "scikit-learn") | compared(given))


if __name__ == "__main__":
    main()
