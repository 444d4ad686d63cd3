"""Constant answer, which every other model has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float64

from pellucid.classical.features.rows import Rows
from pellucid.classical.predictors.predictor import Predictor, settings_with
from pellucid.strict import Forms

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Constant(Predictor):
    """Shares of the classes, or mean, of the training examples.

    Attributes:
        kind: key in `PREDICTORS`.
        SETTINGS: bounds of what a file states.
        outputs: classes, or 1 for a number.
        inputs: 0; it takes any features and looks at none.
        number: whether a number is predicted.
        answer: probabilities that sum to one, or one number.
    """

    kind: ClassVar[str] = "constant"
    SETTINGS = settings_with("outputs")
    outputs: int = field(init=False)
    inputs: int = field(init=False, default=0)
    number: bool
    answer: Float64[np.ndarray, " outputs"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", len(self.answer))

    @property
    def parameters(self) -> int:
        """Numbers of the answer."""
        return len(self.answer)

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Same answer for every row, of any length."""
        return np.tile(self.answer, (features.shape[0], 1))

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {"number": self.number, "outputs": self.outputs}

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        cls._require_outputs(stated)
        return {"answer": ("float64", (stated["outputs"],))}

    def _check(self) -> None:
        if not self.number and (self.answer.min() < 0 or abs(self.answer.sum() - 1) > _ROUNDING):
            raise ValueError("constant: the probabilities are not between 0 and 1, or do not sum to one")
