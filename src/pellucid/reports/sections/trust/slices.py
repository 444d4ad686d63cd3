"""Scores by the values of a column, worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score
from pellucid.reports.plots.axes import Ruler, round_bounds, ruler
from pellucid.settings import METRICS

_SHOWN = 30


@dataclass(frozen=True)
class SliceRow:
    """Score on the examples of one value.

    Attributes:
        value: the value; empty for the small ones together.
        examples: test examples of it.
        score: with its simultaneous interval.
        bar: the score on the common scale, with that of all examples.
        is_worse: whether the whole interval is worse than that of all.
    """

    value: str
    examples: int
    score: Score | None
    bar: Ruler | None
    is_worse: bool


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show where the recommended model is worst.

    Content of `page/slices.html`; `None` where no column was asked for.
    """
    found = facts.metrics.get("slices")
    if not found:
        return None
    metric = METRICS[found["metric"]]
    whole = Score.read((facts.model.get("test") or {}).get(metric.key))
    entries = [*found["values"], *([found["pooled"]] if found["pooled"] else [])]
    scores = [score for each in entries if (score := Score.read(each["score"])) is not None]
    bounds = (0.0, 1.0)
    if metric.is_error:
        bounds = round_bounds(0.0, max((score.high for score in scores), default=1.0))
    reference = None if whole is None else (whole.value, "")
    rows = [_row(each, bounds, reference) for each in entries]
    pooled = rows.pop() if found["pooled"] else None
    return {
        "column": found["column"],
        "metric": metric,
        "whole": whole,
        "rows": rows[:_SHOWN],
        "more": max(0, len(rows) - _SHOWN),
        "pooled": pooled,
        "pooled_values": (found["pooled"] or {}).get("values"),
        "left_out": found["left_out"],
        "bounds": bounds,
        "worse": _worse(rows),
        "count": len(entries),
    }


def _worse(rows: Sequence[SliceRow]) -> Sequence[str]:
    """The values that are worse than all beyond chance."""
    return [row.value for row in rows if row.is_worse]


def _row(
    entry: Mapping[str, Any], bounds: tuple[float, float], reference: tuple[float, str] | None
) -> SliceRow:
    score = Score.read(entry["score"])
    return SliceRow(
        value=str(entry["value"] or ""),
        examples=int(entry["examples"]),
        score=score,
        bar=None if score is None else ruler(score, bounds, reference),
        is_worse=bool(entry["worse_than_all"]),
    )
