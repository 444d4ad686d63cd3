r"""Scores of one model on parts of the test split, by the values of a column.

Of many intervals of 95 % each, some would miss. So with $m$ parts each is made at the level $1 - 0.05 / m$
(Bonferroni), and all hold together with 95 %: that of a share by Wilson's formula with
$z_{1 - 0.05 / 2m}$, that of a mean absolute error as
$\bar e \pm t_{n - 1, \, 1 - 0.05 / 2m} \, s_e / \sqrt{n}$.

Source: Dunn 1961, "Multiple Comparisons Among Means".
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64
from scipy.special import stdtrit

from pellucid.evaluation.groups import Groups
from pellucid.evaluation.intervals import Interval, share_interval

# Test examples below which a value has no score of its own.
FEWEST = 20

METHOD = "bonferroni"
_MISSED = 0.05


class Slice(NamedTuple):
    """Score on the examples of one value, or of several small ones.

    Attributes:
        value: the value; empty where the cell is.
        examples: test examples of it.
        score: accuracy or mean absolute error, with a simultaneous interval.
        is_worse: the whole interval is worse than the score of all.
    """

    value: str
    examples: int
    score: Interval
    is_worse: bool

    def to_json(self) -> dict[str, Any]:
        """The form of an entry of `slices.values` in `metrics.json`."""
        return {
            "value": self.value,
            "examples": self.examples,
            "score": self.score._asdict(),
            "worse_than_all": self.is_worse,
        }


@dataclass(frozen=True)
class Slices:
    """Scores by the values of a column.

    Attributes:
        column: the column.
        metric: key of the metric: `accuracy` or `mean_absolute_error`.
        parts: values with at least 20 test examples, worst first.
        pooled: the smaller values together, where these have 20; `None` where there are none.
        pooled_values: how many values are pooled.
        left_out: values and examples that are too few even together.
    """

    column: str
    metric: str
    parts: Sequence[Slice]
    pooled: Slice | None
    pooled_values: int
    left_out: tuple[int, int]

    def to_json(self) -> dict[str, Any]:
        """The form of `slices` in `metrics.json`."""
        pooled = None
        if self.pooled is not None:
            pooled = {**self.pooled.to_json(), "value": None, "values": self.pooled_values}
        return {
            "column": self.column,
            "metric": self.metric,
            "intervals": METHOD,
            "values": [part.to_json() for part in self.parts],
            "pooled": pooled,
            "left_out": {"values": self.left_out[0], "examples": self.left_out[1]},
        }


def score_slices(
    column: str,
    values: Sequence[str],
    labels: Int64[np.ndarray, " test"] | Float64[np.ndarray, " test"],
    answers: Float64[np.ndarray, "test ..."],
    groups: Groups | None = None,
) -> Slices:
    """Score a model on the examples of each value.

    `answers` are probabilities (test, classes), scored by accuracy, or numbers (test,), by mean absolute
    error. With `groups` intervals are by these.
    """
    is_error = answers.ndim == 1
    terms = np.abs(answers - labels) if is_error else (answers.argmax(axis=1) == labels).astype(np.float64)
    names, of, counts = np.unique(np.array(values, object), return_inverse=True, return_counts=True)
    of = of.reshape(-1)
    large = np.flatnonzero(counts >= FEWEST)
    small = np.isin(of, np.flatnonzero(counts < FEWEST))
    is_pooled = int(small.sum()) >= FEWEST
    tests = len(large) + is_pooled
    few = len(counts) - len(large)

    def part(value: str, members: Bool[np.ndarray, " test"]) -> Slice:
        found = _interval(terms[members], tests, is_error, None if groups is None else groups.within(members))
        of_all = float(terms.mean())
        is_worse = found.low > of_all if is_error else found.high < of_all
        return Slice(value, int(members.sum()), found, is_worse)

    parts = [part(str(names[code]), of == code) for code in large.tolist()]
    parts.sort(key=lambda each: -each.score.value if is_error else each.score.value)
    return Slices(
        column=column,
        metric="mean_absolute_error" if is_error else "accuracy",
        parts=parts,
        pooled=part("", small) if is_pooled else None,
        pooled_values=few if is_pooled else 0,
        left_out=(0, 0) if is_pooled else (few, int(small.sum())),
    )


def _interval(
    terms: Float64[np.ndarray, " examples"], tests: int, is_error: bool, groups: Groups | None
) -> Interval:
    """Interval of a mean that holds together with those of the other parts."""
    level = 1 - _MISSED / (2 * tests)
    if not is_error:
        return share_interval(terms == 1, groups, NormalDist().inv_cdf(level))
    value = float(terms.mean())
    reach = float(stdtrit(len(terms) - 1, level)) * float(terms.std(ddof=1)) / math.sqrt(len(terms))
    if groups is not None:
        reach *= math.sqrt(len(terms) / groups.effective(terms, len(terms)))
    return Interval(value, max(0.0, value - reach), value + reach)
