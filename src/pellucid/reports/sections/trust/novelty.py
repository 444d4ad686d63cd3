"""Novelty detection: false alarms on the test split, and the detection of synthetic outliers."""

from collections.abc import Mapping, Sequence
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite, significant

_SYNTHETIC_OUTLIERS = {
    "noise": "random noise",
    "shuffled_pieces": "shuffled 4 \u00d7 4 patches",
    "inverted": "inverted brightness",
    "shuffled_letters": "shuffled letters",
    "random_letters": "random letters, as frequent as in the test texts",
}
_GOOD, _FAIR = 0.95, 0.8


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show how the recommended model's detector did.

    Content of `page/novelty.html`; `None` where the model has no detector.
    """
    found = facts.model.get("novelty")
    alarms = None if not found else Score.read(found.get("false_alarm_rate"))
    if not found or alarms is None:
        return None
    areas: Mapping[str, Any] = found.get("area_under_roc") or {}
    rows = [(_SYNTHETIC_OUTLIERS.get(name, name), finite(area) or 0.0) for name, area in areas.items()]
    stated = finite(found.get("stated_rate")) or 0.0
    return {
        "alarms": alarms,
        "stated": stated,
        "is_kept": alarms.low <= stated <= alarms.high,
        "is_often": alarms.value > stated,
        "threshold": finite(found.get("threshold")) or 0.0,
        "validation": found.get("validation_examples"),
        "synthetic_outliers": found.get("synthetic_outliers"),
        "rows": rows,
        "range": _range([area for _, area in rows]) if rows else "",
        "told": [words for words, area in rows if area >= _GOOD],
        "missed": [words for words, area in rows if area < _FAIR],
        "is_neighbours": found.get("detector") == "neighbours",
    }


def _range(areas: Sequence[float]) -> str:
    """Smallest and largest of some shares, such as `98 to 100 %`."""
    low, high = (significant(100 * area, 2) if area < 1 else "100" for area in (min(areas), max(areas)))
    return f"{low} %" if low == high else f"{low} to {high} %"
