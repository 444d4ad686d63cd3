r"""Inputs prepared: shifted and scaled by fixed numbers, and images brought to another size.

Layers that shift and scale: standardise, rescale and divide by fixed numbers, and scale to length 1.

$$\text{standardise: } y = (x - \mu) / \sigma, \qquad \text{rescale: } y = \sigma x + \mu, \qquad
  \text{divide: } y = x / d, \qquad \text{unit length: } y = x / \lVert x \rVert$$

$$\text{layer scale: } y_{nti} = \gamma_i x_{nti}, \qquad \bar x_{nti} = \gamma_i \bar y_{nti}, \qquad
  \bar \gamma_i = \sum_{n,t} \bar y_{nti} x_{nti}$$

Source: LeCun, Bottou, Orr and Müller 1998, "Efficient BackProp", section 4.3, for standardised inputs;
Touvron et al. 2021, "Going deeper with image transformers", arXiv:2103.17239, section 2, for the layer scale.

Images at another size: each row and column a mean of those near it, the nearer the heavier.

$$y_{nirc} = \sum_k \sum_l A_{rk} B_{cl} \, x_{nikl}, \qquad
  A_{rk} = \frac{a_{rk}}{\sum_j a_{rj}}, \quad
  a_{rk} = \max\Bigl(0,\, 1 - \frac{|k + \frac12 - (r + \frac12) s|}{\max(s, 1)}\Bigr), \quad
  s = \frac{R}{R'}$$

from $R$ rows to $R'$ and in the same way from columns to columns. Where the image grows this is bilinear
interpolation, within the image's edge; where it shrinks the triangle widens, so that no row is left out
(antialiasing). A grey image is repeated for every channel asked for, and $x_{ni}$ is then its only one. With
$\bar y = \partial L / \partial y$,

$$\bar x_{nikl} = \sum_r \sum_c A_{rk} B_{cl} \, \bar y_{nirc}$$

Source: Turkowski 1990, "Filters for common resampling tasks", Graphics Gems I, for the triangle and for
widening it.
"""

import numpy as np
from jaxtyping import Float, Float64

from pellucid.reference.convolution import Pair

Inputs = Float[np.ndarray, "batch channel *places"]
Channels = Float[np.ndarray, "channel ..."]
Values = Float[np.ndarray, "*shape"]
Vectors = Float[np.ndarray, "batch size"]
Images = Float[np.ndarray, "batch channel height width"]
Tokens = Float[np.ndarray, "batch length size"]
Sizes = Float[np.ndarray, " size"]
Resized = Float[np.ndarray, "batch new_channel new_height new_width"]

_NARROW = float(np.finfo(np.float32).eps)

# Length by which a shorter vector is divided, as torch does, so that zeros stay zeros.
_SHORTEST = 1e-12


def standardise(inputs: Inputs, mean: Channels, deviation: Channels) -> Inputs:
    r"""Subtract the mean and divide by the standard deviation: $y = (x - \mu) / \sigma$.

    `inputs`: $x$; `mean`: $\mu$ of each channel or feature, with a length of 1 for rows and for columns;
    `deviation`: $\sigma$ likewise.

    Source: LeCun et al. 1998, section 4.3.
    """
    outputs: np.ndarray = (inputs - mean) / deviation
    return outputs


def standardise_backward(
    gradient: Inputs, inputs: Inputs, mean: Channels, deviation: Channels
) -> tuple[Inputs, None, None]:
    r"""Gradient of `standardise`: $\bar x = \bar y / \sigma$."""
    return gradient / deviation, None, None


def mean_and_deviation(inputs: Inputs) -> tuple[Channels, Channels]:
    r"""Mean $\mu$ and deviation $\sigma$ of each channel or feature over training data, for `standardise`.

    $$\mu = \frac{1}{m} \sum_j x_j, \quad \sigma = \sqrt{\frac{1}{m} \sum_j (x_j - \mu)^2}$$

    Where $\sigma$ is less than single precision resolves at $\mu$, it is 1: a constant becomes 0.

    Both have a length of 1 for rows and for columns.

    Source: LeCun et al. 1998, section 4.3.
    """
    axes = (0, *range(2, inputs.ndim))
    mean, deviation = inputs.mean(axis=axes, keepdims=True)[0], inputs.std(axis=axes, keepdims=True)[0]
    return mean, np.where(deviation <= _NARROW * np.abs(mean), 1, deviation).astype(inputs.dtype)


