r"""Linear model: the weighted sum of the features, as probabilities or as a number.

Notation: $x$ features, $W$ weights, $b$ bias; $z = x W + b$, and $p = \mathrm{softmax}(z)$.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int32

from pellucid.arithmetic import softmax
from pellucid.classical.features.rows import Rows, wide
from pellucid.classical.predictors.settings import read_settings, require_classes
from pellucid.strict import Forms, read_arrays

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
class Linear:
    """Linear model of classes or of a number.

    Attributes:
        kind: key in `PREDICTORS`.
        outputs: classes, or 1 for a number.
        number: whether a number is predicted.
        weights: one column for each class that was there to learn, with any standardisation in it.
        bias: one number for each of them.
        classes: which classes these are; ascending.
    """

    kind: ClassVar[str] = "linear"
    outputs: int
    number: bool
    weights: Float64[np.ndarray, "inputs columns"]
    bias: Float64[np.ndarray, " columns"]
    classes: Int32[np.ndarray, " columns"]

    @property
    def inputs(self) -> int:
        """Features of a row."""
        return len(self.weights)

    @property
    def parameters(self) -> int:
        """Weights and biases."""
        return self.weights.size + self.bias.size

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        rows = max(1, _BLOCK_VALUES // (self.inputs if isinstance(features, np.ndarray) else len(self.bias)))
        scores = [
            wide(features, at, at + rows) @ self.weights + self.bias
            for at in range(0, max(1, features.shape[0]), rows)
        ]
        return spread(np.concatenate(scores), self.classes, self.outputs, self.number)

    def arrays(self) -> dict[str, np.ndarray]:
        """Weights, biases and classes."""
        return {"weights": self.weights, "bias": self.bias, "classes": self.classes}

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "number": self.number,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "columns": len(self.bias),
        }

    @staticmethod
    def expected(settings: object) -> Forms:
        """Forms of the arrays, or `ValueError`, as `Predictor.expected`."""
        read = read_settings("linear", settings, ("outputs", "inputs", "columns"))
        if read["columns"] > read["outputs"]:
            raise ValueError(f"linear: {read['columns']} columns for {read['outputs']} outputs")
        return {
            "weights": ("float64", (read["inputs"], read["columns"])),
            "bias": ("float64", (read["columns"],)),
            "classes": ("int32", (read["columns"],)),
        }

    @classmethod
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Linear":
        """Predictor from a file's content, or `ValueError`, as `Predictor.from_parts`."""
        found = read_arrays("linear", cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        require_classes("linear", found["classes"], settings["outputs"])
        return cls(outputs=settings["outputs"], number=settings["number"], **found)
