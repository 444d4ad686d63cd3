"""Comparisons of models on the same test examples or over folds: tests and intervals of the difference."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped
from scipy.optimize import brentq
from scipy.sparse import csr_array
from scipy.special import bdtr, stdtr, stdtrit

from pellucid.arithmetic.metrics import ClassCounts, class_counts, ranked
from pellucid.arithmetic.probabilities import LEVEL, holm
from pellucid.data.wording import count_of
from pellucid.evaluation.intervals import (
    NORMAL_QUANTILE,
    Groups,
    Interval,
    block_rows,
    percentile_interval,
    points,
    resample,
    resample_within,
    span,
)
from pellucid.language.sentence import Sentence
from pellucid.settings import METRICS

# Tests by exchanging answers, resampling or shuffling, and intervals of differences by the bootstrap. Were
# two models equally good, it would not matter which answer came from which; exchanging the two answers of an
# example flips the sign of its difference. So differences are compared with those under random signs.

FLIPS = 4999  # the answers as they are count as one more: p-values are multiples of 1/5000
EXCHANGES = 1999  # draws: with what was seen 2,000, so that a p-value is a multiple of 1/2,000
SHUFFLES = 799  # draws: with what was seen 800
_MOST_PARTS = 10_000
_EVERY_SIGN = 12  # their 4,096 choices of signs are fewer than those drawn otherwise
_BLOCK = 500


def flip_p_values(
    differences: Float64[np.ndarray, "examples pairs"], seed: int, groups: Groups | None = None
) -> Float64[np.ndarray, " pairs"]:
    r"""Two-sided p-values, above 0, of mean differences under random signs; one for each column.

    Up to 12 examples every choice of signs is tried, and the share with
    $|\sum_i s_i d_i| \ge |\sum_i d_i|$ is exact; above, 4,999 random ones, and the p-value is
    $(1 + \text{as large}) / 5000$. More than 10,000 examples are flipped in that many parts. Examples of one
    of the `groups` are flipped together.

    Source: Fisher 1935, "The Design of Experiments", section 21; Phipson and Smyth 2010,
    "Permutation P-values Should Never Be Zero", for the one added.
    """
    if groups is not None:
        differences = groups.sums(differences)
    parts = min(len(differences), _MOST_PARTS)
    if parts < len(differences):
        padded = np.zeros((-(-len(differences) // parts) * parts, differences.shape[1]))
        padded[: len(differences)] = differences
        differences = padded.reshape(-1, parts, differences.shape[1]).sum(axis=0)
    seen = np.abs(differences.sum(axis=0))
    slack = 1e-12 * np.abs(differences).sum(axis=0)
    if parts <= _EVERY_SIGN:
        signs = 1.0 - 2.0 * (np.arange(2**parts)[:, None] >> np.arange(parts) & 1)
        return np.asarray((np.abs(signs @ differences) >= seen - slack).mean(axis=0))
    generator, as_large = np.random.default_rng(seed), np.ones(len(seen))
    for start in range(0, FLIPS, _BLOCK):
        rows = min(_BLOCK, FLIPS - start)
        flipped = flips(generator, rows, parts) @ differences
        as_large += (np.abs(differences.sum(axis=0) - 2 * flipped) >= seen - slack).sum(axis=0)
    return np.asarray(as_large / (FLIPS + 1))


def flips(generator: np.random.Generator, rows: int, examples: int) -> Float64[np.ndarray, "rows examples"]:
    """Draw which examples have their answers exchanged: ones and zeros, each with probability one half."""
    packed = np.frombuffer(generator.bytes(rows * -(-examples // 8)), np.uint8).reshape(rows, -1)
    return np.unpackbits(packed, axis=1, count=examples).astype(np.float64)


def rmse_differences(
    squares: Float64[np.ndarray, "examples models"],
    sides: Int64[np.ndarray, "pairs 2"],
    seed: int,
    groups: Groups | None = None,
) -> list[Interval]:
    """Differences of root mean squared errors, with bootstrap intervals."""
    examples = len(squares)

    def scores(weights: np.ndarray) -> np.ndarray:
        errors = np.sqrt(weights @ squares / weights.sum(axis=1)[:, None])
        return np.asarray(errors[:, sides[:, 0]] - errors[:, sides[:, 1]])

    values = scores(np.ones((1, examples)))[0]
    draws = resample(scores, examples, seed, groups=groups)
    return [percentile_interval(float(value), draws[:, pair], groups) for pair, value in enumerate(values)]


def mean_difference(
    differences: Float64[np.ndarray, " examples"], seed: int, groups: Groups | None = None
) -> Interval:
    """Mean of paired differences, with its bootstrap interval."""

    def means(weights: np.ndarray) -> np.ndarray:
        return np.asarray(weights @ differences / weights.sum(axis=1))[:, None]

    draws = resample(means, len(differences), seed, groups=groups)
    return percentile_interval(float(differences.mean()), draws[:, 0], groups)


def exchange_p_value(
    metric: Callable[[ClassCounts], np.ndarray],
    labels: Int64[np.ndarray, " examples"],
    predicted: tuple[Int64[np.ndarray, " examples"], Int64[np.ndarray, " examples"]],
    classes: int,
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of two models' scores, by exchanging their answers."""
    first, second = predicted
    counts = [class_counts(labels, each, classes) for each in predicted]
    seen = abs(float(metric(counts[0])) - float(metric(counts[1])))
    unlike = np.flatnonzero(first != second)
    if len(unlike) == 0:
        return 1.0
    change = _changes(labels[unlike], first[unlike], second[unlike], classes)
    cells = [np.concatenate([each.hits, each.predicted]) for each in counts]
    generator, as_large = np.random.default_rng(seed), 1

    def scores(cells: np.ndarray) -> np.ndarray:
        return metric(ClassCounts(cells[:, :classes], counts[0].labelled, cells[:, classes:]))

    for rows in block_rows(EXCHANGES, len(unlike)):
        moved = np.asarray((change @ flips(generator, rows, len(unlike)).T).T)
        gaps = np.abs(scores(cells[0] + moved) - scores(cells[1] - moved))
        as_large += int((gaps >= seen - 1e-12).sum())
    return as_large / (EXCHANGES + 1)


