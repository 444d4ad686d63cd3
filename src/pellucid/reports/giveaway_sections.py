"""What gives classes away: features that are no content and alone mark a class."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports.facts import ReportFacts
from pellucid.reports.formatting import read_score
from pellucid.settings import METRICS

_EXAMPLES = 3


def giveaways_section(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Giveaways and what was looked at: content of `page/giveaways.html`; `None` without a search."""
    details = {} if facts.check is None else facts.check.to_json().get("giveaways") or {}
    if not details.get("kinds"):
        return None
    judged = facts.metrics.get("giveaways") or details["found"]
    metric = METRICS[facts.target.headline]
    return {
        "rows": [
            {**each, "examples": each["examples"][:_EXAMPLES], "score": read_score(each.get("score_without"))}
            for each in judged
        ],
        "metric": metric,
        "whole": facts.score(metric.key),
        "kinds": details["kinds"],
        "searched": details["searched"],
    }
