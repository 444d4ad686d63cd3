r"""A text turned around, padding left where it is, so that a recurrent layer can read it backwards.

$$\tau_t = \begin{cases} T - 1 - t & t < T \\ t & t \ge T \end{cases}, \qquad y_{nti} = x_{n \tau_t i}$$

for text $n$ of $T$ ids. $\tau$ is its own inverse: turned twice, a text is as it was.

Source: Schuster and Paliwal 1997, "Bidirectional recurrent neural networks", IEEE Transactions on
Signal Processing 45(11).
"""

import numpy as np
from jaxtyping import Bool, Float, Int64


def turned_places(places: Bool[np.ndarray, "batch length"]) -> Int64[np.ndarray, "batch length"]:
    r"""Permutation $\tau$ of the places.

    Args:
        places: true at the $T$ ids of each text.

    Returns:
        $\tau$ of each text.

    Source: Schuster and Paliwal 1997.
    """
    lengths, t = places.sum(axis=1, keepdims=True), np.arange(places.shape[1])
    return np.where(t < lengths, lengths - 1 - t, t).astype(np.int64)


def turn(
    values: Float[np.ndarray, "batch length channel"], order: Int64[np.ndarray, "batch length"]
) -> Float[np.ndarray, "batch length channel"]:
    r"""Put each text's places in another order: $y_{nti} = x_{n \tau_t i}$.

    Args:
        values: $x$.
        order: $\tau$ of each text.

    Returns:
        $y$.

    Source: Schuster and Paliwal 1997.
    """
    return np.stack([text[tau] for text, tau in zip(values, order, strict=True)])


def turn_backward(
    gradient: Float[np.ndarray, "batch length channel"],
    values: Float[np.ndarray, "batch length channel"],
    order: Int64[np.ndarray, "batch length"],
) -> tuple[Float[np.ndarray, "batch length channel"], None]:
    r"""Gradient of `turn`: $\bar x_{n \tau_t i} = \bar y_{nti}$.

    Args:
        gradient: $\bar y$.
        values: $x$, on which the gradient does not depend.
        order: $\tau$ of each text.

    Returns:
        $\bar x$; an order has no gradient.

    Source: Schuster and Paliwal 1997.
    """
    of_values = np.zeros_like(values)
    for n, tau in enumerate(order):
        of_values[n, tau] = gradient[n]
    return of_values, None
