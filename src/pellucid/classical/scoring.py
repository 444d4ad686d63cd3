"""Score of a configuration in the comparison: one number, larger is better."""

import numpy as np
from jaxtyping import Float64

from pellucid.arithmetic import metric_value
from pellucid.tasks import Target


def score(
    metric: str, labels: np.ndarray, outputs: Float64[np.ndarray, "n outputs"], target: Target
) -> float:
    """Score the outputs of a predictor.

    Args:
        metric: value of `--metric`; of no importance for numbers.
        labels: class codes, or numbers; at least one.
        outputs: probabilities, or numbers in column 0.
        target: classes or numbers.

    Returns:
        The metric, errors negated; larger is better.
    """
    decides = target.decides(metric)
    return decides.better(metric_value(decides, labels, target.of_columns(outputs)))
