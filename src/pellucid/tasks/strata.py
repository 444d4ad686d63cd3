"""Strata of numbers: parts of about equal size."""

import numpy as np
from jaxtyping import Float64, Int64

MOST_STRATA = 10


def deciles(values: Float64[np.ndarray, " n"], least: int = 15) -> Int64[np.ndarray, " n"]:
    """Cut numbers, at least one, into parts of about equal size; equal numbers never stand in two of them.

    Part of each, from 0: ten parts, or fewer and wider ones where the numbers are too few for `least` in
    each.
    """
    number = max(1, min(MOST_STRATA, len(values) // least))
    cuts = np.unique(np.sort(values)[np.arange(1, number) * len(values) // number])
    parts = np.searchsorted(cuts, values, side="right")
    return np.unique(parts, return_inverse=True)[1].reshape(-1).astype(np.int64)
