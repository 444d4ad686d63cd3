import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.networks import InputFacts, design
from pellucid.settings import Settings
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
    )


@pytest.fixture(scope="session")
def begin(digits):
    """A function that starts a session on the digits with some settings."""

    def start(**given) -> Session:
        size = {} if given.get("optimizer") == "gd" else {"batch_size": 64}
        settings = Settings(**{"model": "cnn", "epochs": 2, "width": 16, **size, **given})
        around = Surroundings(
            train_labels=digits.labels[digits.train],
            classes=10,
            is_pictures=True,
            shortest_side=8,
            mirror_keeps_class=False,
            precision="fp32" if settings.precision == "auto" else settings.precision,
            device="cpu",
            threads=1,
        )
        config = design(settings.model, settings, InputFacts((1, 8, 8), 10, len(digits.train)))
        return Session.start(config, digits, choose_recipe(settings, around))

    return start
