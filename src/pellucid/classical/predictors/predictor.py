"""Base of every trained classical model: plain arrays that answer."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.strict import Fields, Stored, Truth, Whole

# Bounds of each thing that a predictor may count.
_COUNTS = {
    "outputs": Whole(1, 100_000),
    "columns": Whole(1, 100_000),
    "inputs": Whole(1, 10_000_000),
    "space": Whole(1, 100_000),
    "points": Whole(1, 10_000_000),
    "trees": Whole(1, 10_000),
    "nodes": Whole(0, 50_000_000),
    "leaves": Whole(1, 50_000_000),
    "entries": Whole(1, 100_000_000),
}


def settings_with(*counts: str) -> Fields:
    """Settings of a predictor: whether it predicts a number, and these counts."""
    return {"number": Truth(), **{name: _COUNTS[name] for name in counts}}


class Predictor(Stored):
    """Trained model in NumPy alone: features in, probabilities or a number out.

    Its `kind` is its key in `PREDICTORS`.

    Attributes:
        outputs: classes, or 1 for a number.
        number: whether a number is predicted.
        inputs: features of a row; 0 where any will do.
    """

    outputs: int
    number: bool
    inputs: int

    @property
    @abstractmethod
    def parameters(self) -> int:
        """Numbers stored."""

    @abstractmethod
    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities that sum to one, or the number in column 0, for every row of length `inputs`.

        A row does not depend on the others.
        """

    @classmethod
    def _require_outputs(cls, stated: Mapping[str, Any]) -> None:
        """Refuse several outputs of a number, and more columns than outputs, with a `ValueError`."""
        outputs, columns = stated["outputs"], stated.get("columns", 0)
        if stated["number"] and outputs != 1:
            raise ValueError(f"{cls.kind}: {outputs} outputs where a single number is predicted")
        if columns > outputs:
            raise ValueError(f"{cls.kind}: {columns} columns for {outputs} outputs")

    def _require_classes(self, classes: np.ndarray) -> None:
        """Refuse classes of columns that do not ascend among the outputs, with a `ValueError`."""
        if classes[0] < 0 or classes[-1] >= self.outputs or (classes[1:] <= classes[:-1]).any():
            raise ValueError(f"{self.kind}: classes must ascend from 0 or more to less than {self.outputs}")
