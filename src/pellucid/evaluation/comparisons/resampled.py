r"""Cross-validated scores, whose folds share training examples and so are not independent.

Notation: $J$ folds with scores $s_j$ of mean $\bar s$ and variance $\hat\sigma^2$, $n_1$ training
and $n_2$ test examples in each.

Source: Nadeau and Bengio 2003, "Inference for the Generalization Error", Machine Learning 52.
"""

import math

import numpy as np
from jaxtyping import Float64
from scipy.special import stdtr, stdtrit

from pellucid.evaluation.intervals import Interval


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
