"""Everything that a page's scripts read of a model beside its layers and weights."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pellucid.bundle import AverageModel, ClassicalModel, ImageModel, Member, Model
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.export.app.classical import told_predictor
from pellucid.export.app.kinds import AppKind
from pellucid.export.app.tensors import Tensors
from pellucid.insight.explaining import with_probabilities
from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.records import layer_records
from pellucid.novelty import Detector
from pellucid.reports.explain.describing import described
from pellucid.reports.explain.packing import Packed
from pellucid.runtime.metadata import Metadata

# Prefix of the arrays of a novelty detector among the tensors.
NOVELTY = "novelty."

# Facts of a layer that is computed without being shown.
_COMPUTED = ("name", "kind", "takes", "weights", "settings", "shape", "hidden")


class Body(NamedTuple):
    """What one or several members see of an input: the last hidden layer of a network, or features.

    Attributes:
        model: that sees it; the network itself where it is one of the members.
        members: places of all that see it.
        opened: the network opened on a blank input; `None` without one.
    """

    model: Model
    members: tuple[int, ...]
    opened: Opened | None


def members_of(model: Model) -> tuple[Member, ...]:
    """The members of an average; any other model is its only one."""
    return model.members if isinstance(model, AverageModel) else (Member(model.name, 1, model),)


def bodies_of(model: Model, kind: AppKind) -> list[Body]:
    """What members see of an input, once for all that see the same; that of the first member comes first."""
    members = members_of(model)
    groups = model.groups if isinstance(model, AverageModel) else [[0]]
    found = []
    for group in groups:
        seeing = members[group[0]].model
        opened = kind.opened(seeing)
        if opened is not None and isinstance(seeing, OnNetwork) and seeing.classes:
            opened = with_probabilities(opened, seeing.temperature)
        found.append(Body(seeing, tuple(group), opened))
    return found


def opened_place(bodies: Sequence[Body]) -> int:
    """Place of the body whose layers the page opens: of the heaviest member that has any; else the first."""
    with_layers = [place for place, body in enumerate(bodies) if body.opened is not None]
    return with_layers[0] if with_layers else 0


def app_facts(
    model: Model, kind: AppKind, metadata: Metadata, bodies: Sequence[Body], tensors: Tensors
) -> dict[str, Any]:
    """The document `app` of a page, but card and proof; the arrays it speaks of are added to `tensors`."""
    shown = opened_place(bodies)
    is_average = isinstance(model, AverageModel)
    told_bodies = [
        _body(body, kind, metadata, tensors, number=_number(place, shown), is_shown=place == shown)
        for place, body in enumerate(bodies)
    ]
    body_of = {member: place for place, body in enumerate(bodies) for member in body.members}
    return {
        "model": metadata.model,
        "classes": list(metadata.classes),
        "temperature": metadata.temperature if is_average else 1.0,
        "members": [
            _member(model, place, body_of[place], tensors) for place in range(len(members_of(model)))
        ],
        "bodies": told_bodies,
        "opened": shown,
        "input": kind.facts(model),
        "novelty": None if model.detector is None else _detector(model.detector, tensors),
        "abstention": [list(each) for each in metadata.abstention],
        "tensors": tensors.places,
    }


def hidden_of(opened: Opened) -> str:
    """Name of the value that the network's head takes: the last hidden layer, which a detector looks at."""
    for line in opened.lines:
        if line.name.split(".")[0] == "head":
            return opened.sources(line)[0]
    return opened.output


def _number(place: int, first: int) -> str:
    """What names of arrays of one of several end in: nothing of that which comes first, else its number."""
    return "" if place == first else str(place + 1)


def _member(model: Model, place: int, body: int, tensors: Tensors) -> dict[str, Any]:
    """A member, of the form `Member` in the script's types."""
    members = members_of(model)
    name, weight, one = members[place]
    # Of a linear model on words, alone, a table beside the words says what each of them adds.
    shows_words = (
        len(members) == 1
        and isinstance(one, ClassicalModel)
        and one.tfidf is not None
        and one.predictor.kind == "linear"
    )
    return {
        "name": name,
        "weight": weight,
        "share": weight / sum(each.weight for each in members),
        "temperature": one.temperature,
        "mirror": isinstance(one, ImageModel) and one.mirror,
        "body": body,
        "predictor": told_predictor(
            one, tensors, f"predictor{_number(place, 0)}.", is_opened=not shows_words
        ),
    }


def _body(
    body: Body, kind: AppKind, metadata: Metadata, tensors: Tensors, *, number: str, is_shown: bool
) -> dict[str, Any]:
    """A body, of the form `Body` in the script's types; layers that the page shows are told elsewhere."""
    opened, layers = body.opened, None
    if opened is not None:
        prefix = f"network{number}." if number else ""
        tensors.add_all({prefix + name: each for name, each in _weights(opened).items()})
        if not is_shown:
            layers = [
                {key: layer[key] for key in _COMPUTED}
                | {"weights": [prefix + name for name in layer["weights"]]}
                for layer in told_layers(metadata, opened)["layers"]
            ]
    return {
        "hidden": "" if opened is None else hidden_of(opened),
        "output": "" if opened is None else opened.output,
        "layers": layers,
        "input": kind.body(body.model, tensors, number),
    }


def told_layers(metadata: Metadata, opened: Opened | None) -> dict[str, Any]:
    """What the explain page's script reads of the layers of a network; the document `told` of a page."""
    if opened is None:
        return {"layers": [], "places": {}}
    return described(explanation_of(metadata, opened), Packed())


def explanation_of(metadata: Metadata, opened: Opened | None) -> Explanation:
    """The layers of a network, none where there is no network, as the explain page takes them."""
    return Explanation(
        model=metadata.model,
        classes=metadata.classes,
        answer=np.zeros(max(1, len(metadata.classes))),
        target=None,
        inputs="",
        opened=opened,
        layers=() if opened is None else layer_records(opened),
    )


def _weights(opened: Opened) -> dict[str, Any]:
    """Tensors that some line takes."""
    taken = [name for line in opened.lines for name in line.takes if name in opened.weights]
    return {name: opened.weights[name] for name in dict.fromkeys(taken)}


def _detector(detector: Detector, tensors: Tensors) -> dict[str, Any]:
    """Settings of a detector; its arrays are kept in single precision, since ranks are told by them."""
    arrays = {name: array for name, array in detector.arrays().items() if name != "answers"}
    tensors.add_all(arrays, NOVELTY, exactly=True)
    return {"kind": detector.measure.kind, "rate": detector.rate, "settings": detector.measure.to_json()}
