"""A convolution is better for images than a dense layer.

Compares LeNet with two perceptrons with two hidden layers: one that does as many multiplications as LeNet
on an image, and one with as many parameters. All are trained equally long with Pellucid's own recipe on
images as they are; then once more on images that are moved by up to four pixels, at random but always
in the same way, in training and on the folds.

Takes: about 4 minutes with one thread.
"""

from typing import Any

import numpy as np
import torch
from drawing import figure
from showing import NO, PARTLY, YES, Conclusion, against, cost, finding, panels_of, sections, table
from trying import BARE, DRAWS, Options, images, twins

from pellucid.data import prepare
from pellucid.insight.layer_records import cost_of
from pellucid.insight.opened_networks import open_network
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

SIDE, MOVED = 28, 4
EPOCHS = 10
LENET, WORK, NUMBERS = "LeNet", "dense, same work", "dense, same parameters"
FIXED = {**BARE, "batch_size": 128, "optimizer": "adam", "learning_rate": 0.002}
TITLES = {"as they are": "Images as they are", "moved": "Images moved by up to four pixels"}


def tried(options: Options) -> dict[str, Any]:
    sizes = {LENET: {"model": "lenet"}}
    work, numbers = counted(sizes[LENET])
    sizes[WORK] = {"model": "mlp", "width": _width(lambda counts: counts[0] >= work)}
    sizes[NUMBERS] = {"model": "mlp", "width": _width(lambda counts: counts[1] >= numbers)}
    fixed = {**FIXED, "epochs": options.passes(EPOCHS)}
    counts = {name: counted(given) for name, given in sizes.items()}
    place = images(options)
    places = {"as they are": place, "moved": _moved(options, place)}
    kinds = {name: twins(options, each, sizes, **fixed) for name, each in places.items()}
    multiply_adds = {name: work for name, (work, _) in counts.items()}
    return {"variants": sizes, "multiply_adds": multiply_adds, "kinds": kinds}


def counted(given: dict[str, Any]) -> tuple[int, int]:
    """Multiplications that are followed by an addition, and parameters, of a network on one image."""
    settings = Settings(**given, batch_norm=False)
    config = design(settings.model, settings, InputFacts((1, SIDE, SIDE), outputs=10, examples=6_000))
    network = build(config, torch.Generator().manual_seed(0))
    opened = open_network(network, np.zeros((1, 1, SIDE, SIDE), np.float32))
    costs = [cost_of(opened, line) for line in opened.lines if line.kind in ("convolution", "dense")]
    return sum(each.multiply_adds for each in costs), sum(each.parameters for each in costs)


def _width(is_enough: Any) -> int:
    """The smallest width of a perceptron that is enough."""
    return next(width for width in range(8, 1024, 4) if is_enough(counted({"model": "mlp", "width": width})))


def _moved(options: Options, place: str) -> str:
    """The same images, each moved over a larger empty one."""
    dataset, _ = prepare(place, Settings())
    pool = np.concatenate([dataset.train, dataset.validation])
    found = np.zeros((len(pool), SIDE, SIDE), np.uint8)
    moves = np.random.default_rng(DRAWS).integers(-MOVED, MOVED + 1, (len(pool), 2))
    for row, (position, (down, right)) in enumerate(zip(pool, moves, strict=True)):
        wide = np.pad(dataset.inputs[position, ..., 0], MOVED)
        top, left = MOVED + down, MOVED + right
        found[row] = wide[top : top + SIDE, left : left + SIDE]
    path = options.work / "moved.npz"
    names = np.array(dataset.classes)[dataset.labels]
    test = {"x_test": dataset.inputs[dataset.test, ..., 0], "y_test": names[dataset.test]}
    np.savez(path, x_train=found, y_train=names[pool], **test)
    return str(path)


def drawn(record: dict[str, Any]) -> str:
    panels = []
    for name, found in record["kinds"].items():
        panels += panels_of(found, TITLES[name], LENET)
    return figure(panels, "Accuracy of LeNet and two perceptrons of its size on still and moved images")


def shown(record: dict[str, Any]) -> str:
    first = next(iter(record["kinds"].values()))
    sizes = [
        [name, f"{work:,}", f"{first['variants'][name]['parameters']:,}"]
        for name, work in record["multiply_adds"].items()
    ]
    first_table = table(["", "multiply-adds an image", "parameters"], sizes)
    return "\n".join([first_table, *sections(record["kinds"], TITLES, LENET), f"{cost(record)}\n"])


def concluded(record: dict[str, Any]) -> Conclusion:
    still, moved = record["kinds"].values()
    others = [name for name in still["variants"] if name != LENET]
    better = [finding(found, LENET, name) == "better" for found in (still, moved) for name in others]
    verdict = YES if all(better) else PARTLY if any(better) else NO
    gained = f"{against(moved, LENET, others[-1])} for equal parameters, images moved"
    return Conclusion(verdict, f"accuracy {gained}; {against(still, LENET, others[0])} for equal work, still")
