r"""Abstention: the trust below which a model does not answer, and what is promised of the answers it gives.

**Trust** is one score of probability and novelty together. With $p$ the probability of the answer, $v$ the
novelty of the input and $r$ the share of inputs like the training data that may count as foreign (0.05),

$$t = p \cdot \min\left(1, \frac{1 - v}{r}\right):$$

the probability itself where the input looks like the training data, falling to 0 the more foreign it looks.
Where the model cannot tell novelty, $t = p$.

**Threshold.** Of $n$ held-out examples, ordered by trust, the $m$ of highest trust hold $k_m$ wrong answers.
That their error is larger than $A$ is refuted where $P(\mathrm{Bin}(m, A) \le k_m) \le \delta$. The sets are
tested in a fixed order, from a quarter of all to all of them, and the first test that fails ends it; so each
is made at the full $\delta$. The order begins later where a quarter could not refute it even if all were
right, at $(1 - A)^m \le \delta$. The threshold is the lowest trust in the last set that passed.

With probability $1 - \delta$ over the draw of the held-out examples, the error among the answered, of inputs
drawn like them, is then at most $A$. Assumed is that all are drawn independently, and that answers of less
trust are wrong at least as often. Then all sets beyond the first that breaks the promise break it too, and to
pass the test of that first one has a chance of at most $\delta$. A model that cannot keep the promise for a
quarter of its answers answers nothing: smaller beginnings answered less on real data, since a single wrong
label among the most trusted examples ended them.

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

CONFIDENCE = 0.95
"""Of a promise; intervals are 95 % too."""

METHOD = "learn then test: exact binomial tests in a fixed order"

_BEGINNING = 4
_STEPS = 20
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Promise:
    """Threshold of trust, and the held-out examples that it comes from.

    Attributes:
        max_error: the largest error among the answered, as promised.
        threshold: an input of at least this trust is answered; infinite where nothing can be promised.
        examples: held-out examples.
        answered: of these with at least that trust.
        wrong: of the answered.
    """

    max_error: float
    threshold: float
    examples: int
    answered: int
    wrong: int

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


class Kept(NamedTuple):
    """Effect of a threshold on labelled examples.

    Attributes:
        answered: share of them that is answered.
        error: share of wrong ones among the answered; `None` where none is answered.
    """

    answered: Interval
    error: Interval | None


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


def least_promise(trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]) -> Promise | None:
    """The promise of the smallest error, in whole per cent, that answers anything; `None` up to 50 %."""
    found = (promise(trusted, is_wrong, percent / 100) for percent in range(1, 51))
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
