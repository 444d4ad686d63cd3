"""Draws and measures chapters 1 to 6 of Learn on one LeNet: `python examples/learn/networks.py`.

Trains the network of these chapters on `sample:fashion` and, with two seeds each, such networks with and
without shifted training images. Pictures go to docs/images/learn, figures to docs/learn/networks.json and
from there into the chapters. `--check` trains nothing and reports whether they agree with that record.

Takes: about 2 minutes of processor time with one thread.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import pictures  # noqa: E402
from showing import table  # noqa: E402
from trying import ROOT  # noqa: E402

import pellucid  # noqa: E402
from pellucid.arithmetic import softmax  # noqa: E402
from pellucid.arithmetic.draws import Purpose, torch_seed  # noqa: E402
from pellucid.data import Dataset, prepare  # noqa: E402
from pellucid.networks import Network, build  # noqa: E402
from pellucid.pipeline.learners.network import learner_of  # noqa: E402
from pellucid.reference import RULES, Memory, Numbers  # noqa: E402
from pellucid.settings import Settings  # noqa: E402

# The network of the chapters, as their commands train it.
LENET: dict[str, Any] = {"model": "lenet", "batch_norm": False, "augment": False, "epochs": 8}
SHIFTS = (0, 1, 2, 3, 4)  # columns to the right
# Training images over which losses are means, and test images that are shifted.
FOR_LOSS, FOR_SHIFTS = 1_000, 500
SHARES = tuple(round(0.1 * each, 1) for each in range(11))
STEPS, RATES = 40, (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
RECORD, IMAGES = Path("docs/learn/networks.json"), Path("docs/images/learn")


def story(folder: Path, epochs: int, threads: int) -> tuple[Network, Dataset]:
    """The network of the chapters, trained into `folder/lenet` unless it is there, and the data it learnt."""
    given = {**LENET, "epochs": epochs, "threads": threads, "baselines": False}
    pellucid.train("sample:fashion", out=folder / "lenet", quiet=True, resume=True, **given)
    data, _ = prepare("sample:fashion", Settings())
    return pellucid.load(folder / "lenet").model_.network.eval(), data


def images_of(data: Dataset, rows: np.ndarray) -> Tensor:
    """Images as the network takes them: raw pixels (batch, 1, 28, 28)."""
    return torch.from_numpy(np.ascontiguousarray(data.inputs[rows].transpose(0, 3, 1, 2))).float()


@torch.no_grad()
def values_of(network: Network, images: Tensor) -> dict[str, Tensor]:
    """What every layer gives, by its name."""
    value = network.standardise(images)
    found = {"input": value}
    for name, module in network.body.named_children():
        # A copy: an activation may write over what the layer before it gave.
        value = module(value).clone()
        found[name] = value
    return found | {"head": network.head(value)}


def start_of(network: Network, seed: int) -> Network:
    """The network as it was before its first step: the same layers, their weights as the seed draws them."""
    start = build(network.config, torch.Generator().manual_seed(torch_seed(seed, Purpose.INITIALISATION)))
    start.standardise.load_state_dict(network.standardise.state_dict())
    return start.eval()


@torch.no_grad()
def losses_on_the_line(network: Network, start: Network, data: Dataset) -> list[float]:
    """Mean training loss on the straight line from the first weights (0) to the trained ones (1)."""
    rows = data.train[:FOR_LOSS]
    images, labels = images_of(data, rows), torch.from_numpy(data.labels[rows])
    found, between = [], start_of(network, 0)
    for share in SHARES:
        for own, before, after in zip(
            between.parameters(), start.parameters(), network.parameters(), strict=True
        ):
            own.copy_(before + share * (after - before))
        found.append(round(float(torch.nn.functional.cross_entropy(between(images), labels)), 4))
    return found


def shifted(images: Tensor, columns: int) -> Tensor:
    """Images moved to the right, black at their left edge."""
    return torch.nn.functional.pad(images, (columns, 0))[..., : images.shape[-1]]


def changes_by_shift(network: Network, data: Dataset) -> dict[str, list[float]]:
    """How far each layer moves when the images do, relative to the size of its values; and the accuracy."""
    rows = data.test[:FOR_SHIFTS]
    images, labels = images_of(data, rows), torch.from_numpy(data.labels[rows])
    still = values_of(network, images)
    found: dict[str, list[float]] = {
        name: [] for name in ("conv1", "pool1", "conv2", "pool2", "linear4", "accuracy")
    }
    for columns in SHIFTS:
        moved = values_of(network, shifted(images, columns))
        for name in found:
            if name == "accuracy":
                right = (moved["head"].argmax(dim=1) == labels).float().mean()
                found[name].append(round(float(right), 4))
            else:
                apart = (moved[name] - still[name]).flatten(1).norm(dim=1)
                found[name].append(round(float((apart / still[name].flatten(1).norm(dim=1)).mean()), 4))
    return found


def measured(network: Network, data: Dataset, seeds: int, epochs: int, threads: int) -> dict[str, Any]:
    """The figures of the chapters: losses on the line, and what shifted images change, for every seed.

    The network of the chapters is the first of those that saw no shifted images.
    """
    record: dict[str, Any] = {"epochs": epochs, "train": len(data.train), "line": [], "shifts": {}}
    for name, augment in (("as they are", False), ("shifted in training", True)):
        record["shifts"][name] = []
        for seed in range(seeds):
            given = {**LENET, "augment": augment, "epochs": epochs, "threads": threads, "seed": seed}
            if augment or seed:
                (fitted,) = learner_of(Settings(**given), data).fit(data)
                network = fitted.model.network.eval()
            record["shifts"][name].append(changes_by_shift(network, data))
            if not augment:
                record["line"].append(losses_on_the_line(network, start_of(network, seed), data))
    return record


def two_weights(network: Network, data: Dataset) -> dict[str, Any]:
    """The loss as two weights of the head change, and the way that three optimisers take over it.

    Both weights belong to the score of shirts. Their inputs are, of the twenty largest, the two that rise and
    fall together most: the loss is then steep in one direction and flat in the other. Each optimiser takes
    `STEPS` steps, each from all images, at the one of `RATES` that ends with the smallest loss.
    """
    rows = data.train[:FOR_LOSS]
    with torch.no_grad():
        features = network.features(images_of(data, rows)).double().numpy()
        weights, bias = (each.detach().double().numpy() for each in (network.head.weight, network.head.bias))
    labels, label = data.labels[rows], data.classes.index("Shirt")
    lengths = np.linalg.norm(features, axis=0)
    large = np.argsort(-lengths, kind="stable")[:20]
    directions = features[:, large] / lengths[large]
    alike = np.triu(directions.T @ directions, 1)
    pair = large[list(np.unravel_index(alike.argmax(), alike.shape))]
    logits, chosen, centre = features @ weights.T + bias, features[:, pair], weights[label, pair]

    def loss_and_gradient(two: np.ndarray) -> tuple[float, np.ndarray]:
        z = logits.copy()
        z[:, label] += chosen @ (two - centre)
        p = softmax(z)
        gradient = chosen.T @ (p[:, label] - (labels == label)) / len(rows)
        return float(-np.log(p[np.arange(len(rows)), labels]).mean()), gradient

    p = softmax(logits)[:, label]
    curvatures = np.linalg.eigvalsh(chosen.T @ (chosen * (p * (1 - p))[:, None]) / len(rows))
    # So far from the middle the loss has risen by 0.1 in the flat direction, if it bends as in the middle.
    reach = float(np.sqrt(0.2 / curvatures[0]))
    grid = np.linspace(-reach, reach, 80)
    losses = np.array([[loss_and_gradient(centre + np.array([a, b]))[0] for a in grid] for b in grid])
    first = centre + reach * np.array([-0.9, 0.5])
    paths = {}
    for name, rule in {"gradient descent": "gd", "momentum": "momentum", "Adam": "adam"}.items():
        ways = [_way(rule, first, rate, loss_and_gradient) for rate in RATES]
        best = int(np.argmin([loss for _, loss in ways]))
        paths[name] = {"rate": RATES[best], "loss": ways[best][1], "way": ways[best][0] - centre}
    return {
        "losses": losses, "paths": paths, "first_loss": loss_and_gradient(first)[0], "pair": pair.tolist(),
        "label": label, "class": data.classes[label], "reach": reach,
    }  # fmt: skip


def _way(rule: str, first: np.ndarray, rate: float, loss_and_gradient: Any) -> tuple[np.ndarray, float]:
    """The weights after every step, and the loss at the end; infinite where it left every bound."""
    weights, memory, way = first, Memory(), [first]
    for _ in range(STEPS):
        _, gradient = loss_and_gradient(weights)
        weights, memory = RULES[rule](weights, gradient, memory, Numbers(rate))
        if not np.isfinite(weights).all() or np.abs(weights).max() > 1e3:
            return np.array(way), float("inf")
        way.append(weights)
    return np.array(way), loss_and_gradient(weights)[0]


def drawn(network: Network, data: Dataset, run: Path, record: dict[str, Any]) -> dict[str, str]:
    """Every picture as SVG, by its name."""
    boot = data.test[0]
    # The first shirt of the test split that this network takes for something else.
    shirts = data.test[data.labels[data.test] == data.classes.index("Shirt")]
    answers = values_of(network, images_of(data, shirts))["head"].argmax(dim=1).numpy()
    shirt = shirts[np.flatnonzero(answers != data.classes.index("Shirt"))[0]]
    open_boot, open_shirt = (
        pellucid.explain(run, data.inputs[row], truth=data.classes[data.labels[row]]) for row in (boot, shirt)
    )
    start = values_of(start_of(network, 0), images_of(data, data.test[:1]))
    kernels = [each.body.conv1.weight.detach().numpy()[:, 0] for each in (start_of(network, 0), network)]
    return {
        "neuron": pictures.neuron(open_boot.unit("head", (0,)).weighings[0], data.inputs[boot][..., 0]),
        "layers": pictures.forward(open_boot, data.inputs[boot][..., 0]),
        "backward": pictures.backward(open_shirt, data.inputs[shirt][..., 0]),
        "descent": pictures.descent(two_weights(network, data)),
        "convolution": pictures.convolution(kernels, start["conv1"][0].numpy(), open_boot),
        "pooling": pictures.pooling(open_boot, record["shifts"]["as they are"], SHIFTS),
    }


def line_table(record: dict[str, Any]) -> str:
    """Losses on the straight line from start to end, a row for each seed."""
    every = range(0, len(SHARES), 2)
    rows = [
        [f"seed {seed}", *(f"{losses[at]:.3g}" for at in every)] for seed, losses in enumerate(record["line"])
    ]
    words = (
        f"Training loss of {FOR_LOSS:,} images, as a share of the way from the first to the trained weights."
    )
    return table(["", *(f"{100 * SHARES[at]:.0f} %" for at in every)], rows) + f"\n{words}\n"


def shift_table(record: dict[str, Any]) -> str:
    """What a shift to the right changes: layers where none was seen in training, and the accuracy of both."""
    means = {
        name: {key: np.mean([each[key] for each in found], axis=0) for key in found[0]}
        for name, found in record["shifts"].items()
    }
    plain, trained = means["as they are"], means["shifted in training"]
    layers = [
        [f"change of `{name}`", *(f"{100 * each:.0f} %" for each in plain[name])]
        for name in ("conv1", "pool1", "pool2", "linear4")
    ]
    scores = [
        [words, *(f"{each:.3f}" for each in found["accuracy"])]
        for words, found in (("accuracy", plain), ("accuracy, trained on shifted images", trained))
    ]
    words = (
        f"Means over {len(record['line'])} trainings of {record['epochs']} epochs each, {FOR_SHIFTS} test "
        "images. A change is the length of the difference over the length of the values."
    )
    header = ["images moved to the right by", *(f"{each} px" for each in SHIFTS)]
    return table(header, [*layers, *scores]) + f"\n{words}\n"


TABLES = {"line": ("04-gradient-descent.md", line_table), "shifts": ("06-pooling.md", shift_table)}


def filled(name: str, record: dict[str, Any]) -> tuple[Path, str]:
    """A chapter with its table brought up to date."""
    page, shown = TABLES[name]
    path = ROOT / "docs" / "learn" / page
    text = path.read_text(encoding="utf-8")
    start, end = f"<!-- {name}: start -->\n", f"<!-- {name}: end -->\n"
    return path, text[: text.index(start) + len(start)] + shown(record) + text[text.index(end) :]


def main() -> int:
    """Draw and measure everything anew; with `--check` 1 where a chapter differs from the record."""
    flags = argparse.ArgumentParser(description="Draw and measure chapters 1 to 6 of Learn.")
    flags.add_argument("--check", action="store_true", help="train nothing, report what is not up to date")
    flags.add_argument("--epochs", type=int, default=LENET["epochs"], help="passes of each training")
    flags.add_argument("--seeds", type=int, default=2, help="trainings of each kind (2)")
    flags.add_argument("--threads", type=int, default=1, help="processor threads (1)")
    flags.add_argument("--pictures", action="store_true", help="draw only, with the figures of the record")
    flags.add_argument("--work", type=Path, help="folder that keeps the run lenet/; default: none")
    flags.add_argument("--out", type=Path, default=ROOT, help="folder in which docs/ lies")
    given = flags.parse_args()
    if given.check:
        record = json.loads((ROOT / RECORD).read_text(encoding="utf-8"))
        stale = [
            path.name for path, text in (filled(name, record) for name in TABLES) if text != path.read_text()
        ]
        if stale:
            print(f"run `python examples/learn/networks.py`: not up to date: {', '.join(stale)}")
        return int(bool(stale))
    with tempfile.TemporaryDirectory() as temporary:
        work = given.work or Path(temporary)
        network, data = story(work, given.epochs, given.threads)
        if given.pictures:
            record = json.loads((ROOT / RECORD).read_text(encoding="utf-8"))
        else:
            record = measured(network, data, given.seeds, given.epochs, given.threads)
        for folder in (RECORD.parent, IMAGES):
            (given.out / folder).mkdir(parents=True, exist_ok=True)
        (given.out / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
        for name, svg in drawn(network, data, work / "lenet", record).items():
            (given.out / IMAGES / f"{name}.svg").write_text(svg, encoding="utf-8")
    if given.out == ROOT:
        for name in TABLES:
            path, text = filled(name, record)
            path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
