"""Novelty detection: false alarms on the test split, and the detection of synthetic outliers."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite

_SYNTHETIC_OUTLIERS = {
    "noise": "noise: every pixel by chance",
    "shuffled_pieces": "cut into sixteen pieces that changed places",
    "inverted": "inverted: dark is bright, bright is dark",
    "shuffled_letters": "the same letters in another order",
    "random_letters": "letters by chance, as frequent as in the test texts",
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
        "told": [words for words, area in rows if area >= _GOOD],
        "missed": [words for words, area in rows if area < _FAIR],
        "is_neighbours": found.get("detector") == "neighbours",
    }
