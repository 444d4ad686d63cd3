r"""Scores of a ranking: how far the examples of one class stand above the others.

Notation: $P$ positive and $N$ negative examples, ranked by the probability of being positive. At each
distinct probability, from the largest on, stand $p_g$ positive and $n_g$ negative examples, and $P_g$
positive ones of $A_g$ up to there.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Rows of weights of the examples, such as how often each was drawn.
Weights = Float64[np.ndarray, "rows examples"]


def rarer_class(labels: Int64[np.ndarray, " examples"]) -> int:
    """Of two classes the one with fewer examples, which counts as positive; of equals the second."""
    first, second = np.bincount(labels, minlength=2)[:2]
    return int(second <= first)


def ranked(
    is_positive: Bool[np.ndarray, " examples"], probabilities: Float64[np.ndarray, " examples"]
) -> Callable[[Weights], tuple[np.ndarray, np.ndarray]]:
    """Function from weights to those of positive and of negative examples at each distinct probability.

    The largest probability stands first.
    """
    order = np.argsort(-probabilities, kind="stable")
    descending, positive = probabilities[order], is_positive[order].astype(np.float64)
    starts = np.flatnonzero(np.concatenate([[True], descending[1:] != descending[:-1]]))

    def counted(weights: Weights) -> tuple[np.ndarray, np.ndarray]:
        sorted_weights = weights[:, order]
        of_positive = np.add.reduceat(sorted_weights * positive, starts, axis=1)
        return of_positive, np.add.reduceat(sorted_weights, starts, axis=1) - of_positive

    return counted


def average_precision(
    positive: Float64[np.ndarray, "rows groups"], negative: Float64[np.ndarray, "rows groups"]
) -> Float64[np.ndarray, " rows"]:
    r"""Mean of the precision at every positive example, $\sum_g \frac{p_g}{P} \frac{P_g}{A_g}$.

    0 to 1; the share of the positive examples where all probabilities are equal, and 0 where there is no
    positive one.

    Source: Zhu 2004, "Recall, Precision and Average Precision".
    """
    up_to = positive.cumsum(axis=1)
    among = up_to + negative.cumsum(axis=1)
    precision = np.divide(up_to, among, out=np.zeros(among.shape), where=among > 0)
    return _divided((positive * precision).sum(axis=1), up_to[:, -1], otherwise=0.0)


def roc_auc(
    positive: Float64[np.ndarray, "rows groups"], negative: Float64[np.ndarray, "rows groups"]
) -> Float64[np.ndarray, " rows"]:
    r"""Probability that a positive example stands above a negative one: $\sum_g n_g (P_g - p_g / 2) / (P N)$.

    0 to 1, equals counting half; 0.5 where all examples are of one class.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".
    """
    above = positive.cumsum(axis=1) - positive / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    return _divided((negative * above).sum(axis=1), pairs, otherwise=0.5)


# Scores of rankings by their keys in `METRICS`.
OF_RANKS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "average_precision": average_precision,
    "roc_auc": roc_auc,
}


def ranking_value(
    key: str, is_positive: Bool[np.ndarray, " examples"], probabilities: Float64[np.ndarray, " examples"]
) -> float:
    """One score of a ranking in which every example weighs the same."""
    return float(OF_RANKS[key](*ranked(is_positive, probabilities)(np.ones((1, len(is_positive)))))[0])


def _divided(above: np.ndarray, below: np.ndarray, *, otherwise: float) -> np.ndarray:
    found: np.ndarray = np.divide(above, below, out=np.full(above.shape, otherwise), where=below > 0)
    return found
