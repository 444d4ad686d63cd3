"""Thresholds of trust for a few errors, so that a file's promises can be kept without computing them."""

from collections.abc import Mapping, Sequence

from pellucid.arithmetic.probabilities import decided
from pellucid.bundle import HeldOut
from pellucid.evaluation.promises.abstention import checked_promise, least_examples
from pellucid.runtime.metadata import Threshold

# Errors for which a file holds thresholds, where the held-out answers suffice to promise them.
ERRORS = (0.01, 0.02, 0.05, 0.1, 0.2)


def thresholds_of(
    held_out: HeldOut | None, classes: Sequence[str], rate: float | None, decision: Mapping[str, float]
) -> tuple[Threshold, ...]:
    """Thresholds for the errors that held-out answers suffice to promise and the test does not refute.

    None where numbers are predicted. `rate` is the share of familiar inputs that may count as unfamiliar,
    `decision` the threshold between two classes, if any.
    """
    if held_out is None or not classes:
        return ()
    judged, of_test = (
        None if each is None else each.judged(rate, decided(each.said, classes, decision))
        for each in (held_out, held_out.test)
    )
    assert judged is not None  # only the test may be missing
    possible = (error for error in ERRORS if len(held_out) >= least_examples(error))
    found = [checked_promise(judged, of_test, error) for error in possible]
    return tuple(
        Threshold(each.max_error, each.threshold if each.answered else None)
        for each in found
        if not each.is_refuted
    )
