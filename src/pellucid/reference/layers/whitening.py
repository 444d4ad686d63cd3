r"""Filters that decorrelate the patches of training images: the frozen first layer of `cnn`.

With $P_j$ the $m$ patches of the images as vectors over channel, row and column:

$$\mu = \frac{1}{m} \sum_j P_j, \quad C = \frac{1}{m} \sum_j (P_j - \mu) (P_j - \mu)^\top
  = V \Lambda V^\top, \quad W_i = \pm \frac{v_i}{\sqrt{\lambda_i + \epsilon}}$$

for the largest eigenvalues $\lambda_i$. Responses of the filters with $+$ have covariance near the identity;
those with $-$ let the activation that follows keep both signs.

Source: Page 2019, "How to train your ResNet 8: bag of tricks"; Jordan 2024, arXiv:2404.00498.
"""

import numpy as np
from jaxtyping import Float

from pellucid.reference.layers.patches import Pair, patches

EPSILON = 5e-4
_NEARLY_LARGEST = 0.999


def patch_covariance(
    images: Float[np.ndarray, "batch channel height width"], *, window: Pair, stride: Pair
) -> Float[np.ndarray, "size size"]:
    r"""Covariance of the values of patches: $C = \frac{1}{m} \sum_j (P_j - \mu) (P_j - \mu)^\top$.

    Args:
        images: standardised images.
        window: height and width of a patch.
        stride: pixels from one patch to the next, downwards and across.

    Returns:
        $C$ over channel, row and column of a patch.

    Source: Page 2019.
    """
    seen = np.einsum("nirckl->nrcikl", patches(images, window, stride))
    vectors = seen.reshape(-1, images.shape[1] * window[0] * window[1])
    deviations = vectors - vectors.mean(axis=0)
    covariance: np.ndarray = np.einsum("ja,jb->ab", deviations, deviations) / len(vectors)
    return covariance


def whitening_filters(
    covariance: Float[np.ndarray, "size size"], *, count: int, epsilon: float = EPSILON
) -> Float[np.ndarray, "filter size"]:
    r"""Leading eigenvectors, scaled: $v_i / \sqrt{\lambda_i + \epsilon}$, then their negatives.

    The sign of an eigenvector is free; here the first of its nearly largest entries is positive.

    Args:
        covariance: $C$.
        count: eigenvectors to take, each of which gives two filters.
        epsilon: $\epsilon$.

    Returns:
        $W$, largest eigenvalue first.

    Source: Page 2019; Jordan 2024, for the negatives.
    """
    values, vectors = np.linalg.eigh(covariance)
    filters = []
    for eigenvalue, vector in list(zip(values, vectors.T, strict=True))[::-1][:count]:
        leading = np.argmax(np.abs(vector) >= _NEARLY_LARGEST * np.abs(vector).max())
        filters.append(np.sign(vector[leading]) * vector / np.sqrt(max(eigenvalue, 0) + epsilon))
    return np.concatenate([filters, np.negative(filters)])