def _changes(labels: np.ndarray, first: np.ndarray, second: np.ndarray, classes: int) -> csr_array:
    """Change of the first model's hits and predictions by class when an example's answers are exchanged."""
    columns = np.arange(len(labels))
    rows, values, places = [], [], []
    for answers, sign in ((second, 1.0), (first, -1.0)):
        hit = answers == labels
        rows += [answers[hit], classes + answers]
        places += [columns[hit], columns]
        values += [np.full(int(hit.sum()), sign), np.full(len(labels), sign)]
    cells = (np.concatenate(values), (np.concatenate(rows), np.concatenate(places)))
    return csr_array(cells, shape=(2 * classes, len(labels)))


def resampled_p_value(
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray],
    is_positive: Bool[np.ndarray, " examples"],
    scores: tuple[Float64[np.ndarray, " examples"], Float64[np.ndarray, " examples"]],
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of two rankings of the same examples, resampling these.

    How much two models' probabilities differ says nothing about their rankings, so answers cannot be
    exchanged between them.
    """
    first, second = (ranked(is_positive, each) for each in scores)

    def gap(weights: np.ndarray) -> np.ndarray:
        found: np.ndarray = metric(*first(weights)) - metric(*second(weights))
        return found[:, None]

    gaps = resample_within(gap, is_positive, seed)[:, 0]
    as_far = min((gaps <= 1e-12).sum(), (gaps >= -1e-12).sum())
    return float(min(1.0, 2 * (1 + as_far) / (1 + len(gaps))))


def shuffle_p_value(
    score: Callable[[Shaped[np.ndarray, "examples ..."]], float],
    labels: Shaped[np.ndarray, "examples ..."],
    seed: int,
) -> float:
    """One-sided p-value, above 0, of a score of answers to labels against its values for shuffled labels."""
    generator = np.random.default_rng(seed)
    seen = score(labels)
    shuffled = (score(generator.permutation(labels)) for _ in range(SHUFFLES))
    return (1 + sum(each >= seen - 1e-12 for each in shuffled)) / (SHUFFLES + 1)


def best_by_chance(
    gains: Callable[[np.ndarray], Float64[np.ndarray, "rows models"]],
    labels: Shaped[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Probability, above 0, that the largest of several models' gains is as large on shuffled labels.

    `gains` takes rows of labels, each in another order, and gives what each model is ahead of an answer that
    is the same for all. All models meet the same shuffled labels, so models that answer alike do not count
    twice.

    Source: Westfall and Young 1993, "Resampling-Based Multiple Testing", section 2.3.
    """
    seen, generator, as_large = float(gains(labels[None])[0].max()), np.random.default_rng(seed), 1
    for rows in block_rows(SHUFFLES, len(labels)):
        shuffled = generator.permuted(np.tile(labels, (rows, 1)), axis=1)
        as_large += int((gains(shuffled).max(axis=1) >= seen - 1e-12).sum())
    return as_large / (SHUFFLES + 1)


