"""Real commands on real images, in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def pellucid() -> Command:
    """A function that runs the command line and returns what it printed."""

    def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pellucid", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=300,
            env={**os.environ, "NO_COLOR": "1", **environment},
        )

    return run


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
