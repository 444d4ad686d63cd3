"""Description of a network for the page's script: layers, receptive fields, places of the numbers."""

from collections.abc import Mapping
from typing import Any

from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.bridge import CLOSED
from pellucid.insight.layers.fields import Range, fields_of_all
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.records import LayerRecord
from pellucid.reports.explain.packing import Packed
from pellucid.reports.text import visible

# Lines that hold no numbers to look at, or that are not opened.
HIDDEN = ("present", "turned-places", CLOSED)


def described(explanation: Explanation, packed: Packed) -> dict[str, Any]:
    """Everything the script needs but the numbers themselves."""
    opened = explanation.opened
    assert opened is not None  # asked for opened networks only
    fields = fields_of_all(opened)
    return {
        "layers": [_layer(explanation, opened, each, fields) for each in explanation.layers],
        "inputs": list(opened.value("inputs").shape),
        "given": {name: list(opened.value(name).shape) for name in opened.given if name != "inputs"},
        "ids": opened.value("inputs").tolist() if explanation.tokens else [],
        "tokens": [visible(token) for token in explanation.tokens],
        "places": packed.places,
        "classes": [visible(name) for name in explanation.classes],
        "output": opened.output,
        "answers": ["temperature", "probabilities"],
        "against": None if explanation.backward is None else explanation.backward.target,
        "unseeing": [each.name for each in explanation.layers if not each.receptive_field],
        "terms": {} if explanation.backward is None else dict(explanation.backward.terms),
        "learnt": [] if explanation.checker is None else list(explanation.checker.names),
    }


def _layer(
    explanation: Explanation,
    opened: Opened,
    record: LayerRecord,
    fields: Mapping[str, list[list[Range]] | None],
) -> dict[str, Any]:
    """Facts of one layer for the page's script."""
    line = opened.line(record.name)
    backward = explanation.backward
    return {
        "name": record.name,
        "kind": record.kind,
        "words": record.words,
        "takes": [name for name in record.takes if not _says_places(opened, name)],
        "weights": [name for name in line.takes if name in opened.weights],
        "settings": _plain(line.settings),
        "shape": list(record.output_shape),
        "hidden": record.kind in HIDDEN,
        "field": None if record.kind in (*HIDDEN, "flatten") else fields.get(record.name),
        "norm": None if backward is None else backward.norm(record.name),
        "disagreement": None if backward is None else backward.disagreement(record.name),
    }


def _says_places(opened: Opened, name: str) -> bool:
    return name in opened.by_name and opened.by_name[name].kind in HIDDEN


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}
