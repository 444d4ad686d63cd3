r"""Linear model: the weighted sum of the features, as probabilities or as a number.

Notation: $x$ features, $W$ weights, $b$ bias; $z = x W + b$, and $p = \mathrm{softmax}(z)$.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int32

from pellucid.arithmetic import softmax
from pellucid.classical.features.rows import Rows, wide
from pellucid.classical.predictors.predictor import Predictor, settings_with
from pellucid.strict import Forms

_BLOCK_VALUES = 1 << 22


def spread(
    scores: Float64[np.ndarray, "n columns"],
    classes: Int32[np.ndarray, " columns"],
    outputs: int,
    number: bool,
) -> Float64[np.ndarray, "n outputs"]:
    """Answer of a predictor by the scores of its columns: the number as it is, or their softmax.

    Classes without a column get the probability 0.
    """
    if number:
        return scores
    found = np.zeros((len(scores), outputs))
    found[:, classes] = softmax(scores)
    return found


@dataclass(frozen=True, eq=False)
class Linear(Predictor):
    """Linear model of classes or of a number.

    Attributes:
        kind: key in `PREDICTORS`.
        SETTINGS: bounds of what a file states.
        inputs: features of a row.
        outputs: classes, or 1 for a number.
        number: whether a number is predicted.
        weights: one column for each class that was there to learn, with any standardisation in it.
        bias: one number for each of them.
        classes: which classes these are; ascending.
    """

    kind: ClassVar[str] = "linear"
    SETTINGS = settings_with("outputs", "inputs", "columns")
    inputs: int = field(init=False)
    outputs: int
    number: bool
    weights: Float64[np.ndarray, "inputs columns"]
    bias: Float64[np.ndarray, " columns"]
    classes: Int32[np.ndarray, " columns"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", len(self.weights))

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights.size + self.bias.size

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        wide_as = max(self.inputs if isinstance(features, np.ndarray) else 0, len(self.bias))
        rows = max(1, _BLOCK_VALUES // wide_as)
        scores = [
            wide(features, at, at + rows) @ self.weights + self.bias
            for at in range(0, max(1, features.shape[0]), rows)
        ]
        return spread(np.concatenate(scores), self.classes, self.outputs, self.number)

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "number": self.number,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "columns": len(self.bias),
        }

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        cls._require_outputs(stated)
        return {
            "weights": ("float64", (stated["inputs"], stated["columns"])),
            "bias": ("float64", (stated["columns"],)),
            "classes": ("int32", (stated["columns"],)),
        }

    def _check(self) -> None:
        self._require_classes(self.classes)
