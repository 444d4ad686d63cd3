r"""Draws of 10, 25 and 50 examples a class: is the recommended model as good as the best, and calibrated?

    python benchmarks/few_examples.py [--folder PHOTOS] [--draws 4] [--sizes 10 25 50] [--sets fashion r8] \
        [--backbone none] [--kept FILE]

Of each set so many examples of every class are drawn to learn from, and some to be tested on; then the real
pipeline runs with the preset `quick`, and the table shows for each size, as mean over the draws and at worst:

- the test log loss of the recommended model, divided by that of the single model whose is smallest;
- by how much less accurate it is on the test than the most accurate;
- its expected calibration error on the test.

Below stand 20 draws of 160 examples of two classes each, learnt once with their labels, where some model is
right in 75 % of the test or more, and once with shuffled ones: how often `majority` is recommended.
`--majority 0` leaves that out.

With `--kept` every draw is a line of FILE as soon as it is done, and what stands there is not drawn again:
what was stopped goes on, and several commands fill one table.

A sentence encoder takes part in texts where it is installed; `--backbone none` leaves it out.

PHOTOS holds `train/` and `test/` with one sub-folder per class of photographs, which are learnt on the
backbone `efficientnet-lite0`; without it photographs are left out.

Takes: half an hour on two cores for 4 draws of `fashion`, `r8` and `spam`
"""

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measuring import heading, print_table
from text_data import SETS, load

import pellucid
from pellucid.data import prepare
from pellucid.settings import AVERAGE, Settings

_TESTED = 1_500
_TWO_CLASSES, _EXAMPLES_OF_TWO = 20, 160
_KNOWABLE = 0.75


class Examples(NamedTuple):
    """A set to draw from.

    Attributes:
        inputs: images, or texts.
        labels: class of each.
        options: of `train`, beside the preset.
    """

    inputs: np.ndarray
    labels: np.ndarray
    options: dict[str, Any]


class Outcome(NamedTuple):
    """What one run recommended.

    Attributes:
        name: of the recommended model.
        ratio: its log loss on the test over the smallest.
        lost: accuracy on the test that it is behind the most accurate.
        error: its calibration error on the test.
        best: accuracy of the most accurate on the test.
        losses: of each model, its log loss on what was held out and on the test.
    """

    name: str
    ratio: float
    lost: float
    error: float
    best: float
    losses: dict[str, tuple[float, float]]


