r"""Embedding: each id has a vector, learnt like any other weight.

$$y_{nti} = E_{vi} \quad \text{with } v = x_{nt}, \qquad
  \bar E_{vi} = \sum_{n,t \,:\, x_{nt} = v} \bar y_{nti}$$

for text $n$ and place $t$. It is a dense layer over one-hot inputs, without the multiplications by zero.
Padding's vector is given no gradient and stays as it is.

Source: Bengio, Ducharme, Vincent and Jauvin 2003, "A neural probabilistic language model", JMLR 3,
section 2.
"""

import numpy as np
from jaxtyping import Float, Int64


def embedding(
    tokens: Int64[np.ndarray, "batch length"], weight: Float[np.ndarray, "vocabulary size"]
) -> Float[np.ndarray, "batch length size"]:
    r"""Look up: $y_{nti} = E_{vi}$ with $v = x_{nt}$.

    Args:
        tokens: ids $x$.
        weight: $E$.

    Returns:
        $y$.

    Source: Bengio et al. 2003, section 2.
    """
    vectors: np.ndarray = weight[tokens]
    return vectors


def embedding_backward(
    gradient: Float[np.ndarray, "batch length size"],
    tokens: Int64[np.ndarray, "batch length"],
    weight: Float[np.ndarray, "vocabulary size"],
) -> tuple[None, Float[np.ndarray, "vocabulary size"]]:
    r"""Gradient of `embedding`: an id's vector collects from all places where the id stands.

    Args:
        gradient: $\bar y$.
        tokens: ids $x$.
        weight: $E$.

    Returns:
        Ids have no gradient; $\bar E$, zero for padding (id 0).

    Source: Bengio et al. 2003, section 2.
    """
    of_weight = np.zeros(weight.shape, gradient.dtype)
    for n, t in np.ndindex(tokens.shape):
        if tokens[n, t] != 0:
            of_weight[tokens[n, t]] += gradient[n, t]
    return None, of_weight
