"""Area under the ROC curve."""

import numpy as np
from jaxtyping import Float64
from scipy.stats import rankdata


def area_under_roc(foreign: Float64[np.ndarray, " n"], known: Float64[np.ndarray, " m"]) -> float:
    r"""The chance that a foreign input gets a higher number than a known one, equals counting half.

    With $R$ the sum of the ranks of the $n$ foreign inputs among all:
    $\frac{R - n (n + 1) / 2}{n m}$.

    1 where all are told apart, 0.5 where none is; at least one number on each side.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".
    """
    count = len(foreign)
    ranks = rankdata(np.concatenate([foreign, known]))[:count]
    return float((ranks.sum() - count * (count + 1) / 2) / count / len(known))
