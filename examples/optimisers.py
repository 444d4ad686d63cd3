"""Gradient descent is slow; momentum makes it faster, and Adam is the best optimiser.

Trains a perceptron with two hidden layers with gradient descent on the whole training split, with one step
a batch (stochastic gradient descent), with momentum and with Adam, equally many passes over the images
and a constant learning rate, which is chosen for each of them beforehand. Gradient
descent is also given five times the passes.

Takes: about 4 minutes with one thread.
"""

from typing import Any

from drawing import CATEGORIES, Line, Lines, figure
from showing import (
    Conclusion,
    against,
    beside,
    cost,
    differences_table,
    holds,
    losses_table,
    panels_of,
    trainings,
)
from trying import BARE, Options, best_rates, images, twins

RATES = {
    "gd": (0.03, 0.1, 0.3, 1.0),
    "sgd": (0.003, 0.01, 0.03, 0.1),
    "momentum": (0.001, 0.003, 0.01, 0.03),
    "adam": (0.0001, 0.0003, 0.001, 0.003),
}
NAMES = {"gd": "gradient descent", "sgd": "stochastic", "momentum": "momentum", "adam": "Adam"}
LONG, LONGER = "gradient descent, 5 x", 5
EPOCHS = 10
FIXED = {**BARE, "width": 128, "schedule": "constant", "weight_decay": 0.0}


def tried(options: Options) -> dict[str, Any]:
    place, epochs = images(options), options.passes(EPOCHS)
    rates, tuning = best_rates(options, place, "optimizer", list(RATES), RATES, **FIXED, epochs=epochs)
    variants: dict[str, dict[str, Any]] = {
        words: {"optimizer": name, "learning_rate": rates[name], "epochs": epochs}
        for name, words in NAMES.items()
    }
    variants[LONG] = variants[NAMES["gd"]] | {"epochs": LONGER * epochs}
    return {"tuning": tuning, "rates": rates, "trained": twins(options, place, variants, **FIXED)}


def drawn(record: dict[str, Any]) -> str:
    found = record["trained"]
    lines = []
    for colour, words in zip(CATEGORIES, NAMES.values(), strict=False):
        curve = found["variants"][words]["curve"]
        lines.append(Line(words, range(1, len(curve) + 1), curve, colour=colour))
    panels = [
        *panels_of(found, "Accuracy on the folds", NAMES["sgd"]),
        Lines("On the way there", "passes over the images", "training loss", lines, log_y=True),
    ]
    return figure(panels, "Accuracy with four optimisers, and the training loss over the passes")


def shown(record: dict[str, Any]) -> str:
    found = record["trained"]
    pair = NAMES["adam"], NAMES["momentum"]
    chosen = "; ".join(
        f"{words} {record['rates'][name]:g} of {', '.join(record['tuning'][name])}"
        for name, words in NAMES.items()
    )
    return (
        f"{differences_table(found, NAMES['sgd'])}\n{losses_table(found, NAMES.values())}\n"
        f"Adam minus momentum: {', '.join(beside(found, *pair))}.\n\n"
        f"Learning rates chosen: {chosen}. {trainings(found)} {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    found, (adam, momentum) = record["trained"], (NAMES["adam"], NAMES["momentum"])
    slow, best = holds(found, NAMES["sgd"], NAMES["gd"]), holds(found, adam, momentum)
    return Conclusion(
        f"slow: {slow}; Adam: {best}", f"Adam minus momentum: accuracy {against(found, adam, momentum)}"
    )
