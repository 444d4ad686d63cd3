"""Measures of generated images: distances, coverage, memorisation, and a PCA + Gaussian baseline."""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped, UInt8

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.evaluation.intervals import NORMAL_QUANTILE, Interval, wilson

Features = Float64[np.ndarray, "_ features"]
_GROUPS = 20


def frechet(first: Features, second: Features) -> Interval:
    """Fréchet distance of two sets with a 95 % interval, by a jackknife that leaves out groups of both."""
    value = _frechet(first, second)
    groups = min(_GROUPS, len(first) // 2, len(second) // 2)
    without = [
        _frechet(*(rows[np.arange(len(rows)) % groups != group] for rows in (first, second)))
        for group in range(groups)
    ]
    error = math.sqrt((groups - 1) / groups * float(((np.array(without) - np.mean(without)) ** 2).sum()))
    reach = NORMAL_QUANTILE * error
    return Interval(value, max(0.0, value - reach), value + reach)


def kernel_distance(first: Features, second: Features) -> Interval:
    r"""Squared maximum mean discrepancy of two sets under a cubic kernel, with a 95 % interval.

    The standard error is that of the first-order terms, which vanish where the sets are alike; so the
    interval is never narrower than what exchanged examples give, $\sqrt{2 \mathrm{E}\,k^2} / n$ with $k$
    centred.
    """
    width = first.shape[1]
    inner, other, between = (
        (a @ b.T / width + 1) ** 3 for a, b in ((first, first), (second, second), (first, second))
    )
    n, m = len(first), len(second)
    of_first = (inner.sum(axis=1) - np.diag(inner)) / (n - 1)
    of_second = (other.sum(axis=1) - np.diag(other)) / (m - 1)
    value = float(of_first.mean() + of_second.mean() - 2 * between.mean())
    slopes = 2 * (of_first - between.mean(axis=1)), 2 * (of_second - between.mean(axis=0))
    variance = sum(float(each.var(ddof=1)) / len(each) for each in slopes)
    centred = inner - inner.mean(axis=0) - inner.mean(axis=1)[:, None] + inner.mean()
    variance += 2 * float((centred**2).mean()) * (1 / n + 1 / m) ** 2
    error = NORMAL_QUANTILE * math.sqrt(variance)
    return Interval(value, value - error, value + error)


def _frechet(first: Features, second: Features) -> float:
    r"""$\lVert \mu_1 - \mu_2 \rVert^2 + \mathrm{tr}(C_1 + C_2 - 2 (C_1 C_2)^{1/2})$, by eigenvalues."""
    means, covariances = zip(*((each.mean(axis=0), np.cov(each.T)) for each in (first, second)), strict=True)
    values, vectors = np.linalg.eigh(np.atleast_2d(covariances[0]))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ np.atleast_2d(covariances[1]) @ root)
    trace = sum(float(np.trace(np.atleast_2d(each))) for each in covariances)
    of_means = float(((means[0] - means[1]) ** 2).sum())
    return max(0.0, of_means + trace - 2 * float(np.sqrt(np.maximum(both, 0)).sum()))


# Measures by nearest neighbours: coverage and density of made images, and whether they are copies.
#
# Each of $n$ real examples has a ball up to its $k$-th nearest real neighbour. Coverage is the share of the
# balls in which at least one made example lies: it falls where kinds of images are missing. Density is the
# mean number of balls in which a made example lies, divided by $k$: it falls where made images look like no
# real ones, and about 1 is that of real images.
#
# **Memorisation.** Blurred images are near everything, so that distances to training images alone would find
# copies where there are none. Instead, a made image is compared with as many held-out images as training
# images: without copying it is nearest to a training image in half of the cases, as a held-out image is. How
# far from a half chance may lead is measured by exchanging training and held-out images at random.
#
# Source: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models",
# arXiv:2002.09797, eq. 4 and 5; Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect
# data-copying in generative models", arXiv:2004.05675, for the held-out images; Mann and Whitney 1947.

NEIGHBOURS = 5
_EXCHANGES = 2_000
_BLOCK = 1024

Rows = Shaped[np.ndarray, "_ numbers"]


class CoverageAndDensity(NamedTuple):
    """Share of the real examples that have a made one near, and density of real ones around made ones."""

    coverage: Interval
    density: Interval


class Memorisation(NamedTuple):
    """Evidence that made images are copies of training images, or none."""

    # of made images that are nearer to a training image than to any of as many held-out images; one
    # half without copies
    share: Interval
    of_held_out: Interval  # the same share of other held-out images
    p_value: float  # how often chance alone would give as large a share
    # median distance of a made image from its nearest training image, in grey levels per pixel
    distance: float
    distance_of_held_out: float  # the same of held-out images


