"""Rows of features: an array where most numbers differ from 0, or a sparse matrix where few do."""

from typing import TypeAlias

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64

Rows: TypeAlias = Float32[np.ndarray, "n d"] | scipy.sparse.csr_array
"""One row for each example, in single precision."""


def wide(rows: Rows, start: int, end: int) -> Float64[np.ndarray, "some d"] | scipy.sparse.csr_array:
    """Some rows in double precision, sparse ones still sparse.

    Args:
        rows: all of them.
        start: the first.
        end: behind the last.

    Returns:
        As many as there are.
    """
    return rows[start:end].astype(np.float64)


def dense(rows: Rows, start: int, end: int) -> Float32[np.ndarray, "some d"]:
    """Some rows as an array.

    Args:
        rows: all of them.
        start: the first.
        end: behind the last.

    Returns:
        As many as there are, in one piece of memory.
    """
    some = rows[start:end]
    return np.ascontiguousarray(some if isinstance(some, np.ndarray) else some.toarray())
