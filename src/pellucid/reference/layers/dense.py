r"""A dense layer: each unit weighs every input, adds up and shifts the sum.

$$y_{no} = \sum_i W_{oi} \, x_{ni} + b_o$$

for example $n$, unit $o$, input $i$. Over the places of a text every token is an example of its own, and
all share the weights. With $\bar y = \partial L / \partial y$ its gradients are

$$\bar x_{ni} = \sum_o \bar y_{no} W_{oi}, \quad \bar W_{oi} = \sum_n \bar y_{no} \, x_{ni}, \quad
  \bar b_o = \sum_n \bar y_{no}$$

Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors",
Nature 323, eq. 1, 6 and 7.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


def dense(
    inputs: Float[np.ndarray, "*batch inputs"],
    weight: Float[np.ndarray, "units inputs"],
    bias: Float[np.ndarray, " units"] | None = None,
) -> Float[np.ndarray, "*batch units"]:
    r"""Weigh and add up: $y_{no} = \sum_i W_{oi} x_{ni} + b_o$.

    Args:
        inputs: $x$.
        weight: $W$.
        bias: $b$, or `None` for zeros.

    Returns:
        $y$.

    Source: Rumelhart et al. 1986, eq. 1.
    """
    sums: np.ndarray = np.einsum("oi,...i->...o", weight, inputs, optimize=True)
    return sums if bias is None else sums + bias


def dense_backward(
    gradient: Float[np.ndarray, "*batch units"],
    inputs: Float[np.ndarray, "*batch inputs"],
    weight: Float[np.ndarray, "units inputs"],
    bias: Float[np.ndarray, " units"] | None = None,
) -> tuple[
    Float[np.ndarray, "*batch inputs"], Float[np.ndarray, "units inputs"], Float[np.ndarray, " units"]
]:
    r"""Gradients of `dense`, as at the top of this file.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        weight: $W$.
        bias: $b$, whose gradient does not depend on it.

    Returns:
        $\bar x$, $\bar W$ and $\bar b$.

    Source: Rumelhart et al. 1986, eq. 6 and 7.
    """
    del bias
    of_inputs = np.einsum("...o,oi->...i", gradient, weight, optimize=True)
    of_weight = np.einsum("...o,...i->oi", gradient, inputs, optimize=True)
    return of_inputs, of_weight, gradient.sum(axis=tuple(range(gradient.ndim - 1)))


class DenseUnit(NamedTuple):
    r"""The arithmetic of one unit $o$ on one example.

    Attributes:
        products: $W_{oi} x_i$ for each input.
        bias: $b_o$.
        value: their sum, $y_o$.
    """

    products: Float[np.ndarray, " inputs"]
    bias: float
    value: float


def dense_unit(
    inputs: Float[np.ndarray, " inputs"],
    weight: Float[np.ndarray, " inputs"],
    bias: float = 0.0,
) -> DenseUnit:
    """Open one unit of `dense` on one example.

    Args:
        inputs: of the example.
        weight: of the unit.
        bias: of the unit.

    Returns:
        Its products, its bias and what they add up to.
    """
    products: np.ndarray = weight * inputs
    return DenseUnit(products, bias, float(products.sum()) + bias)
