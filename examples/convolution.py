"""A convolution is better for images than a dense layer.

Compares LeNet with two perceptrons with two hidden layers: one that does as many multiplications as LeNet
on an image, and one with as many parameters. All are trained equally long with Pellucid's own recipe on
images as they are; then once more on images that are moved by up to four pixels, at random but always
in the same way, in training and on the folds.

Takes: about 4 minutes with one thread.
"""

import sys
from typing import Any

import numpy as np
from drawing import figure
from material import DRAWS, Options, images
from showing import cost, differences_table, panels_of, table, trainings
from trying import main, twins

from pellucid.data import prepare
from pellucid.insight.layer_records import cost_of
from pellucid.insight.opened_networks import open_network
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

SIDE, MOVED = 28, 4
EPOCHS = 10
LENET, WORK, NUMBERS = "LeNet", "dense, same work", "dense, same parameters"
FIXED = {"batch_norm": False, "augment": False, "label_smoothing": 0.0, "precision": "fp32"}
FIXED_TOO = {"batch_size": 128, "optimizer": "adam", "learning_rate": 0.002}
TITLES = {"as they are": "Images as they are", "moved": "Images moved by up to four pixels"}


def tried(options: Options) -> dict[str, Any]:
    """Size the perceptrons, then train all three on both kinds of images."""
    sizes = {LENET: {"model": "lenet"}}
    work, numbers = counted(sizes[LENET])
    sizes[WORK] = {"model": "mlp", "width": _width(lambda counts: counts[0] >= work)}
    sizes[NUMBERS] = {"model": "mlp", "width": _width(lambda counts: counts[1] >= numbers)}
    fixed = {**FIXED, **FIXED_TOO, "epochs": options.passes(EPOCHS)}
    counts = {name: counted(given) for name, given in sizes.items()}
    place = images(options)
    return {
        "variants": sizes,
        "multiply_adds": {name: work for name, (work, _) in counts.items()},
        "kinds": {
            "as they are": twins(options, place, sizes, **fixed),
            "moved": twins(options, _moved(options, place), sizes, **fixed),
        },
    }


def counted(given: dict[str, Any]) -> tuple[int, int]:
    """Multiplications that are followed by an addition, and parameters, of a network on one image."""
    settings = Settings(**given, batch_norm=False)
    config = design(settings.model, settings, InputFacts((1, SIDE, SIDE), outputs=10, examples=6_000))
    network = build(config, torch_generator())
    opened = open_network(network, np.zeros((1, 1, SIDE, SIDE), np.float32))
    learnt = ("convolution", "dense")
    costs = [cost_of(opened, line) for line in opened.lines if line.kind in learnt]
    return sum(each.multiply_adds for each in costs), sum(each.parameters for each in costs)


def torch_generator() -> Any:
    """A source of draws for weights that are only counted."""
    import torch

    return torch.Generator().manual_seed(0)


def _width(is_enough: Any) -> int:
    """The smallest width of a perceptron that is enough."""
    return next(width for width in range(8, 1024, 4) if is_enough(counted({"model": "mlp", "width": width})))


def _moved(options: Options, place: str) -> str:
    """The same images, each moved over a larger empty one."""
    dataset, _ = prepare(place, Settings())
    pool = np.concatenate([dataset.train, dataset.validation])
    found = np.zeros((len(pool), SIDE, SIDE), np.uint8)
    draws = np.random.default_rng(DRAWS)
    for row, (position, (down, right)) in enumerate(
        zip(pool, draws.integers(-MOVED, MOVED + 1, (len(pool), 2)), strict=True)
    ):
        wide = np.pad(dataset.inputs[position, ..., 0], MOVED)
        top, left = MOVED + down, MOVED + right
        found[row] = wide[top : top + SIDE, left : left + SIDE]
    path = options.work / "moved.npz"
    names = np.array(dataset.classes)[dataset.labels]
    test = {"x_test": dataset.inputs[dataset.test, ..., 0], "y_test": names[dataset.test]}
    np.savez(path, x_train=found, y_train=names[pool], **test)
    return str(path)


def drawn(record: dict[str, Any]) -> str:
    """Accuracy on both kinds of images."""
    panels = []
    for name, found in record["kinds"].items():
        panels += panels_of(found, TITLES[name], LENET)
    return figure(panels, "Accuracy of LeNet and two perceptrons of its size on still and moved images")


def shown(record: dict[str, Any]) -> str:
    """The tables."""
    first = next(iter(record["kinds"].values()))
    sizes = [
        [name, f"{work:,}", f"{first['variants'][name]['parameters']:,}"]
        for name, work in record["multiply_adds"].items()
    ]
    parts = [table(["", "multiply-adds an image", "parameters"], sizes)]
    for name, found in record["kinds"].items():
        parts.append(f"{TITLES[name]}\n\n{differences_table(found, LENET)}\n{trainings(found)}\n")
    return "\n".join(parts) + f"\n{cost(record)}\n"


if __name__ == "__main__":
    sys.exit(main())
