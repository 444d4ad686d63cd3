r"""Normalisation, by the batch or by the vector, and filters that whiten patches.

Batch normalisation: each channel to mean 0 and variance 1 over the batch, then scaled and shifted.

With $m$ values $x_1, \dots, x_m$ of a channel, over the examples and, of maps, over rows and columns:

$$\mu = \frac{1}{m} \sum_j x_j, \quad \sigma^2 = \frac{1}{m} \sum_j (x_j - \mu)^2, \quad
  \hat x_j = \frac{x_j - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad y_j = \gamma \hat x_j + \beta$$

Once trained, running means of $\mu$ and $\sigma^2$ take their place, so that an answer does not depend on
the batch it is asked in.

Source: Ioffe and Szegedy 2015, arXiv:1502.03167, algorithms 1 and 2, and the gradients of section 3.

Layer normalisation: the numbers of each example, or of each token, to mean 0 and variance 1.

With the $m$ numbers $x_1, \dots, x_m$ of one vector:

$$\mu = \frac{1}{m} \sum_i x_i, \quad \sigma^2 = \frac{1}{m} \sum_i (x_i - \mu)^2, \quad
  \hat x_i = \frac{x_i - \mu}{\sqrt{\sigma^2 + \epsilon}}, \quad y_i = \gamma_i \hat x_i + \beta_i$$

Unlike batch normalisation it depends on one vector alone, so that training and answering compute the same.

Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 3 and 4.

Filters that decorrelate the patches of training images: the frozen first layer of `cnn`.

With $P_j$ the $m$ patches of the images as vectors over channel, row and column:

$$\mu = \frac{1}{m} \sum_j P_j, \quad C = \frac{1}{m} \sum_j (P_j - \mu) (P_j - \mu)^\top
  = V \Lambda V^\top, \quad W_i = \pm \frac{v_i}{\sqrt{\lambda_i + \epsilon}}$$

for the largest eigenvalues $\lambda_i$. Responses of the filters with $+$ have covariance near the identity;
those with $-$ let the activation that follows keep both signs.

Source: Page 2019, "How to train your ResNet 8: bag of tricks"; Jordan 2024, arXiv:2404.00498.
"""

import numpy as np
from jaxtyping import Float

from pellucid.reference.convolution import Pair, patches

Inputs = Float[np.ndarray, "batch channel *places"]
Channels = Float[np.ndarray, " channel"]
Vectors = Float[np.ndarray, "*places size"]
Sizes = Float[np.ndarray, " size"]

# Keeps the divisor above zero where a channel does not vary.
BATCH_NORM_EPSILON = 1e-5


