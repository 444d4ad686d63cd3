"""The page put together: templates, one script, its documents, and the policy that lets nothing else in."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from pellucid.bundle import Model
from pellucid.bundle.models.on_network import OnNetwork
from pellucid.export.app.facts import app_facts
from pellucid.export.app.kinds import KINDS, AppKind
from pellucid.export.app.tensors import Tensors, deflated
from pellucid.insight.explaining import with_probabilities
from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.opened import Opened
from pellucid.insight.layers.records import layer_records
from pellucid.reports.explain.describing import HIDDEN, described
from pellucid.reports.explain.joining import FOLDER, ROOMS, joined, modules_of
from pellucid.reports.explain.mathml import mathml
from pellucid.reports.explain.packing import Packed
from pellucid.reports.explain.page import page_environment
from pellucid.runtime.metadata import Metadata

APP_ROOMS = {
    # What the page says of the model beside its layers, and the weights, opened.
    "facts": ("app", "weights"),
    # The network, computed fast.
    "engine": ("products", "convolving", "pointwise", "gelu", "layers", "network"),
    # From what the network gives to an answer.
    "answering": ("probabilities", "novelty", "answer"),
    # Classical models, on features or on the last hidden layer of a network.
    "classical": ("kernel", "predictors", "answering"),
    # Every string that people read, in each language.
    "words": ("english", "chinese", "language"),
    # How a classical model comes to its answer, opened.
    "decision": ("tables", "naming", "linear", "kernel", "forest", "decision"),
    # What people see and do, whatever the model takes.
    "page": ("bars", "glass", "tray", "begin"),
}
"""Rooms of modules that every page has, behind those of the explain page."""

_PARTS = {"strip": "strip.html", "layer-facts-of-all": "layer_facts.html"}
"""Parts of the page that are long where a network is deep, and so are deflated: by the id of their place."""

_EXPLAIN_ONLY = {"drivers", "start"}
_FOLDER = files("pellucid.export.app") / "script"
_NO_LAYERS: dict[str, Any] = {"layers": [], "places": {}}


@dataclass(frozen=True)
class Page:
    """A page but for what its proof says, which is known only once it was opened.

    Attributes:
        values: of the template.
        app: the document `app`, without the proof.
        told: the document `told`.
    """

    values: Mapping[str, Any]
    app: Mapping[str, Any]
    told: str

    def html(self, proof: Mapping[str, Any] | None) -> bytes:
        """The file. `proof` says on how many held-out examples it was proved; `None` where it was not."""
        shown = _PARTS if self.values["layers"] else {}
        parts = {id: _rendered(name, self.values) for id, name in shown.items()}
        app = json.dumps({**self.app, "proof": proof}, allow_nan=False)
        documents = json.dumps({"documents": {"told": self.told, "app": app}, "parts": parts})
        return _rendered("app.html", {**self.values, "documents": deflated(documents.encode())}).encode()


def page_of(model: Model, metadata: Metadata, card: Mapping[str, Any], *, exactly: bool = False) -> Page:
    """The page of a model, of a kind that is not refused. Equal models give equal pages.

    `card` holds facts for the model card; `exactly` keeps all weights in single precision.
    """
    kind = KINDS[model.input_kind.name]
    opened = kind.opened(model)
    tensors = Tensors(exactly=exactly)
    facts = app_facts(model, kind, metadata, opened, tensors)
    explanation = _explanation(model, metadata, opened)
    script = script_of(model.input_kind.name)
    values = {
        "explanation": explanation,
        "layers": [each for each in explanation.layers if each.kind not in HIDDEN],
        "formulas": {} if opened is None else _formulas(kind, explanation, opened),
        "template": kind.template,
        "below": kind.below,
        "nothing": kind.nothing,
        "facts": facts,
        "card": card,
        "script": Markup(script),  # our own file
        "checksum": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        "weights": tensors.text,
    }
    return Page(values, facts, json.dumps(told_layers(model, metadata, opened), allow_nan=False))


def told_layers(model: Model, metadata: Metadata, opened: Opened | None) -> dict[str, Any]:
    """The document `told` of a page: what the explain page's script reads of layers."""
    return _NO_LAYERS if opened is None else described(_explanation(model, metadata, opened), Packed())


def _formulas(kind: AppKind, explanation: Explanation, opened: Opened) -> dict[str, Markup]:
    """Formula of every layer by its name."""
    return {each.name: mathml(kind.formula(each.kind, each.formula, opened)) for each in explanation.layers}


def _explanation(model: Model, metadata: Metadata, opened: Opened | None) -> Explanation:
    """The layers of a network, none where there is no network, as the explain page takes them."""
    if opened is not None and isinstance(model, OnNetwork) and model.classes:
        opened = with_probabilities(opened, model.temperature)
    return Explanation(
        model=metadata.model,
        classes=metadata.classes,
        answer=np.zeros(max(1, len(metadata.classes))),
        target=None,
        inputs="",
        opened=opened,
        layers=() if opened is None else layer_records(opened),
    )


@cache
def script_of(name: str) -> str:
    """The whole script of a page for a kind of input."""
    explain = {room: [each for each in names if each not in _EXPLAIN_ONLY] for room, names in ROOMS.items()}
    own = {**APP_ROOMS, **KINDS[name].rooms}
    first = modules_of({"facts": ("inflating",)}, _FOLDER)
    element = modules_of({"dom": ("element",)}, FOLDER)
    explain["dom"].remove("element")
    modules = [*element, *first, *modules_of(explain, FOLDER), *modules_of(own, _FOLDER)]
    return joined(modules, waits=True)


def _rendered(name: str, values: Mapping[str, Any]) -> str:
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> Environment:
    shared = page_environment()
    assert shared.loader is not None  # it has its templates
    own = PackageLoader("pellucid.export.app", "page")
    return shared.overlay(loader=ChoiceLoader([own, shared.loader]))


def refusal(model: Model) -> str:
    """Why a model cannot be a page, as a sentence without its end; empty where it can."""
    kind: AppKind | None = KINDS.get(model.input_kind.name)
    if kind is None:
        return f"{model.name} takes {model.input_kind.nouns}, and pages take images and texts only"
    return kind.refusal(model)
