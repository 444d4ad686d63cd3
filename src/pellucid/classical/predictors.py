"""Predictors: trained classical models as plain arrays that answer, the constant and linear ones first."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, TypeAlias

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64, Int32

from pellucid.arithmetic import softmax
from pellucid.arithmetic.probabilities import sigmoid
from pellucid.language.sentence import Sentence
from pellucid.safety.stored import Forms, Stored
from pellucid.safety.strict import LEFT_OUT, Whole

# One row for each example, in single precision.
Rows: TypeAlias = Float32[np.ndarray, "n d"] | scipy.sparse.csr_array


def dense(rows: Rows, start: int, end: int) -> Float32[np.ndarray, "some d"]:
    """Rows from `start` to before `end` as an array in one piece of memory."""
    some = rows[start:end]
    return np.ascontiguousarray(some if isinstance(some, np.ndarray) else some.toarray())


# Base of every trained classical model: plain arrays that answer.


class Predictor(Stored):
    """Trained model in NumPy alone: features in, probabilities or a number out."""

    # bounds of each thing that a predictor may count
    SIZES: ClassVar[Mapping[str, Whole]] = {
        "outputs": Whole(1, 100_000),
        "inputs": Whole(1, 10_000_000),
        "space": Whole(1, 100_000),
        "points": Whole(1, 10_000_000),
        "columns": Whole(1, 100_000),
        "trees": Whole(1, 10_000),
        "nodes": Whole(0, 50_000_000),
        "leaves": Whole(1, 50_000_000),
        "entries": Whole(1, 100_000_000),
    }
    PLACES: ClassVar[tuple[str, ...]] = ()  # arrays that only say where the numbers of others belong
    outputs: int  # classes, labels, or 1 for a number
    number: bool  # whether a number is predicted
    exclusive: bool  # False where the outputs are probabilities of several labels
    inputs: int  # features of a row; 0 where any will do

    @property
    def parameters(self) -> int:
        """Numbers stored, but for those that only say where others belong."""
        return sum(array.size for name, array in self.arrays().items() if name not in self.PLACES)

    @abstractmethod
    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`.

        Those of classes, which exclude each other, sum to one; each of a label is between 0 and 1. A row does
        not depend on the others.
        """

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        """Forms, as `Stored`; refused are several outputs or labels of a number, and columns in excess."""
        outputs, columns = stated["outputs"], stated.get("columns", 0)
        if stated["number"] and outputs != 1:
            raise ValueError(
                Sentence("{kind}: {outputs} outputs where a single number is predicted", cls.kind, outputs)
            )
        if stated["number"] and not stated["exclusive"]:
            raise ValueError(Sentence("{kind}: several labels where a single number is predicted", cls.kind))
        if columns > outputs:
            raise ValueError(
                Sentence("{kind}: {columns} columns for {outputs} outputs", cls.kind, columns, outputs)
            )
        return super()._forms(stated)

    def _require_classes(self, classes: np.ndarray) -> None:
        """Refuse classes of columns that do not ascend among the outputs, with a `ValueError`."""
        if classes[0] < 0 or classes[-1] >= self.outputs or (classes[1:] <= classes[:-1]).any():
            raise ValueError(
                Sentence(
                    "{kind}: classes must ascend from 0 or more to less than {outputs}",
                    self.kind,
                    self.outputs,
                )
            )


Outputs = Annotated[int, Predictor.SIZES["outputs"]]
Exclusive = Annotated[bool, LEFT_OUT]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Constant(Predictor):
    """Shares of classes or labels, or mean, of the training examples; it takes any features."""

    kind: ClassVar[str] = "constant"
    outputs: int = field(init=False)
    inputs: int = field(init=False, default=0)
    number: bool
    answer: Float64[np.ndarray, " outputs"]
    exclusive: Exclusive = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "outputs", len(self.answer))

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Same answer for every row, of any length."""
        return np.tile(self.answer, (features.shape[0], 1))

    def _check(self) -> None:
        if self.number:
            return
        is_one = not self.exclusive or abs(self.answer.sum() - 1) <= _ROUNDING
        if self.answer.min() < 0 or self.answer.max() > 1 + _ROUNDING or not is_one:
            raise ValueError("constant: the probabilities are not between 0 and 1, or do not sum to one")


# Linear model: the weighted sum of the features, as probabilities or as a number.
#
# Notation: $x$ features, $W$ weights, $b$ bias; $z = x W + b$, and $p = \mathrm{softmax}(z)$, or of several
# labels, each against its own absence, $p_l = 1 / (1 + e^{-z_l})$.

_BLOCK_VALUES = 1 << 22


def spread(
    scores: Float64[np.ndarray, "n columns"],
    classes: Int32[np.ndarray, " columns"],
    outputs: int,
    number: bool,
    exclusive: bool = True,
) -> Float64[np.ndarray, "n outputs"]:
    """Answer by the scores of the columns: the number, or their softmax, 0 for classes without a column.

    Of several labels, which do not exclude each other, it is the sigmoid of each score.
    """
    if number:
        return scores
    found = np.zeros((len(scores), outputs))
    found[:, classes] = softmax(scores) if exclusive else sigmoid(scores)
    return found


@dataclass(frozen=True, eq=False)
class Linear(Predictor):
    """Linear model of classes, of several labels, or of a number.

    Of `weights` and `bias` there is one column for each of the `classes` that were there to learn, ascending,
    with any standardisation in it.
    """

    kind: ClassVar[str] = "linear"
    PLACES: ClassVar[tuple[str, ...]] = ("classes",)
    inputs: int = field(init=False)
    number: bool
    outputs: Outputs
    weights: Float64[np.ndarray, "inputs columns"]
    bias: Float64[np.ndarray, " columns"]
    classes: Int32[np.ndarray, " columns"]
    exclusive: Exclusive = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", len(self.weights))

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        width = max(self.inputs if isinstance(features, np.ndarray) else 0, len(self.bias))
        rows = max(1, _BLOCK_VALUES // width)
        starts = range(0, max(1, features.shape[0]), rows)
        # Sparse rows stay sparse in double precision.
        scores = [features[at : at + rows].astype(np.float64) @ self.weights + self.bias for at in starts]
        return spread(np.concatenate(scores), self.classes, self.outputs, self.number, self.exclusive)

    def _check(self) -> None:
        self._require_classes(self.classes)
