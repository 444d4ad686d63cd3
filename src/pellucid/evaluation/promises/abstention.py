r"""Abstention: the trust below which a model does not answer, and what is promised of the answers it gives.

**Trust** is the probability of the answer, and 0 where the novelty of the input is above $1 - r$, with $r$
the share of familiar inputs that may count as unfamiliar (0.05): such an input is never answered, since a
promise about the errors among familiar inputs does not speak of it. Without a detector it is the probability.

**Threshold.** Of $n$ held-out examples, ordered by trust, the $m$ of highest trust hold $k_m$ wrong answers.
That their error is larger than $A$ is refuted where $P(\mathrm{Bin}(m, A) \le k_m) \le \delta$. The sets are
tested in a fixed order, from a quarter of all to all of them, and the first test that fails ends it; so each
is made at the full $\delta$. The order begins later where a quarter could not refute it even if all were
right, at $(1 - A)^m \le \delta$. The threshold is the lowest trust in the last set that passed.

With probability $1 - \delta$ over the draw of the held-out examples, the error among the answered, of inputs
from the same source, is then at most $A$. Assumed is that all are drawn independently, and that answers of
less trust are wrong at least as often. Then all sets beyond the first that breaks the promise break it too,
and to pass the test of that first one has a chance of at most $\delta$. A model that cannot keep the promise
for a quarter of its answers answers nothing: smaller beginnings answered less on real data, since a single
wrong label among the most trusted examples ended them.

**Test.** Held-out examples also chose among models and epochs, and the test split may come from elsewhere; so
a promise is checked on it. The test examples give a threshold by themselves, in the same way, and the
stricter one of both is used. Where they give none, being few or the errors many, the held-out one stays as
long as at most $A$ of the answered test examples are wrong. What the test refutes is not promised.

Sources: Angelopoulos, Bates, Candès, Jordan and Lei 2021, "Learn then Test" (fixed-sequence testing, exact
binomial p-values); Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks".
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64

from pellucid.arithmetic.binomial import at_most_growing
from pellucid.evaluation.intervals import Interval, wilson

# Of a promise; intervals are 95 % too.
CONFIDENCE = 0.95

METHOD = "learn then test: exact binomial tests in a fixed order"

_BEGINNING = 4
_STEPS = 20
_ROUNDING = 1e-9


Judged = tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]
# Trust in each of `n` answers, and whether it is wrong.
JudgedOnTest = tuple[Float64[np.ndarray, " tested"], Bool[np.ndarray, " tested"]]


class Kept(NamedTuple):
    """Effect of a threshold on labelled examples.

    Attributes:
        answered: share of them that is answered.
        error: share of wrong ones among the answered; `None` where none is answered.
    """

    answered: Interval
    error: Interval | None


@dataclass(frozen=True)
class Promise:
    """Threshold of trust, and the examples that it comes from.

    Attributes:
        max_error: the largest error among the answered, as promised.
        threshold: an input of at least this trust is answered; infinite where nothing can be promised.
        examples: held-out examples.
        answered: of these with at least that trust.
        wrong: of the answered.
        tested: test examples; 0 where there are none to check it on.
        on_test: effect on these, of the refuted threshold where the test refutes it; `None` without any.
        is_confirmed: whether the test examples alone give a threshold too.
        is_refuted: whether the test refutes it; the threshold is then infinite.
    """

    max_error: float
    threshold: float
    examples: int
    answered: int
    wrong: int
    tested: int = 0
    on_test: Kept | None = None
    is_confirmed: bool = False
    is_refuted: bool = False

    @property
    def expected(self) -> Interval:
        """Share of inputs like the training data that will be answered."""
        return wilson(self.answered, self.examples)


class ErrorPoint(NamedTuple):
    """A share of the inputs answered, those of highest trust, and the error among them.

    Attributes:
        answered: how many.
        share: of all.
        threshold: the lowest trust among them.
        error: share of wrong ones, with Wilson's interval.
    """

    answered: int
    share: float
    threshold: float
    error: Interval


def least_examples(max_error: float) -> int:
    """Held-out examples without which nothing can be promised, were every one of them right."""
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-max_error) - _ROUNDING)


def least_error(examples: int) -> float:
    """The smallest error that so many held-out examples could promise, were every one of them right."""
    return -math.expm1(math.log(1 - CONFIDENCE) / examples)


def promise(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"], max_error: float
) -> Promise:
    """Choose the threshold that answers most and keeps the promise, from held-out examples.

    `max_error` lies between 0 and 1. Equal trust is answered together; trust 0 never.
    """
    count = len(trusted)
    first = max(least_examples(max_error), math.ceil(count / _BEGINNING))
    order = np.lexsort((is_wrong, -trusted))  # of equal trust the right ones first, so that its end decides
    wrong = np.cumsum(is_wrong[order], dtype=np.int64)
    chances = at_most_growing(wrong[first - 1 :], first, max_error)
    passed = chances <= (1 - CONFIDENCE) * (1 + _ROUNDING)
    steps = len(passed) if passed.all() else int(passed.argmin())
    ends, trust_at, _ = _sets(trusted, is_wrong)
    kept = np.flatnonzero((ends >= first) & (ends < first + steps))
    if len(kept) == 0:
        return Promise(max_error, math.inf, count, 0, 0)
    answered = int(ends[kept[-1]])
    return Promise(max_error, float(trust_at[kept[-1]]), count, answered, int(wrong[answered - 1]))


def checked_promise(held_out: Judged, test: JudgedOnTest | None, max_error: float) -> Promise:
    """Choose the threshold from held-out examples, and check it on those of the test, where there are any."""
    found = promise(*held_out, max_error)
    if test is None or len(test[0]) == 0:
        return found
    of_test = promise(*test, max_error)
    threshold = max(found.threshold, of_test.threshold) if of_test.answered else found.threshold
    kept = kept_on(threshold, *test)
    is_refuted = kept.error is not None and kept.error.value > max_error
    is_answered = held_out[0] >= (math.inf if is_refuted else threshold)
    return Promise(
        max_error,
        math.inf if is_refuted else threshold,
        found.examples,
        int(is_answered.sum()),
        int(held_out[1][is_answered].sum()),
        tested=len(test[0]),
        on_test=kept,
        is_confirmed=of_test.answered > 0,
        is_refuted=is_refuted,
    )


def least_promise(held_out: Judged, test: JudgedOnTest | None = None) -> Promise | None:
    """The promise of the smallest error, in whole per cent, that answers anything; `None` up to 50 %."""
    found = (checked_promise(held_out, test, percent / 100) for percent in range(1, 51))
    return next((each for each in found if each.answered), None)


def kept_on(threshold: float, trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]) -> Kept:
    """Effect of a threshold on `n` labelled examples, at least one."""
    is_answered = trusted >= threshold
    answered = int(is_answered.sum())
    error = wilson(int(is_wrong[is_answered].sum()), answered) if answered else None
    return Kept(wilson(answered, len(trusted)), error)


def error_curve(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]
) -> tuple[ErrorPoint, ...]:
    """Error among the answered against their share, at up to twenty shares; the last is all of them.

    Equal trust is answered together.
    """
    ends, trust_at, wrong = _sets(np.where(trusted > 0, trusted, np.finfo(float).tiny), is_wrong)
    if len(ends) == 0:
        return ()
    wanted = np.ceil(len(trusted) * np.arange(1, _STEPS + 1) / _STEPS - _ROUNDING)
    places = np.unique(np.searchsorted(ends, wanted))
    return tuple(
        ErrorPoint(
            answered, answered / len(trusted), float(trust_at[place]), wilson(int(wrong[place]), answered)
        )
        for place in places.tolist()
        for answered in [int(ends[place])]
    )


def _sets(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Size of each set of highest trust, its lowest trust, and its wrong answers; the smallest set first."""
    order = np.argsort(-trusted, kind="stable")
    ordered = trusted[order]
    is_end = np.append(ordered[1:] < ordered[:-1], True)[: len(ordered)] & (ordered > 0)
    ends = np.flatnonzero(is_end) + 1
    return ends, ordered[is_end], np.cumsum(is_wrong[order], dtype=np.int64)[is_end]
