"""Description of a network for the page's script: layers, receptive fields, places of the numbers."""

from collections.abc import Mapping, Set
from typing import Any

from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.fields import axes, field_of
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.records import LayerRecord
from pellucid.reports.explain.packing import Packed
from pellucid.reports.text import visible

HIDDEN = ("present", "turned-places")
"""Lines that hold no numbers to look at."""


def described(explanation: Explanation, packed: Packed) -> dict[str, Any]:
    """Everything the script needs but the numbers themselves."""
    opened = explanation.opened
    assert opened is not None  # asked for opened networks only
    sees_all = _seeing_all(opened)
    return {
        "layers": [_layer(explanation, opened, each, sees_all) for each in explanation.layers],
        "inputs": list(opened.value("inputs").shape),
        "ids": opened.value("inputs").tolist() if explanation.tokens else [],
        "tokens": [visible(token) for token in explanation.tokens],
        "places": packed.places,
        "classes": [visible(name) for name in explanation.classes],
        "output": opened.output,
        "answers": ["temperature", "probabilities"],
        "against": None if explanation.backward is None else explanation.backward.target,
        "learnt": [] if explanation.checker is None else list(explanation.checker.names),
    }


def _layer(
    explanation: Explanation, opened: Opened, record: LayerRecord, sees_all: Set[str]
) -> dict[str, Any]:
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
        "field": None if record.name in sees_all else _fields(opened, record),
        "norm": None if backward is None else backward.norm(record.name),
        "disagreement": None if backward is None else backward.disagreement(record.name),
    }


def _seeing_all(opened: Opened) -> Set[str]:
    """Layers behind an attention: every unit of them sees all tokens, which need not be followed back."""
    found: set[str] = set()
    for line in opened.lines:
        if line.kind in ("attention-weights", "attention") or found & set(opened.sources(line)):
            found.add(line.name)
    return found


def _says_places(opened: Opened, name: str) -> bool:
    return name in opened.by_name and opened.by_name[name].kind in HIDDEN


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in settings.items()}


def _fields(opened: Opened, record: LayerRecord) -> list[list[list[int]]] | None:
    """For each axis the field of each place along it; `None` where every unit sees everything.

    Rows do not change which columns a unit sees, so that each axis can be followed by itself.
    """
    lengths = axes(record.output_shape)
    if record.kind in (*HIDDEN, "flatten") or len(lengths) != len(axes(opened.value("inputs").shape)):
        return None
    if len(record.output_shape) == 1:
        return None
    fields = []
    for axis, length in enumerate(lengths):
        places = [
            tuple((at if each == axis else 0,) * 2 for each in range(len(lengths))) for at in range(length)
        ]
        fields.append([list(field_of(opened, record.name, box)[axis]) for box in places])
    return fields
