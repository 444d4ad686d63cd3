"""Comparisons of models on the same test examples or over folds: tests and intervals of the difference."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.optimize import brentq
from scipy.special import bdtr, stdtr, stdtrit

from pellucid.data.wording import count_of
from pellucid.evaluation.exchange_tests import flip_p_values, rmse_differences
from pellucid.evaluation.intervals import NORMAL_QUANTILE, Groups, Interval, points, span

LEVEL = 0.05
# Reach of the interval of a small difference: share of the examples, or of the labels' spread.
WIDEST, WIDEST_RELATIVE = 0.05, 0.1
_NUDGE = 1e-12  # without variance at the difference itself, the excess is zero there too


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples."""

    a: str  # name of the first model
    b: str  # name of the second model
    # score of `a` less that of `b`, with its 95 % interval: of accuracy, where more is better, or of
    # root mean squared error, where less is better
    difference: Interval
    p_value: float  # probability of a difference this large by chance, two-sided, for this pair alone
    adjusted: float  # the same with all compared pairs counted (Holm)
    verdict: str  # one sentence
    score: str = "accuracy"  # `accuracy` or `root_mean_squared_error`

    def to_json(self) -> dict[str, Any]:
        """Entry of `comparisons` in `metrics.json`."""
        return {
            "a": self.a,
            "b": self.b,
            f"{self.score}_difference": self.difference._asdict(),
            "p_value": self.p_value,
            "p_value_holm": self.adjusted,
            "verdict": self.verdict,
        }


def paired_interval(only_a: float, only_b: float, examples: float) -> Interval:
    r"""Tango's score interval of the difference of two accuracies, $d = (b - c) / n$, from -1 to 1.

    Of $n$ examples, `examples`, $b$ are answered right by the first model only (`only_a`), $c$ by the second
    only (`only_b`). The interval contains every $\delta$ with
    $|b - c - n \delta| \le z \sqrt{n (2 \tilde q + \delta (1 - \delta))}$,
    where $\tilde q$, the likeliest share of answers right for the second model only when the
    difference is $\delta$, is the larger root of
    $2 n q^2 + (-b - c + (2n - b + c) \delta) \, q - c \, \delta (1 - \delta) = 0$.

    $n$ is above 0; no count need be whole, as with groups (`Groups.effective`).

    Source: Tango 1998, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17.
    """
    value = (only_a - only_b) / examples

    def excess(delta: float) -> float:
        gap = only_a - only_b - examples * delta
        return gap * gap - NORMAL_QUANTILE**2 * _variance(only_a, only_b, examples, delta)

    low = -1.0 if value <= -1 or excess(-1.0) <= 0 else float(brentq(excess, -1.0, value - _NUDGE))
    high = 1.0 if value >= 1 or excess(1.0) <= 0 else float(brentq(excess, value + _NUDGE, 1.0))
    return Interval(value, low, high)


def _variance(only_a: float, only_b: float, examples: float, delta: float) -> float:
    """Variance of the difference of counts where the true difference is `delta`."""
    linear = -only_a - only_b + (2 * examples - only_a + only_b) * delta
    root = math.sqrt(max(0.0, linear**2 + 8 * examples * only_b * delta * (1 - delta)))
    share = (root - linear) / (4 * examples)
    return max(0.0, examples * (2 * share + delta * (1 - delta)))


def mcnemar(only_a: int, only_b: int) -> float:
    r"""McNemar's exact test, two-sided, where $b$ is `only_a` and $c$ `only_b`.

    Were the models equal, each example that only one of them answers right would fall to either side like a
    fair coin: $p = \min\left(1, 2 \sum_{k=0}^{\min(b, c)} \binom{b+c}{k} 2^{-(b+c)}\right)$.

    0 to 1; 1 where there is no such example.

    Source: McNemar 1947, "Note on the sampling error of the difference between correlated
    proportions or percentages"; exact form as in Agresti 2002, "Categorical Data Analysis", 10.1.
    """
    unlike = only_a + only_b
    return 1.0 if unlike == 0 else float(min(1.0, 2 * bdtr(float(min(only_a, only_b)), unlike, 0.5)))


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


