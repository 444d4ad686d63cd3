r"""The plain generator that others have to beat: normal principal components, for each class.

An image is its mean plus the leading components of all training images, and their weights are normal with
mean and covariance of the class. Of few examples the covariance is drawn towards its diagonal by
$\alpha = d / (d + n)$ for $d$ components and $n$ examples, so that it can be told from noise.

Source: Bishop 2006, "Pattern recognition and machine learning", section 12.1, for components.
"""

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from pellucid.arithmetic.draws import Purpose, generator

MOST_COMPONENTS = 64
_MOST_EXAMPLES = 10_000


class Components:
    """Principal components of images, and back.

    Attributes:
        mean: grey levels of the mean image, flat.
        vectors: one row for each component, of length 1, the leading first.

    Args:
        images: training images.
        most: most components.
    """

    mean: Float64[np.ndarray, " pixels"]
    vectors: Float64[np.ndarray, "components pixels"]

    def __init__(
        self, images: UInt8[np.ndarray, "n height width channels"], most: int = MOST_COMPONENTS
    ) -> None:
        rows = images.reshape(len(images), -1).astype(np.float64)
        self.mean = rows.mean(axis=0)
        rows -= self.mean
        count = min(most, len(rows) - 1, rows.shape[1])
        if rows.shape[1] <= len(rows):
            vectors = np.linalg.eigh(rows.T @ rows)[1].T[::-1][:count]
        else:
            vectors = np.linalg.svd(rows, full_matrices=False)[2][:count]
        self.vectors = np.ascontiguousarray(vectors)

    def of(self, images: UInt8[np.ndarray, "n height width channels"]) -> Float64[np.ndarray, "n components"]:
        """Weights of the components in images."""
        weights: np.ndarray = (images.reshape(len(images), -1) - self.mean) @ self.vectors.T
        return weights


class GaussianOnComponents:
    """Makes images from a normal distribution of principal components for each class.

    Args:
        images: training images; at most 10,000 of them, evenly spaced, are looked at.
        labels: class of each.
        classes: number of classes; 1 where there are none.
    """

    def __init__(
        self,
        images: UInt8[np.ndarray, "n height width channels"],
        labels: Int64[np.ndarray, " n"],
        classes: int,
    ) -> None:
        step = -(-len(images) // _MOST_EXAMPLES)
        kept, codes = np.ascontiguousarray(images[::step]), labels[::step]
        self._shape = images.shape[1:]
        self._components = Components(kept)
        weights = self._components.of(kept)
        self._means, self._roots = [], []
        for code in range(classes):
            rows = weights[codes == code]
            rows = rows if len(rows) > 1 else weights
            self._means.append(rows.mean(axis=0))
            self._roots.append(_root(rows))

    def sample(
        self, labels: Int64[np.ndarray, " count"], seed: int
    ) -> UInt8[np.ndarray, "count height width channels"]:
        """Make an image of each label; the same seed gives the same images."""
        noise = generator(seed, Purpose.COMPONENTS).standard_normal((len(labels), len(self._means[0])))
        weights = np.empty_like(noise)
        for code, (mean, root) in enumerate(zip(self._means, self._roots, strict=True)):
            weights[labels == code] = noise[labels == code] @ root.T + mean
        pixels = weights @ self._components.vectors + self._components.mean
        levels: np.ndarray = pixels.clip(0, 255).round().astype(np.uint8)
        return levels.reshape(len(labels), *self._shape)


def _root(rows: Float64[np.ndarray, "examples components"]) -> Float64[np.ndarray, "components components"]:
    """Root of the covariance of some examples, drawn towards its diagonal."""
    covariance = np.atleast_2d(np.cov(rows.T))
    share = len(covariance) / (len(covariance) + len(rows))
    covariance = (1 - share) * covariance + share * np.diag(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance)
    root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0))
    return root