def spread(real: Rows, made: Rows, neighbours: int = NEIGHBOURS) -> CoverageAndDensity:
    """Coverage and density, with 95 % intervals, of made features among real ones."""
    distances = squared_distances(real, real)
    np.fill_diagonal(distances, np.inf)
    nearest = min(neighbours, len(real) - 1)
    radii = np.partition(distances, nearest - 1, axis=1)[:, nearest - 1]
    inside = squared_distances(real, made) < radii[:, None]
    each = inside.sum(axis=0) / nearest
    density, error = float(each.mean()), NORMAL_QUANTILE * float(each.std(ddof=1)) / math.sqrt(len(made))
    return CoverageAndDensity(
        wilson(int(inside.any(axis=1).sum()), len(real)),
        Interval(density, max(0.0, density - error), density + error),
    )


def memorisation(train: Rows, held_out: Rows, others: Rows, made: Rows, seed: int) -> Memorisation:
    """Compare distances of made images, and of `others` held out, from training and held-out images."""
    count = min(len(train), len(held_out))
    pool = np.concatenate([train[:count], held_out[:count]])
    shares, p_values, medians = [], [], []
    for rows in (made, others):
        share, p_value = _share_of_first_half(nearest(rows, pool)[0], 2 * count, seed)
        shares.append(share)
        p_values.append(p_value)
        medians.append(float(np.sqrt(np.median(nearest(rows, train)[1]) / rows.shape[1])))
    return Memorisation(shares[0], shares[1], p_values[0], medians[0], medians[1])


def _share_of_first_half(found: Int64[np.ndarray, " rows"], size: int, seed: int) -> tuple[Interval, float]:
    """Share of the rows found that lie in the first half of a pool, and how often chance gives as much.

    Many made images may be nearest to one and the same real image, so they are not independent: the test
    exchanges the halves of the pool at random, and the interval counts as many images as there are
    neighbours.
    """
    counts = np.bincount(found, minlength=size)
    share = float(counts[: size // 2].sum()) / len(found)
    worth = max(1, round(len(found) ** 2 / float((counts.astype(np.float64) ** 2).sum())))
    around = wilson(round(share * worth), worth)
    draws = np.random.default_rng(seed)
    by_chance = [counts[draws.permutation(size)[: size // 2]].sum() / len(found) for _ in range(_EXCHANGES)]
    as_much = int((np.array(by_chance) >= share - 1e-12).sum())
    low, high = min(around.low, share), max(around.high, share)
    return Interval(share, low, high), (1 + as_much) / (1 + _EXCHANGES)


def nearest(rows: Rows, among: Rows) -> tuple[Int64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Position of the nearest row of another set, and its squared distance."""
    found = np.zeros(len(rows), np.int64)
    least = np.full(len(rows), np.inf)
    for start in range(0, len(among), _BLOCK):
        distances = squared_distances(rows, among[start : start + _BLOCK])
        best = distances.argmin(axis=1)
        values = distances[np.arange(len(rows)), best]
        better = values < least
        found[better], least[better] = best[better] + start, values[better]
    return found, least


def squared_distances(first: Rows, second: Rows) -> Float64[np.ndarray, "first second"]:
    """Squared Euclidean distance of every pair."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    squares = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    distances: np.ndarray = np.maximum(squares, 0.0)
    return distances


# PCA + Gaussian baseline: an image is the mean plus the leading components of all training images, and their
# weights are normal with mean and covariance of the class. Of few examples the covariance is drawn towards
# its diagonal by $\alpha = d / (d + n)$ for $d$ components and $n$ examples, so that it is more than noise.
#
# Source: Bishop 2006, "Pattern recognition and machine learning", section 12.1, for components.

MOST_COMPONENTS = 64
_MOST_EXAMPLES = 10_000


class Components:
    """Principal components of training images, at most so many: the flat mean image, and one row each."""

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
        images: training images; at most 10,000 of them, evenly spaced, are used.
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
            # Root of the covariance of some examples, drawn towards its diagonal.
            covariance = np.atleast_2d(np.cov(rows.T))
            share = len(covariance) / (len(covariance) + len(rows))
            covariance = (1 - share) * covariance + share * np.diag(np.diag(covariance))
            values, vectors = np.linalg.eigh(covariance)
            root: np.ndarray = vectors * np.sqrt(np.maximum(values, 0))
            self._roots.append(root)

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
