"""The layers of the recommended network."""

from collections.abc import Mapping
from typing import Any

from pellucid.reports.facts import LayerRow, ReportFacts


def build(facts: ReportFacts) -> Mapping[str, Any] | None:
    """List the network's layers.

    Args:
        facts: what the report is made from.

    Returns:
        Content of `page/network.html`; `None` for a model without layers.
    """
    if not facts.layers:
        return None
    total = sum(int(layer.parameters) for layer in facts.layers)
    return {
        "layers": [(layer, _share(layer, total)) for layer in facts.layers],
        "parameters": total,
        "multiply_adds": sum(int(layer.multiply_adds) for layer in facts.layers),
        "learned": sum(1 for layer in facts.layers if layer.parameters),
    }


def _share(layer: LayerRow, total: int) -> float:
    """Share of all parameters that a layer holds, in per cent."""
    return round(100 * int(layer.parameters) / total, 2) if total else 0.0