def compare_all(
    labels: Int64[np.ndarray, " examples"],
    predicted: Mapping[str, Int64[np.ndarray, " examples"]],
    groups: Groups | None = None,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare the accuracies of every pair of models, in order; `predicted` is by name of the model.

    With `groups` the answers of a whole group are exchanged, by draws of `seed` where groups are many, and
    Tango's interval is that of as many examples as the groups are worth.

    Raises: `ValueError` if there is no example.
    """
    examples = _examples(labels, groups)
    right = {name: answers == labels for name, answers in predicted.items()}
    pairs = list(combinations(right, 2))
    p_values = [paired_p_value(right[a], right[b], groups, seed) for a, b in pairs]
    found = []
    for (a, b), p_value, adjusted in zip(pairs, p_values, holm(p_values), strict=True):
        difference = paired_difference(right[a], right[b], groups)
        size = points(difference)
        if adjusted <= LEVEL:
            verdict = (
                f"{a} is {'better' if difference.value > 0 else 'worse'} than {b}: a difference of {size}"
            )
        elif max(-difference.low, difference.high) > WIDEST:
            unlike = f"{int((right[a] != right[b]).sum()):,} of {examples}"
            verdict = f"inconclusive: {a} and {b} disagree on {unlike}, a difference of {size}"
        elif p_value > LEVEL:
            verdict = f"inconclusive: {a} and {b} differ by {size}, which could be chance"
        else:
            verdict = (
                f"inconclusive: {a} and {b} differ by {size}, which would be significant "
                f"alone, but among {len(pairs)} comparisons one such is expected by chance"
            )
        found.append(Comparison(a, b, difference, p_value, adjusted, verdict))
    return tuple(found)


def paired_p_value(
    first: Bool[np.ndarray, " examples"],
    second: Bool[np.ndarray, " examples"],
    groups: Groups | None = None,
    seed: int = 0,
) -> float:
    """Two-sided p-value of the difference of two models' hits: McNemar's, or of groups' answers exchanged."""
    if groups is None:
        return mcnemar(int((first & ~second).sum()), int((second & ~first).sum()))
    ahead = first.astype(np.float64) - second
    return float(flip_p_values(ahead[:, None], seed, groups)[0])


def paired_difference(
    first: Bool[np.ndarray, " examples"], second: Bool[np.ndarray, " examples"], groups: Groups | None = None
) -> Interval:
    """Difference of the shares of two models' hits with Tango's interval, by groups where there are some."""
    counts, examples = (int((first & ~second).sum()), int((second & ~first).sum())), len(first)
    if groups is None:
        return paired_interval(*counts, examples)
    share = groups.effective(first.astype(np.float64) - second, sum(counts)) / examples
    found = paired_interval(share * counts[0], share * counts[1], share * examples)
    return found._replace(value=(counts[0] - counts[1]) / examples)


def compare_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Mapping[str, Float64[np.ndarray, " examples"]],
    seed: int = 0,
    groups: Groups | None = None,
) -> tuple[Comparison, ...]:
    """Compare the root mean squared errors of every pair of models, as `compare_all` does accuracies.

    A negative difference speaks for the first model.

    Raises: `ValueError` if there is no example.
    """
    examples = _examples(labels, groups)
    squares = {name: (answers - labels) ** 2 for name, answers in predicted.items()}
    pairs = list(combinations(squares, 2))
    if not pairs:
        return ()
    errors = np.stack(list(squares.values()), axis=1)
    sides = np.array(list(combinations(range(len(squares)), 2)))
    differences = rmse_differences(errors, sides, seed, groups)
    p_values = flip_p_values(errors[:, sides[:, 0]] - errors[:, sides[:, 1]], seed, groups).tolist()
    widest = WIDEST_RELATIVE * float(labels.std())
    found = []
    for (a, b), difference, p_value, adjusted in zip(
        pairs, differences, p_values, holm(p_values), strict=True
    ):
        of_errors = f"a difference in error of {span(difference)}"
        if adjusted <= LEVEL:
            verdict = f"{a} is {'better' if difference.value < 0 else 'worse'} than {b}: {of_errors}"
        elif max(-difference.low, difference.high) > widest:
            verdict = f"inconclusive: {a} and {b} on only {examples}, {of_errors}"
        else:
            verdict = f"inconclusive: {a} and {b}, {of_errors}, which could be chance"
        score = "root_mean_squared_error"
        found.append(Comparison(a, b, difference, p_value, adjusted, verdict, score))
    return tuple(found)


