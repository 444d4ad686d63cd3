"""Pellucid on texts: its own network, batches, step and loop, precision by its own rule."""

import dataclasses
from collections.abc import Callable

import numpy as np

from contestants import EMBEDDING, FILTERS, HIDDEN, KERNELS, LEARNING_RATE
from contestants.data import Texts
from contestants.network import parameters_of
from pellucid.encoding.encoder import Tokens
from pellucid.networks import NetworkConfig
from pellucid.networks.config import Filters, Recurrent
from pellucid.settings import Settings
from pellucid.training import Batches, Examples, Session, State, Surroundings, choose_recipe, fit
from pellucid.training.hardware import choose_precision, choose_threads, keep_freed_memory, pinned
from pellucid.training.steps import ClassificationStep

SETTINGS = Settings(
    optimizer="adam",
    learning_rate=LEARNING_RATE,
    schedule="constant",
    label_smoothing=0.0,
    class_weight="none",
    epochs=1,
)


def start(name: str, data: Texts) -> Session:
    """A session on the texts, without a validation split; its recipe is one epoch without word dropout.

    A name that ends in `-fp32` stands for arithmetic that is not Pellucid's own choice.
    """
    lengths = (data.ids != 0).sum(axis=1)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = Tokens(data.ids[data.ids != 0], offsets, data.vocabulary, data.ids.shape[1])
    count = len(data.labels)
    examples = Examples(tokens, data.labels, np.arange(count), np.zeros(0, np.int64), data.classes)
    precision = "fp32" if name.endswith("-fp32") else "auto"
    settings = dataclasses.replace(SETTINGS, batch_size=data.batch, precision=precision)
    around = Surroundings(
        train_labels=data.labels,
        classes=data.classes,
        takes="texts",
        model=data.network,
        precision=choose_precision(settings, "cpu"),
        device="cpu",
        threads=choose_threads(settings),
    )
    recipe = dataclasses.replace(choose_recipe(settings, around), word_dropout=0.0)
    is_recurrent = data.network == "rnn"
    config = NetworkConfig(
        name=data.network,
        input_shape=(data.ids.shape[1],),
        outputs=data.classes,
        vocabulary=data.vocabulary,
        embedding=EMBEDDING,
        widths=(HIDDEN,) if is_recurrent else (FILTERS,),
        own=Recurrent(cell="lstm") if is_recurrent else Filters(kernels=KERNELS),
    )
    return Session.start(config, examples, recipe)


def build(name: str, data: Texts) -> tuple[Callable[[str], float], int]:
    """A function that trains one epoch and returns its mean loss, and the trainable parameters."""
    keep_freed_memory()
    session = start(name, data)
    network, recipe, optimizer = session.network, session.batches.recipe, session.state.optimizer

    def epoch(which: str) -> float:
        examples = session.batches.examples
        batches = Batches(dataclasses.replace(examples, train=examples.train[data.part(which)]), recipe)
        batches.recipe = dataclasses.replace(recipe, total_steps=batches.per_epoch)
        count = len(batches.examples.train)
        state = State(network, optimizer)
        with pinned(recipe.threads):
            fit(state, ClassificationStep(network, optimizer, batches.recipe, count), batches, dict)
        return float(state.history[-1]["train_loss"])

    return epoch, parameters_of(network)
