"""The verdict: one sentence on what was reached."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.sections.trust import novelty
from pellucid.reports.verdicts.classes import TRUSTED, judge
from pellucid.reports.verdicts.numbers import judge_numbers


def build(facts: ReportFacts) -> Mapping[str, Any]:
    """Say in one sentence what was reached.

    Content of `page/verdict.html`.
    """
    return {
        "verdict": judge_numbers(facts) if facts.is_regression else judge(facts),
        "models": len(entries.models(facts)),
        "trusted_share": TRUSTED,
        "tells_foreign": novelty.build(facts) is not None,
    }
