r"""Layer normalisation: the numbers of each example, or of each token, to mean 0 and variance 1.

With the $m$ numbers $x_1, \dots, x_m$ of one vector:

$$\mu = \frac{1}{m} \sum_i x_i, \quad \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2, \quad
  \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad y_i = \gamma_i \hat x_i + \beta_i$$

Unlike batch normalisation it looks at one vector alone, so that training and answering compute the same.

Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 3 and 4.
"""

import numpy as np
from jaxtyping import Float

# Keeps the divisor above zero where the numbers of a vector are all equal; as BERT has it.
EPSILON = 1e-12


def layer_norm(
    inputs: Float[np.ndarray, "*places size"],
    scale: Float[np.ndarray, " size"],
    shift: Float[np.ndarray, " size"],
    *,
    epsilon: float = EPSILON,
) -> Float[np.ndarray, "*places size"]:
    r"""Normalise each vector: $y_i = \gamma_i (x_i - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta_i$.

    Args:
        inputs: $x$.
        scale: $\gamma$.
        shift: $\beta$.
        epsilon: $\epsilon$.

    Returns:
        $y$.

    Source: Ba et al. 2016, eq. 3 and 4.
    """
    outputs: np.ndarray = scale * normalised(inputs, epsilon)[0] + shift
    return outputs


def layer_norm_backward(
    gradient: Float[np.ndarray, "*places size"],
    inputs: Float[np.ndarray, "*places size"],
    scale: Float[np.ndarray, " size"],
    shift: Float[np.ndarray, " size"],
    *,
    epsilon: float = EPSILON,
) -> tuple[Float[np.ndarray, "*places size"], Float[np.ndarray, " size"], Float[np.ndarray, " size"]]:
    r"""Gradients of `layer_norm`: every number of a vector moves its mean and its variance, too.

    $$\bar{\hat x}_i = \bar y_i \gamma_i, \quad
      \bar x_i = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \Bigl(\bar{\hat x}_i
      - \frac{1}{m} \sum_j \bar{\hat x}_j - \hat x_i \frac{1}{m} \sum_j \bar{\hat x}_j \hat x_j\Bigr)$$

    $$\bar \gamma_i = \sum_t \bar y_{ti} \hat x_{ti}, \quad \bar \beta_i = \sum_t \bar y_{ti}$$

    The sums over $t$ are those over all vectors.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        scale: $\gamma$.
        shift: $\beta$, on which no gradient depends.
        epsilon: $\epsilon$.

    Returns:
        $\bar x$, $\bar \gamma$ and $\bar \beta$.

    Source: the chain rule through Ba et al. 2016, eq. 3 and 4.
    """
    del shift
    values, deviation = normalised(inputs, epsilon)
    of_normalised = gradient * scale
    mean = of_normalised.mean(axis=-1, keepdims=True)
    along = (of_normalised * values).mean(axis=-1, keepdims=True)
    vectors = tuple(range(inputs.ndim - 1))
    of_inputs = (of_normalised - mean - values * along) / deviation
    return of_inputs, (gradient * values).sum(axis=vectors), gradient.sum(axis=vectors)


def normalised(
    inputs: Float[np.ndarray, "*places size"], epsilon: float
) -> tuple[Float[np.ndarray, "*places size"], Float[np.ndarray, "*places 1"]]:
    r"""Numbers $\hat x$ of mean 0 and variance 1, and by which deviation each vector was divided.

    Args:
        inputs: $x$.
        epsilon: $\epsilon$.

    Returns:
        $\hat x$, and $\sqrt{\sigma^2 + \epsilon}$ of each vector.

    Source: Ba et al. 2016, eq. 3 and 4.
    """
    centred = inputs - inputs.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return centred / deviation, deviation