def splits_p_value(
    terms: Float64[np.ndarray, " examples"],
    in_second: Bool[np.ndarray, " examples"],
    sets: Int64[np.ndarray, " examples"],
    seed: int,
) -> float:
    """Two-sided p-value, above 0, of the difference of mean scores in two splits, by shuffling the splits.

    Sets that stay together, such as the images of one person, are shuffled whole: they are not independent.
    `terms` are what each example adds to the score, `in_second` whether it is in the second split, as some
    are and some are not, and `sets` the number of the set that it belongs to.
    """
    keys, of = np.unique(2 * sets + in_second, return_inverse=True)
    sums, sizes = np.bincount(of, weights=terms), np.bincount(of).astype(np.float64)
    total, count = sums.sum(), sizes.sum()

    def gaps(chosen: np.ndarray) -> np.ndarray:
        of_sum, of_count = chosen @ sums, chosen @ sizes
        found: np.ndarray = np.abs(of_sum / of_count - (total - of_sum) / (count - of_count))
        return found[:, None]

    return best_by_chance(gaps, (keys % 2).astype(np.float64), seed)


# Comparisons of every pair of models.

# Reach of the interval of a small difference: share of the examples, or of the labels' spread.
WIDEST = 0.05
WIDEST_RELATIVE = 0.1
_NUDGE = 1e-12  # without variance at the difference itself, the excess is zero there too


@dataclass(frozen=True)
class Comparison:
    """Two models on the same examples."""

    a: str  # name of the first model
    b: str  # name of the second model
    # score of `a` less that of `b`, with its 95 % interval: of accuracy or micro-F1, where more is better, or
    # of root mean squared error, where less is better
    difference: Interval
    p_value: float  # probability of a difference this large by chance, two-sided, for this pair alone
    adjusted: float  # the same with all compared pairs counted (Holm)
    verdict: str  # one sentence
    score: str = "accuracy"  # `accuracy`, `micro_f1` or `root_mean_squared_error`

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
    examples = counted_examples(labels, groups)
    right = {name: answers == labels for name, answers in predicted.items()}
    pairs = list(combinations(right, 2))
    compared = [_compared(right[a], right[b], groups, seed) for a, b in pairs]
    p_values = [p_value for p_value, _ in compared]
    found = []
    for (a, b), (p_value, difference), adjusted in zip(pairs, compared, holm(p_values), strict=True):
        unlike = f"{int((right[a] != right[b]).sum()):,} of {examples}"
        found.append(compared_shares((a, b), difference, (p_value, adjusted), unlike, len(pairs)))
    return tuple(found)


