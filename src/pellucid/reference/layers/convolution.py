r"""A convolution: sums over a local patch and across channels, with the same weights at every place.

$$y_{norc} = b_o + \sum_i \sum_k \sum_l W_{oikl} \, P_{nirckl}, \qquad
  P_{nirckl} = x_{n,\,i,\,rs + k - p,\,cs' + l - p'}$$

for example $n$, filter $o$, row $r$ and column $c$, over the channels $i$ and the rows $k$ and columns $l$
of the kernel (strictly a cross-correlation: the kernel is not turned around). Local: only the patch $P$
counts. Shared: $W$ does not depend on $r$ and $c$, so its gradient is a sum over all places. With
$\bar y = \partial L / \partial y$,

$$\bar W_{oikl} = \sum_n \sum_r \sum_c \bar y_{norc} \, P_{nirckl}, \quad
  \bar P_{nirckl} = \sum_o \bar y_{norc} W_{oikl}, \quad \bar b_o = \sum_n \sum_r \sum_c \bar y_{norc}$$

and $\bar x$ is $\bar P$ laid over one another.

In groups, channels and filters are parted into as many equal runs, and each filter sees only the channels of
its own run: $i$ then counts inside it. A depthwise convolution has as many groups as channels, so that each
filter sees a single map.

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", section II.A; Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 9.8, 9.11 and 9.13;
Howard et al. 2017, "MobileNets", arXiv:1704.04861, eq. 3, for depthwise convolutions.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from pellucid.reference.layers.patches import Pair, overlaid, patches


def convolution(
    inputs: Float[np.ndarray, "batch channel height width"],
    weight: Float[np.ndarray, "filter channel_of_group kernel_height kernel_width"],
    bias: Float[np.ndarray, " filter"] | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
    groups: int = 1,
) -> Float[np.ndarray, "batch filter rows columns"]:
    r"""Weigh each patch: $y_{norc} = b_o + \sum_{ikl} W_{oikl} P_{nirckl}$.

    Args:
        inputs: $x$.
        weight: $W$.
        bias: $b$, or `None` for zeros.
        stride: $s, s'$.
        padding: $p, p'$.
        padding_after: zeros below and right; by default as many as above and left.
        groups: runs of channels; a divisor of channels and filters.

    Returns:
        $y$.

    Source: Goodfellow et al. 2016, eq. 9.8.
    """
    seen = patches(inputs, _kernel(weight), stride, padding, padding_after)
    if groups == 1:
        sums: np.ndarray = np.einsum("oikl,nirckl->norc", weight, seen, optimize=True)
    else:
        grouped = np.einsum("goikl,ngirckl->ngorc", _parted(weight, 0, groups), _parted(seen, 1, groups))
        sums = grouped.reshape(len(inputs), len(weight), *seen.shape[2:4])
    return sums if bias is None else sums + bias[:, None, None]


def convolution_backward(
    gradient: Float[np.ndarray, "batch filter rows columns"],
    inputs: Float[np.ndarray, "batch channel height width"],
    weight: Float[np.ndarray, "filter channel_of_group kernel_height kernel_width"],
    bias: Float[np.ndarray, " filter"] | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
    groups: int = 1,
) -> tuple[
    Float[np.ndarray, "batch channel height width"],
    Float[np.ndarray, "filter channel_of_group kernel_height kernel_width"],
    Float[np.ndarray, " filter"],
]:
    r"""Gradients of `convolution`, as at the top of this file.

    Args:
        gradient: $\bar y$.
        inputs: $x$.
        weight: $W$.
        bias: $b$, whose gradient does not depend on it.
        stride: $s, s'$.
        padding: $p, p'$.
        padding_after: as for `convolution`.
        groups: likewise.

    Returns:
        $\bar x$, $\bar W$ and $\bar b$.

    Source: Goodfellow et al. 2016, eq. 9.11 and 9.13.
    """
    del bias
    seen = patches(inputs, _kernel(weight), stride, padding, padding_after)
    if groups == 1:
        of_weight = np.einsum("norc,nirckl->oikl", gradient, seen, optimize=True)
        of_patches = np.einsum("norc,oikl->nirckl", gradient, weight, optimize=True)
    else:
        above = _parted(gradient, 1, groups)
        of_weight = np.einsum("ngorc,ngirckl->goikl", above, _parted(seen, 1, groups)).reshape(weight.shape)
        of_patches = np.einsum("ngorc,goikl->ngirckl", above, _parted(weight, 0, groups)).reshape(seen.shape)
    of_inputs = overlaid(of_patches, (inputs.shape[2], inputs.shape[3]), stride, padding, padding_after)
    return of_inputs, of_weight, gradient.sum(axis=(0, 2, 3))


class ConvolutionUnit(NamedTuple):
    r"""The arithmetic of one filter $o$ at one place $r, c$ of one image.

    Attributes:
        patch: $P_{ikl}$, what it sees, zeros beyond the image's edge.
        products: $W_{oikl} P_{ikl}$.
        channel_sums: $\sum_k \sum_l W_{oikl} P_{ikl}$ for each channel.
        bias: $b_o$.
        value: $y_{orc}$, the sum over the channels and the bias.
    """

    patch: Float[np.ndarray, "channel kernel_height kernel_width"]
    products: Float[np.ndarray, "channel kernel_height kernel_width"]
    channel_sums: Float[np.ndarray, " channel"]
    bias: float
    value: float


def convolution_unit(
    inputs: Float[np.ndarray, "channel height width"],
    weight: Float[np.ndarray, "channel kernel_height kernel_width"],
    bias: float = 0.0,
    *,
    place: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
) -> ConvolutionUnit:
    """Open one unit of `convolution`.

    Args:
        inputs: one image.
        weight: of one filter.
        bias: of the filter.
        place: row and column of the unit in the filter's map.
        stride: of the layer.
        padding: of the layer.

    Returns:
        What it sees, its products and how they add up.
    """
    row, column = place
    patch = patches(inputs[None], (weight.shape[1], weight.shape[2]), stride, padding)[0, :, row, column]
    products = weight * patch
    channel_sums = products.sum(axis=(1, 2))
    return ConvolutionUnit(patch.copy(), products, channel_sums, bias, float(channel_sums.sum()) + bias)


def _parted(array: np.ndarray, axis: int, groups: int) -> np.ndarray:
    """Split an axis of channels or filters into groups and what is within one."""
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _kernel(weight: np.ndarray) -> Pair:
    return weight.shape[2], weight.shape[3]
