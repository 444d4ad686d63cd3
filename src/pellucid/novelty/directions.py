r"""Mahalanobis distance of features from those of the training examples.

Notation: $x$ features, $s$ scale of each; $v = u - \mu$ with $u = x / s$, for a hidden layer brought to
length 1, $u = x / \lVert x \rVert$: which units answer says more than how strongly all of them do.
$V$ holds the $r$ directions in which training examples vary most, $L$ whitens what is left there within
a class, $c_k$ is the centre of class $k$, and $\sigma^2$ the variance in each of the other directions.

$$d^2 = \min_k \lVert v V L - c_k \rVert^2 + (\lVert v \rVert^2 - \lVert v V \rVert^2) / \sigma^2$$

Of a hidden layer a second number is given, $-\ln \lVert x \rVert$: few units answer to what the network
does not know at all, such as texts without a known word.

Source: Lee et al. 2018, arXiv:1807.03888, for the distance to class centres; Mueller and Hein 2025,
    arXiv:2505.18032, for features of length 1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float32, Float64

from pellucid.classical.features.rows import Rows, dense
from pellucid.novelty.measures import Measure
from pellucid.strict import Fields, Forms, Truth, Whole

MOST_AXES, MOST_CENTRES = 256, 1000
_MOST_COLUMNS = 10_000_000
_BLOCK_VALUES = 1 << 22
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Directions(Measure):
    """Mahalanobis distance of dense features from those of the training examples.

    Attributes:
        kind: key in `MEASURES`.
        SETTINGS: bounds of what a file states.
        of_layer: whether the features are a hidden layer, whose length is looked at by itself.
        scale: what each feature is divided by; positive.
        mean: of the scaled features of the training examples.
        axes: orthonormal columns, the directions in which these vary most.
        whitening: from coordinates along the axes to those in which a class has variance 1.
        centres: of each class, in whitened coordinates.
        rest: variance in every direction beside the axes; 0 where there is none.
    """

    kind: ClassVar[str] = "directions"
    SETTINGS: ClassVar[Fields] = {
        "of_layer": Truth(),
        "columns": Whole(1, _MOST_COLUMNS),
        "axes": Whole(1, MOST_AXES),
        "centres": Whole(1, MOST_CENTRES),
    }
    of_layer: bool
    scale: Float32[np.ndarray, " columns"]
    mean: Float32[np.ndarray, " columns"]
    axes: Float32[np.ndarray, "columns axes"]
    whitening: Float32[np.ndarray, "axes axes"]
    centres: Float32[np.ndarray, "centres axes"]
    rest: Float32[np.ndarray, "1"]

    @property
    def columns(self) -> int:
        """Features of a row."""
        return len(self.mean)

    @property
    def signals(self) -> int:
        """Numbers given for each row."""
        return 2 if self.of_layer else 1

    def measure(self, rows: Rows) -> Float64[np.ndarray, "n signals"]:
        """Distance of each row and, of a hidden layer, how weak it is; larger is more foreign."""
        step = max(1, _BLOCK_VALUES // (self.columns + len(self.centres)))
        found = [self._measured(dense(rows, at, at + step)) for at in range(0, rows.shape[0], step)]
        return np.concatenate(found) if found else np.zeros((0, self.signals))

    def _measured(self, rows: Float32[np.ndarray, "n columns"]) -> Float64[np.ndarray, "n signals"]:
        scaled, lengths = brought_to_scale(rows, self.scale, self.of_layer)
        offset = scaled - self.mean
        along = (offset.astype(np.float32) @ self.axes).astype(np.float64)  # what costs most
        white = along @ self.whitening.astype(np.float64)
        centres = self.centres.astype(np.float64)
        squared = (white**2).sum(axis=1, keepdims=True) - 2 * white @ centres.T + (centres**2).sum(axis=1)
        distance: np.ndarray = np.maximum(squared.min(axis=1), 0)
        if self.rest[0] > 0:
            beside = (offset**2).sum(axis=1) - (along**2).sum(axis=1)
            distance += np.maximum(beside, 0) / float(self.rest[0])
        np.sqrt(distance, out=distance)
        if not self.of_layer:
            return distance[:, np.newaxis]
        return np.stack([distance, -np.log(lengths + _TINY)], axis=1)

    def to_json(self) -> dict[str, Any]:
        """Sizes, from which `expected` tells the forms of the arrays."""
        return {
            "of_layer": self.of_layer,
            "columns": self.columns,
            "axes": self.axes.shape[1],
            "centres": len(self.centres),
        }

    @classmethod
    def _forms(cls, stated: Mapping[str, Any]) -> Forms:
        columns, axes, centres = stated["columns"], stated["axes"], stated["centres"]
        return {
            "scale": ("float32", (columns,)),
            "mean": ("float32", (columns,)),
            "axes": ("float32", (columns, axes)),
            "whitening": ("float32", (axes, axes)),
            "centres": ("float32", (centres, axes)),
            "rest": ("float32", (1,)),
        }

    def _check(self) -> None:
        if not (self.scale > 0).all() or self.rest[0] < 0:
            raise ValueError("directions: a scale is not positive, or a variance is negative")


def brought_to_scale(
    rows: Float32[np.ndarray, "n columns"], scale: Float32[np.ndarray, " columns"], of_layer: bool
) -> tuple[Float64[np.ndarray, "n columns"], Float64[np.ndarray, " n"]]:
    """Features over their scale, of a hidden layer over their length too, and the length of each row."""
    scaled = rows.astype(np.float64) / scale
    lengths = np.sqrt((scaled**2).sum(axis=1))
    if of_layer:
        scaled /= np.maximum(lengths, _TINY)[:, np.newaxis]
    return scaled, lengths
