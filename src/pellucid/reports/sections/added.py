"""Gain by generated images: both networks on the same test examples."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite


class Paired(NamedTuple):
    """Difference of both networks on some test examples.

    Attributes:
        words: which examples.
        examples: how many.
        difference: accuracy with generated images less that without.
        p_value: adjusted for being two.
    """

    words: str
    examples: int
    difference: Score | None
    p_value: float | None


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what generated images gained.

    Content of `page/added.html`; `None` where none were added.
    """
    found = facts.metrics.get("added_generated")
    if not isinstance(found, Mapping):
        return None
    lead, *others = [str(each).replace(" %", "\u00a0%") for each in found.get("sentences") or ("",)]
    return {
        "lead": lead,
        "sentences": others,
        "run": str(found.get("from") or ""),
        "generator": str(found.get("generator") or ""),
        "with": str(found.get("with") or ""),
        "without": str(found.get("without") or ""),
        "share": finite(found.get("share")) or 0.0,
        "median": int(finite(found.get("median")) or 0),
        "classes": [(str(name), int(finite(count) or 0)) for name, count in _images(found)],
        "rows": _rows(found),
    }


def _images(found: Mapping[str, Any]) -> Sequence[tuple[Any, Any]]:
    images = found.get("images")
    return list(images.items()) if isinstance(images, Mapping) else []


def _rows(found: Mapping[str, Any]) -> Sequence[Paired]:
    """Both comparisons that were made."""
    rows = []
    for words, key in (("All classes", "test"), ("Classes that were filled", "test_of_filled_classes")):
        each = found.get(key)
        if isinstance(each, Mapping):
            difference = Score.read(each.get("accuracy_difference"))
            examples = int(finite(each.get("examples")) or 0)
            rows.append(Paired(words, examples, difference, finite(each.get("p_value_holm"))))
    return rows
