"""The verdict on a model that predicts numbers: how far off it is, and between which values it was tried."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite, significant
from pellucid.reports.plots.axes import Ruler, ruler
from pellucid.reports.verdicts.classes import Judged, baseline, by_groups, words_of
from pellucid.settings import DUMMIES

_NINE_IN_TEN = 0.9
_PARTS = 4
_MUCH_WORSE = 1.5
_LEAST_IN_PART = 10


@dataclass(frozen=True)
class Range:
    """Range of true values with the largest errors.

    Attributes:
        low: smallest true value in it.
        high: largest true value in it.
        error: mean distance of the answers from the truth there.
    """

    low: float
    high: float
    error: float


@dataclass(frozen=True, kw_only=True)
class NumberVerdict(Judged):
    """First screen of the report on a model that predicts numbers.

    Attributes:
        error: mean absolute error on the test split, or `None`.
        squared: root mean squared error on the test split, or `None`.
        r2: share of the variance explained, or `None`.
        low: smallest true value tested, or `None`.
        high: largest true value tested, or `None`.
        nine_in_ten: nine answers in ten are off by at most this, or `None`.
        worst: where it is much farther off than elsewhere, or `None`.
    """

    error: Score | None
    squared: Score | None
    r2: Score | None
    low: float | None
    high: float | None
    nine_in_ten: float | None
    worst: Range | None


def judge_numbers(facts: ReportFacts) -> NumberVerdict:
    """Judge the recommended model by its test scores, of a run whose target is a number."""
    error, r2 = facts.score("mean_absolute_error"), facts.score("r2")
    is_dummy = facts.recommended in DUMMIES
    truth, predicted = _tested(facts)
    title, kind = entries.in_words(facts, facts.recommended)
    distances = np.abs(predicted - truth)
    chance = _of_the_mean(facts, truth)
    return NumberVerdict(
        model=facts.recommended,
        title=title,
        kind=kind,
        is_dummy=is_dummy,
        error=error,
        squared=facts.score("root_mean_squared_error"),
        r2=r2,
        without_leaked=facts.score("mean_absolute_error", "test_without_leaked"),
        without_siblings=facts.score("mean_absolute_error", "test_without_siblings"),
        chance=chance,
        beats_chance=not is_dummy and r2 is not None and r2.low > 0,
        scale=_scale(error, chance),
        low=float(truth.min()) if len(truth) else None,
        high=float(truth.max()) if len(truth) else None,
        nine_in_ten=float(np.quantile(distances, _NINE_IN_TEN)) if len(truth) else None,
        worst=_worst(truth, distances),
        tested=len(truth) or facts.data_count("test"),
        leaked=facts.data_count("leaked"),
        reason=str(facts.metrics.get("reason") or ""),
        contradiction=words_of(facts, "contradiction"),
        disagreement=words_of(facts, "disagreement"),
        groups=by_groups(facts),
        baseline=baseline(facts),
    )


def _tested(facts: ReportFacts) -> tuple[Float64[np.ndarray, " test"], Float64[np.ndarray, " test"]]:
    """True and predicted numbers; both empty where nothing was tested."""
    if facts.numbers is None:
        return np.zeros(0), np.zeros(0)
    return facts.numbers[:, 0], facts.numbers[:, 1]


def _of_the_mean(facts: ReportFacts, truth: Float64[np.ndarray, " test"]) -> float | None:
    """Error of always answering the mean: as measured, or else that of the test split's own mean."""
    dummy = entries.models(facts).get(entries.dummy(facts) or "", {})
    measured = finite(((dummy.get("test") or {}).get("mean_absolute_error") or {}).get("value"))
    if measured is not None:
        return measured
    return float(np.abs(truth - truth.mean()).mean()) if len(truth) else None


def _scale(error: Score | None, chance: float | None) -> Ruler | None:
    if error is None:
        return None
    reference = None if chance is None else (chance, f"mean alone {significant(chance)}")
    high = 1.05 * max(error.high, chance or 0.0)
    return ruler(error, (0.0, high), reference) if high > 0 else None


def _worst(truth: Float64[np.ndarray, " test"], distances: Float64[np.ndarray, " test"]) -> Range | None:
    """The quarter of the test examples, by true value, where it is farthest off, if much farther."""
    if len(truth) < _PARTS * _LEAST_IN_PART or not distances.any():
        return None
    quarters = np.array_split(np.argsort(truth, kind="stable"), _PARTS)
    rows = max(quarters, key=lambda rows: float(distances[rows].mean()))
    if distances[rows].mean() < _MUCH_WORSE * distances.mean():
        return None
    return Range(float(truth[rows].min()), float(truth[rows].max()), float(distances[rows].mean()))
