r"""Chain rule of one weight: the gradients above it, and the numbers that it meets.

A weight that is used at several places collects from all of them. With $\bar y$ the gradient at the
layer's units and $x_j$ the number that the weight $w$ meets at place $j$,

$$\frac{\partial L}{\partial w} = \sum_j \bar y_j x_j$$

In a recurrent layer $\bar y_j$ is the gradient at the sum inside a gate at step $j$, in which all later
steps are already contained.

Source: Rumelhart, Hinton and Williams 1986, Nature 323, eq. 6; Goodfellow, Bengio and Courville 2016,
"Deep Learning", eq. 9.11, for weights that are shared; Werbos 1990, "Backpropagation through time", eq. 12.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from pellucid.insight.gradients.backward import Backward
from pellucid.insight.units.windows import channels_seen
from pellucid.reference import Line
from pellucid.reference.autoencoder import mixture_density_backward
from pellucid.reference.layers.layer_norm import normalised
from pellucid.reference.layers.patches import patches
from pellucid.reference.texts.weighed_sum import factors

Index = tuple[int, ...]
Terms = tuple[Float64[np.ndarray, " terms"], Float64[np.ndarray, " terms"]]


def terms_of(line: Line, backward: Backward, part: int, index: Index) -> Terms:
    """Terms that add up to the gradient of one number of a layer's weight: gradients above, numbers met."""
    taken = [backward.values[name] for name in line.takes]
    if line.kind in ("lstm", "gru"):
        return _of_recurrent(line, backward, taken[0][0], part, index)
    return _TERMS[line.kind](line, backward.gradients[line.name][0], taken, part, index)


def _of_recurrent(line: Line, backward: Backward, inputs: np.ndarray, part: int, index: Index) -> Terms:
    """Weights of the input and of the state before meet these, biases a 1, at every step."""
    above = backward.sums[line.name][part % 2][:, index[0]]
    if part >= 2:
        return above, np.ones_like(above)
    if part == 0:
        return above, inputs[:, index[1]]
    states = backward.values[line.name][0, :, index[1]]
    return above, np.concatenate([[0.0], states[:-1]])


def _of_bias(above: np.ndarray, index: Index) -> Terms:
    """A bias meets a 1 at each of its units; channels stand first, but of texts last."""
    of_unit = above[:, index[0]] if above.ndim == 2 else above[index[0]]
    gradients = np.asarray(of_unit, np.float64).ravel()
    return gradients, np.ones_like(gradients)


def _of_dense(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    unit, number = index
    return above.reshape(-1, len(taken[1]))[:, unit], taken[0].reshape(-1, taken[1].shape[1])[:, number]


def _of_convolution(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    filter_, channel, k, l = index  # noqa: E741
    settings = dict(line.settings)
    own = channels_seen(taken[1].shape, filter_, settings.pop("groups", 1)).start + channel
    seen = patches(taken[0][:, [own]], taken[1].shape[2:], **settings)
    return above[filter_].ravel(), seen[0, 0, :, :, k, l].ravel()


def _of_transposed(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    """A number of a kernel is laid down once for each place of its map, if not beyond an edge."""
    if part:
        return _of_bias(above, index)
    channel, filter_, k, l = index  # noqa: E741
    inputs = taken[0][0, channel]
    (down, across), (top, left) = line.settings["stride"], line.settings["padding"]
    rows, columns = np.indices(inputs.shape)
    heights, widths = rows * down + k - top, columns * across + l - left
    _, height, width = above.shape
    inside = (heights >= 0) & (heights < height) & (widths >= 0) & (widths < width)
    return above[filter_][heights[inside], widths[inside]], inputs[inside]


def _of_mixture(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    """A number of a prior meets the slope of the density by it: there is one term alone."""
    slopes = mixture_density_backward(1.0, *taken)[1 + part]
    return np.asarray(above, np.float64).ravel(), np.array([slopes[index]])


def _of_neighbours(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    filter_, number, k = index
    kernel = taken[1].shape[2]
    before = (kernel - 1) // 2
    padded = np.pad(taken[0][0, :, number], (before, kernel - 1 - before))
    return above[:, filter_], padded[k : k + len(above)]


def _of_norm(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    mean, variance = taken[3][index], taken[4][index]
    normalised = (taken[0][0, index[0]] - mean) / np.sqrt(variance + line.settings["epsilon"])
    return np.asarray(above[index[0]]).ravel(), np.asarray(normalised).ravel()


def _of_layer_norm(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    values, _ = normalised(taken[0][0], line.settings["epsilon"])
    return above[..., index[0]].ravel(), values[..., index[0]].ravel()


def _of_places(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    place, number = index
    rows = np.minimum(np.arange(len(above)), len(taken[1]) - 1)
    gradients = above[rows == place, number]
    return gradients, np.ones_like(gradients)


def _of_embedding(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    token, number = index
    places = np.flatnonzero(taken[0][0] == token)
    return above[places, number], np.ones(len(places))


def _of_weighed_sum(line: Line, above: np.ndarray, taken: list[np.ndarray], part: int, index: Index) -> Terms:
    if part:
        return _of_bias(above, index)
    token, unit = index
    shares = factors(taken[0], taken[3], groups=line.settings["groups"])[0]
    return above[[unit]], shares[[token]]


# The chain rule of the weights of each kind of layer that has any, but recurrent ones.
_TERMS: dict[str, Callable[[Line, np.ndarray, list[np.ndarray], int, Index], Terms]] = {
    "dense": _of_dense,
    "convolution": _of_convolution,
    "transposed-convolution": _of_transposed,
    "mixture-density": _of_mixture,
    "neighbours": _of_neighbours,
    "fixed-norm": _of_norm,
    "layer-norm": _of_layer_norm,
    "embedding": _of_embedding,
    "places": _of_places,
    "weighed-sum": _of_weighed_sum,
}
