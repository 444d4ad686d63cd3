"""Recipes of adversarial training side by side: what the images of each teach after equally many steps.

    python benchmarks/gan_recipes.py [--data DATA] [--steps 2000] [--seeds 1] [--only NAME ...]

Every recipe trains the network of `--model gan` on the same batches, as one change from the chosen recipe,
and makes 10,000 images in equal shares of the classes; a small classifier (`lenet`) learns from these alone
and is tested on the real test split. DATA is any images with classes; the default is the full Fashion-MNIST
as Debian's package `dataset-fashion-mnist` lays it out, and where that is not there, the bundled sample.

Takes: about four minutes for each recipe and seed on two cores.
"""

import dataclasses
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from measuring import command_line, heading, print_table
from torch import Tensor
from torch.nn.utils.parametrizations import spectral_norm

import pellucid
from generators import DEBIAN_FOLDER
from pellucid.bundle import generator_of
from pellucid.bundle.generator_models import Generator
from pellucid.data import Dataset, prepare
from pellucid.networks import Adversarial
from pellucid.pipeline.learners.network import NetworkLearner
from pellucid.pipeline.learners.preparation import material_of
from pellucid.settings import Settings
from pellucid.training.hardware import pinned

_MADE = 10_000
_NEARBY = 0.05  # deviation of the noise that a penalty on differences looks along


def softplus(real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of discriminator and generator that do not saturate."""
    return F.softplus(-real).mean() + F.softplus(made).mean(), F.softplus(-made).mean()


def hinge(real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Hinge losses (Lim and Ye 2017, arXiv:1705.02894)."""
    return F.relu(1 - real).mean() + F.relu(1 + made).mean(), -made.mean()


def relativistic(real: Tensor, made: Tensor) -> tuple[Tensor, Tensor]:
    """Losses of differences between real and made scores (Huang et al. 2024, arXiv:2501.05441)."""
    return F.softplus(made - real).mean(), F.softplus(real - made).mean()


@dataclass(frozen=True)
class Recipe:
    """One way to train.

    Attributes:
        losses: of real and made scores.
        stretch: largest factor by which a layer of the discriminator stretches, by shortening; 0: any.
        is_spectral: whether the layers divide their weights by their largest singular value instead.
        penalty: weight of a penalty on the slope of scores along noise, R1 and R2 by differences; 0: none.
        rates: learning rates of discriminator and generator.
        momentum: of Adam.
        schedule: `constant` or `falling`: straight down to 0 over the second half.
        averaging: share of the averaged generator that is kept; 0 uses the generator as it stands.
    """

    losses: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]] = softplus
    stretch: float = 1.0
    is_spectral: bool = False
    penalty: float = 0.0
    rates: tuple[float, float] = (2e-3, 2e-3)
    momentum: float = 0.0
    schedule: str = "falling"
    averaging: float = 0.999


CHOSEN = Recipe()
RECIPES = {
    "chosen": CHOSEN,
    "hinge loss": dataclasses.replace(CHOSEN, losses=hinge),
    "relativistic, R1 and R2": dataclasses.replace(CHOSEN, losses=relativistic, stretch=0.0, penalty=0.1),
    "spectral norm in the layers": dataclasses.replace(CHOSEN, stretch=0.0, is_spectral=True),
    "stretch unbounded": dataclasses.replace(CHOSEN, stretch=0.0),
    "separate rates": dataclasses.replace(CHOSEN, rates=(2e-3, 1e-3)),
    "lower rates": dataclasses.replace(CHOSEN, rates=(4e-4, 4e-4)),
    "momentum 0.5": dataclasses.replace(CHOSEN, momentum=0.5),
    "not averaged": dataclasses.replace(CHOSEN, averaging=0.0),
}


