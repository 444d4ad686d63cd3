"""What gives classes away: features that are no content and alone mark a class, and the score without them."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import read_score
from pellucid.settings import METRICS

_EXAMPLES = 3


def giveaways_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Giveaways and what was looked at: content of `page/giveaways.html`; `None` where nothing was searched."""
    searched = facts.check.giveaways if facts.check is not None else None
    if searched is None or not searched.kinds:
        return None
    judged = facts.metrics.get("giveaways") or [each.to_json() for each in searched.found]
    metric = METRICS[facts.target.headline]
    return {
        "rows": [
            {**each, "examples": each["examples"][:_EXAMPLES], "score": read_score(each.get("score_without"))}
            for each in judged
        ],
        "metric": metric,
        "whole": facts.score(metric.key),
        "kinds": searched.kinds,
        "searched": searched.searched,
        "columns": [kind.removeprefix("column ") for kind in searched.kinds if kind.startswith("column ")],
    }
