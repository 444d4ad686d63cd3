"""Pellucid: the network of `--model vae` without classes and with one normal distribution as its prior."""

import dataclasses
from collections.abc import Callable

import numpy as np

from contestants import LATENT, LEARNING_RATE, VAE_WIDTHS
from contestants.data import Data
from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.training import Batches, Examples, Session, State, Surroundings, choose_recipe, fit
from pellucid.training.hardware import choose_precision, choose_threads, keep_freed_memory, pinned
from pellucid.training.steps import ElboStep


def build(name: str, data: Data) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    del name
    settings = Settings(
        model="vae",
        optimizer="adam",
        learning_rate=LEARNING_RATE,
        schedule="constant",
        width=VAE_WIDTHS[0],
        latent=LATENT,
        batch_size=data.batch,
        epochs=1,
    )
    keep_freed_memory()
    count, height, width, channels = data.pixels.shape
    everything, nothing = np.arange(count), np.zeros(0, np.int64)
    examples = Examples(data.pixels, np.zeros(count, np.int64), everything, nothing, 0, generates=True)
    around = Surroundings(
        train_labels=examples.labels,
        classes=0,
        takes="images",
        precision=choose_precision(settings, "cpu"),
        device="cpu",
        threads=choose_threads(settings),
        model="vae",
        shortest_side=min(height, width),
    )
    config = design(
        "vae", settings, InputFacts((channels, height, width), 1, 1)
    )  # one component: nothing learnt
    recipe = choose_recipe(settings, around)
    session = Session.start(config, examples, recipe)
    network, optimizer = session.network, session.state.optimizer

    def epoch(which: str) -> float:
        train = examples.train[data.part(which)]
        batches = Batches(dataclasses.replace(examples, train=train), recipe)
        batches.recipe = dataclasses.replace(recipe, total_steps=batches.per_epoch, warm_up=0.0)
        state = State(network, optimizer)
        with pinned(recipe.threads):
            fit(state, ElboStep(network, optimizer, batches.recipe, len(train)), batches, dict)
        return float(state.history[-1]["train_loss"])

    return epoch, sum(each.numel() for each in network.parameters() if each.requires_grad)
