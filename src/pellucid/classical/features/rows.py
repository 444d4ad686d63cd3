"""Rows of features: an array where most numbers differ from 0, or a sparse matrix where few do."""

from typing import TypeAlias

import numpy as np
import scipy.sparse
from jaxtyping import Float32, Float64

# One row for each example, in single precision.
Rows: TypeAlias = Float32[np.ndarray, "n d"] | scipy.sparse.csr_array


def wide(rows: Rows, start: int, end: int) -> Float64[np.ndarray, "some d"] | scipy.sparse.csr_array:
    """Rows from `start` to before `end` in double precision, sparse ones still sparse."""
    return rows[start:end].astype(np.float64)


def dense(rows: Rows, start: int, end: int) -> Float32[np.ndarray, "some d"]:
    """Rows from `start` to before `end` as an array in one piece of memory."""
    some = rows[start:end]
    return np.ascontiguousarray(some if isinstance(some, np.ndarray) else some.toarray())
