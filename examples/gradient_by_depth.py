"""ReLU causes vanishing gradients.

Measures the gradient of every layer's weights in a perceptron with ten hidden layers, beside that of the
last one: before the first step, for each activation with the start that Pellucid fits to it and with the
one start for all that PyTorch gives; and while it learns, from the record of its layers that every training
of Pellucid keeps. Accuracy is judged by `compare`, with and without batch normalisation.

Takes: about 1 minute with one thread.
"""

import statistics
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from drawing import CATEGORIES, Dots, Line, Lines, Row, figure
from material import Options, images
from showing import against, cost, finding, rows_of, span, table, trainings
from torch import nn
from trying import compared, main

from pellucid.data import prepare
from pellucid.networks import InputFacts, Network, build, design
from pellucid.settings import Settings

NAMES = ("relu", "tanh", "sigmoid")
DEPTH, WIDTH, BATCH, STARTS = 10, 64, 512, 5
FITTED, COMMON = "fitted to the activation", "the same for all"
FIXED = {"model": "mlp", "depth": DEPTH, "width": WIDTH, "augment": False, "optimizer": "adam"}
FIXED_TOO = {"batch_size": 128, "learning_rate": 0.001, "label_smoothing": 0.0, "precision": "fp32"}
EPOCHS, FOLDS = 6, 2


def tried(options: Options) -> dict[str, Any]:
    """Measure gradients at the start and in training."""
    place = images(options)
    batch = _batch(place)
    starts = {kind: {name: _at_start(name, batch, kind) for name in NAMES} for kind in (FITTED, COMMON)}
    found, history = compared(
        options,
        place,
        {"activation": NAMES, "batch_norm": [False, True]},
        **FIXED,
        **FIXED_TOO,
        epochs=options.passes(EPOCHS),
        folds=FOLDS,
    )
    return {"starts": starts, "trained": found, "in_training": _in_training(history)}


def _batch(place: str) -> tuple[torch.Tensor, torch.Tensor]:
    dataset, _ = prepare(place, Settings())
    chosen = np.random.default_rng(0).permutation(dataset.train)[:BATCH]
    images = torch.from_numpy(np.ascontiguousarray(dataset.inputs[chosen].transpose(0, 3, 1, 2))).float()
    return images, torch.from_numpy(dataset.labels[chosen])


def _at_start(activation: str, batch: tuple[torch.Tensor, torch.Tensor], start: str) -> list[float]:
    """Gradient of each layer's weights relative to the last one's: median over several starts."""
    images, labels = batch
    ratios = []
    for seed in range(STARTS):
        network = _network(activation, seed)
        network.initialise_from_data(images)
        if start == COMMON:
            torch.manual_seed(seed)
            for layer in _layers(network):
                layer.reset_parameters()
        nn.functional.cross_entropy(network(images), labels).backward()
        norms = [
            float(layer.weight.grad.norm()) for layer in _layers(network) if layer.weight.grad is not None
        ]
        ratios.append([norm / norms[-1] for norm in norms])
    return [float(f"{statistics.median(of):.3g}") for of in zip(*ratios, strict=True)]


def _network(activation: str, seed: int) -> Network:
    settings = Settings(model="mlp", depth=DEPTH, width=WIDTH, batch_norm=False, activation=activation)
    config = design("mlp", settings, InputFacts((1, 28, 28), outputs=10, examples=6_000))
    return build(config, torch.Generator().manual_seed(seed))


def _layers(network: Network) -> list[nn.Linear]:
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def _in_training(history: Sequence[dict[str, Any]]) -> dict[str, list[float]]:
    """Gradient of each layer relative to the last, median over all measured epochs of all trainings."""
    found: dict[str, list[list[float]]] = {}
    for record in history:
        if "health" not in record:
            continue
        norms = [each["gradient_norm"] for each in record["health"]["weights"].values()]
        if norms[-1] > 0:
            found.setdefault(record["variant"], []).append([norm / norms[-1] for norm in norms])
    return {
        name: [float(f"{statistics.median(of):.3g}") for of in zip(*rows, strict=True)]
        for name, rows in found.items()
    }


def variant(name: str, norm: bool) -> str:
    """How `compare` names a variant."""
    return f"activation={name} batch_norm={str(norm).lower()}"


def drawn(record: dict[str, Any]) -> str:
    """Gradients by depth, and accuracy."""
    panels: list[Dots | Lines] = []
    for kind, title in ((FITTED, "Before the first step, weights fitted to the activation"),
                        (COMMON, "Before the first step, the same start for all")):  # fmt: skip
        lines = [
            Line(name, range(1, DEPTH + 2), record["starts"][kind][name], colour=colour)
            for colour, name in zip(CATEGORIES, NAMES, strict=False)
        ]
        panels.append(Lines(title, "layer, from the input", "gradient, last layer = 1", lines, log_y=True))
    labels = {
        variant(name, norm): f"{name}{', batch norm' if norm else ''}"
        for name in NAMES
        for norm in (False, True)
    }
    panels.append(Dots("Accuracy after training", "accuracy", _rows(record, labels), (0.1, "chance")))
    return figure(panels, "Gradient of each layer of a deep perceptron, and what it learns")


def _rows(record: dict[str, Any], labels: dict[str, str]) -> list[Row]:
    return rows_of(record["trained"], names=labels)


def shown(record: dict[str, Any]) -> str:
    """The tables."""
    found = record["trained"]
    first = [
        [
            name,
            *(f"{record['starts'][kind][name][0]:.2g}" for kind in (FITTED, COMMON)),
            *(
                f"{record['in_training'][variant(name, norm)][0]:.2g}" if record["in_training"] else ""
                for norm in (False, True)
            ),
        ]
        for name in NAMES
    ]
    scores = [[name, *_scores(found, name)] for name in NAMES]
    header = ["first layer's gradient over the last's", f"start {FITTED}", f"start {COMMON}",
              "in training", "in training, batch norm"]  # fmt: skip
    return (
        f"{table(header, first)}\n"
        f"{table(['', 'accuracy', 'difference to relu', 'accuracy with batch norm'], scores)}\n"
        f"{trainings(found)} {cost(record)}\n"
    )


def _scores(found: dict[str, Any], name: str) -> list[str]:
    bare, relu = variant(name, False), variant("relu", False)
    beside = "" if bare == relu else f"{against(found, bare, relu)}, {finding(found, bare, relu)}"
    means = [span(found["variants"][variant(name, norm)]["accuracy"]) for norm in (False, True)]
    return [means[0], beside, means[1]]


if __name__ == "__main__":
    sys.exit(main())
