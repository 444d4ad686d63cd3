"""Real commands on real images."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

from command_line import Command, alone, within


@pytest.fixture(scope="session")
def pellucid() -> Command:
    """A function that runs a command within this process and returns what it printed."""
    return within


@pytest.fixture(scope="session")
def process() -> Command:
    """The same in a process of its own, where that is what is tested."""
    return alone


@pytest.fixture(scope="session")
def digits_npz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,797 handwritten digits as an .npz with a test split of the user's own."""
    digits = load_digits()
    pixels = (digits.images * 15).astype(np.uint8)
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    np.savez(
        path,
        x_train=pixels[:1400],
        y_train=digits.target[:1400],
        x_test=pixels[1400:],
        y_test=digits.target[1400:],
    )
    return path


@pytest.fixture(scope="session")
def few_digits(digits_npz: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 digits to learn from and 100 to be tested on, so that much of a run is what is not training."""
    path = tmp_path_factory.mktemp("few") / "digits.npz"
    with np.load(digits_npz) as whole:
        np.savez(path, **{name: whole[name][: 400 if "train" in name else 100] for name in whole.files})
    return path
