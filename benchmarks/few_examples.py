r"""Draws of 10, 25 and 50 examples a class: is the recommended model as good as the best, and calibrated?

    python benchmarks/few_examples.py [--folder PHOTOS] [--draws 4] [--sizes 10 25 50] [--sets fashion r8] \
        [--backbone none] [--kept FILE]

Of each set so many examples of every class are drawn to learn from, and some to be tested on; then the real
pipeline runs with the preset `quick`, and the table shows for each size, as mean over the draws and at worst:

- the test log loss of the recommended model, divided by that of the single model whose is smallest;
- by how much less accurate it is on the test than the most accurate;
- its expected calibration error on the test.

With `--kept` every draw is a line of FILE as soon as it is done, and what stands there is not drawn again:
what was stopped goes on, and several commands fill one table.

A sentence encoder takes part in texts where it is installed; `--backbone none` leaves it out.

PHOTOS holds `train/` and `test/` with one sub-folder per class of photographs, which are learnt on the
backbone `efficientnet-lite0`; without it photographs are left out.

Takes: half an hour on two cores for 4 draws of `fashion`, `r8` and `spam`
"""

import argparse
import functools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import Among, command_line, heading, print_table, write_json
from text_data import SETS, load

import pellucid
from pellucid.data import prepare
from pellucid.settings import AVERAGE, Settings

_TESTED = 1_500


class Examples(NamedTuple):
    """A set to draw from: images or texts, the class of each, and options of `train` beside the preset."""

    inputs: np.ndarray
    labels: np.ndarray
    options: dict[str, Any]


class Outcome(NamedTuple):
    """The model recommended, and of it on the test: log loss over the smallest, accuracy behind the best.

    `losses` has each model's log loss, held out and on the test.
    """

    name: str
    ratio: float
    lost: float
    error: float  # of calibration
    losses: dict[str, tuple[float, float]]


class Kept:
    """Outcomes of the draws that are done, each a line of a file."""

    def __init__(self, path: Path | None) -> None:
        lines = path.read_text(encoding="utf-8").splitlines() if path is not None and path.exists() else []
        self.path = path
        self.found = {draw: Outcome(**outcome) for draw, outcome in map(json.loads, lines)}

    def outcome(self, draw: str, *given: Any) -> Outcome:
        """What came of a draw, before or now."""
        if draw not in self.found:
            self.found[draw] = run(*given)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([draw, self.found[draw]._asdict()]) + "\n")
        return self.found[draw]


def images(place: str, **options: Any) -> Examples:
    """Images of DATA, all splits together."""
    dataset, _ = prepare(place, Settings())
    pixels = np.asarray(dataset.inputs)
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    return Examples(pixels, np.array(dataset.classes)[dataset.labels], options)


def texts(name: str, backbone: str | None) -> Examples:
    """Texts of `text_data`, both splits together."""
    data = load(name)
    inputs = np.array([*data.train, *data.test], dtype=object)
    return Examples(inputs, np.array([*data.train_labels, *data.test_labels]), {"backbone": backbone})


def drawn(examples: Examples, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from, so many of each class, and of others to be tested on."""
    draws = np.random.default_rng(seed)
    names = sorted(set(examples.labels))
    learnt, tested = [], []
    for name in names:
        order = draws.permutation(np.flatnonzero(examples.labels == name))
        if len(order) < 2 * each:
            continue  # R8 has classes of 50 texts
        learnt.append(order[:each])
        tested.append(order[each:][: _TESTED // len(names)])
    return np.concatenate(learnt), np.concatenate(tested)


def written(examples: Examples, learnt: np.ndarray, tested: np.ndarray, folder: Path) -> Path:
    parts = {"train": learnt, "test": tested}
    if examples.inputs.dtype != object:
        arrays = {f"x_{split}": examples.inputs[positions] for split, positions in parts.items()}
        arrays |= {f"y_{split}": examples.labels[positions] for split, positions in parts.items()}
        np.savez(folder / "images.npz", **arrays)
        return folder / "images.npz"
    rows = [
        {"text": str(examples.inputs[at]), "label": str(examples.labels[at]), "split": split}
        for split, positions in parts.items()
        for at in positions
    ]
    (folder / "texts.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "texts.jsonl"


def run(examples: Examples, learnt: np.ndarray, tested: np.ndarray, seed: int) -> Outcome:
    """Train with the real pipeline, and read what it recommended."""
    with tempfile.TemporaryDirectory() as place:
        data = written(examples, learnt, tested, Path(place))
        own = {"preset": "quick", "seed": seed, "learning_curve": False, "quiet": True}
        metrics = pellucid.train(data, out=f"{place}/run", **own, **examples.options).metrics
    of_test = {name: each["test"] for name, each in metrics["models"].items()}
    chosen = of_test[metrics["recommended"]]
    single = [each for name, each in of_test.items() if name != AVERAGE]
    best = max(each["accuracy"]["value"] for each in single)
    losses = {
        name: (each["validation"]["log_loss"], each["test"]["log_loss"]["value"])
        for name, each in metrics["models"].items()
    }
    return Outcome(
        metrics["recommended"],
        chosen["log_loss"]["value"] / min(each["log_loss"]["value"] for each in single),
        best - chosen["accuracy"]["value"],
        chosen["expected_calibration_error"]["value"],
        losses,
    )


def show_draws(sets: dict[str, Callable[[], Examples]], given: argparse.Namespace, kept: Kept) -> None:
    rows = []
    for name, read in sets.items():
        examples = read()
        for each in given.sizes:
            words = f"{name}, {each} a class"
            found = [
                kept.outcome(f"{words}, {seed}", examples, *drawn(examples, each, seed), seed)
                for seed in range(given.draws)
            ]
            ratios, lost = ([getattr(outcome, key) for outcome in found] for key in ("ratio", "lost"))
            cells = [f"{np.mean(ratios):.2f}, at worst {max(ratios):.2f}"]
            cells += [f"{np.mean(lost):.3f}, at worst {max(lost):.3f}"]
            cells += [f"{np.mean([outcome.error for outcome in found]):.3f}"]
            rows.append([words, *cells, ", ".join(sorted({outcome.name for outcome in found}))])
            print(rows[-1], flush=True)
    heads = ["learnt from", "log loss over the smallest", "accuracy lost", "calibration error", "recommended"]
    print_table(heads, rows)


def main() -> None:
    sets_of = Among(("fashion", *SETS), ["fashion", "r8", "spam"])
    own = {"folder": str, "draws": 4, "sizes": [10, 25, 50], "backbone": str, "kept": Path}
    given = command_line(__doc__, sets=sets_of, **own).parse_args()
    kept = Kept(given.kept)
    facts = heading("pellucid", "torch", "scikit-learn", "timm")
    sets: dict[str, Callable[[], Examples]] = {
        name: functools.partial(texts, name, given.backbone) for name in given.sets if name != "fashion"
    }
    if "fashion" in given.sets:
        sets["fashion"] = functools.partial(images, "sample:fashion", epochs=25)
    if given.folder is not None:
        sets["photographs"] = functools.partial(images, given.folder, backbone="efficientnet-lite0")
    show_draws(sets, given, kept)
    write_json(given.json, {**facts, "draws": {draw: each._asdict() for draw, each in kept.found.items()}})


if __name__ == "__main__":
    main()
