"""Pairs of models compared on the same test examples."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.evaluation.comparisons.paired import LEVEL
from pellucid.reports.entries import compared
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite
from pellucid.reports.plots.axes import Ruler, ruler
from pellucid.settings import DUMMIES, Metric


@dataclass(frozen=True)
class Pairing:
    """Two models compared.

    Attributes:
        first: the model that the difference belongs to.
        second: the model it is measured against.
        difference: score of the first minus score of the second.
        bar: the difference on the list's common scale, zero marked; `None` where it lies off the scale.
        p_value: adjusted for the number of pairs.
        verdict: in words.
        word: `better`, `worse` or `inconclusive`, said of the first.
    """

    first: str
    second: str
    difference: Score | None
    bar: Ruler | None
    p_value: float | None
    verdict: str
    word: str = "inconclusive"


@dataclass(frozen=True)
class Pairings:
    """Every pair that was compared.

    Attributes:
        measure: the score that differs.
        first: pairs with the recommended model, seen from it, the nearest other first.
        rest: the other pairs.
        bounds: ends of the scale of the first list.
    """

    measure: Metric
    first: Sequence[Pairing]
    rest: Sequence[Pairing]
    bounds: tuple[float, float]

    @property
    def count(self) -> int:
        """Number of pairs compared."""
        return len(self.first) + len(self.rest)


def pairings(facts: ReportFacts, comparisons: Any, measure: Metric | None = None) -> Pairings | None:
    """Read the comparisons of `metrics.json`; `None` where there are none.

    `measure` is the score that differs; by default the one that models are compared by on the test split.
    """
    measure = measure or compared(facts)
    read = [read_pair(each, facts.recommended, measure) for each in comparisons or ()]
    if not read:
        return None
    first = sorted((each for each in read if each.first == facts.recommended), key=_distance)
    rest = [each for each in read if each.first != facts.recommended]
    bounds = _bounds(first)
    return Pairings(measure, [drawn(each, bounds) for each in first], rest, bounds)


def read_pair(comparison: Mapping[str, Any], seen_from: str, measure: Metric) -> Pairing:
    """One comparison of `metrics.json`, turned around where the model it is seen from comes second."""
    first, second = str(comparison.get("a", "")), str(comparison.get("b", ""))
    difference = Score.read(comparison.get(f"{measure.key}_difference"))
    if second == seen_from:
        first, second = second, first
        if difference is not None:
            difference = Score(-difference.value, -difference.high, -difference.low)
    raw = finite(comparison.get("p_value"))
    adjusted = finite(comparison.get("p_value_holm"))
    p_value = raw if adjusted is None else adjusted
    word = "inconclusive"
    if difference is not None and p_value is not None and p_value <= LEVEL:
        word = "better" if measure.better(difference.value) > 0 else "worse"
    return Pairing(first, second, difference, None, p_value, str(comparison.get("verdict") or ""), word)


def _distance(pair: Pairing) -> float:
    """Distance between the two; infinite where it is not known."""
    return math.inf if pair.difference is None else abs(pair.difference.value)


def _bounds(pairs: Sequence[Pairing]) -> tuple[float, float]:
    """A scale around zero, wide enough for all but the model that knows nothing."""
    kept = [each for each in pairs if each.second not in DUMMIES] or pairs
    ends = [end for each in kept if each.difference for end in (each.difference.low, each.difference.high)]
    reach = 1.1 * max((abs(end) for end in ends), default=0.0) or 1.0
    return (-reach, reach)


def drawn(pair: Pairing, bounds: tuple[float, float]) -> Pairing:
    """The pair with its difference on a scale of these ends, unless it lies off that scale."""
    difference = pair.difference
    if difference is None or not bounds[0] <= difference.value <= bounds[1]:
        return pair
    return dataclasses.replace(pair, bar=ruler(difference, bounds, (0.0, "0")))
