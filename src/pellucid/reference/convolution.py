r"""Convolutions over maps and over texts, transposed ones, and the patches that they look at.

The patches of an image that a sliding window sees, and patches laid over one another again.

$$P_{nirckl} = x_{n,\,i,\,rs + k - p,\,cs' + l - p'}$$

for example $n$, channel $i$, row $r$ and column $c$ of the window's places, $k$ and $l$ inside the
window, strides $s, s'$ and paddings $p, p'$ above and to the left; beyond the image's edge are zeros.
Laying patches over one another is the transpose of this linear map: every pixel collects from all patches
that it is in.

Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", section 9.5, eq. 9.8.

A convolution: sums over a local patch and across channels, with the same weights at every place.

$$y_{norc} = b_o + \sum_i \sum_k \sum_l W_{oikl} \, P_{nirckl}, \qquad
  P_{nirckl} = x_{n,\,i,\,rs + k - p,\,cs' + l - p'}$$

for example $n$, filter $o$, row $r$ and column $c$, over the channels $i$ and the rows $k$ and columns $l$
of the kernel (strictly a cross-correlation: the kernel is not turned around). Local: only the patch $P$
counts. Shared: $W$ does not depend on $r$ and $c$, so its gradient is a sum over all places. With
$\bar y = \partial L / \partial y$,

$$\bar W_{oikl} = \sum_n \sum_r \sum_c \bar y_{norc} \, P_{nirckl}, \quad
  \bar P_{nirckl} = \sum_o \bar y_{norc} W_{oikl}, \quad \bar b_o = \sum_n \sum_r \sum_c \bar y_{norc}$$

and $\bar x$ is $\bar P$ laid over one another.

In groups, channels and filters are split into as many equal runs, and each filter sees only the channels of
its own run: $i$ then counts inside it. A depthwise convolution has as many groups as channels, so that each
filter sees a single map.

Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document
recognition", section II.A; Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 9.8, 9.11 and 9.13;
Howard et al. 2017, "MobileNets", arXiv:1704.04861, eq. 3, for depthwise convolutions.

A transposed convolution: every input lays its kernel over the output, weighed by its value.

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

A convolution over the places of a text: as many places out as in, zeros beyond both ends.

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

Images = Float[np.ndarray, "batch channel height width"]
Windows = Float[np.ndarray, "batch channel rows columns window_height window_width"]
Kernels = Float[np.ndarray, "filter channel_of_group kernel_height kernel_width"]
Maps = Float[np.ndarray, "batch filter rows columns"]
Bias = Float[np.ndarray, " filter"]
SmallMaps = Float[np.ndarray, "batch channel rows columns"]
TransposedKernels = Float[np.ndarray, "channel filter kernel_height kernel_width"]
LargeMaps = Float[np.ndarray, "batch filter height width"]
Vectors = Float[np.ndarray, "batch length size"]
Kernels1d = Float[np.ndarray, "filter size kernel"]
Sequences = Float[np.ndarray, "batch length filter"]

Pair = tuple[int, int]


def patches(
    inputs: Images, window: Pair, stride: Pair, padding: Pair = (0, 0), padding_after: Pair | None = None
) -> Windows:
    """Cut out what a window sees at each of its places.

    `inputs`: $x$; `window`: height and width in pixels; `stride`: pixels from one place to the next,
    downwards and across; `padding`: zeros beyond the edges, above and left; `padding_after`: zeros below and
    right; by default as many as above and left; result: $P$, a view that cannot be written to.

    Source: Goodfellow et al. 2016, eq. 9.8.
    """
    (above, left), (below, right) = padding, padding_after or padding
    down, across = stride
    padded = np.pad(inputs, ((0, 0), (0, 0), (above, below), (left, right)))
    windows: np.ndarray = sliding_window_view(padded, window, axis=(2, 3))
    return windows[:, :, ::down, ::across]


def overlaid(
    parts: Windows, size: Pair, stride: Pair, padding: Pair = (0, 0), padding_after: Pair | None = None
) -> Images:
    """Add up, at each pixel of an image, the values that patches hold for it.

    `parts`: one value for each pixel of each patch; `size`: height and width of the image; the others as for
    `patches`; what falls beyond the edge is dropped.

    Source: Goodfellow et al. 2016, eq. 9.13, where it is the gradient of a convolution's inputs.
    """
    batch, channels, rows, columns, *window = parts.shape
    (height, width), (down, across) = size, stride
    (above, left), (below, right) = padding, padding_after or padding
    padded = np.zeros((batch, channels, above + height + below, left + width + right), parts.dtype)
    for k, l in np.ndindex(*window):  # noqa: E741
        padded[:, :, k : k + rows * down : down, l : l + columns * across : across] += parts[..., k, l]
    return padded[:, :, above : above + height, left : left + width]


def convolution(
    inputs: Images,
    weight: Kernels,
    bias: Bias | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
    groups: int = 1,
) -> Maps:
    r"""Weigh each patch: $y_{norc} = b_o + \sum_{ikl} W_{oikl} P_{nirckl}$.

    `inputs`: $x$; `weight`: $W$; `bias`: $b$, or `None` for zeros; `stride`: $s, s'$; `padding`: $p, p'$;
    `padding_after`: zeros below and right; by default as many as above and left; `groups`: runs of channels;
    a divisor of channels and filters.

    Source: Goodfellow et al. 2016, eq. 9.8.
    """
    seen = patches(inputs, _kernel(weight), stride, padding, padding_after)
    if groups == 1:
        sums: np.ndarray = np.einsum("oikl,nirckl->norc", weight, seen, optimize=True)
    else:
        grouped = np.einsum("goikl,ngirckl->ngorc", _split(weight, 0, groups), _split(seen, 1, groups))
        sums = grouped.reshape(len(inputs), len(weight), *seen.shape[2:4])
    return sums if bias is None else sums + bias[:, None, None]


def convolution_backward(
    gradient: Maps,
    inputs: Images,
    weight: Kernels,
    bias: Bias | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
    groups: int = 1,
) -> tuple[Images, Kernels, Bias]:
    r"""Gradients of `convolution`, as at the top of this file.

    Source: Goodfellow et al. 2016, eq. 9.11 and 9.13.
    """
    seen = patches(inputs, _kernel(weight), stride, padding, padding_after)
    if groups == 1:
        of_weight = np.einsum("norc,nirckl->oikl", gradient, seen, optimize=True)
        of_patches = np.einsum("norc,oikl->nirckl", gradient, weight, optimize=True)
    else:
        above = _split(gradient, 1, groups)
        of_weight = np.einsum("ngorc,ngirckl->goikl", above, _split(seen, 1, groups)).reshape(weight.shape)
        of_patches = np.einsum("ngorc,goikl->ngirckl", above, _split(weight, 0, groups)).reshape(seen.shape)
    of_inputs = overlaid(of_patches, (inputs.shape[2], inputs.shape[3]), stride, padding, padding_after)
    return of_inputs, of_weight, gradient.sum(axis=(0, 2, 3))


def _split(array: np.ndarray, axis: int, groups: int) -> np.ndarray:
    """Split an axis of channels or filters into groups and what is within one."""
    shape = array.shape
    return array.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _kernel(weight: np.ndarray) -> Pair:
    return weight.shape[2], weight.shape[3]


def transposed_convolution(
    inputs: SmallMaps,
    weight: TransposedKernels,
    bias: Bias | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    more: Pair = (0, 0),
) -> LargeMaps:
    r"""Lay weighed kernels over one another: the first formula at the top of this file.

    `inputs`: $x$; `weight`: $W$; `bias`: $b$, or `None` for zeros; `stride`: $s, s'$; `padding`: $p, p'$;
    `more`: rows and columns of the output beyond $(r - 1) s + k - 2 p$.

    Source: Dumoulin and Visin 2016, section 4.5.
    """
    parts = np.einsum("nirc,iokl->norckl", inputs, weight, optimize=True)
    size = _size((inputs.shape[2], inputs.shape[3]), _kernel(weight), stride, padding, more)
    sums = overlaid(parts, size, stride, padding)
    return sums if bias is None else sums + bias[:, None, None]


def transposed_convolution_backward(
    gradient: LargeMaps,
    inputs: SmallMaps,
    weight: TransposedKernels,
    bias: Bias | None = None,
    *,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    more: Pair = (0, 0),
) -> tuple[SmallMaps, TransposedKernels, Bias]:
    r"""Gradients of `transposed_convolution`, as at the top of this file."""
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


def conv1d(vectors: Vectors, weight: Kernels1d, bias: Bias) -> Sequences:
    r"""Weigh each place with its neighbours: $y_{nto} = b_o + \sum_{ik} W_{oik} P_{ntik}$.

    `vectors`: $x$; `weight`: $W$; `bias`: $b$.

    Source: Kim 2014, eq. 2.
    """
    sums = np.einsum("oik,ntik->nto", weight, _seen(vectors, weight.shape[2]), optimize=True)
    outputs: np.ndarray = bias + sums
    return outputs


def conv1d_backward(
    gradient: Sequences, vectors: Vectors, weight: Kernels1d, bias: Bias
) -> tuple[Vectors, Kernels1d, Bias]:
    r"""Gradients of `conv1d`.

    $$\bar W_{oik} = \sum_n \sum_t \bar y_{nto} P_{ntik}, \quad
      \bar x_{n,\,t+k-p,\,i} \mathrel{+}= \sum_o \bar y_{nto} W_{oik}, \quad
      \bar b_o = \sum_n \sum_t \bar y_{nto}$$

    Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", eq. 9.11 and 9.13.
    """
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
