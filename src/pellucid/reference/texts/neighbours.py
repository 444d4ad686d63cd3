r"""A convolution over the places of a text: as many places out as in, zeros beyond both ends.

$$y_{nto} = b_o + \sum_i \sum_k W_{oik} \, P_{ntik}, \qquad P_{ntik} = x_{n,\,t + k - p,\,i}, \quad
  p = \lfloor (K - 1) / 2 \rfloor$$

for text $n$, place $t$, filter $o$, over the numbers $i$ of a place's vector and the $K$ places $k$ of the
kernel. The gradients are those of a convolution over images, with one axis less.

Source: Kim 2014, "Convolutional neural networks for sentence classification", arXiv:1408.5882, eq. 2,
there without zeros beyond the ends.
"""

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view


def neighbours(
    vectors: Float[np.ndarray, "batch length size"],
    weight: Float[np.ndarray, "filter size kernel"],
    bias: Float[np.ndarray, " filter"],
) -> Float[np.ndarray, "batch length filter"]:
    r"""Weigh each place with its neighbours: $y_{nto} = b_o + \sum_{ik} W_{oik} P_{ntik}$.

    Args:
        vectors: $x$.
        weight: $W$.
        bias: $b$.

    Returns:
        $y$.

    Source: Kim 2014, eq. 2.
    """
    sums = np.einsum("oik,ntik->nto", weight, _seen(vectors, weight.shape[2]), optimize=True)
    outputs: np.ndarray = bias + sums
    return outputs


def neighbours_backward(
    gradient: Float[np.ndarray, "batch length filter"],
    vectors: Float[np.ndarray, "batch length size"],
    weight: Float[np.ndarray, "filter size kernel"],
    bias: Float[np.ndarray, " filter"],
) -> tuple[
    Float[np.ndarray, "batch length size"],
    Float[np.ndarray, "filter size kernel"],
    Float[np.ndarray, " filter"],
]:
    r"""Gradients of `neighbours`.

    $$\bar W_{oik} = \sum_n \sum_t \bar y_{nto} P_{ntik}, \quad
      \bar x_{n,\,t+k-p,\,i} \mathrel{+}= \sum_o \bar y_{nto} W_{oik}, \quad
      \bar b_o = \sum_n \sum_t \bar y_{nto}$$

    Args:
        gradient: $\bar y$.
        vectors: $x$.
        weight: $W$.
        bias: $b$, whose gradient does not depend on it.

    Returns:
        $\bar x$, $\bar W$ and $\bar b$.

    Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 9.11 and 9.13.
    """
    del bias
    (batch, length, size), kernel = vectors.shape, weight.shape[2]
    of_weight = np.einsum("nto,ntik->oik", gradient, _seen(vectors, kernel), optimize=True)
    before, after = _beyond(kernel)
    padded = np.zeros((batch, before + length + after, size), gradient.dtype)
    for k in range(kernel):
        padded[:, k : k + length] += np.einsum("nto,oi->nti", gradient, weight[:, :, k])
    return padded[:, before : before + length], of_weight, gradient.sum(axis=(0, 1))


def _beyond(kernel: int) -> tuple[int, int]:
    """Zeros before the first place and behind the last."""
    return (kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2


def _seen(vectors: np.ndarray, kernel: int) -> np.ndarray:
    """Patches $P$ that a kernel sees at each place."""
    padded = np.pad(vectors, ((0, 0), _beyond(kernel), (0, 0)))
    windows: np.ndarray = sliding_window_view(padded, kernel, axis=1)
    return windows
