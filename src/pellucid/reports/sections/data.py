"""The data: counts, and the findings of its check."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import finite

_FINDING_LINES, _FINDING_WIDTH = 20, 6
_COUNTS = ("train", "validation", "test", "skipped")


def build(facts: ReportFacts) -> Mapping[str, Any]:
    """Say what the model learned from, and what was found wrong with it.

    Content of `page/data.html`.
    """
    details = facts.check.to_json() if facts.check is not None else {}
    return {
        "counts": {name: facts.data_count(name) for name in _COUNTS},
        "groups": _groups(facts),
        "sentences": facts.check.sentences() if facts.check is not None else [],
        "related": details.get("related") or (),
        "own_splits": bool(details.get("own_splits")),
        "spreads": _spreads(details),
        "class_counts": [each for each in (details.get("counts") or {}).items() if any(each[1].values())],
        "findings": [finding for finding in _findings(details) if finding.count],
    }


def _groups(facts: ReportFacts) -> Sequence[str]:
    """Groups of each split; nothing where no example belongs with another."""
    found = (facts.metrics.get("data") or {}).get("groups") or {}
    return [f"{int(finite(found.get(part)) or 0):,}" for part in ("train", "validation", "test") if found]


def _spreads(details: Mapping[str, Any]) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Distribution of the numbers to predict, in all splits together and in each."""
    found = details.get("numbers") or {}
    splits = found.get("splits") or {}
    return [(name, spread) for name, spread in (("all", found), *splits.items()) if spread]


@dataclass(frozen=True)
class Finding:
    """Something found in the data, with the places where it stands.

    Attributes:
        title: what was found.
        count: how often.
        lines: the first few, each the texts that belong together.
    """

    title: str
    count: int
    lines: Sequence[Sequence[str]]


def _findings(details: Mapping[str, Any]) -> Sequence[Finding]:
    """The lists of `Check.to_json`, cut to what a page can show."""

    def finding(title: str, key: str, texts: Callable[[Any], Sequence[str]]) -> Finding:
        found = details.get(key) or []
        return Finding(title, len(found), [texts(each)[:_FINDING_WIDTH] for each in found[:_FINDING_LINES]])

    return (
        finding("Left out", "skipped_examples", lambda each: (each["source"], each["reason"])),
        finding("Leaked from the test split", "leaked_examples", lambda each: (each,)),
        finding(
            "Equal content under different labels",
            "conflicts",
            lambda each: [f"{example['source']}: {example['label']}" for example in each],
        ),
        finding("Sets of exact copies", "copies", list),
        finding("Near duplicates", "near_copies", list),
        finding(
            "Sets of siblings",
            "sibling_sets",
            lambda each: (each["rule"].replace("_", " "), *each["examples"]),
        ),
        finding("Test examples related to a training example", "test_sibling_examples", lambda each: (each,)),
    )
