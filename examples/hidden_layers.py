"""A hidden layer gives what a perceptron cannot.

Trains the same network without a hidden layer, with one and with two, with `compare`, on four sets: points
around the corners of a square of which opposite ones belong together (XOR); the same of real data, two
images of Fashion-MNIST beside each other and the question whether exactly one of them is a bag (the other
kind is trousers); Fashion-MNIST itself; and the bundled e-mails as bags of words, where logistic
regression is the network without a hidden layer.

Takes: about 2 minutes with one thread.
"""

from typing import Any

import numpy as np
from drawing import Dots, figure
from showing import (
    NO,
    PARTLY,
    YES,
    Conclusion,
    against,
    cost,
    differences_table,
    finding,
    plain,
    rows_of,
    trainings,
)
from trying import DRAWS, Options, compared, images, mails, texts_of

from pellucid.data import prepare
from pellucid.settings import Settings

DEPTHS = (0, 1, 2)
TITLES = {
    "points": "XOR of two numbers",
    "pairs": "XOR of two images: exactly one bag",
    "fashion": "Fashion-MNIST, ten classes",
    "mails": "e-mails as bags of words",
}
LABELS = {
    "0": "no hidden layer",
    "1": "one hidden layer",
    "2": "two hidden layers",
    "logistic-regression": "logistic regression",
    "bag": "one hidden layer (bag)",
}
POINTS, PAIRS = 800, 2_000


def tried(options: Options) -> dict[str, Any]:
    fixed = {"model": "mlp", "augment": False, "batch_norm": False, "width": 128, "batch_size": 128}
    places = {"points": _points(options), "pairs": _pairs(options), "fashion": images(options)}
    record: dict[str, Any] = {"sets": {}}
    for name, place in places.items():
        epochs = options.passes(40 if name == "points" else 15)
        found, _ = compared(options, place, {"depth": DEPTHS}, **fixed, epochs=epochs)
        record["sets"][name] = plain(found, "depth")
    place = texts_of(options, "mails", *mails())
    models = {"model": ["logistic-regression", "bag"]}
    found, _ = compared(options, place, models, preset="quick", width=64, **options.limit)
    record["sets"]["mails"] = plain(found, "model")
    return record


def _points(options: Options) -> str:
    """Points around the corners of a square, as images of one row and two pixels."""
    draws = np.random.default_rng(DRAWS)
    corners = draws.integers(0, 2, (min(POINTS, options.examples), 2))
    values = np.clip(64 + 128 * corners + draws.normal(0, 20, corners.shape), 0, 255)
    return _kept(options, "points", values[:, None, :], corners[:, 0] ^ corners[:, 1])


def _pairs(options: Options) -> str:
    """Pairs of images, each of trousers or a bag; the class is whether exactly one is a bag."""
    dataset, _ = prepare("sample:fashion", Settings())
    pool = np.concatenate([dataset.train, dataset.validation])
    bags, trousers = (
        pool[dataset.labels[pool] == dataset.classes.index(name)] for name in ("Bag", "Trouser")
    )
    draws, shape = np.random.default_rng(DRAWS), (min(PAIRS, options.examples), 2)
    is_bag = draws.integers(0, 2, shape)
    chosen = np.where(is_bag == 1, draws.choice(bags, shape), draws.choice(trousers, shape))
    both = np.concatenate([dataset.inputs[chosen[:, side]] for side in (0, 1)], axis=2)
    return _kept(options, "pairs", both[..., 0], is_bag[:, 0] ^ is_bag[:, 1])


def _kept(options: Options, name: str, values: np.ndarray, labels: np.ndarray) -> str:
    path = options.work / f"{name}.npz"
    np.savez(path, x_train=values.astype(np.uint8), y_train=np.array(["same", "different"])[labels])
    return str(path)


def drawn(record: dict[str, Any]) -> str:
    panels = []
    for name, found in record["sets"].items():
        line = (0.5, "chance") if name in ("points", "pairs") else None
        panels.append(Dots(TITLES[name], "accuracy", rows_of(found, names=LABELS), line))
    return figure(panels, "Accuracy without a hidden layer, with one and with two, on four sets")


def shown(record: dict[str, Any]) -> str:
    parts = []
    for name, found in record["sets"].items():
        examples = {"points": "points", "pairs": "pairs", "mails": "texts"}.get(name, "images")
        heads = f"{TITLES[name]}, by the number of hidden layers"
        base = next(iter(found["variants"]))
        parts.append(f"{heads}\n\n{differences_table(found, base)}\n{trainings(found, examples)}\n")
    return "\n".join(parts) + f"\n{cost(record)}\n"


def concluded(record: dict[str, Any]) -> Conclusion:
    sets = record["sets"]
    better = [finding(sets[name], "1", "0") == "better" for name in ("points", "pairs")]
    better.append(finding(sets["mails"], "bag", "logistic-regression") == "better")
    verdict = YES if all(better) else f"{YES}, for XOR" if all(better[:2]) else PARTLY if any(better) else NO
    return Conclusion(verdict, f"accuracy {against(sets['pairs'], '1', '0')} on XOR of two images")