class Kept:
    """Outcomes of the draws that are done, each a line of a file."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.found: dict[str, Outcome] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                draw, outcome = json.loads(line)
                self.found[draw] = Outcome(**outcome)

    def outcome(
        self,
        draw: str,
        examples: Examples,
        positions: tuple[np.ndarray, np.ndarray],
        seed: int,
        *,
        shuffled: bool = False,
    ) -> Outcome:
        """What came of a draw, before or now."""
        if draw not in self.found:
            self.found[draw] = run(examples, *positions, seed, shuffled=shuffled)
            if self.path is not None:
                with self.path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([draw, self.found[draw]._asdict()]) + "\n")
        return self.found[draw]


def fashion() -> Examples:
    """The bundled images of Fashion-MNIST."""
    dataset, _ = prepare("sample:fashion", Settings())
    labels = np.array(dataset.classes)[dataset.labels]
    return Examples(np.asarray(dataset.inputs)[..., 0], labels, {"epochs": 25})


def texts(name: str, backbone: str | None) -> Examples:
    """Texts of `text_data`, both splits together."""
    data = load(name)
    inputs = np.array([*data.train, *data.test], dtype=object)
    return Examples(inputs, np.array([*data.train_labels, *data.test_labels]), {"backbone": backbone})


def photographs(folder: str) -> Examples:
    """Photographs in class folders, both splits together."""
    dataset, _ = prepare(folder, Settings())
    labels = np.array(dataset.classes)[dataset.labels]
    return Examples(np.asarray(dataset.inputs), labels, {"backbone": "efficientnet-lite0"})


def drawn(
    examples: Examples, each: int, seed: int, classes: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Positions to learn from, so many of each class, and of others to be tested on."""
    draws = np.random.default_rng(seed)
    names = sorted(set(examples.labels)) if classes is None else classes
    learnt, tested = [], []
    for name in names:
        order = draws.permutation(np.flatnonzero(examples.labels == name))
        if len(order) < 2 * each:
            continue  # R8 has classes of 50 texts
        learnt.append(order[:each])
        tested.append(order[each:][: _TESTED // len(names)])
    return np.concatenate(learnt), np.concatenate(tested)


def run(
    examples: Examples, learnt: np.ndarray, tested: np.ndarray, seed: int, *, shuffled: bool = False
) -> Outcome:
    """Train with the real pipeline, and read what it recommended."""
    labels = examples.labels[learnt]
    if shuffled:
        labels = np.random.default_rng(seed).permutation(labels)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if examples.inputs.dtype == object:
            rows = [
                (str(examples.inputs[at]), str(label), "train")
                for at, label in zip(learnt, labels, strict=True)
            ]
            rows += [(str(examples.inputs[at]), str(examples.labels[at]), "test") for at in tested]
            data = folder / "texts.jsonl"
            lines = [json.dumps(dict(zip(("text", "label", "split"), row, strict=True))) for row in rows]
            data.write_text("\n".join(lines), encoding="utf-8")
        else:
            data = folder / "images.npz"
            np.savez(
                data,
                x_train=examples.inputs[learnt],
                y_train=labels,
                x_test=examples.inputs[tested],
                y_test=examples.labels[tested],
            )
        found = pellucid.train(
            data,
            out=folder / "run",
            quiet=True,
            preset="quick",
            seed=seed,
            learning_curve=False,
            **examples.options,
        )
        metrics = found.metrics
    of_test = {name: each["test"] for name, each in metrics["models"].items()}
    chosen = of_test[metrics["recommended"]]
    single = [each for name, each in of_test.items() if name != AVERAGE]
    best = max(each["accuracy"]["value"] for each in single)
    return Outcome(
        metrics["recommended"],
        chosen["log_loss"]["value"] / min(each["log_loss"]["value"] for each in single),
        best - chosen["accuracy"]["value"],
        chosen["expected_calibration_error"]["value"],
        best,
        {
            name: (each["validation"]["log_loss"], each["test"]["log_loss"]["value"])
            for name, each in metrics["models"].items()
        },
    )


def show_draws(sets: dict[str, Callable[[], Examples]], sizes: Sequence[int], draws: int, kept: Kept) -> None:
    """The table of the draws."""
    rows = []
    for name, read in sets.items():
        examples = read()
        for each in sizes:
            found = [
                kept.outcome(f"{name}, {each} a class, {seed}", examples, drawn(examples, each, seed), seed)
                for seed in range(draws)
            ]
            ratios, lost, errors = (
                np.array([getattr(outcome, part) for outcome in found]) for part in ("ratio", "lost", "error")
            )
            rows.append(
                [
                    f"{name}, {each} a class",
                    f"{ratios.mean():.2f}, at worst {ratios.max():.2f}",
                    f"{lost.mean():.3f}, at worst {lost.max():.3f}",
                    f"{errors.mean():.3f}",
                    ", ".join(sorted({outcome.name for outcome in found})),
                ]
            )
            print(rows[-1], flush=True)
    heads = ["learnt from", "log loss over the smallest", "accuracy lost", "calibration error", "recommended"]
    print_table(heads, rows)


def show_majority(sets: dict[str, Callable[[], Examples]], draws: int, kept: Kept) -> None:
    """How often `majority` is recommended of two classes, with labels and with shuffled ones."""
    rows = []
    for name, read in sets.items():
        examples, found, knowable = read(), {False: 0, True: 0}, 0
        for seed in range(draws):
            # R8 has classes of fewer texts than are drawn.
            names = [each for each, count in Counter(examples.labels).items() if count >= _EXAMPLES_OF_TWO]
            names.sort()
            two = [names[at] for at in np.random.default_rng(seed).permutation(len(names))[:2]]
            positions = drawn(examples, _EXAMPLES_OF_TWO // 2, seed, two)
            for shuffled in found:
                draw = f"{name}, two classes{', shuffled' if shuffled else ''}, {seed}"
                outcome = kept.outcome(draw, examples, positions, seed, shuffled=shuffled)
                is_knowable = shuffled or outcome.best >= _KNOWABLE
                found[shuffled] += is_knowable and outcome.name == "majority"
                knowable += is_knowable and not shuffled
            print(name, seed, found, flush=True)
        rows.append([name, f"{found[False]} of {knowable}", f"{found[True]} of {draws}"])
    print_table(["two classes of", "majority recommended", "majority recommended, labels shuffled"], rows)


def main() -> None:
    """Read the command line, run and show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", help="class folders of photographs in train/ and test/")
    parser.add_argument("--draws", type=int, default=4)
    parser.add_argument("--majority", type=int, default=_TWO_CLASSES, metavar="DRAWS")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 25, 50])
    parser.add_argument("--sets", nargs="*", default=["fashion", "r8", "spam"], choices=["fashion", *SETS])
    parser.add_argument("--backbone", help="of texts; `none` leaves out the one that is installed")
    parser.add_argument("--kept", type=Path, metavar="FILE", help="a line for each draw that is done")
    asked = parser.parse_args()
    kept = Kept(asked.kept)
    heading(["pellucid", "torch", "scikit-learn", "timm"])
    sets: dict[str, Callable[[], Examples]] = {}
    for name in asked.sets:
        sets[name] = fashion if name == "fashion" else lambda name=name: texts(name, asked.backbone)
    if asked.folder is not None:
        sets["photographs"] = lambda: photographs(asked.folder)
    show_draws(sets, asked.sizes, asked.draws, kept)
    if asked.majority:
        show_majority(sets, asked.majority, kept)


if __name__ == "__main__":
    main()
