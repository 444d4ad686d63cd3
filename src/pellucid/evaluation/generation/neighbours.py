r"""Measures by nearest neighbours: coverage and density of made images, and whether they are copies.

Each of $n$ real examples has a ball up to its $k$-th nearest real neighbour. Coverage is the share of the
balls in which at least one made example lies: it falls where kinds of images are missing. Density is the mean
number of balls in which a made example lies, divided by $k$: it falls where made images look like no real
ones, and about 1 is that of real images.

**Memorisation.** Blurred images are near everything, so that distances to training images alone convict the
innocent. Instead, as many held-out images as training images are laid before a made image: an innocent one
is nearest to a training image in half of the cases, as a held-out image is. How far from a half chance may
lead is told by exchanging training and held-out images at random.

Source: Naeem et al. 2020, "Reliable fidelity and diversity metrics for generative models", arXiv:2002.09797,
eq. 4 and 5; Meehan, Chaudhuri and Dasgupta 2020, "A non-parametric test to detect data-copying in generative
models", arXiv:2004.05675, for the held-out images; Mann and Whitney 1947.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from pellucid.evaluation.groups import NORMAL_QUANTILE
from pellucid.evaluation.intervals import Interval, wilson

NEIGHBOURS = 5
_EXCHANGES = 2_000
_BLOCK = 1024

Rows = Shaped[np.ndarray, "_ numbers"]


class Spread(NamedTuple):
    """Place of made examples among real ones.

    Attributes:
        coverage: share of the real examples that have a made one near.
        density: of real examples around made ones; about 1 for real ones.
    """

    coverage: Interval
    density: Interval


class Memorisation(NamedTuple):
    """Evidence that made images are copies of training images, or none.

    Attributes:
        share: of made images that are nearer to a training image than to any of as many held-out images;
            one half without copies.
        of_held_out: the same share of other held-out images.
        p_value: how often chance alone would give as large a share.
        distance: median distance of a made image from its nearest training image, in grey levels per pixel.
        distance_of_held_out: the same of held-out images.
    """

    share: Interval
    of_held_out: Interval
    p_value: float
    distance: float
    distance_of_held_out: float


def spread(real: Rows, made: Rows, neighbours: int = NEIGHBOURS) -> Spread:
    """Coverage and density, with 95 % intervals, of made features among real ones."""
    distances = squared_distances(real, real)
    np.fill_diagonal(distances, np.inf)
    nearest = min(neighbours, len(real) - 1)
    radii = np.partition(distances, nearest - 1, axis=1)[:, nearest - 1]
    inside = squared_distances(real, made) < radii[:, None]
    each = inside.sum(axis=0) / nearest
    density, error = float(each.mean()), NORMAL_QUANTILE * float(each.std(ddof=1)) / math.sqrt(len(made))
    return Spread(
        wilson(int(inside.any(axis=1).sum()), len(real)),
        Interval(density, max(0.0, density - error), density + error),
    )


def memorisation(train: Rows, held_out: Rows, others: Rows, made: Rows, seed: int) -> Memorisation:
    """Compare distances of made images from training images and from as many held-out ones.

    `others` are held-out images that stand beside the made ones; all rows are pixels.
    """
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

    Many made images may be nearest to one and the same real image, so they are not as many witnesses as there
    are images: the test exchanges the halves of the pool at random, and the interval counts the images that
    many different neighbours are worth.
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