def rescale(inputs: Inputs, mean: Channels, deviation: Channels) -> Inputs:
    r"""Give standardised predictions, or maps, their unit: $y = \sigma x + \mu$.

    `inputs`: $x$; `mean`: $\mu$ of the training labels, or of each channel of the training images;
    `deviation`: $\sigma$ of them.

    Source: LeCun et al. 1998, section 4.3, the other way round.
    """
    outputs: np.ndarray = deviation * inputs + mean
    return outputs


def rescale_backward(
    gradient: Inputs, inputs: Inputs, mean: Channels, deviation: Channels
) -> tuple[Inputs, None, None]:
    r"""Gradient of `rescale`: $\bar x = \bar y \, \sigma$."""
    return gradient * deviation, None, None


def divide(inputs: Values, *, divisor: float) -> Values:
    r"""Divide by a constant: $y = x / d$.

    `inputs`: $x$; `divisor`: $d$.
    """
    return inputs / divisor


def divide_backward(gradient: Values, inputs: Values, *, divisor: float) -> Values:
    r"""Gradient of `divide`: $\bar x = \bar y / d$."""
    return gradient / divisor


def unit_length(inputs: Vectors) -> Vectors:
    r"""Scale each vector to length 1: $y = x / \lVert x \rVert$; one of zeros stays as it is."""
    outputs: np.ndarray = inputs / _lengths(inputs)
    return outputs


def unit_length_backward(gradient: Vectors, inputs: Vectors) -> Vectors:
    r"""Gradient of `unit_length`: what points along the vector itself is lost.

    $$\bar x = \frac{\bar y - y \, (y \cdot \bar y)}{\lVert x \rVert}$$
    """
    outputs = unit_length(inputs)
    along = (outputs * gradient).sum(axis=1, keepdims=True)
    of_inputs: np.ndarray = (gradient - outputs * along) / _lengths(inputs)
    return of_inputs


def _lengths(inputs: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.maximum(np.sqrt((inputs**2).sum(axis=1, keepdims=True)), _SHORTEST)
    return lengths.astype(inputs.dtype, copy=False)


def resize(inputs: Images, *, size: Pair, channels: int) -> Resized:
    r"""Scale images: $y_{nirc} = \sum_{kl} A_{rk} B_{cl} x_{nikl}$.

    `inputs`: $x$; `size`: $R'$ and $C'$; `channels`: as many as there are, or more where there is one.

    Source: Turkowski 1990.
    """
    rows, columns = _both_shares(inputs, size)
    scaled: np.ndarray = np.einsum("rk,nikl,cl->nirc", rows, inputs, columns, optimize=True)
    return scaled if channels == inputs.shape[1] else scaled.repeat(channels, axis=1)


def resize_backward(gradient: Resized, inputs: Images, *, size: Pair, channels: int) -> Images:
    r"""Gradient of `resize`: $\bar x_{nikl} = \sum_{rc} A_{rk} B_{cl} \bar y_{nirc}$, summed over copies."""
    rows, columns = _both_shares(inputs, size)
    if channels != inputs.shape[1]:
        gradient = gradient.sum(axis=1, keepdims=True)
    of_inputs: np.ndarray = np.einsum("rk,nirc,cl->nikl", rows, gradient, columns, optimize=True)
    return of_inputs


def resizing_shares(before: int, after: int) -> Float64[np.ndarray, "after before"]:
    """Share of each old row, or column, in each new one: $A$."""
    scale = before / after
    centres = (np.arange(after)[:, None] + 0.5) * scale
    shares = np.maximum(0, 1 - np.abs(np.arange(before) + 0.5 - centres) / max(scale, 1))
    normalised: np.ndarray = shares / shares.sum(axis=1, keepdims=True)
    return normalised


def _both_shares(inputs: np.ndarray, size: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Shares of rows and of columns, in the precision of the images."""
    rows, columns = (
        resizing_shares(before, after).astype(inputs.dtype)
        for before, after in zip(inputs.shape[2:], size, strict=True)
    )
    return rows, columns


def layer_scale(inputs: Tokens, weight: Sizes) -> Tokens:
    r"""Scale each channel of all tokens by a learnt factor: $y_{nti} = \gamma_i x_{nti}$.

    `inputs`: $x$; `weight`: $\gamma$.

    Source: Touvron et al. 2021, section 2.
    """
    outputs: np.ndarray = inputs * weight
    return outputs


def layer_scale_backward(gradient: Tokens, inputs: Tokens, weight: Sizes) -> tuple[Tokens, Sizes]:
    r"""Gradients of `layer_scale`, as at the top of this file."""
    return gradient * weight, (gradient * inputs).sum(axis=(0, 1))