def _examples(labels: np.ndarray, groups: Groups | None) -> str:
    """The examples in words, and of how many groups they are."""
    if len(labels) == 0:
        raise ValueError("labels: no example to compare on; at least one is needed")
    examples = count_of(len(labels), "example")
    return examples if groups is None else f"{examples} of {count_of(groups.count, 'group')}"


# Cross-validated scores, whose folds share training examples and so are not independent.
#
# Notation: $J$ folds with scores $s_j$ of mean $\bar s$ and variance $\hat\sigma^2$, $n_1$ training
# and $n_2$ test examples in each.
#
# Source: Nadeau and Bengio 2003, "Inference for the Generalization Error", Machine Learning 52.


def corrected_interval(
    scores: Float64[np.ndarray, " folds"],
    train: int,
    test: int,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Interval:
    r"""Mean over folds with its 95 % interval, wider than that of independent scores.

    $\bar s \pm t_{J-1, 0.975} \sqrt{\left( \frac{1}{J} + \frac{n_2}{n_1} \right) \hat\sigma^2}$

    `train` and `test` are the examples $n_1$ and $n_2$ of a fold. `bounds` are the smallest and largest
    possible score; the interval is cut there.

    Raises: `ValueError` if there are fewer than two folds, or a split is empty.
    """
    error = _standard_error(scores, train, test)
    mean, spread = float(scores.mean()), float(stdtrit(len(scores) - 1, 0.975)) * error
    return Interval(mean, max(bounds[0], mean - spread), min(bounds[1], mean + spread))


def corrected_p_value(differences: Float64[np.ndarray, " folds"], train: int, test: int) -> float:
    r"""Probability of a mean difference this large by chance, two-sided.

    $t = \bar d / \sqrt{(1/J + n_2/n_1) \hat\sigma^2}$ against Student's distribution with
    $J - 1$ degrees of freedom. Differences that are all equal show no variance; then their sign is
    all that speaks, and the sign test gives $2^{1-J}$.

    `differences` are the scores of one model less those of the other; `train` and `test` are the examples
    $n_1$ and $n_2$ of a fold. 0 to 1; 1 where all differences are zero.

    Raises: `ValueError` if there are fewer than two folds, or a split is empty.
    """
    error, mean = _standard_error(differences, train, test), float(differences.mean())
    if not differences.any():
        return 1.0
    if error <= 1e-12 * abs(mean):
        return float(0.5 ** (len(differences) - 1))
    return float(2 * stdtr(len(differences) - 1, -abs(mean) / error))


def _standard_error(scores: Float64[np.ndarray, " folds"], train: int, test: int) -> float:
    """Corrected standard error of the mean over folds."""
    if len(scores) < 2:
        raise ValueError(f"folds: found {len(scores)}, but a variance needs at least two; use more folds")
    if train < 1 or test < 1:
        raise ValueError(f"folds: {train} training and {test} test examples; neither may be empty")
    return math.sqrt((1 / len(scores) + test / train) * float(scores.var(ddof=1)))
