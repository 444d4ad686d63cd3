"""Deep networks need much data; with little, a classical model is better.

Trains a convolutional network, a support vector machine, a random forest and logistic regression on
300 to 10,000 images of Fashion-MNIST and judges all of them on the same folds, with `compare`. The
classical models choose between pixels and histograms of oriented gradients by themselves.

Takes: about 12 minutes with one thread.
"""

from typing import Any

from drawing import CATEGORIES, Line, Lines, figure
from showing import Conclusion, against, beside, cost, holds, plain, span, table, trainings
from trying import Options, compared, images

SIZES = (300, 1_000, 3_000, 10_000)
NAMES = {
    "cnn": "convolutional network",
    "svm": "support vector machine",
    "random-forest": "random forest",
    "logistic-regression": "logistic regression",
}
FOLDS = 2


def tried(options: Options) -> dict[str, Any]:
    record: dict[str, Any] = {"sizes": {}}
    for size in sorted({min(size, options.examples) for size in SIZES}):
        own = {"width": 16, "preset": "quick", "folds": FOLDS, **options.limit}
        found, _ = compared(options, images(options, size), {"model": list(NAMES)}, **own)
        record["sizes"][str(size)] = plain(found, "model")
    return record


def drawn(record: dict[str, Any]) -> str:
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
    header = ["images trained on", *NAMES.values()]
    rows, paired = [], []
    for each in record["sizes"].values():
        rows.append([f"{each['train']:,}", *(span(each["variants"][name]["accuracy"]) for name in NAMES)])
        others = [name for name in NAMES if name != "cnn"]
        paired.append([f"{each['train']:,}", *(", ".join(beside(each, "cnn", name)) for name in others)])
    last = list(record["sizes"].values())[-1]
    heads = ["images trained on", *(f"network minus {NAMES[name]}" for name in NAMES if name != "cnn")]
    return (
        f"{table(header, rows)}\nPaired differences in accuracy:\n\n{table(heads, paired)}\n"
        f"{trainings(last)} {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    """With little data the claim is that the classical model is ahead, with much that the network is."""
    few, many = (list(record["sizes"].values())[at] for at in (0, -1))
    little, much = holds(few, "svm", "cnn"), holds(many, "cnn", "svm")
    numbers = (f"{against(each, 'cnn', 'svm')} on {each['train']:,} images" for each in (few, many))
    return Conclusion(
        f"much data: {much}; little: {little}", f"network minus SVM: accuracy {', '.join(numbers)}"
    )
