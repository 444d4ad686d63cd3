"""Thresholds of trust for a few errors, so that a file's promises can be kept without computing them."""

from collections.abc import Mapping, Sequence

import numpy as np

from pellucid.arithmetic.probabilities import decided, trust
from pellucid.bundle import HeldOut
from pellucid.evaluation.promises.abstention import least_examples, promise
from pellucid.runtime.metadata import Threshold

ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Errors for which a file holds thresholds, where the held-out answers suffice to promise them."""


def thresholds_of(
    held_out: HeldOut | None, classes: Sequence[str], rate: float | None, decision: Mapping[str, float]
) -> tuple[Threshold, ...]:
    """Thresholds for the errors that held-out answers suffice to promise; none where numbers are predicted.

    `rate` is the share of inputs like the training data that count as foreign; `decision` the threshold
    between two classes, if any.
    """
    if held_out is None or not classes:
        return ()
    said = held_out.said.astype(np.float64)
    answers = decided(said, classes, decision)
    trusted = trust(said[np.arange(len(said)), answers], held_out.novelty, 1.0 if rate is None else rate)
    wrong = answers != held_out.labels
    found = []
    for error in ERRORS:
        if len(held_out) >= least_examples(error):
            threshold = promise(trusted, wrong, error).threshold
            found.append(Threshold(error, threshold if np.isfinite(threshold) else None))
    return tuple(found)