def trained(network: Adversarial, recipe: Recipe, batches: list[tuple[Tensor, Tensor]], seed: int) -> None:
    """Train a network in place, a step for each batch."""
    torch.manual_seed(seed)
    judging = [*network.body.parameters(), *network.head.parameters()]
    optimizers = [
        torch.optim.Adam(part, lr=rate, betas=(recipe.momentum, 0.99), fused=True)
        for part, rate in zip((judging, network.generator.parameters()), recipe.rates, strict=True)
    ]
    if recipe.is_spectral:
        for layer in network.judges():
            spectral_norm(layer)
    network.train()
    for step, (images, labels) in enumerate(batches):
        left = 1.0 if recipe.schedule == "constant" else min(1.0, 2 * (1 - step / len(batches)))
        for optimizer, rate in zip(optimizers, recipe.rates, strict=True):
            optimizer.param_groups[0]["lr"] = rate * left
        with torch.autocast("cpu", torch.bfloat16):
            made = network.made(torch.randn(len(labels), network.latent), labels, averaged=False)
            both = torch.cat([images, made.detach()])
            scores = network.scores(both, labels.repeat(2))
            loss, _ = recipe.losses(*scores.chunk(2))
            if recipe.penalty:
                moved = both + 127.5 * _NEARBY * torch.randn_like(both)
                slopes = (network.scores(moved, labels.repeat(2)) - scores) / _NEARBY
                loss = loss + recipe.penalty * slopes.square().mean()
        _down(optimizers[0], loss)
        if recipe.stretch:
            network.limit(recipe.stretch)
        network.judging(learns=False)
        with torch.autocast("cpu", torch.bfloat16):
            real = network.scores(images, labels).detach() if recipe.losses is relativistic else scores[:0]
            _, loss = recipe.losses(real, network.scores(made, labels))
        _down(optimizers[1], loss)
        network.judging(learns=True)
        network.follow(min(recipe.averaging, (step + 1) / (step + 10)))


def _down(optimizer: torch.optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def drawn(dataset: Dataset, steps: int, batch: int, seed: int) -> list[tuple[Tensor, Tensor]]:
    """Batches of training images and their labels, epoch after epoch."""
    draws = np.random.default_rng(seed)
    found: list[tuple[Tensor, Tensor]] = []
    while len(found) < steps:
        order = draws.permutation(dataset.train)
        for start in range(0, len(order) - batch + 1, batch):
            place = order[start : start + batch]
            images = torch.from_numpy(np.asarray(dataset.inputs)[place]).permute(0, 3, 1, 2).float()
            found.append((images, torch.from_numpy(dataset.labels[place])))
    return found[:steps]


def taught(model: Generator, dataset: Dataset, seed: int) -> float:
    """Accuracy on real test images of a small classifier that learned from made ones."""
    labels = model.turns(_MADE)
    made = model.sample(labels, seed)
    small = {"dropout": 0.3, "batch_norm": False, "augment": False, "epochs": 6, "batch_size": 64}
    classifier = pellucid.ImageClassifier(model="lenet", seed=seed, precision="fp32", **small)
    classifier.fit(made, labels)
    return float(classifier.score(np.asarray(dataset.inputs)[dataset.test], dataset.labels[dataset.test]))


def main() -> int:
    """Run and print a table."""
    parser = command_line(__doc__, with_json=False)
    parser.add_argument("--data", metavar="DATA", help=f"default: {DEBIAN_FOLDER}, or sample:fashion")
    parser.add_argument("--steps", type=int, default=2_000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES))
    asked = parser.parse_args()
    heading(("pellucid", "torch", "numpy"))
    data = asked.data or (DEBIAN_FOLDER if Path(DEBIAN_FOLDER).exists() else "sample:fashion")
    dataset, _ = prepare(data, Settings())
    rows = []
    for name in asked.only:
        for seed in range(asked.seeds):
            settings = Settings(model="gan", seed=seed, threads=asked.threads)
            network = NetworkLearner(settings).planned(material_of(dataset)).session.network
            assert isinstance(network, Adversarial)
            batches = drawn(dataset, asked.steps, asked.batch, seed)
            with pinned(asked.threads):
                began = time.perf_counter()
                trained(network, RECIPES[name], batches, seed)
                seconds = time.perf_counter() - began
                model = generator_of(network, dataset.preprocessing, dataset.classes)
                accuracy = taught(model, dataset, seed)
            rows.append((name, str(seed), f"{accuracy:.3f}", f"{asked.steps / seconds:.1f}"))
            print(rows[-1], file=sys.stderr, flush=True)
    print_table(("recipe", "seed", "images teach", "steps/s"), rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
