"""Reliability of the probabilities: accuracy against confidence, before and after the temperature."""

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.evaluation import Reliability
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score
from pellucid.reports.plots.charts import reliability_plot

_UNCHANGED = 0.005


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show reliability before and after the temperature.

    Content of `page/reliability.html`; `None` for numbers and without a test split.
    """
    found = facts.calibration
    if found is None or not any(each.examples for each in found.after.bins):
        return None
    return {
        "temperature": found.temperature,
        "is_changed": abs(found.temperature - 1) > _UNCHANGED,
        "before": Score(*found.before.error),
        "after": Score(*found.after.error),
        "is_chance": found.after.error.low <= 0,
        "excess": _excess(found.after),
        "parts": [
            ("before", reliability_plot(found.before), _rows(found.before)),
            ("after", reliability_plot(found.after), _rows(found.after)),
        ],
    }


def _rows(reliability: Reliability) -> Sequence[tuple[Any, Score]]:
    """The bins that hold an example, each with its share right."""
    return [(each, Score(*each.accuracy)) for each in reliability.bins if each.examples]


def _excess(reliability: Reliability) -> float:
    """Mean confidence minus share right: above zero where it is too sure."""
    examples = sum(each.examples for each in reliability.bins)
    filled = [each for each in reliability.bins if each.examples]
    return float(sum(each.examples * (each.confidence - each.accuracy.value) for each in filled) / examples)
