"""Promises about answers: abstention that keeps an error, and prediction sets that contain the truth."""

import math
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from pellucid.arithmetic.probabilities import at_most, at_most_drawn, at_most_growing, beta_quantile, stored
from pellucid.evaluation.intervals import TAILS, Interval, wilson
from pellucid.targets import Labels

# Of a promise; intervals are 95 % too.
CONFIDENCE = 0.95
METHOD = "learn then test: exact binomial tests in a fixed order"
# Sequences of tests: the share of the examples that the first test of each is about, and its part of the
# level. A model that is sure of less than a quarter needs the second; where the examples are too few for
# that, one sequence has the whole level (`benchmarks/abstention.py` compares).
_QUARTER = 4
_TENTH = 10
_OF_QUARTER = 0.04
_OF_TENTH = 0.01
# Levels of Fisher's exact test at which held-out and test examples are not pooled: where the test has more
# errors, which held-out ones that chose a model may hide, and where it has fewer.
_TEST_WORSE = 0.1
_TEST_BETTER = 0.01
_STEPS = 20
_ROUNDING = 1e-9

# Trust in each of `n` answers, and whether it is wrong.
TrustAndErrors = tuple[Float64[np.ndarray, " n"], Bool[np.ndarray, " n"]]
TestTrustAndErrors = tuple[Float64[np.ndarray, " tested"], Bool[np.ndarray, " tested"]]
# Examples that bound the error of a threshold.
Basis = Literal["held-out", "test", "both"]


class ThresholdEffect(NamedTuple):
    """Share of labelled examples that a threshold answers, and of these the share of wrong ones, if any."""

    answered: Interval
    error: Interval | None


@dataclass(frozen=True)
class Promise:
    """Threshold of trust, and the examples that it was chosen and bounded on."""

    max_error: float  # the largest error among the answered, as promised
    threshold: float  # an input of at least this trust is answered; infinite where nothing can be promised
    examples: int  # held-out examples
    answered: int  # of the examples of `basis`, with at least that trust
    wrong: int  # of the answered
    tested: int = 0  # test examples
    basis: Basis = "held-out"
    # effect on the test examples, of the refuted threshold where they refute it; `None` without any
    on_test: ThresholdEffect | None = None
    is_refuted: bool = False  # whether the test refutes it; the threshold is then infinite

    @property
    def bounding(self) -> int:
        """Number of the examples that bound the error."""
        return {"held-out": self.examples, "test": self.tested, "both": self.examples + self.tested}[
            self.basis
        ]

    @property
    def expected(self) -> Interval:
        """Share of inputs like these examples that will be answered."""
        return wilson(self.answered, self.bounding)


class ErrorPoint(NamedTuple):
    """A share of the inputs answered, those of highest trust, and the error among them."""

    answered: int  # how many
    share: float  # of all
    threshold: float  # the lowest trust among them
    error: Interval  # share of wrong ones, with Wilson's interval


def least_examples(max_error: float, level: float = 1 - CONFIDENCE) -> int:
    """Unseen examples without which nothing can be promised, were every one of them right."""
    return math.ceil(math.log(level) / math.log1p(-max_error) - _ROUNDING)


def least_error(examples: int) -> float:
    """The smallest error that so many unseen examples could promise, were every one of them right."""
    return -math.expm1(math.log(1 - CONFIDENCE) / examples)


def promise(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"], max_error: float
) -> Promise:
    """Choose the threshold that answers most and keeps the promise; equal trust together, trust 0 never."""
    count = len(trusted)
    quarter, tenth = math.ceil(count / _QUARTER), math.ceil(count / _TENTH)
    sequences = [(quarter, 1 - CONFIDENCE)]
    if tenth >= least_examples(max_error, _OF_TENTH):
        sequences = [(tenth, _OF_TENTH), (quarter, _OF_QUARTER)]
    order = np.lexsort((is_wrong, -trusted))  # of equal trust the right ones first, so that its end decides
    wrong = np.cumsum(is_wrong[order], dtype=np.int64)
    ends, trust_at, _ = _sets(trusted, is_wrong)
    best = -1
    for share, level in sequences:
        first = max(least_examples(max_error, level), share)
        chances = at_most_growing(wrong[first - 1 :], first, max_error)
        passed = chances <= level * (1 + _ROUNDING)
        steps = len(passed) if passed.all() else int(passed.argmin())
        kept = np.flatnonzero((ends >= first) & (ends < first + steps))
        best = max(best, *kept.tolist()[-1:], -1)
    if best < 0:
        return Promise(max_error, math.inf, count, 0, 0)
    answered = int(ends[best])
    return Promise(max_error, float(trust_at[best]), count, answered, int(wrong[answered - 1]))


