"""Forgetting in continual training: scores on old test examples before and after."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.evaluation.comparisons.paired import LEVEL
from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, finite

MOST_SHOWN = 10
_UNMEASURED = "Forgetting was not measured."


@dataclass(frozen=True)
class Kept:
    """One old class.

    Attributes:
        name: the class.
        examples: old test examples of it.
        before: share of them that was classified correctly before continual training.
        after: the same now.
        is_real: whether it has lost, and not by chance.
    """

    name: str
    examples: int
    before: float
    after: float
    is_real: bool


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show what was kept and what was forgotten.

    Content of `page/continual.html`; `None` where a fresh network was trained, or none.
    """
    found = facts.metrics.get("continual")
    if not isinstance(found, Mapping):
        return None
    forgetting = found.get("forgetting") or {}
    judged = entries.compared(facts)
    measured = [each for each in entries.metrics(facts) if each.key in (forgetting.get("after") or {})]
    measures = sorted(measured, key=lambda each: each != judged)
    classes = _classes(forgetting)
    return {
        "run": str(found.get("from") or ""),
        "network": str(found.get("model") or ""),
        "sentence": _unbroken(forgetting.get("sentence") or _UNMEASURED),
        "reasons": [str(each) for each in found.get("not_measured") or ()],
        "said": [str(each) for each in found.get("reasons") or ()],
        "examples": finite(forgetting.get("examples")),
        "left_out": int(finite(forgetting.get("left_out")) or 0),
        "places": [str(each) for each in forgetting.get("data") or ()],
        "measures": measures,
        "rows": [
            (words, [Score.read((forgetting.get(part) or {}).get(each.key)) for each in measures])
            for words, part in (("Before this training", "before"), ("Now", "after"))
        ],
        "difference": Score.read(forgetting.get(f"{judged.key}_difference")),
        "p_value": finite(forgetting.get("p_value")),
        "classes": classes,
        "shown": classes[:MOST_SHOWN],
        "seen": _seen(facts, found),
        "of_recommended": _unbroken((found.get("forgetting_of_recommended") or {}).get("sentence") or ""),
    }


def _unbroken(sentence: Any) -> str:
    """A sentence in which no number parts from its per cent sign."""
    return str(sentence).replace(" %", "\u00a0%")


def _classes(forgetting: Mapping[str, Any]) -> Sequence[Kept]:
    """The old classes, the worst losers first."""
    rows = [each for each in forgetting.get("classes") or () if isinstance(each, Mapping)]
    return [
        Kept(
            str(each.get("class")),
            int(finite(each.get("examples")) or 0),
            finite(each.get("before")) or 0.0,
            finite(each.get("after")) or 0.0,
            _is_real(each),
        )
        for each in rows
    ]


def _is_real(row: Mapping[str, Any]) -> bool:
    """True for a class with a loss beyond chance, at the level of 5 % with all classes counted."""
    p_value = finite(row.get("p_value_holm"))
    has_lost = (finite(row.get("after")) or 0.0) < (finite(row.get("before")) or 0.0)
    return p_value is not None and p_value <= LEVEL and has_lost


def _seen(facts: ReportFacts, found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """New examples that the network had learned from before."""
    seen = found.get("seen_before")
    if not isinstance(seen, Mapping):
        return None
    measure = entries.headline(facts)
    return {
        "test": int(finite(seen.get("test")) or 0),
        "validation": int(finite(seen.get("validation")) or 0),
        "measure": measure,
        "without": Score.read((seen.get("test_without") or {}).get(measure.key)),
    }
