r"""A transposed convolution: every input lays its kernel over the output, weighed by its value.

$$y_{nohw} = b_o + \sum_i \sum_r \sum_c \sum_k \sum_l x_{nirc} \, W_{iokl} \;
  [\,h = rs + k - p, \; w = cs' + l - p'\,]$$

for example $n$, channel $i$ of the inputs and $o$ of the outputs, over the rows $r$ and columns $c$ of the
inputs and $k$ and $l$ of the kernel, with strides $s, s'$ and paddings $p, p'$, which are cut off the
output's edges. It is the transpose of the linear map that a convolution with the same kernel is, so that it
makes maps larger where that one makes them smaller: its forward pass is the other's gradient of the inputs.
With $\bar y = \partial L / \partial y$ and $\bar P$ the patches of $\bar y$ at the places $r, c$,

$$\bar x_{nirc} = \sum_o \sum_k \sum_l W_{iokl} \bar P_{norckl}, \qquad
  \bar W_{iokl} = \sum_n \sum_r \sum_c x_{nirc} \bar P_{norckl}, \qquad
  \bar b_o = \sum_n \sum_h \sum_w \bar y_{nohw}$$

Several sizes of a map shrink to one under a stride; the rows and columns of `more` say which of them is
meant.

Source: Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285,
section 4; Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 9.13.
"""

import numpy as np
from jaxtyping import Float

from pellucid.reference.layers.patches import Pair, overlaid, patches


def transposed_convolution(
    inputs: Float[np.ndarray, "batch channel rows columns"],
    weight: Float[np.ndarray, "channel filter kernel_height kernel_width"],
    bias: Float[np.ndarray, " filter"] | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    more: Pair = (0, 0),
) -> Float[np.ndarray, "batch filter height width"]:
    r"""Lay weighed kernels over one another: the first formula at the top of this file.

    Args:
        inputs: $x$.
        weight: $W$.
        bias: $b$, or `None` for zeros.
        stride: $s, s'$.
        padding: $p, p'$.
        more: rows and columns of the output beyond $(r - 1) s + k - 2 p$.

    Returns:
        $y$.

    Source: Dumoulin and Visin 2016, section 4.5.
    """
    parts = np.einsum("nirc,iokl->norckl", inputs, weight, optimize=True)
    size = _size((inputs.shape[2], inputs.shape[3]), _kernel(weight), stride, padding, more)
    sums = overlaid(parts, size, stride, padding)
    return sums if bias is None else sums + bias[:, None, None]


def transposed_convolution_backward(
    gradient: Float[np.ndarray, "batch filter height width"],
    inputs: Float[np.ndarray, "batch channel rows columns"],
    weight: Float[np.ndarray, "channel filter kernel_height kernel_width"],
    bias: Float[np.ndarray, " filter"] | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    more: Pair = (0, 0),
) -> tuple[
    Float[np.ndarray, "batch channel rows columns"],
    Float[np.ndarray, "channel filter kernel_height kernel_width"],
    Float[np.ndarray, " filter"],
]:
    r"""Gradients of `transposed_convolution`, as at the top of this file.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        weight: $W$.
        bias: $b$, whose gradient does not depend on it.
        stride: $s, s'$.
        padding: $p, p'$.
        more: as for `transposed_convolution`.

    Returns:
        $\bar x$, $\bar W$ and $\bar b$.

    Source: the transpose of the formulas of `convolution`.
    """
    del bias, more
    rows, columns = inputs.shape[2], inputs.shape[3]
    seen = patches(gradient, _kernel(weight), stride, padding)[:, :, :rows, :columns]
    of_inputs = np.einsum("norckl,iokl->nirc", seen, weight, optimize=True)
    of_weight = np.einsum("nirc,norckl->iokl", inputs, seen, optimize=True)
    return of_inputs, of_weight, gradient.sum(axis=(0, 2, 3))


def _size(rows: Pair, kernel: Pair, stride: Pair, padding: Pair, more: Pair) -> Pair:
    """Height and width of the output."""
    height, width = (
        (count - 1) * step + side - 2 * pad + extra
        for count, step, side, pad, extra in zip(rows, stride, kernel, padding, more, strict=True)
    )
    return height, width


def _kernel(weight: np.ndarray) -> Pair:
    return weight.shape[2], weight.shape[3]
