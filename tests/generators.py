"""A small trained generator on scikit-learn's digits, for tests of all that comes after training."""

import functools

import numpy as np

from pellucid.bundle import generator_of
from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.targets import GENERATION
from pellucid.training import Examples, Session, Surroundings, choose_recipe
from small_models import CLASSES, DIGITS, digits


def examples(count=600, *, is_labelled=True):
    """The first digits as training examples, the next 100 for validation."""
    pixels, labels = digits()
    labels = labels if is_labelled else np.zeros_like(labels)
    train, validation = np.arange(count), np.arange(count, count + 100)
    return Examples(pixels, labels, train, validation, 10 if is_labelled else 0, GENERATION)


def begin(given=None, *, is_labelled=True, **settings):
    """A session at step 0."""
    found = examples(is_labelled=is_labelled) if given is None else given
    chosen = Settings(**{"model": "vae", "width": 8, "epochs": 2, "threads": 1, **settings})
    around = Surroundings(
        train_labels=found.labels[found.train],
        classes=found.classes,
        target=found.target,
        takes="images",
        precision="fp32",
        device="cpu",
        threads=chosen.threads,
        model=chosen.model,
        shortest_side=8,
    )
    config = design(chosen.model, chosen, InputFacts((1, 8, 8), max(1, found.classes), len(found.train)))
    return Session.start(config, found, choose_recipe(chosen, around))


@functools.cache
def trained_generator(epochs=12, *, is_labelled=True, model="vae"):
    """A generator of digits that knows their classes, or not."""
    network = begin(is_labelled=is_labelled, epochs=epochs, model=model).run()
    return generator_of(network, DIGITS, CLASSES if is_labelled else ())
