"""Training examples that a network finds most like an input: nearest in its last hidden layer."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Float64

# Training examples that are compared; of more a sample is drawn.
MOST_COMPARED = 2000


class Neighbour(NamedTuple):
    """Training example near an input.

    Attributes:
        row: its place among those that were compared.
        distance: to the input, in the last hidden layer.
        share: the distance beside the median distance of all that were compared.
    """

    row: int
    distance: float
    share: float


def nearest(
    hidden: Float32[np.ndarray, "1 features"], examples: Float32[np.ndarray, "examples features"], count: int
) -> Sequence[Neighbour]:
    """Nearest training examples in the last hidden layer, at most `count`, nearest first."""
    apart: Float64[np.ndarray, " examples"] = examples.astype(np.float64) - hidden.astype(np.float64)
    distances = np.sqrt((apart**2).sum(axis=1))
    middle = float(np.median(distances)) if len(distances) else 0.0
    return [
        Neighbour(int(row), float(distances[row]), float(distances[row]) / middle if middle else 0.0)
        for row in np.argsort(distances, kind="stable")[:count]
    ]
