r"""The patches of an image that a sliding window sees, and patches laid over one another again.

$$P_{nirckl} = x_{n,\,i,\,rs + k - p,\,cs' + l - p'}$$

for example $n$, channel $i$, row $r$ and column $c$ of the window's places, $k$ and $l$ inside the
window, strides $s, s'$ and paddings $p, p'$ above and to the left; beyond the image's edge stand zeros.
Laying patches over one another is the transpose of this linear map: every pixel collects from all patches
that it stands in.

Source: Goodfellow, Bengio and Courville 2016, "Deep Learning", section 9.5, eq. 9.8.
"""

import numpy as np
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view

Pair = tuple[int, int]


def patches(
    inputs: Float[np.ndarray, "batch channel height width"],
    window: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
) -> Float[np.ndarray, "batch channel rows columns window_height window_width"]:
    """Cut out what a window sees at each of its places.

    Args:
        inputs: $x$.
        window: height and width in pixels.
        stride: pixels from one place to the next, downwards and across.
        padding: zeros beyond the edges, above and left.
        padding_after: zeros below and right; by default as many as above and left.

    Returns:
        $P$, a view that cannot be written to.

    Source: Goodfellow et al. 2016, eq. 9.8.
    """
    (above, left), (below, right) = padding, padding_after or padding
    down, across = stride
    padded = np.pad(inputs, ((0, 0), (0, 0), (above, below), (left, right)))
    windows: np.ndarray = sliding_window_view(padded, window, axis=(2, 3))
    return windows[:, :, ::down, ::across]


def overlaid(
    parts: Float[np.ndarray, "batch channel rows columns window_height window_width"],
    size: Pair,
    stride: Pair,
    padding: Pair = (0, 0),
    padding_after: Pair | None = None,
) -> Float[np.ndarray, "batch channel height width"]:
    """Add up, at each pixel of an image, the values that patches hold for it.

    Args:
        parts: one value for each pixel of each patch.
        size: height and width of the image.
        stride: as for `patches`.
        padding: as for `patches`; what falls beyond the edge is dropped.
        padding_after: likewise.

    Returns:
        The sums.

    Source: Goodfellow et al. 2016, eq. 9.13, where it is the gradient of a convolution's inputs.
    """
    batch, channels, rows, columns, *window = parts.shape
    (height, width), (down, across) = size, stride
    (above, left), (below, right) = padding, padding_after or padding
    padded = np.zeros((batch, channels, above + height + below, left + width + right), parts.dtype)
    for k, l in np.ndindex(*window):  # noqa: E741
        padded[:, :, k : k + rows * down : down, l : l + columns * across : across] += parts[..., k, l]
    return padded[:, :, above : above + height, left : left + width]