def checked_promise(held_out: TrustAndErrors, test: TestTrustAndErrors | None, max_error: float) -> Promise:
    """Choose the threshold from held-out and test examples together, where their errors are alike.

    Where the test has more errors beyond chance, it alone gives the threshold; where it has fewer, the
    stricter one of the held-out examples is used.
    """
    if test is None or len(test[0]) == 0:
        return promise(*held_out, max_error)
    both = np.concatenate([held_out[0], test[0]]), np.concatenate([held_out[1], test[1]])
    together, alone = promise(*both, max_error), promise(*held_out, max_error)
    threshold = together.threshold if together.answered else alone.threshold
    basis, is_refuted = _basis(held_out, test, threshold), False
    if basis == "test":
        kept, of_test = kept_on(threshold, *test), promise(*test, max_error)
        if of_test.answered:
            threshold = max(threshold, of_test.threshold)
        elif kept.error is not None and kept.error.value > max_error:
            is_refuted = True
        else:  # the test has more errors, but not more than promised
            basis, threshold = "both", together.threshold
    elif basis == "held-out":
        threshold = max(together.threshold, alone.threshold)
    else:
        threshold = together.threshold
    on_test = kept_on(threshold, *test)
    threshold = math.inf if is_refuted else threshold
    trusted, is_wrong = {"held-out": held_out, "test": test, "both": both}[basis]
    is_answered = trusted >= threshold
    return Promise(
        max_error,
        threshold,
        len(held_out[0]),
        int(is_answered.sum()),
        int(is_wrong[is_answered].sum()),
        tested=len(test[0]),
        basis=basis,
        on_test=on_test,
        is_refuted=is_refuted,
    )


def _basis(held_out: TrustAndErrors, test: TestTrustAndErrors, threshold: float) -> Basis:
    """Both splits where their errors among the answered are alike by Fisher's exact test, else the worse."""
    (held, held_wrong), (tested, test_wrong) = (
        (int((trusted >= threshold).sum()), int(is_wrong[trusted >= threshold].sum()))
        for trusted, is_wrong in (held_out, test)
    )
    total, wrong = held + tested, held_wrong + test_wrong
    if at_most_drawn(held_wrong, held, wrong, total) <= _TEST_WORSE:
        return "test"
    if at_most_drawn(test_wrong, tested, wrong, total) <= _TEST_BETTER:
        return "held-out"
    return "both"


def least_promise(held_out: TrustAndErrors, test: TestTrustAndErrors | None = None) -> Promise | None:
    """The promise of the smallest error, in whole per cent, that answers anything; `None` up to 50 %."""
    found = (checked_promise(held_out, test, percent / 100) for percent in range(1, 51))
    return next((each for each in found if each.answered), None)


def kept_on(
    threshold: float, trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]
) -> ThresholdEffect:
    """Effect of a threshold on `n` labelled examples, at least one."""
    is_answered = trusted >= threshold
    answered = int(is_answered.sum())
    error = wilson(int(is_wrong[is_answered].sum()), answered) if answered else None
    return ThresholdEffect(wilson(answered, len(trusted)), error)


def error_curve(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]
) -> tuple[ErrorPoint, ...]:
    """Error among the answered against their share, at up to twenty shares; the last is all of them."""
    ends, trust_at, wrong = _sets(np.where(trusted > 0, trusted, np.finfo(float).tiny), is_wrong)
    if len(ends) == 0:
        return ()
    wanted = np.ceil(len(trusted) * np.arange(1, _STEPS + 1) / _STEPS - _ROUNDING)
    points = []
    for place in np.unique(np.searchsorted(ends, wanted)).tolist():
        answered = int(ends[place])
        error = wilson(int(wrong[place]), answered)
        points.append(ErrorPoint(answered, answered / len(trusted), float(trust_at[place]), error))
    return tuple(points)


