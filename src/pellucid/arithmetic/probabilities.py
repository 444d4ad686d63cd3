"""Probabilities from logits, at a temperature, averaged over models; distributions, and p-values adjusted."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float64, Int64, Shaped

from pellucid.errors import NotFiniteError


def softmax(
    logits: Float[np.ndarray, "examples classes"],
) -> Float[np.ndarray, "examples classes"]:
    r"""Probabilities $p_k = e^{z_k} / \sum_j e^{z_j}$ of each row."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return probabilities


def at_temperature(
    probabilities: Float64[np.ndarray, "examples classes"], temperature: float
) -> Float64[np.ndarray, "examples classes"]:
    r"""Make probabilities bolder (below 1) or more cautious (above 1); the order of classes stays.

    $$q_k = \frac{p_k^{1/T}}{\sum_j p_j^{1/T}}$$

    Of a softmax this is the softmax of the logits divided by $T$, above 0; at 1 the very same array comes
    back.

    Source: Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2.
    """
    if temperature == 1:
        return probabilities
    powers = (probabilities / probabilities.max(axis=1, keepdims=True)) ** (1 / temperature)
    tempered: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
    return tempered


def sigmoid(logits: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    r"""Probabilities $1 / (1 + e^{-z})$, which do not exclude each other."""
    small = np.exp(-np.abs(logits))
    probabilities: np.ndarray = np.where(logits >= 0, 1.0, small) / (1.0 + small)
    return probabilities


def sigmoid_at_temperature(
    probabilities: Float64[np.ndarray, "examples labels"], temperature: float
) -> Float64[np.ndarray, "examples labels"]:
    r"""Make each probability bolder (below 1) or more cautious (above 1); one half stays.

    $$q = \frac{p^{1/T}}{p^{1/T} + (1 - p)^{1/T}}$$

    Of a sigmoid this is the sigmoid of the logit divided by $T$; at 1 the very same array comes back.
    """
    if temperature == 1:
        return probabilities
    larger = np.maximum(probabilities, 1 - probabilities)
    present, absent = (((each / larger) ** (1 / temperature)) for each in (probabilities, 1 - probabilities))
    tempered: np.ndarray = present / (present + absent)
    return tempered


def weighted_mean(
    answers: Sequence[Float64[np.ndarray, "n ..."]], weights: Sequence[int]
) -> Float64[np.ndarray, "n ..."]:
    r"""Mean $\sum_m w_m p_m / \sum_m w_m$ of the answers of several models about the same examples.

    `answers` are probabilities or numbers, one array for each model; `weights` are their whole weights, at
    least one above 0. Summed up in the order given.
    """
    found: np.ndarray = np.zeros(answers[0].shape)
    for rows, weight in zip(answers, weights, strict=True):
        if weight:
            found += weight / sum(weights) * rows  # the weight itself could carry a number out of range
    return found


def of_all(
    probabilities: Float[np.ndarray, "n labels"], answers: Shaped[np.ndarray, "n labels"]
) -> Float64[np.ndarray, " n"]:
    """Probability that all answered labels are right, were they independent of each other."""
    of_each = np.where(answers == 1, probabilities, 1 - probabilities).astype(np.float64)
    found: np.ndarray = of_each.prod(axis=1)
    return found


def trust(
    probability: Float[np.ndarray, " n"], novelty: Float[np.ndarray, " n"] | None, rate: float = 1.0
) -> Float64[np.ndarray, " n"]:
    """Trust in each answer, 0 to 1: its probability, or 0 where the input is unfamiliar.

    Also 0 where a number is missing. `rate` is the share of familiar inputs that may count as unfamiliar:
    those above a novelty of 1 less it do. Numbers are rounded to 32 bits, as held-out ones are stored.
    """
    found = np.asarray(probability, np.float32).astype(np.float64)
    if novelty is not None:
        # An unfamiliar input is never answered: a rate of errors among familiar ones does not hold for it.
        found = np.where(np.asarray(novelty, np.float32).astype(np.float64) <= 1 - rate, found, 0.0)
    return np.nan_to_num(found, nan=0.0)


# Binomial distribution in NumPy alone: how likely few hits are, and the shares that a count fits.
#
# $P(\mathrm{Bin}(m, p) = k) = \binom{m}{k} p^k (1 - p)^{m - k}$, from logarithms of factorials, so that
# neither
# large binomials nor small powers leave the range of double precision.

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


def at_most_drawn(hits: int, drawn: int, marked: int, total: int) -> float:
    r"""Chance of at most so many marked ones among `drawn` of `total`, of which `marked` are.

    It is one side of Fisher's exact test: the hypergeometric distribution's
    $\sum_{i \le k} \binom{K}{i} \binom{N - K}{m - i} / \binom{N}{m}$.
    """
    counts = np.arange(max(0, drawn + marked - total), hits + 1)
    logs = _log_factorials(total.bit_length())

    def ways(of: int, some: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        return np.asarray(logs[of] - logs[some] - logs[of - some])

    found = ways(marked, counts) + ways(total - marked, drawn - counts) - ways(total, np.array([drawn]))
    return min(1.0, float(np.exp(found).sum()))


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


@lru_cache(maxsize=2)
def _log_factorials(bits: int) -> Float64[np.ndarray, " numbers"]:
    """Logarithms of the factorials of all numbers of at most so many bits."""
    return np.array([math.lgamma(each + 1.0) for each in range(1 << bits)])


def _chances(
    hits: Int64[np.ndarray, " n"], trials: Int64[np.ndarray, " n"], share: float
) -> Float64[np.ndarray, " n"]:
    """Chance of exactly so many hits; 0 of more hits than trials."""
    factorials = _log_factorials(int(trials[-1]).bit_length())
    missed = np.maximum(trials - hits, 0)
    ways = factorials[trials] - factorials[np.minimum(hits, trials)] - factorials[missed]
    chances: np.ndarray = np.exp(ways + hits * math.log(share) + missed * math.log1p(-share))
    return np.where(hits <= trials, chances, 0.0)


# Refusal of answers that are no finite numbers, though the weights behind them are.


def require_finite(answers: Shaped[np.ndarray, "inputs ..."]) -> None:
    """Refuse numbers of a model, one row for each input, among which some are not finite.

    Raises: `NotFiniteError` with the places of these inputs; its message names the first.
    """
    finite = np.isfinite(answers)
    if not finite.all():
        places = np.flatnonzero(~finite.reshape(len(finite), -1).all(axis=1)).tolist()
        raise NotFiniteError(
            f"model: what it computes for input {places[0] + 1} is not a finite number; train it again",
            places,
        )


def chi_squared_tail(value: float, degrees: int) -> float:
    r"""Chance that a $\chi^2$ of so many degrees of freedom, at least 1, is larger than a value.

    With $h = x / 2$ and $k$ degrees it is $e^{-h} \sum_{i < k/2} h^i / i!$ for even $k$; for odd $k$ it is
    $\mathrm{erfc} \sqrt h + e^{-h} \sum_{i \le (k-1)/2} h^{i-1/2} / \Gamma(i + 1/2)$.

    Source: Abramowitz and Stegun 1964, 26.4.4 and 26.4.5.
    """
    half = value / 2
    if half <= 0:
        return 1.0
    is_odd = degrees % 2
    powers = np.arange(degrees // 2) + 0.5 * is_odd
    terms = [math.exp(power * math.log(half) - half - math.lgamma(power + 1)) for power in powers.tolist()]
    return min(1.0, math.fsum([math.erfc(math.sqrt(half)) if is_odd else 0.0, *terms]))


# Most often a false alarm may come where nothing differs.
LEVEL = 0.05


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Adjust p-values so that among all of them a false alarm stays as rare as for one, in the given order.

    In ascending order, $\tilde p_{(i)} = \max_{j \le i} \min(1, (m - j + 1) \, p_{(j)})$.

    Source: Holm 1979, "A Simple Sequentially Rejective Multiple Test Procedure".
    """
    adjusted, largest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def stored(probabilities: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes"]:
    """Probabilities as held-out ones are stored, in 32 bits."""
    return np.asarray(probabilities, np.float32)
