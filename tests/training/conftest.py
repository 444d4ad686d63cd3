import dataclasses
import functools

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.encoding.encoder import Tokens
from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from pellucid.training import Examples, Session, Surroundings, choose_recipe


@pytest.fixture(scope="session")
def digits() -> Examples:
    bunch = load_digits()
    pixels = (bunch.images * 15).astype(np.uint8)[..., None]
    order = np.random.default_rng(0).permutation(len(pixels))
    return Examples(
        inputs=pixels,
        labels=bunch.target.astype(np.int64),
        train=np.sort(order[:600]),
        validation=np.sort(order[600:900]),
        classes=10,
        target=CLASSIFICATION,
    )


@pytest.fixture(scope="session")
def ink(digits) -> Examples:
    """The digits with a number to predict, large and far from zero: the ink on each."""
    return dataclasses.replace(
        digits,
        labels=5e6 + 1e4 * digits.inputs.mean(axis=(1, 2, 3), dtype=np.float64),
        classes=0,
        target=REGRESSION,
    )


def _start(examples: Examples, **given) -> Session:
    """Start a session on some examples with some settings."""
    size = {} if given.get("optimizer") == "gd" else {"batch_size": 64}
    settings = Settings(**{"model": "cnn", "epochs": 2, "width": 16, **size, **given})
    around = Surroundings(
        train_labels=examples.labels[examples.train],
        classes=examples.classes,
        target=examples.target,
        takes="images",
        model=settings.model,
        shortest_side=8,
        mirror_keeps_class=False,
        precision="fp32" if settings.precision == "auto" else settings.precision,
        device="cpu" if settings.device == "auto" else settings.device,
        threads=settings.threads or 1,
    )
    facts = InputFacts((1, 8, 8), max(1, examples.classes), len(examples.train))
    config = design(settings.model, settings, facts)
    return Session.start(config, examples, choose_recipe(settings, around))


@pytest.fixture(scope="session")
def start():
    """A function that starts a session on given examples with some settings."""
    return _start


@pytest.fixture(scope="session")
def begin(digits):
    """A function that starts a session on the digits with some settings."""
    return functools.partial(_start, digits)


@pytest.fixture(scope="session")
def begin_numbers(ink):
    """A function that starts a session on the digits' ink with some settings."""
    return functools.partial(_start, ink)


@pytest.fixture(scope="session")
def letters() -> Examples:
    """Texts of 1 to 60 ids; a class is the one of four ids that a text holds, among 40 that say nothing."""
    draws = np.random.default_rng(5)
    texts, labels = [], []
    for number in range(600):
        label = number % 4
        words = draws.integers(6, 46, size=draws.integers(0, 60))
        texts.append(draws.permutation(np.append(words, 2 + label)))
        labels.append(label)
    offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])])
    tokens = Tokens(np.concatenate(texts).astype(np.int32), offsets, vocabulary=46, length=60)
    order = draws.permutation(600)
    return Examples(tokens, np.array(labels), np.sort(order[:400]), np.sort(order[400:]), 4, CLASSIFICATION)


def _start_texts(letters: Examples, numbers: bool = False, vectors=None, **given) -> Session:
    """Start a session on the letters with some settings."""
    if numbers:
        numbered = 1e4 + 1e3 * letters.labels.astype(float)
        letters = dataclasses.replace(letters, labels=numbered, classes=0, target=REGRESSION)
    size = {} if given.get("optimizer") == "gd" else {"batch_size": 40}
    settings = Settings(**{"model": "text-cnn", "epochs": 2, "width": 8, **size, **given})
    around = Surroundings(
        train_labels=letters.labels[letters.train],
        classes=letters.classes,
        target=letters.target,
        takes="texts",
        model=settings.model,
        precision="fp32" if settings.precision == "auto" else settings.precision,
        device="cpu" if settings.device == "auto" else settings.device,
        threads=settings.threads or 1,
    )
    facts = InputFacts(
        (letters.inputs.length,),
        max(1, letters.classes),
        len(letters.train),
        vocabulary=letters.inputs.vocabulary,
        embedding=8,
    )
    config = design(settings.model, settings, facts)
    return Session.start(config, letters, choose_recipe(settings, around), vectors)


@pytest.fixture(scope="session")
def begin_texts(letters):
    """A function that starts a session on the letters with some settings."""
    return functools.partial(_start_texts, letters)
