"""Everything that a page's scripts read of a model beside its layers and weights."""

from typing import Any

from pellucid.bundle import ImageModel, Model
from pellucid.export.app.kinds import AppKind
from pellucid.export.app.tensors import Tensors
from pellucid.insight.layers.opened import Opened
from pellucid.novelty import Detector
from pellucid.runtime.metadata import Metadata

NOVELTY = "novelty."
"""Prefix of the arrays of a novelty detector among the tensors."""


def app_facts(
    model: Model, kind: AppKind, metadata: Metadata, opened: Opened | None, tensors: Tensors
) -> dict[str, Any]:
    """The document `app` of a page, but card and proof; the arrays it speaks of are added to `tensors`."""
    if opened is not None:
        tensors.add_all(_weights(opened))
    detector = None if model.detector is None else _detector(model.detector, tensors)
    return {
        "model": metadata.model,
        "classes": list(metadata.classes),
        "temperature": metadata.temperature,
        "mirror": isinstance(model, ImageModel) and model.mirror,
        "hidden": "" if opened is None else hidden_of(opened),
        "input": kind.facts(model, tensors),
        "novelty": detector,
        "abstention": [list(each) for each in metadata.abstention],
        "tensors": tensors.places,
    }


def hidden_of(opened: Opened) -> str:
    """Name of the value that the network's head takes: the last hidden layer, which a detector looks at."""
    for line in opened.lines:
        if line.name.split(".")[0] == "head":
            return opened.sources(line)[0]
    return opened.output


def _weights(opened: Opened) -> dict[str, Any]:
    """Tensors that some line takes."""
    taken = [name for line in opened.lines for name in line.takes if name in opened.weights]
    return {name: opened.weights[name] for name in dict.fromkeys(taken)}


def _detector(detector: Detector, tensors: Tensors) -> dict[str, Any]:
    """Settings of a detector; its arrays are kept in single precision, since ranks are told by them."""
    arrays = {name: array for name, array in detector.arrays().items() if name != "answers"}
    tensors.add_all(arrays, NOVELTY, exactly=True)
    return {"kind": detector.measure.kind, "rate": detector.rate, "settings": detector.measure.to_json()}
