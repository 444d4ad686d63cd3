r"""Embedding: each id has a vector, learnt like any other weight, and so may each place of a text.

$$y_{nti} = E_{vi} \quad \text{with } v = x_{nt}, \qquad
  \bar E_{vi} = \sum_{n,t \,:\, x_{nt} = v} \bar y_{nti}$$

for text $n$ and place $t$. It is a dense layer over one-hot inputs, without the multiplications by zero.
Padding's vector is given no gradient and stays as it is. A layer that reads all places at once does not
see their order; vectors $P$ of the places, added to those of the ids, tell it:

$$y_{nti} = x_{nti} + P_{ti}, \qquad \bar P_{ti} = \sum_n \bar y_{nti}$$

Source: Bengio, Ducharme, Vincent and Jauvin 2003, "A neural probabilistic language model", JMLR 3,
section 2; Devlin, Chang, Lee and Toutanova 2018, arXiv:1810.04805, section 3, for the places.
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


def places(
    vectors: Float[np.ndarray, "batch length size"], weight: Float[np.ndarray, "places size"]
) -> Float[np.ndarray, "batch length size"]:
    r"""Add the vector of each place: $y_{nti} = x_{nti} + P_{ti}$.

    Args:
        vectors: $x$.
        weight: $P$; padding beyond its last row gets that row.

    Returns:
        $y$.

    Source: Devlin et al. 2018, section 3.
    """
    outputs: np.ndarray = vectors + weight[_rows(vectors, weight)]
    return outputs


def places_backward(
    gradient: Float[np.ndarray, "batch length size"],
    vectors: Float[np.ndarray, "batch length size"],
    weight: Float[np.ndarray, "places size"],
) -> tuple[Float[np.ndarray, "batch length size"], Float[np.ndarray, "places size"]]:
    r"""Gradients of `places`: $\bar x = \bar y$, $\bar P_{ti} = \sum_n \bar y_{nti}$.

    Args:
        gradient: $\bar y$.
        vectors: $x$, of which only the length matters.
        weight: $P$, likewise.

    Returns:
        $\bar x$ and $\bar P$.

    Source: Devlin et al. 2018, section 3.
    """
    of_weight = np.zeros(weight.shape, gradient.dtype)
    np.add.at(of_weight, _rows(vectors, weight), gradient.sum(axis=0))
    return gradient, of_weight


def _rows(vectors: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.minimum(np.arange(vectors.shape[1]), len(weight) - 1)
