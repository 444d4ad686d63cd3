r"""Registration: two images laid over each other, so that only what differs between them is left.

One image is moved and scaled about its middle, $x \mapsto (1 + a)\,x + t$, to where its correlation $\rho$
with the other is largest, as far as that can be reached from a shift that is nearly right. With both images
about their means and at length 1, $\hat u$ and $\hat v(a, t)$, a step of Gauss and Newton solves

$$\min_{d}\; \bigl\lVert (\hat u - \rho \hat v)/\rho - J d \bigr\rVert^2, \qquad
J = (I - \hat v \hat v^\top)\, \partial v / \lVert v \rVert .$$

Means and lengths are taken where the two overlap, each channel about its own mean, so that brightness does
not count.

Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique"; Evangelidis and Psarakis 2008,
"Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization".
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

Cells = Float32[np.ndarray, "m channels side side"]

_MOST_SCALE, _MOST_SHIFT = 0.2, 0.2
_SCALE_STEP, _SHIFT_STEP = 0.06, 0.1
_LEAST_OVERLAP = 0.5
_DAMPING = 1e-4


class Laid(NamedTuple):
    """The second images of pairs, laid over the first.

    Attributes:
        likeness: correlation where they overlap, the largest on the way there; -1 without an overlap.
        moved: scale $a$ and the shifts $t$ down and across, these as shares of the side.
    """

    likeness: Float32[np.ndarray, " m"]
    moved: Float32[np.ndarray, "m 3"]


def register(one: Cells, other: Cells, moved: Float32[np.ndarray, "m 3"], steps: int) -> Laid:
    """Lay the second image of each pair over the first, beginning at `moved`, in so many steps."""
    side = one.shape[-1]
    slopes = [_slope(other, axis) for axis in (2, 3)]
    largest, limit = np.full(len(one), -1.0, np.float32), (_MOST_SCALE, _MOST_SHIFT, _MOST_SHIFT)
    best = moved
    for step in range(steps + 1):
        view = _View.at(moved, side)
        u, v = view.centred(one), view.centred(view.of(other))
        lengths = [np.sqrt(np.einsum("mcij,mcij->m", each, each) + 1.0) for each in (u, v)]
        # Images of one brightness all over have nothing to compare.
        found = np.einsum("mcij,mcij->m", u, v) / (lengths[0] * lengths[1])
        found = np.where(view.overlap >= _LEAST_OVERLAP, found, -1.0).astype(np.float32)
        best = np.where((found > largest)[:, None], moved, best)
        largest = np.maximum(largest, found)
        if step < steps:
            u, v = u / _wide(lengths[0]), v / _wide(lengths[1])
            better = _better(view, u, v, [view.of(each) for each in slopes], lengths[1], found)
            moved = np.clip(moved + better, np.negative(limit), limit).astype(np.float32)
    return Laid(largest, best)


class _View(NamedTuple):
    """The square of the first image as it lies in the second.

    Attributes:
        down: weights of the rows of the second for each row of the view.
        across: weights of its columns for each column.
        inside: 1 where the view lies in the second, 0 elsewhere.
        axis: places from the middle, in cells.
    """

    down: Float32[np.ndarray, "m 1 side side"]
    across: Float32[np.ndarray, "m 1 side side"]
    inside: Float32[np.ndarray, "m 1 side side"]
    axis: Float32[np.ndarray, " side"]

    @classmethod
    def at(cls, moved: Float32[np.ndarray, "m 3"], side: int) -> "_View":
        """View of a scale and shifts; scale and shift act on rows and columns alone, so two products do."""
        axis = np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)
        places = (1 + moved[:, :1]) * axis + np.float32((side - 1) / 2)
        rows, columns = places + side * moved[:, 1:2], places + side * moved[:, 2:3]
        is_in = [(each >= 0) & (each <= side - 1) for each in (rows, columns)]
        inside = (is_in[0][:, None, :, None] & is_in[1][:, None, None, :]).astype(np.float32)
        down, across = (
            np.maximum(0, 1 - abs(each[:, None, :, None] - np.arange(side, dtype=np.float32)))
            for each in (rows, columns)
        )
        return cls(down, across.swapaxes(2, 3), inside, axis)

    @property
    def overlap(self) -> Float32[np.ndarray, " m"]:
        """Share of the view that lies in the second image."""
        share: Float32[np.ndarray, " m"] = self.inside.mean(axis=(1, 2, 3))
        return share

    def of(self, other: Cells) -> Cells:
        """Values that the view shows, interpolated between cells."""
        shown: Cells = self.down @ other @ self.across
        return shown

    def centred(self, cells: Cells) -> Cells:
        """Each channel about its mean inside, and 0 outside."""
        count = np.maximum(self.inside.sum(axis=(2, 3), keepdims=True), 1)
        mean = (cells * self.inside).sum(axis=(2, 3), keepdims=True) / count
        found: Cells = (cells - mean) * self.inside
        return found


def _better(
    view: _View,
    u: Cells,
    v: Cells,
    slopes: list[Cells],
    length: Float32[np.ndarray, " m"],
    likeness: Float32[np.ndarray, " m"],
) -> Float32[np.ndarray, "m 3"]:
    """One step of Gauss and Newton, as a change of scale and shifts."""
    down, across = slopes
    side = len(view.axis)
    changes = [down * view.axis[:, None] + across * view.axis, side * down, side * across]
    columns = np.stack([(view.centred(each) / _wide(length)).reshape(len(u), -1) for each in changes], axis=1)
    v = v.reshape(len(u), -1)
    columns -= (columns @ v[:, :, None]) * v[:, None]
    rest = u.reshape(len(u), -1) - likeness[:, None] * v
    towards = columns @ rest[:, :, None] / np.maximum(likeness, 0.3)[:, None, None]
    # In cells the three are of one size, which the damping has to respect.
    size = np.array([1, side, side], np.float32)
    square = columns @ columns.swapaxes(1, 2) + _DAMPING * np.diag(size**2)
    change = np.linalg.solve(square, towards)[:, :, 0]
    most = (_SCALE_STEP, _SHIFT_STEP, _SHIFT_STEP)
    found: Float32[np.ndarray, "m 3"] = np.clip(change, np.negative(most), most).astype(np.float32)
    return found


def _slope(cells: Cells, axis: int) -> Cells:
    slope: Cells = np.gradient(cells, axis=axis).astype(np.float32)
    return slope


def _wide(lengths: Float32[np.ndarray, " m"]) -> Float32[np.ndarray, "m 1 1 1"]:
    return lengths[:, None, None, None]
