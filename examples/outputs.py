"""Sigmoid suits the output of a classifier of several classes.

Trains the same perceptron with one hidden layer with a sigmoid for each of the ten classes (each asked by
itself: this class or not) and with a softmax over all, at the learning rate that suits each, and asks of
both whether the ten outputs add up to 1, how often none or several of them are above a half, and how good
answer and probability are.

Takes: about 1 minute with one thread.
"""

from typing import Any

import numpy as np
import torch
from drawing import figure
from showing import cost, differences_table, panels_of, rates_chosen, table, trainings
from torch import Tensor, nn
from trying import TUNING_SEED, Options, images, summed_up

from pellucid.arithmetic import accuracy, log_loss
from pellucid.data import Dataset, folds, prepare
from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings

SOFTMAX, SIGMOID = "softmax", "sigmoid for each class"
RATES = (0.001, 0.003, 0.01, 0.03)
EPOCHS, BATCH, WIDTH = 10, 128, 128


def tried(options: Options) -> dict[str, Any]:
    dataset, _ = prepare(images(options), Settings())
    threads = torch.get_num_threads()
    torch.set_num_threads(options.threads)
    tuning = {kind: {f"{rate:g}": _tuned(dataset, kind, rate, options) for rate in RATES} for kind in _LOSSES}
    rates = {kind: float(max(of, key=of.__getitem__)) for kind, of in tuning.items()}
    scores: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _LOSSES}
    sizes = []
    for seed in range(options.seeds):
        for number, fold in enumerate(folds(dataset, options.folds, seed), start=1):
            sizes.append((len(fold.train), len(fold.test)))
            for kind in _LOSSES:
                found = _facts(*_answered(fold, kind, rates[kind], seed, options))
                scores[kind].append({"seed": seed, "fold": number, **found})
    torch.set_num_threads(threads)
    train, judged = np.mean(sizes, axis=0)
    record = summed_up(scores, float(train), float(judged), ("accuracy", "log_loss"))
    sums = {
        kind: {key: round(float(np.mean([each[key] for each in of])), 4) for key in _FACTS}
        for kind, of in scores.items()
    }
    return {"tuning": tuning, "rates": rates, "trained": record, "outputs": sums}


def _tuned(dataset: Dataset, kind: str, rate: float, options: Options) -> float:
    """Mean accuracy with a learning rate, on two folds of another seed."""
    reached = []
    for fold in folds(dataset, 2, TUNING_SEED):
        reached.append(accuracy(*_answered(fold, kind, rate, TUNING_SEED, options)))
    return round(float(np.mean(reached)), 4)


def _answered(
    fold: Dataset, kind: str, rate: float, seed: int, options: Options
) -> tuple[np.ndarray, np.ndarray]:
    """Train on a fold's examples; the fold's classes, and the network's output for each class."""
    images = torch.from_numpy(np.array(fold.inputs.transpose(0, 3, 1, 2)))
    labels = torch.from_numpy(fold.labels)
    classes = len(fold.classes)
    settings = Settings(model="mlp", depth=1, width=WIDTH, batch_norm=False)
    facts = InputFacts(tuple(images.shape[1:]), outputs=classes, examples=len(fold.train))
    draws = torch.Generator().manual_seed(seed)
    network = build(design("mlp", settings, facts), draws)
    network.initialise_from_data(images[torch.from_numpy(fold.train)])
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(options.passes(EPOCHS)):
        order = torch.from_numpy(fold.train)[torch.randperm(len(fold.train), generator=draws)]
        for batch in order.split(BATCH):
            optimizer.zero_grad()
            _LOSSES[kind](network(images[batch].float()), labels[batch]).backward()
            optimizer.step()
    with torch.no_grad():
        outputs = _OUTPUTS[kind](network(images[torch.from_numpy(fold.test)].float()))
    return fold.labels[fold.test], outputs.numpy().astype(np.float64)


def _each_class(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over the classes of the cross-entropy of each one asked by itself."""
    targets = nn.functional.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(logits)


_LOSSES = {SOFTMAX: nn.functional.cross_entropy, SIGMOID: _each_class}
_OUTPUTS = {SOFTMAX: lambda logits: logits.softmax(dim=1), SIGMOID: torch.sigmoid}
_FACTS = ("off_by_tenth", "least_sum", "largest_sum", "none", "several")


def _facts(labels: np.ndarray, outputs: np.ndarray) -> dict[str, float]:
    sums, above = outputs.sum(axis=1), (outputs > 0.5).sum(axis=1)
    return {
        "accuracy": accuracy(labels, outputs),
        "log_loss": log_loss(labels, outputs / sums[:, None]),
        "off_by_tenth": float((abs(sums - 1) > 0.1).mean()),
        "least_sum": float(sums.min()),
        "largest_sum": float(sums.max()),
        "none": float((above == 0).mean()),
        "several": float((above > 1).mean()),
    }


def drawn(record: dict[str, Any]) -> str:
    found = record["trained"]
    panels = [
        *panels_of(found, "Accuracy on the folds", SOFTMAX),
        *panels_of(found, "Log loss on the folds, outputs divided by their sum", SOFTMAX, "log_loss"),
    ]
    return figure(panels, "Accuracy and log loss with a softmax and with a sigmoid for each class")


def shown(record: dict[str, Any]) -> str:
    found = record["trained"]
    rows = []
    for kind, of in record["outputs"].items():
        off, none, several = (f"{100 * of[key]:.1f} %" for key in ("off_by_tenth", "none", "several"))
        rows.append([kind, off, f"{of['least_sum']:.2f} to {of['largest_sum']:.2f}", none, several])
    header = ["of the images of a fold", "sum is off 1 by over 0.1", "smallest and largest sum",
              "no class above a half", "several above a half"]  # fmt: skip
    return (
        f"{table(header, rows)}\n{differences_table(found, SOFTMAX)}\n"
        f"{differences_table(found, SOFTMAX, 'log_loss')}\n"
        f"{rates_chosen(record, RATES)} {trainings(found)} {cost(record)}\n"
    )