def batch_norm(
    inputs: Inputs, scale: Channels, shift: Channels, *, epsilon: float = BATCH_NORM_EPSILON
) -> Inputs:
    r"""Normalise by the batch: $y_j = \gamma (x_j - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$.

    `inputs`: $x$; `scale`: $\gamma$; `shift`: $\beta$; `epsilon`: $\epsilon$.

    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    mean, variance = batch_statistics(inputs)
    return fixed_norm(inputs, scale, shift, mean, variance, epsilon=epsilon)


def batch_norm_backward(
    gradient: Inputs, inputs: Inputs, scale: Channels, shift: Channels, *, epsilon: float = BATCH_NORM_EPSILON
) -> tuple[Inputs, Channels, Channels]:
    r"""Gradients of `batch_norm`: every value of a channel moves its mean and its variance, too.

    $$\bar{\hat x}_j = \bar y_j \gamma, \quad
      \overline{\sigma^2} = -\tfrac12 (\sigma^2 + \epsilon)^{-3/2} \sum_j \bar{\hat x}_j (x_j - \mu), \quad
      \bar \mu = -(\sigma^2 + \epsilon)^{-1/2} \sum_j \bar{\hat x}_j$$

    $$\bar x_j = \bar{\hat x}_j (\sigma^2 + \epsilon)^{-1/2} + \overline{\sigma^2} \, \frac{2 (x_j - \mu)}{m}
      + \frac{\bar \mu}{m}, \quad
      \bar \gamma = \sum_j \bar y_j \hat x_j, \quad \bar \beta = \sum_j \bar y_j$$

    The second part of $\bar \mu$ in the paper, by way of $\sigma^2$, is zero, since the $x_j - \mu$ add up
    to zero.

    Source: Ioffe and Szegedy 2015, section 3.
    """
    axes, m = _all_but_channels(inputs), inputs.size // inputs.shape[1]
    mean, variance = (_by_channel(each, inputs) for each in batch_statistics(inputs))
    of_normalised = gradient * _by_channel(scale, inputs)
    of_variance = -0.5 * (variance + epsilon) ** -1.5
    of_variance = of_variance * (of_normalised * (inputs - mean)).sum(axis=axes, keepdims=True)
    of_mean = -((variance + epsilon) ** -0.5) * of_normalised.sum(axis=axes, keepdims=True)
    of_inputs = of_normalised * (variance + epsilon) ** -0.5
    of_inputs = of_inputs + of_variance * 2 * (inputs - mean) / m + of_mean / m
    normalised = (inputs - mean) / np.sqrt(variance + epsilon)
    return of_inputs, (gradient * normalised).sum(axis=axes), gradient.sum(axis=axes)


def fixed_norm(
    inputs: Inputs,
    scale: Channels,
    shift: Channels,
    mean: Channels,
    variance: Channels,
    *,
    epsilon: float = BATCH_NORM_EPSILON,
) -> Inputs:
    r"""Normalise by fixed numbers: $y_j = \gamma (x_j - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta$.

    `inputs`: $x$; `scale`: $\gamma$; `shift`: $\beta$; `mean`: $\mu$; `variance`: $\sigma^2$; `epsilon`:
    $\epsilon$.

    Source: Ioffe and Szegedy 2015, algorithm 2, step 11.
    """
    normalised = (inputs - _by_channel(mean, inputs)) / np.sqrt(_by_channel(variance, inputs) + epsilon)
    outputs: np.ndarray = _by_channel(scale, inputs) * normalised + _by_channel(shift, inputs)
    return outputs


def fixed_norm_backward(
    gradient: Inputs,
    inputs: Inputs,
    scale: Channels,
    shift: Channels,
    mean: Channels,
    variance: Channels,
    *,
    epsilon: float = BATCH_NORM_EPSILON,
) -> tuple[Inputs, Channels, Channels, None, None]:
    r"""Gradients of `fixed_norm`, a straight line for each channel.

    $$\bar x_j = \bar y_j \gamma / \sqrt{\sigma^2 + \epsilon}, \quad
      \bar \gamma = \sum_j \bar y_j \hat x_j, \quad \bar \beta = \sum_j \bar y_j$$
    """
    axes = _all_but_channels(inputs)
    deviation = np.sqrt(_by_channel(variance, inputs) + epsilon)
    normalised = (inputs - _by_channel(mean, inputs)) / deviation
    of_inputs = gradient * _by_channel(scale, inputs) / deviation
    return of_inputs, (gradient * normalised).sum(axis=axes), gradient.sum(axis=axes), None, None


def batch_statistics(inputs: Inputs) -> tuple[Channels, Channels]:
    r"""Mean $\mu$ and variance $\sigma^2$ of each channel over a batch.

    Source: Ioffe and Szegedy 2015, algorithm 1.
    """
    axes = _all_but_channels(inputs)
    return inputs.mean(axis=axes), inputs.var(axis=axes)


def running_statistics(
    mean: Channels, variance: Channels, inputs: Inputs, *, share: float = 0.1
) -> tuple[Channels, Channels]:
    r"""Running mean and variance after one more batch.

    $$\mu' \leftarrow (1 - \alpha) \mu' + \alpha \mu, \quad
      \sigma'^2 \leftarrow (1 - \alpha) \sigma'^2 + \alpha \, \frac{m}{m - 1} \sigma^2$$

    `mean`: $\mu'$ before; `variance`: $\sigma'^2$ before; `inputs`: the batch, at least two values of a
    channel; `share`: $\alpha$; result: $\mu'$ and $\sigma'^2$ after.

    Source: Ioffe and Szegedy 2015, algorithm 2, step 10, with a running mean in place of the mean over
        all batches.
    """
    m = inputs.size // inputs.shape[1]
    of_batch, variance_of_batch = batch_statistics(inputs)
    after = (1 - share) * variance + share * m / (m - 1) * variance_of_batch
    return (1 - share) * mean + share * of_batch, after


def _all_but_channels(inputs: np.ndarray) -> tuple[int, ...]:
    return (0, *range(2, inputs.ndim))


def _by_channel(of_channel: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """One number per channel, in a shape that broadcasts with the inputs."""
    return of_channel.reshape(1, -1, *[1] * (inputs.ndim - 2))


# Keeps the divisor above zero where the numbers of a vector are all equal; as BERT has it.
LAYER_NORM_EPSILON = 1e-12


def layer_norm(
    inputs: Vectors, scale: Sizes, shift: Sizes, *, epsilon: float = LAYER_NORM_EPSILON
) -> Vectors:
    r"""Normalise each vector: $y_i = \gamma_i (x_i - \mu) / \sqrt{\sigma^2 + \epsilon} + \beta_i$.

    `inputs`: $x$; `scale`: $\gamma$; `shift`: $\beta$; `epsilon`: $\epsilon$.

    Source: Ba et al. 2016, eq. 3 and 4.
    """
    outputs: np.ndarray = scale * normalised(inputs, epsilon)[0] + shift
    return outputs


def layer_norm_backward(
    gradient: Vectors, inputs: Vectors, scale: Sizes, shift: Sizes, *, epsilon: float = LAYER_NORM_EPSILON
) -> tuple[Vectors, Sizes, Sizes]:
    r"""Gradients of `layer_norm`: every number of a vector moves its mean and its variance, too.

    $$\bar{\hat x}_i = \bar y_i \gamma_i, \quad
      \bar x_i = \frac{1}{\sqrt{\sigma^2 + \epsilon}} \Bigl(\bar{\hat x}_i
      - \frac{1}{m} \sum_j \bar{\hat x}_j - \hat x_i \frac{1}{m} \sum_j \bar{\hat x}_j \hat x_j\Bigr)$$

    $$\bar \gamma_i = \sum_t \bar y_{ti} \hat x_{ti}, \quad \bar \beta_i = \sum_t \bar y_{ti}$$

    The sums over $t$ are those over all vectors.
    """
    values, deviation = normalised(inputs, epsilon)
    of_normalised = gradient * scale
    mean = of_normalised.mean(axis=-1, keepdims=True)
    along = (of_normalised * values).mean(axis=-1, keepdims=True)
    vectors = tuple(range(inputs.ndim - 1))
    of_inputs = (of_normalised - mean - values * along) / deviation
    return of_inputs, (gradient * values).sum(axis=vectors), gradient.sum(axis=vectors)


def normalised(inputs: Vectors, epsilon: float) -> tuple[Vectors, Float[np.ndarray, "*places 1"]]:
    r"""Numbers $\hat x$ of mean 0 and variance 1, and by which deviation each vector was divided.

    `inputs`: $x$; `epsilon`: $\epsilon$; result: $\hat x$, and $\sqrt{\sigma^2 + \epsilon}$ of each vector.

    Source: Ba et al. 2016, eq. 3 and 4.
    """
    centred = inputs - inputs.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)
    return centred / deviation, deviation


WHITENING_EPSILON = 5e-4
_NEARLY_LARGEST = 0.999


def patch_covariance(
    images: Float[np.ndarray, "batch channel height width"], *, window: Pair, stride: Pair
) -> Float[np.ndarray, "size size"]:
    r"""Covariance of the values of patches: $C = \frac{1}{m} \sum_j (P_j - \mu) (P_j - \mu)^\top$.

    `images`: standardised images; `window`: height and width of a patch; `stride`: pixels from one patch to
    the next, downwards and across; result: $C$ over channel, row and column of a patch.

    Source: Page 2019.
    """
    seen = np.einsum("nirckl->nrcikl", patches(images, window, stride))
    vectors = seen.reshape(-1, images.shape[1] * window[0] * window[1])
    deviations = vectors - vectors.mean(axis=0)
    covariance: np.ndarray = np.einsum("ja,jb->ab", deviations, deviations) / len(vectors)
    return covariance


def whitening_filters(
    covariance: Float[np.ndarray, "size size"], *, count: int, epsilon: float = WHITENING_EPSILON
) -> Float[np.ndarray, "filter size"]:
    r"""Leading eigenvectors, scaled: $v_i / \sqrt{\lambda_i + \epsilon}$, then their negatives.

    The sign of an eigenvector is free; here the first of its nearly largest entries is positive.

    `covariance`: $C$; `count`: eigenvectors to take, each of which gives two filters; `epsilon`: $\epsilon$;
    result: $W$, largest eigenvalue first.

    Source: Page 2019; Jordan 2024, for the negatives.
    """
    values, vectors = np.linalg.eigh(covariance)
    filters = []
    for eigenvalue, vector in list(zip(values, vectors.T, strict=True))[::-1][:count]:
        leading = np.argmax(np.abs(vector) >= _NEARLY_LARGEST * np.abs(vector).max())
        filters.append(np.sign(vector[leading]) * vector / np.sqrt(max(eigenvalue, 0) + epsilon))
    return np.concatenate([filters, np.negative(filters)])
