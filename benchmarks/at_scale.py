"""Cost per example as data grows: every stage of `pellucid train`, on images and texts made for it.

    python benchmarks/at_scale.py [--kinds images texts] [--examples 1000 10000 100000] [--plot FILE.svg]

Images of 32 x 32 pixels are squares and discs with noise, in one `.npz` file; texts are words drawn by how
often they are in each of two classes, in one table. One epoch, preset `quick`, no backbone; what a stage took
is read from what the command reports. The cost per example of a stage that sees all examples is constant;
baselines, folds and checks of labels see a bounded number of them, and cost less for each the more there are.

Takes: 5 minutes up to 100,000 examples, three quarters of an hour up to 1,000,000 on two cores
"""

import csv
import re
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from measuring import PELLUCID, Among, command_line, heading, print_table, ran, write_json

SIDE, WORDS, LENGTH = 32, 20_000, 40
# The first words of what the command reports, and the stage they belong to.
STAGES = {
    "read and checked": "read, decode, check, split",
    "planned": "encode",
    "trained majority": "baselines",
    "trained svm": "baselines",
    "trained logistic": "baselines",
    "trained random": "baselines",
    "judged majority": "folds",
    "judged the labels": "labels judged",
    "judged": "folds",
    "trained on parts": "learning curve",
    "trained cnn": "network",
    "trained bag": "network",
    "trained text": "network",
    "fitted": "novelty",
    "tested": "test",
    "wrote": "report and models",
}
_LINE = re.compile(r"^✓ (.*?)  ([\d,.]+) (s|min)$")
_BLOCK, _WHOLE = 10_000, "whole command"


def images(folder: Path, count: int) -> Path:
    """Squares and discs of any size, place and colour, with noise; no two alike."""
    draws = np.random.default_rng(0)
    labels = draws.integers(0, 2, count)
    pixels = np.empty((count, SIDE, SIDE, 3), np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for start in range(0, count, _BLOCK):
        some = labels[start : start + _BLOCK]
        centres = draws.uniform(8, SIDE - 8, (2, len(some), 1, 1))
        radius = draws.uniform(4, 8, (len(some), 1, 1))
        down, across = np.abs(rows - centres[0]), np.abs(columns - centres[1])
        distance = np.where(some[:, None, None] == 1, np.hypot(down, across), np.maximum(down, across))
        shown = draws.integers(0, 200, (len(some), 1, 1, 3)) + 55 * (distance < radius)[..., None]
        noise = draws.normal(0, 20, (len(some), SIDE, SIDE, 3))
        pixels[start : start + _BLOCK] = np.clip(shown + noise, 0, 255).astype(np.uint8)
    np.savez(folder / "images.npz", x_train=pixels, y_train=labels)
    return folder / "images.npz"


def texts(folder: Path, count: int) -> Path:
    """Texts of forty words, of which a tenth depends on the class; no two alike."""
    draws = np.random.default_rng(0)
    often = 1 / (np.arange(WORDS) + 10)
    names = np.array([f"w{number}" for number in draws.permutation(WORDS)])
    with (folder / "texts.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["text", "label"])
        for start in range(0, count, _BLOCK):
            labels = draws.integers(0, 2, min(_BLOCK, count - start))
            words = draws.choice(WORDS, (len(labels), LENGTH), p=often / often.sum())
            own = draws.integers(0, 200, (len(labels), 4)) * 2 + labels[:, None]
            words[:, :4] = own + 500
            table.writerows(
                [" ".join(names[row]), "even" if label else "odd"]
                for row, label in zip(words, labels.tolist(), strict=True)
            )
    return folder / "texts.csv"


MAKE = {"images": images, "texts": texts}


def stages_of(reported: str) -> dict[str, float]:
    """Seconds of each stage, from the lines of the command, of which a long one goes on in the next."""
    found: dict[str, float] = defaultdict(float)
    begun = ""
    for line in reported.splitlines():
        begun = line if line.startswith("✓") else f"{begun} {line.strip()}"
        if begun.startswith("✓") and (match := _LINE.match(begun)) is not None:
            words, amount, unit = match.groups()
            name = next((stage for start, stage in STAGES.items() if words.startswith(start)), "other")
            found[name] += float(amount.replace(",", "")) * (60 if unit == "min" else 1)
            begun = ""
    return dict(found)


def plot(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw microseconds per example of each stage by the number of examples, one panel for each kind."""
    from matplotlib.figure import Figure

    kinds = list(dict.fromkeys(run["kind"] for run in runs))
    figure = Figure(figsize=(5.2 * len(kinds), 4.2), layout="constrained")
    for kind, axes in zip(kinds, figure.subplots(1, len(kinds), squeeze=False)[0], strict=True):
        own = [run for run in runs if run["kind"] == kind]
        stages = dict.fromkeys(stage for run in own for stage in run["seconds"])
        for stage in stages:
            points = [(run["examples"], 1e6 * run["seconds"].get(stage, 0) / run["examples"]) for run in own]
            shown = [each for each in points if each[1] > 0]
            style = {"color": "black", "linewidth": 2} if stage == _WHOLE else {}
            axes.plot(*zip(*shown, strict=True), marker="o", label=stage, **style)
        axes.set(xscale="log", yscale="log", xlabel=f"{kind}", ylabel="microseconds per example")
        axes.legend(fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Train on every size of every kind, and print microseconds per example."""
    parser = command_line(
        __doc__, kinds=Among(MAKE), examples=[1_000, 10_000, 100_000], plot=Path, preset="quick"
    )
    arguments = parser.parse_args()
    head, measured = heading("torch", "numpy"), list[dict[str, Any]]()
    for kind in arguments.kinds:
        for count in arguments.examples:
            with tempfile.TemporaryDirectory() as folder:
                data = MAKE[kind](Path(folder), count)
                ended = ran(
                    [PELLUCID, "train", data, "--out", Path(folder) / "run", "--epochs", 1,
                     "--backbone", "none", "--preset", arguments.preset],
                    {"XDG_CACHE_HOME": folder},
                )  # fmt: skip
            seconds = {**stages_of(ended.errors), _WHOLE: ended.seconds}
            measured.append(
                {"kind": kind, "examples": count, "seconds": seconds, "megabytes": ended.megabytes}
            )
            print(f"{kind}, {count:,}: {ended.seconds:,.1f} s, {ended.megabytes:,.0f} MB", flush=True)
    for kind in arguments.kinds:
        runs = [run for run in measured if run["kind"] == kind]
        stages = list(dict.fromkeys(stage for run in runs for stage in run["seconds"]))
        print_table(
            [f"{kind}: microseconds per example", *(f"{run['examples']:,}" for run in runs)],
            [
                [stage, *(f"{1e6 * run['seconds'].get(stage, 0) / run['examples']:,.0f}" for run in runs)]
                for stage in stages
            ]
            + [["peak memory, MB", *(f"{run['megabytes']:,.0f}" for run in runs)]],
        )
    if arguments.plot is not None:
        plot(measured, arguments.plot)
    write_json(arguments.json, {**head, "runs": measured})


if __name__ == "__main__":
    main()
