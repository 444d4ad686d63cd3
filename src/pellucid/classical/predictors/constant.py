"""Constant answer, which every other model has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.classical.predictors.settings import read_settings
from pellucid.strict import Forms, read_arrays

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Constant:
    """Shares of the classes, or mean, of the training examples.

    Attributes:
        kind: key in `PREDICTORS`.
        number: whether a number is predicted.
        answer: probabilities that sum to one, or one number.
    """

    kind: ClassVar[str] = "constant"
    number: bool
    answer: Float64[np.ndarray, " outputs"]

    @property
    def outputs(self) -> int:
        """Classes, or 1 for a number."""
        return len(self.answer)

    @property
    def inputs(self) -> int:
        """0: it takes any features and looks at none."""
        return 0

    @property
    def parameters(self) -> int:
        """Numbers of the answer."""
        return len(self.answer)

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Same answer for every row, of any length."""
        return np.tile(self.answer, (features.shape[0], 1))

    def arrays(self) -> dict[str, np.ndarray]:
        """Answer alone."""
        return {"answer": self.answer}

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {"number": self.number, "outputs": self.outputs}

    @staticmethod
    def expected(settings: object) -> Forms:
        """Forms of the arrays, or `ValueError`, as `Predictor.expected`."""
        return {"answer": ("float64", (read_settings("constant", settings, ("outputs",))["outputs"],))}

    @classmethod
    def from_parts(cls, settings: object, arrays: Mapping[str, np.ndarray]) -> "Constant":
        """Predictor from a file's content, or `ValueError`, as `Predictor.from_parts`."""
        found = read_arrays("constant", cls.expected(settings), arrays)
        assert isinstance(settings, dict)  # `expected` refused everything else
        answer = found["answer"]
        if not settings["number"] and (answer.min() < 0 or abs(answer.sum() - 1) > _ROUNDING):
            raise ValueError("constant: the probabilities are not between 0 and 1, or do not sum to one")
        return cls(number=settings["number"], answer=answer)
