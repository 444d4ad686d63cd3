r"""Layers that join paths and change shapes: add a shortcut, stand side by side, flatten.

$$\text{add: } y = x + h, \qquad \text{side by side: } y = (x_1, \dots, x_m), \qquad
  \text{flatten: } y_{n,\,(iR + r)C + c} = x_{nirc}$$

No number changes but by the sum, so the gradients are copies: to both terms of a sum, and to each part
its own piece.

Source: He, Zhang, Ren and Sun 2015, arXiv:1512.03385, eq. 1, for the shortcut.
"""

import numpy as np
from jaxtyping import Float


def add(
    inputs: Float[np.ndarray, "*shape"], shortcut: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    r"""Add a shortcut: $y = x + h$.

    Args:
        inputs: $x$.
        shortcut: $h$.

    Returns:
        $y$.

    Source: He et al. 2015, eq. 1.
    """
    outputs: np.ndarray = inputs + shortcut
    return outputs


def add_backward(
    gradient: Float[np.ndarray, "*shape"],
    inputs: Float[np.ndarray, "*shape"],
    shortcut: Float[np.ndarray, "*shape"],
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    r"""Gradients of `add`: $\bar x = \bar h = \bar y$.

    Args:
        gradient: $\bar y$.
        inputs: $x$, on which no gradient depends.
        shortcut: $h$, likewise.

    Returns:
        $\bar x$ and $\bar h$.

    Source: He et al. 2015, eq. 1.
    """
    del inputs, shortcut
    return gradient, gradient


def side_by_side(*parts: Float[np.ndarray, "*places _"]) -> Float[np.ndarray, "*places channel"]:
    r"""Put the channels of several arrays beside one another: $y = (x_1, \dots, x_m)$.

    Args:
        *parts: $x_1, \dots, x_m$, channels last.

    Returns:
        $y$.
    """
    return np.concatenate(parts, axis=-1)


def side_by_side_backward(
    gradient: Float[np.ndarray, "*places channel"], *parts: Float[np.ndarray, "*places _"]
) -> tuple[Float[np.ndarray, "*places _"], ...]:
    r"""Gradients of `side_by_side`: $(\bar x_1, \dots, \bar x_m) = \bar y$.

    Args:
        gradient: $\bar y$.
        *parts: $x_1, \dots, x_m$, of which only the sizes matter.

    Returns:
        $\bar x_1, \dots, \bar x_m$.
    """
    ends = np.cumsum([part.shape[-1] for part in parts])
    return tuple(np.split(gradient, ends[:-1], axis=-1))


def flatten(inputs: Float[np.ndarray, "batch ..."]) -> Float[np.ndarray, "batch features"]:
    r"""One row for each example, channel by channel and row by row: $y_{n,\,(iR + r)C + c} = x_{nirc}$.

    Args:
        inputs: $x$.

    Returns:
        $y$.
    """
    return inputs.reshape(len(inputs), -1)


def flatten_backward(
    gradient: Float[np.ndarray, "batch features"], inputs: Float[np.ndarray, "batch ..."]
) -> Float[np.ndarray, "batch ..."]:
    r"""Gradient of `flatten`: $\bar x_{nirc} = \bar y_{n,\,(iR + r)C + c}$.

    Args:
        gradient: $\bar y$.
        inputs: $x$, of which only the shape matters.

    Returns:
        $\bar x$.
    """
    return gradient.reshape(inputs.shape)
