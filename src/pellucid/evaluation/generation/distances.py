r"""Distances of two sets of features: Fréchet's, and that of a kernel, with intervals.

For sets with means $\mu, \nu$ and covariances $\Sigma, \Tau$ the Fréchet distance of the normal distributions
that fit them is

$$F = |\mu - \nu|^2 + \mathrm{tr}\bigl(\Sigma + \Tau - 2 (\Sigma^{1/2} \Tau \Sigma^{1/2})^{1/2}\bigr)$$

It is larger for small sets, even of one distribution, so that it says something only beside the distance of
two real sets of the same size. The squared maximum mean discrepancy $\mathrm{E}\,k(x, x') + \mathrm{E}\,k(y,
y') - 2 \mathrm{E}\,k(x, y)$ with $k(x, y) = (x^\top y / d + 1)^3$ has no such bias: its mean is 0 where both
are alike.

Source: Heusel et al. 2017, "GANs trained by a two time-scale update rule", arXiv:1706.08500, eq. 6, who take
features of a network for photographs, which say little about other images; Bińkowski et al. 2018,
"Demystifying MMD GANs", arXiv:1801.01401, section 4; Gretton et al. 2012, "A kernel two-sample test", JMLR,
eq. 3.
"""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from pellucid.evaluation.groups import NORMAL_QUANTILE
from pellucid.evaluation.intervals import Interval

Features = Float64[np.ndarray, "_ features"]
_GROUPS = 20


def frechet(first: Features, second: Features) -> Interval:
    """Fréchet distance of two sets with a 95 % interval, by a jackknife that leaves out groups of both."""
    return _jackknifed(_frechet, first, second)


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
    """The formula at the top of this file, by eigenvalues of symmetric matrices."""
    means, covariances = zip(*((each.mean(axis=0), np.cov(each.T)) for each in (first, second)), strict=True)
    values, vectors = np.linalg.eigh(np.atleast_2d(covariances[0]))
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    both = np.linalg.eigvalsh(root @ np.atleast_2d(covariances[1]) @ root)
    trace = sum(float(np.trace(np.atleast_2d(each))) for each in covariances)
    distance = (
        float(((means[0] - means[1]) ** 2).sum()) + trace - 2 * float(np.sqrt(np.maximum(both, 0)).sum())
    )
    return max(0.0, distance)


def _jackknifed(
    distance: Callable[[Features, Features], float], first: Features, second: Features
) -> Interval:
    """A distance with the interval of a delete-a-group jackknife.

    Source: Kott 2001, "The delete-a-group jackknife", Journal of Official Statistics.
    """
    value = distance(first, second)
    groups = min(_GROUPS, len(first) // 2, len(second) // 2)
    without = [distance(_left(first, group, groups), _left(second, group, groups)) for group in range(groups)]
    error = math.sqrt((groups - 1) / groups * float(((np.array(without) - np.mean(without)) ** 2).sum()))
    reach = NORMAL_QUANTILE * error
    return Interval(value, max(0.0, value - reach), value + reach)


def _left(rows: Features, group: int, groups: int) -> Features:
    left: np.ndarray = rows[np.arange(len(rows)) % groups != group]
    return left
