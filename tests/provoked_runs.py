"""Small real trainings, healthy ones and ones that go wrong in a known way."""

from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training import Examples, Session, Surroundings, choose_recipe


def digits(train: int = 900, validation: int = 300, flipped: float = 0.0) -> Examples:
    """Some of the digits; a share of the training labels may be replaced by the next class."""
    bunch = load_digits()
    pixels = (bunch.images * 15).astype(np.uint8)[..., None]
    draws = np.random.default_rng(0)
    order = draws.permutation(len(pixels))
    labels = bunch.target.astype(np.int64)
    chosen = order[:train][: round(flipped * train)]
    labels[chosen] = (labels[chosen] + 1) % 10
    return Examples(
        inputs=pixels,
        labels=labels,
        train=np.sort(order[:train]),
        validation=np.sort(order[train : train + validation]),
        classes=10,
        target=CLASSIFICATION,
    )


def exclusive_or(examples: int = 600) -> Examples:
    """Two numbers each; the class says whether their signs differ, which no straight line tells."""
    draws = np.random.default_rng(1)
    values = draws.normal(size=(examples, 2)).astype(np.float32)
    labels = ((values[:, 0] > 0) ^ (values[:, 1] > 0)).astype(np.int64)
    cut = 2 * examples // 3
    return Examples(values, labels, np.arange(cut), np.arange(cut, examples), 2, CLASSIFICATION)


def history(examples: Examples, **given: Any) -> list[dict[str, Any]]:
    """Train by some settings; one record per epoch."""
    images = examples.inputs.ndim == 4
    size = {} if given.get("optimizer") == "gd" else {"batch_size": 32}
    settings = Settings(**{"model": "mlp", "epochs": 12, **size, **given})
    around = Surroundings(
        train_labels=examples.labels[examples.train],
        classes=examples.classes,
        target=examples.target,
        takes="images" if images else "values",
        shortest_side=8,
        mirror_keeps_class=False,
        precision="fp32",
        device="cpu",
        threads=1,
    )
    shape = (1, 8, 8) if images else examples.inputs.shape[1:]
    facts = InputFacts(shape, max(1, examples.classes), len(examples.train))
    session = Session.start(
        design(settings.model, settings, facts), examples, choose_recipe(settings, around)
    )
    session.run()
    return session.state.history
