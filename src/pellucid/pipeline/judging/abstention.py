"""Abstention of the recommended model on the test split, by thresholds from its held-out answers."""

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.arithmetic.probabilities import trust
from pellucid.bundle import Model
from pellucid.evaluation.promises.abstention import error_curve, kept_on, least_examples, promise
from pellucid.pipeline.judging.testing import Tested
from pellucid.reports import AbstentionFacts

MAX_ERRORS = (0.01, 0.05, 0.1)
"""Promises that the report tries."""


def abstention_facts(
    model: Model, tested: Tested, labels: Int64[np.ndarray, " test"]
) -> AbstentionFacts | None:
    """Error among the answered against their share, and three promises; `None` without a test split."""
    if len(labels) == 0:
        return None
    on_test = _judged(model, tested.answers, tested.novelty, labels)
    held_out = model.held_out
    if held_out is None:
        return AbstentionFacts(error_curve(*on_test), 0, {})
    trusted, is_wrong = _judged(model, held_out.said, held_out.novelty, held_out.labels)
    promises = {}
    for max_error in MAX_ERRORS:
        found = promise(trusted, is_wrong, max_error)
        is_possible = len(held_out) >= least_examples(max_error)
        promises[max_error] = (found, kept_on(found.threshold, *on_test)) if is_possible else None
    return AbstentionFacts(error_curve(*on_test), len(held_out), promises)


def _judged(
    model: Model, said: np.ndarray, novelty: np.ndarray | None, labels: np.ndarray
) -> tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Trust in the most probable class of each example, and whether it is wrong."""
    rate = 1.0 if model.detector is None else model.detector.rate
    return trust(said.max(axis=1), novelty, rate), said.argmax(axis=1) != labels
