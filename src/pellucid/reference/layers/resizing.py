r"""Images at another size: each row and column a mean of those near it, the nearer the heavier.

$$y_{nirc} = \sum_k \sum_l A_{rk} B_{cl} \, x_{nikl}, \qquad
  A_{rk} = \frac{a_{rk}}{\sum_j a_{rj}}, \quad
  a_{rk} = \max\Bigl(0,\, 1 - \frac{|k + \frac12 - (r + \frac12) s|}{\max(s, 1)}\Bigr), \quad
  s = \frac{R}{R'}$$

from $R$ rows to $R'$ and in the same way from columns to columns. Where the image grows this is bilinear
interpolation, within the image's edge; where it shrinks the triangle widens, so that no row is left out
(antialiasing). A grey image is repeated for every channel asked for, and $x_{ni}$ is then its only one. With
$\bar y = \partial L / \partial y$,

$$\bar x_{nikl} = \sum_r \sum_c A_{rk} B_{cl} \, \bar y_{nirc}$$

Source: Turkowski 1990, "Filters for common resampling tasks", Graphics Gems I, for the triangle and for
widening it.
"""

import numpy as np
from jaxtyping import Float, Float64

from pellucid.reference.layers.patches import Pair


def resize(
    inputs: Float[np.ndarray, "batch channel height width"], *, size: Pair, channels: int
) -> Float[np.ndarray, "batch new_channel new_height new_width"]:
    r"""Scale images: $y_{nirc} = \sum_{kl} A_{rk} B_{cl} x_{nikl}$.

    Args:
        inputs: $x$.
        size: $R'$ and $C'$.
        channels: as many as there are, or more where there is one.

    Returns:
        $y$.

    Source: Turkowski 1990.
    """
    rows, columns = _both_shares(inputs, size)
    scaled: np.ndarray = np.einsum("rk,nikl,cl->nirc", rows, inputs, columns, optimize=True)
    return scaled if channels == inputs.shape[1] else scaled.repeat(channels, axis=1)


def resize_backward(
    gradient: Float[np.ndarray, "batch new_channel new_height new_width"],
    inputs: Float[np.ndarray, "batch channel height width"],
    *,
    size: Pair,
    channels: int,
) -> Float[np.ndarray, "batch channel height width"]:
    r"""Gradient of `resize`: $\bar x_{nikl} = \sum_{rc} A_{rk} B_{cl} \bar y_{nirc}$, summed over copies.

    Args:
        gradient: $\bar y$.
        inputs: $x$, of which only the shape matters.
        size: as for `resize`.
        channels: likewise.

    Returns:
        $\bar x$.

    Source: Turkowski 1990.
    """
    rows, columns = _both_shares(inputs, size)
    if channels != inputs.shape[1]:
        gradient = gradient.sum(axis=1, keepdims=True)
    of_inputs: np.ndarray = np.einsum("rk,nirc,cl->nikl", rows, gradient, columns, optimize=True)
    return of_inputs


def resizing_shares(before: int, after: int) -> Float64[np.ndarray, "after before"]:
    """Share of each old row, or column, in each new one: $A$."""
    scale = before / after
    centres = (np.arange(after)[:, None] + 0.5) * scale
    shares = np.maximum(0, 1 - np.abs(np.arange(before) + 0.5 - centres) / max(scale, 1))
    normalised: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normalised


def _both_shares(inputs: np.ndarray, size: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Shares of rows and of columns, in the precision of the images."""
    rows, columns = (
        resizing_shares(before, after).astype(inputs.dtype)
        for before, after in zip(inputs.shape[2:], size, strict=True)
    )
    return rows, columns
