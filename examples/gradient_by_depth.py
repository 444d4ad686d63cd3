"""ReLU causes vanishing gradients.

Measures the gradient of every layer's weights in a perceptron with ten hidden layers, beside that of the
last one: before the first step, for each activation with the start that Pellucid fits to it and with the
one start for all that PyTorch gives; and while it learns, from the record of its layers that every training
of Pellucid keeps. Accuracy is judged by `compare`, with and without batch normalisation.

Takes: about 1 minute with one thread.
"""

import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from drawing import CATEGORIES, Dots, Line, Lines, figure
from showing import NO, YES, Conclusion, beside, cost, rows_of, span, table, trainings
from torch import nn
from trying import BARE, Options, compared, images

from pellucid.data import prepare
from pellucid.networks import InputFacts, Network, build, design
from pellucid.settings import Settings

NAMES = ("relu", "tanh", "sigmoid")
DEPTH, WIDTH, BATCH, STARTS = 10, 64, 512, 5
FITTED, COMMON = "fitted to the activation", "the same for all"
VANISHED = 0.1  # of the last layer's gradient
FIXED = {
    **BARE,
    "depth": DEPTH,
    "width": WIDTH,
    "optimizer": "adam",
    "batch_size": 128,
    "learning_rate": 0.001,
}
EPOCHS, FOLDS = 6, 2


def tried(options: Options) -> dict[str, Any]:
    place = images(options)
    batch = _batch(place)
    starts = {kind: {name: _at_start(name, batch, kind) for name in NAMES} for kind in (FITTED, COMMON)}
    own = {key: value for key, value in FIXED.items() if key != "batch_norm"}
    own |= {"epochs": options.passes(EPOCHS), "folds": FOLDS}
    found, history = compared(options, place, {"activation": NAMES, "batch_norm": [False, True]}, **own)
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
        ratios.append([float(layer.weight.grad.norm()) for layer in _layers(network)])
    return _relative(ratios)


def _relative(norms: Sequence[Sequence[float]]) -> list[float]:
    """Of each layer's gradient over the last one's the median over several networks or epochs."""
    ratios = ([each / of[-1] for each in of] for of in norms)
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
            found.setdefault(record["variant"], []).append(norms)
    return {name: _relative(rows) for name, rows in found.items()}


def variant(name: str, norm: bool) -> str:
    """How `compare` names a variant."""
    return f"activation={name} batch_norm={str(norm).lower()}"


def drawn(record: dict[str, Any]) -> str:
    panels: list[Dots | Lines] = []
    for kind, title in ((FITTED, "Before the first step, weights fitted to the activation"),
                        (COMMON, "Before the first step, the same start for all")):  # fmt: skip
        lines = [
            Line(name, range(1, DEPTH + 2), record["starts"][kind][name], colour=colour)
            for colour, name in zip(CATEGORIES, NAMES, strict=False)
        ]
        panels.append(Lines(title, "layer, from the input", "gradient, last layer = 1", lines, log_y=True))
    both = [(name, norm) for name in NAMES for norm in (False, True)]
    labels = {variant(name, norm): f"{name}{', batch norm' if norm else ''}" for name, norm in both}
    rows = rows_of(record["trained"], names=labels)
    panels.append(Dots("Accuracy after training", "accuracy", rows, (0.1, "chance")))
    return figure(panels, "Gradient of each layer of a deep perceptron, and what it learns")


def shown(record: dict[str, Any]) -> str:
    found, trained, first, scores = record["trained"], record["in_training"], [], []
    for name in NAMES:
        variants = [variant(name, norm) for norm in (False, True)]
        starts = [f"{record['starts'][kind][name][0]:.2g}" for kind in (FITTED, COMMON)]
        first.append([name, *starts, *(f"{trained[each][0]:.2g}" if trained else "" for each in variants)])
        means = [span(found["variants"][each]["accuracy"]) for each in variants]
        relu = variant("relu", False)
        paired = "" if name == "relu" else ", ".join(beside(found, variants[0], relu))
        scores.append([name, means[0], paired, means[1]])
    header = ["first layer's gradient over the last's", f"start {FITTED}", f"start {COMMON}",
              "in training", "in training, batch norm"]  # fmt: skip
    return (
        f"{table(header, first)}\n"
        f"{table(['', 'accuracy', 'difference to relu', 'accuracy with batch norm'], scores)}\n"
        f"{trainings(found)} {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    """It would hold if ReLU sent the first layer so little of the last one's gradient."""
    of = {name: record["starts"][FITTED][name][0] for name in NAMES}
    numbers = ", ".join(f"{name} {ratio:.2g}" for name, ratio in of.items())
    return Conclusion(
        YES if of["relu"] < VANISHED else NO, f"first layer's gradient over the last's: {numbers}"
    )
