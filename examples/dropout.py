"""Dropout prevents overfitting.

Trains a perceptron with two hidden layers without dropout, with 0.25 and with 0.5, on 1,000 and on 10,000
images, and measures how much more accurate it is on its training images than on the folds (the gap),
and how accurate and how certain it is on the folds. No images are kept back to stop early.

Takes: about 3 minutes with one thread.
"""

from typing import Any

from drawing import Dots, figure
from showing import (
    NO,
    PARTLY,
    YES,
    Conclusion,
    against,
    beside,
    cost,
    finding,
    panels_of,
    rows_of,
    span,
    table,
    trainings,
)
from trying import BARE, Options, images, twins

SIZES, RATES = (1_000, 10_000), (0.0, 0.25, 0.5)
EPOCHS = {1_000: 30, 10_000: 12}
FIXED = {**BARE, "width": 256, "optimizer": "adam", "batch_size": 128, "learning_rate": 0.001}
NONE = "none"


def tried(options: Options) -> dict[str, Any]:
    record: dict[str, Any] = {"sizes": {}}
    for size in SIZES:
        variants = {f"{rate:g}" if rate else NONE: {"dropout": rate} for rate in RATES}
        fixed = {**FIXED, "epochs": options.passes(EPOCHS[size])}
        record["sizes"][f"{size:,}"] = twins(options, images(options, size), variants, **fixed)
    return record


def drawn(record: dict[str, Any]) -> str:
    panels = []
    for size, found in record["sizes"].items():
        panels.append(Dots(f"{size} images: gap to the training images", "gap", rows_of(found, "gap")))
        panels += panels_of(found, f"{size} images: accuracy on the folds", NONE)
    return figure(panels, "Gap and accuracy with three shares of dropout, on two sizes")


def shown(record: dict[str, Any]) -> str:
    parts = []
    measures = ("gap", "accuracy", "log_loss")
    for size, found in record["sizes"].items():
        means = [
            [name, *(span(each[measure]) for measure in measures)] for name, each in found["variants"].items()
        ]
        paired = [
            [name, *(", ".join(beside(found, name, NONE, measure)) for measure in measures)]
            for name in found["variants"]
            if name != NONE
        ]
        parts.append(
            f"{size} images\n\n{table(['dropout', 'gap', 'accuracy', 'log loss'], means)}\n"
            f"{table(['minus that without dropout', 'gap', 'accuracy', 'log loss'], paired)}\n"
            f"{trainings(found)}\n"
        )
    return "\n".join(parts) + f"\n{cost(record)}\n"


def concluded(record: dict[str, Any]) -> Conclusion:
    found, most = next(iter(record["sizes"].values())), f"{max(RATES):g}"
    smaller, better = (finding(found, most, NONE, measure) == "better" for measure in ("gap", "accuracy"))
    numbers = (
        f"{words} {against(found, most, NONE, key)}"
        for key, words in (("gap", "gap"), ("accuracy", "accuracy"))
    )
    verdict = YES if smaller and better else f"{PARTLY}: the gap alone" if smaller else NO
    return Conclusion(verdict, f"{most} on {next(iter(record['sizes']))} images: {', '.join(numbers)}")
