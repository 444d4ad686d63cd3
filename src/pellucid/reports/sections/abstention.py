"""Abstention: the error among the answered against their share, and what is promised of it."""

from collections.abc import Mapping
from typing import Any

from pellucid.evaluation.abstention import ErrorPoint, least_examples
from pellucid.reports.facts import AbstentionFacts, ReportFacts
from pellucid.reports.numbers import Score, percent
from pellucid.reports.plots.charts import error_plot

_LED_BY = 0.05


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what the recommended model does when it may abstain.

    Content of `page/abstention.html`; `None` for numbers and without a test split.
    """
    found = facts.abstention
    if found is None or facts.is_regression or not found.curve:
        return None
    return {
        "all": Score(*found.curve[-1].error),
        "examples": found.examples,
        "led_by": _LED_BY,
        "lead": _promised(found, _LED_BY),
        "promises": [(each, _promised(found, each), least_examples(each)) for each in found.promises],
        "plot": error_plot(found.curve, facts.recommended),
        "rows": [(each, Score(*each.error)) for each in found.curve],
        "spoken": "; ".join(_spoken(each) for each in found.curve),
        "has_novelty": bool(facts.model.get("novelty")),
    }


def _promised(found: AbstentionFacts, max_error: float) -> Mapping[str, Any] | None:
    """A promise and what became of it on the test split; `None` where the held-out examples are too few."""
    promised = found.promises.get(max_error)
    if promised is None:
        return None
    promise, kept = promised
    return {
        "threshold": promise.threshold if promise.answered else None,
        "answered": Score(*kept.answered),
        "error": None if kept.error is None else Score(*kept.error),
        "is_kept": kept.error is None or kept.error.low <= max_error,
    }


def _spoken(point: ErrorPoint) -> str:
    low, high = percent(point.error.low), percent(point.error.high)
    return f"{percent(point.share)} answered, {percent(point.error.value)} of them wrong, {low} to {high}"