def compared_shares(
    names: tuple[str, str],
    difference: Interval,
    p_values: tuple[float, float],
    unlike: str,
    pairs: int,
    score: str = "accuracy",
) -> Comparison:
    """A comparison by a score from 0 to 1, more being better, with its verdict.

    `p_values` are of this pair alone and with all `pairs` counted; `unlike` has the examples on which the two
    disagree, in words.
    """
    (a, b), (p_value, adjusted) = names, p_values
    size = points(difference) + ("" if score == "accuracy" else Sentence(" of {words}", METRICS[score].words))
    if adjusted <= LEVEL:
        verdict = Sentence(
            "{a} is {word} than {b}: a difference of {size}",
            a,
            "better" if difference.value > 0 else "worse",
            b,
            size,
        )
    elif max(-difference.low, difference.high) > WIDEST:
        verdict = Sentence(
            "inconclusive: {a} and {b} disagree on {unlike}, a difference of {size}", a, b, unlike, size
        )
    elif p_value > LEVEL:
        verdict = Sentence("inconclusive: {a} and {b} differ by {size}, which could be chance", a, b, size)
    else:
        verdict = Sentence(
            "inconclusive: {a} and {b} differ by {size}, which would be significant "
            "alone, but among {pairs} comparisons one such is expected by chance",
            a,
            b,
            size,
            pairs,
        )
    return Comparison(a, b, difference, p_value, adjusted, verdict, score)


def _compared(
    first: Bool[np.ndarray, " examples"],
    second: Bool[np.ndarray, " examples"],
    groups: Groups | None,
    seed: int,
) -> tuple[float, Interval]:
    """McNemar's two-sided p-value of two models' hits, or of groups' exchanged; Tango's interval."""
    counts, examples = (int((first & ~second).sum()), int((second & ~first).sum())), len(first)
    if groups is None:
        return mcnemar(*counts), paired_interval(*counts, examples)
    ahead = first.astype(np.float64) - second
    share = groups.effective(ahead, sum(counts)) / examples
    found = paired_interval(share * counts[0], share * counts[1], share * examples)
    p_value = float(flip_p_values(ahead[:, None], seed, groups)[0])
    return p_value, found._replace(value=(counts[0] - counts[1]) / examples)


def compare_numbers(
    labels: Float64[np.ndarray, " examples"],
    predicted: Mapping[str, Float64[np.ndarray, " examples"]],
    groups: Groups | None = None,
    seed: int = 0,
) -> tuple[Comparison, ...]:
    """Compare the root mean squared errors of every pair of models, as `compare_all` does accuracies.

    A negative difference speaks for the first model.

    Raises: `ValueError` if there is no example.
    """
    examples = counted_examples(labels, groups)
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
        of_errors = Sentence("a difference in error of {difference}", span(difference))
        if adjusted <= LEVEL:
            verdict = Sentence(
                "{a} is {word} than {b}: {of_errors}",
                a,
                "better" if difference.value < 0 else "worse",
                b,
                of_errors,
            )
        elif max(-difference.low, difference.high) > widest:
            verdict = Sentence(
                "inconclusive: {a} and {b} on only {examples}, {of_errors}", a, b, examples, of_errors
            )
        else:
            verdict = Sentence(
                "inconclusive: {a} and {b}, {of_errors}, which could be chance", a, b, of_errors
            )
        score = "root_mean_squared_error"
        found.append(Comparison(a, b, difference, p_value, adjusted, verdict, score))
    return tuple(found)


def counted_examples(labels: np.ndarray, groups: Groups | None) -> str:
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
        raise ValueError(
            Sentence("folds: found {scores}, but a variance needs at least two; use more folds", len(scores))
        )
    if train < 1 or test < 1:
        raise ValueError(
            Sentence("folds: {train} training and {test} test examples; neither may be empty", train, test)
        )
    return math.sqrt((1 / len(scores) + test / train) * float(scores.var(ddof=1)))
