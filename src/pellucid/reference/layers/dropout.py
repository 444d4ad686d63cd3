r"""Dropout: during training each value is kept or set to 0 at random.

$$m_j \sim \mathrm{Bernoulli}(1 - p), \quad y_j = \frac{m_j x_j}{1 - p}$$

Dividing by $1 - p$ keeps the mean, so that nothing has to change once training is over: then $y = x$.

Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting",
JMLR 15, section 4; there the weights are multiplied by $1 - p$ after training instead.
"""

import numpy as np
from jaxtyping import Bool, Float


def dropout(
    inputs: Float[np.ndarray, "*shape"], mask: Bool[np.ndarray, "*shape"], *, probability: float
) -> Float[np.ndarray, "*shape"]:
    r"""Let the values of a mask stand: $y_j = m_j x_j / (1 - p)$.

    Args:
        inputs: $x$.
        mask: $m$, true where a value stands.
        probability: $p$, of falling, below 1.

    Returns:
        $y$.

    Source: Srivastava et al. 2014, section 4.
    """
    outputs: np.ndarray = mask * inputs / (1 - probability)
    return outputs


def dropout_backward(
    gradient: Float[np.ndarray, "*shape"],
    inputs: Float[np.ndarray, "*shape"],
    mask: Bool[np.ndarray, "*shape"],
    *,
    probability: float,
) -> tuple[Float[np.ndarray, "*shape"], None]:
    r"""Gradient of `dropout`: $\bar x_j = m_j \bar y_j / (1 - p)$.

    Args:
        gradient: $\bar y$.
        inputs: $x$, on which the gradient does not depend.
        mask: $m$.
        probability: $p$.

    Returns:
        $\bar x$; a mask has no gradient.

    Source: Srivastava et al. 2014, section 4.
    """
    del inputs
    return mask * gradient / (1 - probability), None


def draw_mask(
    shape: tuple[int, ...], probability: float, generator: np.random.Generator
) -> Bool[np.ndarray, "..."]:
    r"""Draw the mask: $m_j \sim \mathrm{Bernoulli}(1 - p)$.

    Args:
        shape: of the mask.
        probability: $p$, of falling.
        generator: source of the draws.

    Returns:
        $m$.

    Source: Srivastava et al. 2014, section 4.
    """
    return generator.random(shape) >= probability
