r"""Prediction sets: with each answer a set of classes, or an interval of numbers, that holds the truth.

Split conformal prediction. Each of $n$ held-out examples has a score $s_i$ of how badly the truth fits what
the model said: of classes $1 - p$, with $p$ the probability of the true class, of numbers the absolute
residual $|y - \hat y|$. With $\hat q$ the $\lceil (n + 1) c \rceil$-th smallest of them, a set holds every
class, or every number, of a score of at most $\hat q$; of classes it holds the answer in any case. For an
input from the source of the held-out examples it holds the truth with probability of at least $c$, on average
over the draws of both.

For one draw of held-out examples the share that is covered is random: with scores all different it follows
the distribution $\mathrm{Beta}(k, n + 1 - k)$ with $k = \lceil (n + 1) c \rceil$.

**Test.** That the sets cover enough is refuted where of $m$ test examples only $k$ are covered, with
$P(\mathrm{Bin}(m, c) \le k) \le 0.05$. Then the cutoff that the test examples give by themselves is used if
it is wider, and nothing is promised where they are too few for one.

Sources: Vovk, Gammerman and Shafer 2005; Sadinle, Lei and Wasserman 2019, "Least Ambiguous Set-Valued
Classifiers with Bounded Error Levels" (the score of classes); Lei et al. 2018 (of numbers); Vovk 2012 (Beta).
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from pellucid.arithmetic.binomial import at_most, beta_quantile
from pellucid.evaluation.intervals import Interval, wilson

_ROUNDING = 1e-9
_LEVEL = 0.05
_TAILS = (0.025, 0.975)


@dataclass(frozen=True)
class Coverage:
    """Largest score that sets admit, and the held-out examples that it comes from.

    Attributes:
        coverage: the probability that a set holds the truth, as asked for.
        cutoff: of classes the least probability, of numbers the largest residual.
        examples: held-out examples.
        tested: test examples; 0 where there are none to check it on.
        on_test: share of these that is covered, by the refuted cutoff where the test refutes it.
        is_refuted: whether the test refutes the cutoff of the held-out examples; `cutoff` is then widened to
            that of the test examples, unless `is_void`.
    """

    coverage: float
    cutoff: float
    examples: int
    tested: int = 0
    on_test: Interval | None = None
    is_refuted: bool = False

    @property
    def is_void(self) -> bool:
        """Whether nothing can be promised: the test refutes the cutoff, and is too small for its own."""
        return self.is_refuted and self.tested < least_for_sets(self.coverage)

    @property
    def reach(self) -> Interval:
        """The coverage, and where it lies for 95 of 100 draws of as many held-out examples."""
        rank = _rank(self.examples, self.coverage)
        low, high = (beta_quantile(rank, self.examples, tail) for tail in _TAILS)
        return Interval(self.coverage, low, high)


def least_for_sets(coverage: float) -> int:
    """Held-out examples without which sets would have to hold everything."""
    return math.ceil(coverage / (1 - coverage) - _ROUNDING)


def coverage_of(
    labels: Shaped[np.ndarray, " n"], said: Float[np.ndarray, "n ..."], coverage: float
) -> Coverage:
    """Cutoff of sets by probabilities (n, classes), or half width of intervals by numbers (n,).

    `n` is at least `least_for_sets(coverage)`.
    """
    count, rank = len(labels), _rank(len(labels), coverage)
    if said.ndim == 1:
        return Coverage(coverage, float(np.sort(np.abs(labels - said))[rank - 1]), count)
    of_truth = _stored(said)[np.arange(count), labels]
    return Coverage(coverage, float(np.sort(of_truth)[count - rank]), count)


def checked_on(
    found: Coverage,
    labels: Shaped[np.ndarray, " n"],
    said: Float[np.ndarray, "n ..."],
    answers: Int[np.ndarray, " n"] | Float[np.ndarray, " n"],
) -> Coverage:
    """Check a cutoff on `n` test examples, at least one; where they refute it, it is widened if they suffice.

    `answers` are classes, of which each set holds its own; numbers are their own answers.
    """
    count = len(labels)
    if said.ndim == 1:
        is_covered = np.abs(labels - said) <= found.cutoff
    else:
        is_covered = in_sets(said, answers.astype(np.int64), found.cutoff)[np.arange(count), labels]
    covered = int(is_covered.sum())
    is_refuted = at_most(covered, count, found.coverage) <= _LEVEL
    found = replace(found, tested=count, on_test=wilson(covered, count), is_refuted=is_refuted)
    if not is_refuted or found.is_void:
        return found
    of_test, wider = coverage_of(labels, said, found.coverage).cutoff, max if said.ndim == 1 else min
    return replace(found, cutoff=wider(found.cutoff, of_test))


def in_sets(
    probabilities: Float[np.ndarray, "n classes"], answers: Int[np.ndarray, " n"], cutoff: float
) -> Bool[np.ndarray, "n classes"]:
    """Classes that each set holds; its answer is always among them."""
    is_in = _stored(probabilities) >= cutoff
    is_in[np.arange(len(answers)), answers] = True
    return is_in


def class_sets(
    probabilities: Float[np.ndarray, "n classes"], answers: Int[np.ndarray, " n"], cutoff: float
) -> list[list[int]]:
    """The classes of each set, the most probable first."""
    order = np.argsort(-_stored(probabilities), axis=1, kind="stable")
    held = in_sets(probabilities, answers, cutoff)
    return [row[some[row]].tolist() for row, some in zip(order, held, strict=True)]


def _rank(examples: int, coverage: float) -> int:
    return math.ceil((examples + 1) * coverage - _ROUNDING)


def _stored(probabilities: Float[np.ndarray, "n classes"]) -> Float[np.ndarray, "n classes"]:
    """Probabilities as held-out ones are stored, in 32 bits."""
    return np.asarray(probabilities, np.float32)
