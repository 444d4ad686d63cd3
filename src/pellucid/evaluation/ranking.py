"""Area under the ROC curve."""

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic.ranking import ranking_value


def area_under_roc(foreign: Float64[np.ndarray, " n"], known: Float64[np.ndarray, " m"]) -> float:
    """The chance that a foreign input gets a higher number than a known one, equals counting half.

    1 where all are told apart, 0.5 where none is; at least one number on each side.
    """
    is_foreign = np.arange(len(foreign) + len(known)) < len(foreign)
    return ranking_value("roc_auc", is_foreign, np.concatenate([foreign, known]).astype(np.float64))