def _sets(
    trusted: Float64[np.ndarray, " n"], is_wrong: Bool[np.ndarray, " n"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Size of each set of highest trust, its lowest trust, and its wrong answers; the smallest set first."""
    order = np.argsort(-trusted, kind="stable")
    ordered = trusted[order]
    is_end = np.append(ordered[1:] < ordered[:-1], True)[: len(ordered)] & (ordered > 0)
    ends = np.flatnonzero(is_end) + 1
    return ends, ordered[is_end], np.cumsum(is_wrong[order], dtype=np.int64)[is_end]


# Prediction sets: with each answer a set of classes, or an interval of numbers, that contains the truth.
#
# Split conformal prediction. Each of $n$ held-out examples has a score $s_i$ of how badly the truth fits the
# model's output: of classes $-p$, with $p$ the probability of the true class, of numbers the absolute
# residual $|y - \hat y|$. With $\hat q$ the $\lceil (n + 1) c \rceil$-th smallest of them, a set contains
# every class, or every number, of a score of at most $\hat q$; of classes it contains the answer in any case.
# For an input from the source of the held-out examples it contains the truth with probability of at least
# $c$, on average over the draws of both.
#
# For one draw of held-out examples the share that is covered is random: with scores all different it follows
# the distribution $\mathrm{Beta}(k, n + 1 - k)$ with $k = \lceil (n + 1) c \rceil$.
#
# **Test.** That the sets cover enough is refuted where of $m$ test examples only $k$ are covered, with
# $P(\mathrm{Bin}(m, c) \le k) \le 0.05$. Then the cutoff that the test examples give by themselves is used if
# it is wider, and nothing is promised where they are too few for one.
#
# Sources: Vovk, Gammerman and Shafer 2005; Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued
# Classifiers with Bounded Error Levels" (the score of classes); Lei et al. 2018 (of numbers); Vovk 2012
# (Beta).

_LEVEL = 0.05


@dataclass(frozen=True)
class Coverage:
    """Largest score that sets admit, and the held-out examples that it comes from."""

    coverage: float  # the probability that a set contains the truth, as asked for
    limit: float  # the largest score admitted
    examples: int  # held-out examples
    tested: int = 0  # test examples; 0 where there are none to check it on
    # share of these that is covered, by the refuted cutoff where the test refutes it
    on_test: Interval | None = None
    # whether the test refutes the limit of the held-out examples; `limit` is then widened to that of
    # the test examples, unless `is_void`
    is_refuted: bool = False

    @property
    def cutoff(self) -> float:
        """Of classes the least probability in a set, of numbers the largest residual."""
        return abs(self.limit)

    @property
    def is_void(self) -> bool:
        """Whether nothing can be promised: the test refutes the cutoff, and is too small for its own."""
        return self.is_refuted and self.tested < least_for_sets(self.coverage)

    @property
    def reach(self) -> Interval:
        """The coverage, and where it lies for 95 of 100 draws of as many held-out examples."""
        rank = _rank(self.examples, self.coverage)
        low, high = (beta_quantile(rank, self.examples, tail) for tail in TAILS)
        return Interval(self.coverage, low, high)


def least_for_sets(coverage: float) -> int:
    """Held-out examples without which sets would have to contain everything."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def coverage_of(labels: Labels, outputs: Float[np.ndarray, "n ..."], coverage: float) -> Coverage:
    """Limit of sets of classes, or of intervals of numbers, by held-out labels and answers."""
    misfits = np.sort(labels.target.misfits(labels.values, outputs))
    return Coverage(coverage, float(misfits[_rank(len(labels), coverage) - 1]), len(labels))


def checked_on(
    found: Coverage,
    labels: Labels,
    outputs: Float[np.ndarray, "n ..."],
    answers: Int[np.ndarray, " n"] | Float[np.ndarray, " n"],
) -> Coverage:
    """Check a limit on test examples, at least one; where they refute it, it is widened if they suffice."""
    count = len(labels)
    fits = labels.target.misfits(labels.values, outputs) <= found.limit
    covered = int((fits | (answers == labels.values)).sum())
    is_refuted = at_most(covered, count, found.coverage) <= _LEVEL
    found = replace(found, tested=count, on_test=wilson(covered, count), is_refuted=is_refuted)
    if not is_refuted or found.is_void:
        return found
    return replace(found, limit=max(found.limit, coverage_of(labels, outputs, found.coverage).limit))


def in_sets(
    probabilities: Float[np.ndarray, "n classes"], answers: Int[np.ndarray, " n"], cutoff: float
) -> Bool[np.ndarray, "n classes"]:
    """Classes of each set; its answer is always among them."""
    is_in = stored(probabilities) >= cutoff
    is_in[np.arange(len(answers)), answers] = True
    return is_in


def class_sets(
    probabilities: Float[np.ndarray, "n classes"], answers: Int[np.ndarray, " n"], cutoff: float
) -> list[list[int]]:
    """The classes of each set, the most probable first."""
    order = np.argsort(-stored(probabilities), axis=1, kind="stable")
    is_in = in_sets(probabilities, answers, cutoff)
    return [row[some[row]].tolist() for row, some in zip(order, is_in, strict=True)]


def _rank(examples: int, coverage: float) -> int:
    return math.ceil((examples + 1) * coverage - _ROUNDING)
