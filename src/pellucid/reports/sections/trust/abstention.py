"""Abstention: the error among the answered against their share, and what is promised of it."""

from collections.abc import Mapping
from typing import Any

from pellucid.arithmetic.rounding import per_cent
from pellucid.evaluation import Interval
from pellucid.evaluation.promises.abstention import ErrorPoint, least_examples
from pellucid.reports.facts import AbstentionFacts, ReportFacts
from pellucid.reports.numbers import percent
from pellucid.reports.plots.charts import error_plot

_LED_BY = 0.05


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what the recommended model does when it may abstain.

    Content of `page/abstention.html`; `None` for numbers and without a test split.
    """
    found = facts.abstention
    if found is None or not found.curve:
        return None
    return {
        "all": percent(found.curve[-1].error.value),
        "examples": found.examples,
        "led_by": _LED_BY,
        "lead": _promised(found, _LED_BY),
        "tested": max((each.tested for each in found.promises.values() if each is not None), default=0),
        "promises": [(each, _promised(found, each), least_examples(each)) for each in found.promises],
        "plot": error_plot(found.curve, facts.recommended),
        "rows": [(each, _shown(each.error)) for each in found.curve],
        "spoken": "; ".join(_spoken(each) for each in found.curve),
        "has_novelty": bool(facts.model.get("novelty")),
    }


def _promised(found: AbstentionFacts, max_error: float) -> Mapping[str, Any] | None:
    """A promise and what became of it on the test split; `None` where the held-out examples are too few."""
    promise = found.promises.get(max_error)
    if promise is None:
        return None
    kept = promise.on_test
    return {
        "threshold": promise.threshold if promise.answered else None,
        "answered": _shown(promise.expected if kept is None else kept.answered),
        "error": None if kept is None or kept.error is None else _shown(kept.error),
        "is_checked": kept is not None,
        "is_confirmed": promise.is_confirmed,
        "is_refuted": promise.is_refuted,
    }


def _shown(share: Interval) -> tuple[str, str]:
    """A share in per cent, and its interval."""
    low, high = (per_cent(end, share.value) for end in share[1:])
    return percent(share.value), f"[{low},\u00a0{high}]"


def _spoken(point: ErrorPoint) -> str:
    wrong, interval = _shown(point.error)
    return f"{100 * point.share:.3g}\u00a0% answered, {wrong} {interval} of them wrong"
