"""Deep networks need much data; with little, a classical model is better.

Trains a convolutional network, a support vector machine, a random forest and logistic regression on
300 to 10,000 images of Fashion-MNIST and judges all of them on the same folds, with `compare`. The
classical models choose between pixels and histograms of oriented gradients by themselves.

Takes: about 12 minutes with one thread.
"""

import dataclasses
import sys
from typing import Any

from drawing import CATEGORIES, Line, Lines, figure
from material import Options, images
from showing import against, cost, finding, plain, span, table, trainings
from trying import compared, main

SIZES = (300, 1_000, 3_000, 10_000)
NAMES = {
    "cnn": "convolutional network",
    "svm": "support vector machine",
    "random-forest": "random forest",
    "logistic-regression": "logistic regression",
}
FOLDS = 2


def tried(options: Options) -> dict[str, Any]:
    """Train every model on every size."""
    record: dict[str, Any] = {"sizes": {}}
    for size in sorted({min(size, options.examples) for size in SIZES}):
        few = dataclasses.replace(options, folds=FOLDS)
        found, _ = compared(
            few,
            images(options, size),
            {"model": list(NAMES)},
            width=16,
            preset="quick",
            **({} if options.epochs is None else {"epochs": options.epochs}),
        )
        record["sizes"][str(size)] = plain(found, "model")
    return record


def drawn(record: dict[str, Any]) -> str:
    """Accuracy over the number of images."""
    lines = []
    for place, (name, words) in enumerate(NAMES.items()):
        aside = 0.94 + 0.04 * place  # so that intervals do not lie on each other
        means = [each["variants"][name]["accuracy"] for each in record["sizes"].values()]
        xs = [aside * each["train"] for each in record["sizes"].values()]
        lows, highs = ([mean[end] for mean in means] for end in ("low", "high"))
        lines.append(Line(words, xs, [mean["value"] for mean in means], lows, highs, CATEGORIES[place]))
    title = "The more images, the further the network is ahead"
    panel = Lines(title, "images trained on", "accuracy", lines, log_x=True)
    return figure([panel], "Accuracy of four models over the number of training images")


def shown(record: dict[str, Any]) -> str:
    """The tables."""
    header = ["images trained on", *NAMES.values()]
    rows, paired = [], []
    for each in record["sizes"].values():
        means = [span(each["variants"][name]["accuracy"]) for name in NAMES]
        rows.append([f"{each['train']:,}", *means])
        others = [name for name in NAMES if name != "cnn"]
        cells = [f"{against(each, 'cnn', name)}, {finding(each, 'cnn', name)}" for name in others]
        paired.append([f"{each['train']:,}", *cells])
    last = list(record["sizes"].values())[-1]
    beside = ["images trained on", *(f"network less {NAMES[name]}" for name in NAMES if name != "cnn")]
    return (
        f"{table(header, rows)}\nPaired differences in accuracy:\n\n{table(beside, paired)}\n"
        f"{trainings(last)} {cost(record)}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
