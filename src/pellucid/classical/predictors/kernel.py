r"""Kernel machine: likeness to a number of kept examples, weighted and added up.

Notation: $x$ features, $\mu$ mean, $P$ projection; $u = (x - \mu) P$. With the kept points $p_k$,
$\kappa(u, p) = \exp(-\gamma \lVert u - p \rVert^2)$.

A number is $\sum_k \kappa(u, p_k) A_k + b$. Of classes, every pair $i < j$ has a decision
$d_{ij} = \sum_k \kappa(u, p_k) A_{kij} + b_{ij} = -d_{ji}$ in which only points of the two classes have
a weight; the votes are $v_i = \sum_{j \ne i} \sigma(5 d_{ij})$, nearly 0 or 1 each, and
$\mathrm{softmax}(s v)$ are the probabilities.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Float64, Int32

from pellucid.classical.features.rows import Rows, dense
from pellucid.classical.predictors.linear import spread
from pellucid.classical.predictors.predictor import Predictor, settings_with
from pellucid.strict import Forms

SHARPNESS = 5.0  # makes each vote nearly 0 or 1
_BLOCK_VALUES = 1 << 22


def project(
    features: Float32[np.ndarray, "n d"],
    mean: Float32[np.ndarray, " d"],
    projection: Float32[np.ndarray, "d space"],
) -> Float64[np.ndarray, "n space"]:
    """Features in the space of the kernel, in double precision, block by block."""
    wide, found = projection.astype(np.float64), np.empty((len(features), projection.shape[1]))
    rows = max(1, _BLOCK_VALUES // len(mean))
    for at in range(0, len(features), rows):
        found[at : at + rows] = (features[at : at + rows] - mean.astype(np.float64)) @ wide
    return found


def likeness(
    rows: Float64[np.ndarray, "n d"], points: Float64[np.ndarray, "points d"], gamma: float
) -> Float64[np.ndarray, "n points"]:
    r"""Kernel $\exp(-\gamma \lVert u - p \rVert^2)$, 0 to 1, of every projected row and every point."""
    distances: np.ndarray = rows @ (-2 * points.T)
    distances += (rows**2).sum(axis=1)[:, np.newaxis]
    distances += (points**2).sum(axis=1)
    np.maximum(distances, 0, out=distances)
    distances *= -gamma
    np.exp(distances, out=distances)
    return distances


@dataclass(frozen=True, eq=False)
class Kernel(Predictor):
    """Machine with a Gaussian kernel, of classes or of a number.

    Attributes:
        kind: key in `PREDICTORS`.
        SETTINGS: bounds of what a file states.
        inputs: features of a row.
        outputs: classes, or 1 for a number.
        number: whether a number is predicted.
        mean: taken away from each feature.
        projection: from features to the space of the kernel.
        points: the kept examples in that space.
        gamma: one number, how narrow the kernel is; positive.
        weights: one row for each point, one column for each class that was there to learn but the
            point's own; for a number one column.
        bias: one number for each pair of these classes, (0, 1), (0, 2), ... (1, 2), ...; for a
            number one.
        scale: one number, what the votes are multiplied by; positive.
        ends: where the points of each class end; those of the next follow.
        classes: which classes these are; ascending.
    """

    kind: ClassVar[str] = "kernel"
    SETTINGS = settings_with("outputs", "inputs", "space", "points", "columns")
    inputs: int = field(init=False)
    outputs: int
    number: bool
    mean: Float32[np.ndarray, " inputs"]
    projection: Float32[np.ndarray, "inputs space"]
    points: Float32[np.ndarray, "points space"]
    gamma: Float64[np.ndarray, "1"]
    weights: Float64[np.ndarray, "points others"]
    bias: Float64[np.ndarray, " pairs"]
    scale: Float64[np.ndarray, "1"]
    ends: Int32[np.ndarray, " columns"]
    classes: Int32[np.ndarray, " columns"]

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", len(self.mean))

    @property
    def parameters(self) -> int:
        """Numbers stored, but for the classes of the points."""
        return sum(array.size for name, array in self.arrays().items() if name not in ("ends", "classes"))

    def predict(self, features: Rows) -> Float64[np.ndarray, "n outputs"]:
        """Probabilities, or the number in column 0, for every row of length `inputs`."""
        rows = max(1, _BLOCK_VALUES // max(len(self.points), len(self.classes) ** 2))
        blocks = []
        for at in range(0, max(1, features.shape[0]), rows):
            projected = project(dense(features, at, at + rows), self.mean, self.projection)
            if self.number:
                blocks.append(self._likeness(projected) @ self.weights + self.bias)
            else:
                blocks.append(self.votes(projected) * self.scale)
        return spread(np.concatenate(blocks), self.classes, self.outputs, self.number)

    def votes(self, projected: Float64[np.ndarray, "n space"]) -> Float64[np.ndarray, "n columns"]:
        """Softly counted wins of each class against the others, 0 to their number, of projected rows."""
        near, columns = self._likeness(projected), len(self.classes)
        won = np.zeros((len(projected), columns, columns))
        start = 0
        for own, end in enumerate(self.ends.tolist()):
            others = np.delete(np.arange(columns), own)
            won[:, own, others] = near[:, start:end] @ self.weights[start:end]
            start = end
        first, second = np.triu_indices(columns, 1)
        # Half of the hyperbolic tangent plus a half is the logistic function, without overflow.
        sure = np.tanh(SHARPNESS / 2 * (won[:, first, second] + won[:, second, first] + self.bias)) / 2
        won[:] = 0
        won[:, first, second] = 0.5 + sure
        won[:, second, first] = 0.5 - sure
        votes: np.ndarray = won.sum(axis=2)
        return votes

    def _likeness(self, projected: Float64[np.ndarray, "n space"]) -> Float64[np.ndarray, "n points"]:
        return likeness(projected, self._points, float(self.gamma[0]))

    @cached_property
    def _points(self) -> Float64[np.ndarray, "points space"]:
        return self.points.astype(np.float64)

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "number": self.number,
            "outputs": self.outputs,
            "inputs": self.inputs,
            "space": self.points.shape[1],
            "points": len(self.points),
            "columns": len(self.classes),
        }

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        cls._require_outputs(stated)
        space, points, columns = stated["space"], stated["points"], stated["columns"]
        if not stated["number"] and columns < 2:
            raise ValueError("kernel: a single class has nothing to be told from")
        return {
            "mean": ("float32", (stated["inputs"],)),
            "projection": ("float32", (stated["inputs"], space)),
            "points": ("float32", (points, space)),
            "gamma": ("float64", (1,)),
            "weights": ("float64", (points, max(1, columns - 1))),
            "bias": ("float64", (max(1, columns * (columns - 1) // 2),)),
            "scale": ("float64", (1,)),
            "ends": ("int32", (columns,)),
            "classes": ("int32", (columns,)),
        }

    def _check(self) -> None:
        self._require_classes(self.classes)
        if self.gamma[0] <= 0 or self.scale[0] <= 0:
            raise ValueError("kernel: gamma and scale must be positive")
        if self.ends[0] < 0 or self.ends[-1] != len(self.points) or (self.ends[1:] < self.ends[:-1]).any():
            raise ValueError("kernel: the classes do not share out the points")
