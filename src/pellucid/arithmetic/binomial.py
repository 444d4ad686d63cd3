r"""Binomial distribution in NumPy alone: how likely few hits are, and the shares that a count fits.

$P(\mathrm{Bin}(m, p) = k) = \binom{m}{k} p^k (1 - p)^{m - k}$, from logarithms of factorials, so that neither
large binomials nor small powers leave the range of double precision.
"""

import math

import numpy as np
from jaxtyping import Float64, Int64

_HALVINGS = 60


def at_most(hits: int, trials: int, share: float) -> float:
    r"""Chance of at most so many `hits`, $P(\mathrm{Bin}(m, p) \le k)$, with $p$ strictly between 0 and 1."""
    if hits >= trials:
        return 1.0
    counts = np.arange(hits + 1)
    return min(1.0, float(_chances(counts, np.full(hits + 1, trials), share).sum()))


def at_most_growing(hits: Int64[np.ndarray, " n"], first: int, share: float) -> Float64[np.ndarray, " n"]:
    r"""The same chance for `first` trials, and for each trial more; `hits` grow by 0 or 1 with each.

    With $F(k; m) = P(\mathrm{Bin}(m, p) \le k)$ and $b$ the chance of exactly $k$,
    $F(k; m + 1) = F(k; m) - p \, b(k; m)$ and $F(k + 1; m) = F(k; m) + b(k + 1; m)$.
    """
    if len(hits) == 0:
        return np.zeros(0)
    trials = np.arange(first, first + len(hits))
    exactly = _chances(hits, trials, share)
    change = np.where(np.diff(hits) > 0, exactly[1:], 0.0) - share * exactly[:-1]
    begun = at_most(int(hits[0]), first, share)
    chances: np.ndarray = np.clip(begun + np.concatenate([[0.0], np.cumsum(change)]), 0.0, 1.0)
    return chances


def beta_quantile(rank: int, examples: int, tail: float) -> float:
    r"""Quantile of $\mathrm{Beta}(k, n + 1 - k)$: the share $x$ with $P(\mathrm{Bin}(n, x) \ge k)$ = `tail`.

    It is the distribution of the $k$-th smallest of $n$ uniform draws. Found by halving.
    """
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if 1 - at_most(rank - 1, examples, middle) < tail:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _chances(
    hits: Int64[np.ndarray, " n"], trials: Int64[np.ndarray, " n"], share: float
) -> Float64[np.ndarray, " n"]:
    """Chance of exactly so many hits; 0 of more hits than trials."""
    factorials = np.array([math.lgamma(each + 1.0) for each in range(int(trials[-1]) + 1)])
    missed = np.maximum(trials - hits, 0)
    ways = factorials[trials] - factorials[np.minimum(hits, trials)] - factorials[missed]
    chances: np.ndarray = np.exp(ways + hits * math.log(share) + missed * math.log1p(-share))
    return np.where(hits <= trials, chances, 0.0)
