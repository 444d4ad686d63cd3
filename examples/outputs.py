"""Sigmoid suits the output of a classifier of several classes.

Trains the same perceptron with one hidden layer with a sigmoid for each of the ten classes (each asked by
itself: this class or not) and with a softmax over all, at the learning rate that suits each, and asks of
both whether the ten outputs add up to 1, how often none or several of them are above a half, and how good
answer and probability are. Then the same two learn images of one to three garments side by side, of which
each is to be named.

Takes: about 1 minute with one thread.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from drawing import figure
from showing import NO, YES, Conclusion, cost, differences_table, panels_of, rates_chosen, table, trainings
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
    several = {
        kind: [_all_right(fold, kind, rates[kind], options) for fold in folds(dataset, options.folds, 0)]
        for kind in _LOSSES
    }
    return {"tuning": tuning, "rates": rates, "trained": record, "outputs": sums, "several": several}


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
    targets = nn.functional.one_hot(torch.from_numpy(fold.labels), len(fold.classes)).float()
    train, test = (torch.from_numpy(part) for part in (fold.train, fold.test))
    answer = _learnt(images[train], targets[train], kind, rate, seed, options)
    return fold.labels[fold.test], answer(images[test])


def _learnt(
    images: Tensor, targets: Tensor, kind: str, rate: float, seed: int, options: Options
) -> Callable[[Tensor], np.ndarray]:
    """Train on images whose targets say what is on them; a function from images to the outputs."""
    settings = Settings(model="mlp", depth=1, width=WIDTH, batch_norm=False)
    facts = InputFacts(tuple(images.shape[1:]), outputs=targets.shape[1], examples=len(images))
    draws = torch.Generator().manual_seed(seed)
    network = build(design("mlp", settings, facts), draws)
    network.initialise_from_data(images)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(options.passes(EPOCHS)):
        for batch in torch.randperm(len(images), generator=draws).split(BATCH):
            optimizer.zero_grad()
            _LOSSES[kind](network(images[batch].float()), targets[batch]).backward()
            optimizer.step()

    def answer(asked: Tensor) -> np.ndarray:
        with torch.no_grad():
            return _OUTPUTS[kind](network(asked.float())).numpy().astype(np.float64)

    return answer


def _all_right(fold: Dataset, kind: str, rate: float, options: Options) -> float:
    """Share of new images of one to three garments of which each is named, and no other.

    A class is answered from a half on; with softmax, which cannot be sure of two, from the probability that
    serves the training images best.
    """
    (images, targets), (asked, truth) = (
        _side_by_side(fold, part, seed) for seed, part in enumerate((fold.train, fold.test))
    )
    answer = _learnt(images, targets, kind, rate, 0, options)
    least, outputs = 0.5, answer(images)
    if kind == SOFTMAX:
        right = {each: _right(outputs >= each, targets) for each in np.linspace(0.05, 0.5, 19).tolist()}
        least = max(right, key=right.__getitem__)
    return round(_right(answer(asked) >= least, truth), 4)


def _right(answers: np.ndarray, targets: Tensor) -> float:
    return float((answers == (targets.numpy() > 0)).all(axis=1).mean())


def _side_by_side(fold: Dataset, part: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
    """As many images as a part has, of one to three of its images in three places, and what is on them."""
    draws = np.random.default_rng(seed)
    height, width, _ = fold.inputs.shape[1:]
    images = np.zeros((len(part), 1, height, 3 * width), np.uint8)
    targets = np.zeros((len(part), len(fold.classes)), np.float32)
    for row in range(len(part)):
        for place in draws.permutation(3)[: draws.integers(1, 4)]:
            chosen = draws.choice(part)
            images[row, 0, :, place * width : (place + 1) * width] = fold.inputs[chosen, :, :, 0]
            targets[row, fold.labels[chosen]] = 1
    return torch.from_numpy(images), torch.from_numpy(targets)


def _one_of_all(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of a softmax; where several classes are on an image each gets an equal share."""
    return nn.functional.cross_entropy(logits, targets / targets.sum(dim=1, keepdim=True))


def _each_class(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over the classes of the cross-entropy of each one asked by itself."""
    return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="sum") / len(logits)


_LOSSES = {SOFTMAX: _one_of_all, SIGMOID: _each_class}
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
    several = [
        [kind, *(f"{100 * each:.1f} %" for each in (np.mean(of), min(of), max(of)))]
        for kind, of in record["several"].items()
    ]
    named = ["images of one to three garments", "all named, and no other", "worst fold", "best fold"]
    return (
        f"{table(named, several)}\n{table(header, rows)}\n{differences_table(found, SOFTMAX)}\n"
        f"{differences_table(found, SOFTMAX, 'log_loss')}\n"
        f"{rates_chosen(record, RATES)} {trainings(found)} {cost(record)}\n"
    )


def concluded(record: dict[str, Any]) -> Conclusion:
    """It would hold if the outputs of hardly any image, one in a hundred, were no probabilities."""
    off = record["outputs"][SIGMOID]["off_by_tenth"]
    return Conclusion(
        YES if off < 0.01 else NO, f"of {100 * off:.0f} % of the images the outputs do not add up to 1"
    )
