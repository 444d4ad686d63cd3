"""Learning curve: the score against the number of training examples."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports import entries
from pellucid.reports.facts import ReportFacts
from pellucid.reports.numbers import Score, count, interval, scored
from pellucid.reports.plots.charts import curve_plot
from pellucid.settings import NEURAL


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """Show the learning curve.

    Content of `page/curve.html`; `None` where no curve was drawn.
    """
    found = facts.learning_curve
    if found is None or not found.curves:
        return None
    measure = entries.metric_named(facts, found.metric)
    rows = [
        (name, entries.colour(name), point.examples, Score(*point.score))
        for name, points in found.curves.items()
        for point in points
    ]
    spoken = "; ".join(
        f"{name} with {count(examples)} examples {scored(score)} {interval(score)}".strip()
        for name, _, examples, score in rows
    )
    return {
        "measure": measure,
        "outlook": found.outlook,
        "model": found.model,
        "has_network": any(name in NEURAL for name in found.curves),
        "stands_on": facts.recommended.endswith(f"-on-{found.model}"),
        "plot": curve_plot(found.curves),
        "rows": rows,
        "spoken": spoken,
    }
