"""Area under the ROC curve."""

import numpy as np
from jaxtyping import Float64


def area_under_roc(foreign: Float64[np.ndarray, " n"], known: Float64[np.ndarray, " m"]) -> float:
    """The chance that a foreign input gets a higher number than a known one, equals counting half.

    1 where all are told apart, 0.5 where none is; at least one number on each side.

    Source: Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve".
    """
    ascending = np.sort(known)
    below, up_to = (np.searchsorted(ascending, foreign, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(known))
