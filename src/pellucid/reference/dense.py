r"""Dense layers, and dropout.

A dense layer: each unit weighs every input, adds up and shifts the sum.

$$y_{no} = \sum_i W_{oi} \, x_{ni} + b_o$$

for example $n$, unit $o$, input $i$. Over the places of a text every token is an example of its own, and
all share the weights. With $\bar y = \partial L / \partial y$ its gradients are

$$\bar x_{ni} = \sum_o \bar y_{no} W_{oi}, \quad \bar W_{oi} = \sum_n \bar y_{no} \, x_{ni}, \quad
  \bar b_o = \sum_n \bar y_{no}$$

Source: Rumelhart, Hinton and Williams 1986, "Learning representations by back-propagating errors",
Nature 323, eq. 1, 6 and 7.

Dropout: during training each value is kept or set to 0 at random.

$$m_j \sim \mathrm{Bernoulli}(1 - p), \quad y_j = \frac{m_j x_j}{1 - p}$$

Dividing by $1 - p$ keeps the mean, so that nothing has to change once training is over: then $y = x$.

Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
JMLR 15, section 4; there the weights are multiplied by $1 - p$ after training instead.
"""

import numpy as np
from jaxtyping import Bool, Float

Values = Float[np.ndarray, "*shape"]
Mask = Bool[np.ndarray, "*shape"]
Inputs = Float[np.ndarray, "*batch inputs"]
Weight = Float[np.ndarray, "units inputs"]
Bias = Float[np.ndarray, " units"]
Units = Float[np.ndarray, "*batch units"]


def dense(inputs: Inputs, weight: Weight, bias: Bias | None = None) -> Units:
    r"""Weigh and add up: $y_{no} = \sum_i W_{oi} x_{ni} + b_o$.

    `inputs`: $x$; `weight`: $W$; `bias`: $b$, or `None` for zeros.

    Source: Rumelhart et al. 1986, eq. 1.
    """
    sums: np.ndarray = np.einsum("oi,...i->...o", weight, inputs, optimize=True)
    return sums if bias is None else sums + bias


def dense_backward(
    gradient: Units, inputs: Inputs, weight: Weight, bias: Bias | None = None
) -> tuple[Inputs, Weight, Bias]:
    r"""Gradients of `dense`, as at the top of this file.

    Source: Rumelhart et al. 1986, eq. 6 and 7.
    """
    of_inputs = np.einsum("...o,oi->...i", gradient, weight, optimize=True)
    of_weight = np.einsum("...o,...i->oi", gradient, inputs, optimize=True)
    return of_inputs, of_weight, gradient.sum(axis=tuple(range(gradient.ndim - 1)))


def dropout(inputs: Values, mask: Mask, *, probability: float) -> Values:
    r"""Keep the values of a mask: $y_j = m_j x_j / (1 - p)$.

    `inputs`: $x$; `mask`: $m$, true where a value is kept; `probability`: $p$, of dropping it, below 1.

    Source: Srivastava et al. 2014, section 4.
    """
    outputs: np.ndarray = mask * inputs / (1 - probability)
    return outputs


def dropout_backward(
    gradient: Values, inputs: Values, mask: Mask, *, probability: float
) -> tuple[Values, None]:
    r"""Gradient of `dropout`: $\bar x_j = m_j \bar y_j / (1 - p)$."""
    return mask * gradient / (1 - probability), None


def draw_mask(
    shape: tuple[int, ...], probability: float, generator: np.random.Generator
) -> Bool[np.ndarray, "..."]:
    r"""Draw the mask: $m_j \sim \mathrm{Bernoulli}(1 - p)$.

    `shape`: of the mask; `probability`: $p$, of dropping a value; `generator`: source of the draws; result:
    $m$.

    Source: Srivastava et al. 2014, section 4.
    """
    return generator.random(shape) >= probability
