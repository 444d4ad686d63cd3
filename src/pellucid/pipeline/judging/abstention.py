"""Abstention of the recommended model on the test split, by thresholds from its held-out answers."""

import numpy as np
from jaxtyping import Int64

from pellucid.arithmetic.probabilities import decided
from pellucid.bundle import HeldOut, Model
from pellucid.evaluation.promises.abstention import checked_promise, error_curve, least_examples
from pellucid.pipeline.judging.testing import Tested
from pellucid.reports import AbstentionFacts

# Promises that the report tries.
MAX_ERRORS = (0.01, 0.02, 0.05, 0.1)


def abstention_facts(
    model: Model, tested: Tested, labels: Int64[np.ndarray, " test"]
) -> AbstentionFacts | None:
    """Error among the answered against their share, and promises as `predict` makes them.

    `None` without a test split.
    """
    if len(labels) == 0:
        return None
    rate, held_out = model.novelty_rate, model.held_out

    def judged_of(stored: HeldOut) -> tuple[np.ndarray, np.ndarray]:
        return stored.judged(rate, decided(stored.said, model.classes, model.threshold))

    curve = error_curve(*judged_of(HeldOut.of(labels, tested.answers, tested.novelty)))
    if held_out is None:
        return AbstentionFacts(curve, 0, {})
    judged = judged_of(held_out)
    of_test = None if held_out.test is None else judged_of(held_out.test)
    promises = {
        each: checked_promise(judged, of_test, each) if len(held_out) >= least_examples(each) else None
        for each in MAX_ERRORS
    }
    return AbstentionFacts(curve, len(held_out), promises)
