"""Pellucid: its own batches, step and loop around the same network, precision by its own rule."""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from contestants import LEARNING_RATE
from contestants.data import Data
from contestants.network import parameters_of, six_convolutions
from pellucid.networks.layers import Standardise
from pellucid.settings import Settings
from pellucid.training import Batches, Examples, Recipe, State, Surroundings, choose_recipe, fit
from pellucid.training.batches import to_tensor
from pellucid.training.hardware import choose_precision, choose_threads, keep_freed_memory, pinned
from pellucid.training.optimisers import build_optimizer
from pellucid.training.steps import ClassificationStep

SETTINGS = Settings(
    optimizer="adam",
    learning_rate=LEARNING_RATE,
    schedule="constant",
    label_smoothing=0.0,
)


class FromPixels(nn.Sequential):
    """Standardise raw pixel values, then the network: the form every network of Pellucid has."""

    def __init__(self, network: nn.Module, pixels: np.ndarray) -> None:
        _, height, width, channels = pixels.shape
        super().__init__(Standardise((channels, height, width)), network)
        self[0].fit(to_tensor(pixels, np.arange(len(pixels))))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits of raw pixel values 0 to 255."""
        logits: Tensor = super().forward(inputs)
        return logits


def prepare(data: Data, settings: Settings) -> tuple[nn.Module, Examples, Recipe]:
    """What `Session.start` prepares, around the network of this benchmark.

    Network, examples without a validation split, recipe of one epoch.
    """
    count, height, width, channels = data.pixels.shape
    network = FromPixels(six_convolutions((channels, height, width), data.classes), data.pixels)
    network = network.to(memory_format=torch.channels_last)
    nothing = np.zeros(0, np.int64)
    examples = Examples(data.pixels, data.labels, np.arange(count), nothing, data.classes)
    around = Surroundings(
        train_labels=data.labels,
        classes=data.classes,
        takes="images",
        shortest_side=min(height, width),
        mirror_keeps_class=True,
        precision=choose_precision(settings, "cpu"),
        device="cpu",
        threads=choose_threads(settings),
    )
    recipe = choose_recipe(dataclasses.replace(settings, batch_size=data.batch, epochs=1), around)
    return network, examples, dataclasses.replace(recipe, class_weights=None)


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    settings = dataclasses.replace(SETTINGS, augment=name.endswith("-augmented"))
    keep_freed_memory()
    network, examples, recipe = prepare(data, settings)
    optimizer = build_optimizer(network, recipe)

    def epoch(which: str) -> float:
        train = examples.train[data.part(which)]
        batches = Batches(dataclasses.replace(examples, train=train), recipe)
        batches.recipe = dataclasses.replace(recipe, total_steps=batches.per_epoch)
        state = State(network, optimizer)
        with pinned(recipe.threads):
            fit(state, ClassificationStep(network, optimizer, batches.recipe, len(train)), batches, dict)
        return float(state.history[-1]["train_loss"])

    return epoch, parameters_of(network)
