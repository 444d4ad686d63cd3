"""The page put together: templates, one script, its documents, and the policy that lets nothing else in."""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from pellucid.bundle import Model
from pellucid.export.app.facts import (
    app_facts,
    bodies_of,
    explanation_of,
    members_of,
    opened_place,
    told_layers,
)
from pellucid.export.app.kinds import KINDS, AppKind
from pellucid.export.app.tensors import Tensors, deflated
from pellucid.insight.explanation import Explanation
from pellucid.insight.layers.opened import Opened
from pellucid.reports.explain.describing import HIDDEN
from pellucid.reports.explain.joining import FOLDER, ROOMS, joined, modules_of
from pellucid.reports.explain.mathml import mathml
from pellucid.reports.explain.page import page_environment
from pellucid.runtime.metadata import Metadata

# Rooms of modules that every page has, behind those of the explain page.
APP_ROOMS = {
    # What the page says of the model beside its layers, and the weights, opened.
    "facts": ("app", "weights"),
    # The network, computed fast.
    "engine": ("products", "convolving", "pointwise", "gelu", "layers", "network"),
    # Classical models, on features or on the last hidden layer of a network.
    "classical": ("kernel", "predictors"),
    # From an input to what each member says of it, and to an answer.
    "answering": ("probabilities", "novelty", "answer"),
    # Every string that people read, in each language.
    "words": ("english", "chinese", "language"),
    # How a classical model comes to its answer, opened.
    "decision": ("tables", "naming", "linear", "kernel", "forest", "decision"),
    # What people see and do, whatever the model takes.
    "page": ("bars", "members", "glass", "tray", "begin"),
}

# Parts of the page that are long where a network is deep, and so are deflated: by the id of their place.
_PARTS = {"strip": "strip.html", "layer-facts-of-all": "layer_facts.html"}

_EXPLAIN_ONLY = {"drivers", "start"}
_FOLDER = files("pellucid.export.app") / "script"


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
    bodies = bodies_of(model, kind)
    tensors = Tensors(exactly=exactly)
    facts = app_facts(model, kind, metadata, bodies, tensors)
    opened = bodies[opened_place(bodies)].opened
    explanation = explanation_of(metadata, opened)
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
    return Page(values, facts, json.dumps(told_layers(metadata, opened), allow_nan=False))


def _formulas(kind: AppKind, explanation: Explanation, opened: Opened) -> dict[str, Markup]:
    """Formula of every layer by its name."""
    return {each.name: mathml(kind.formula(each.kind, each.formula, opened)) for each in explanation.layers}


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
    for name, _, member in members_of(model):
        if reason := kind.refusal(member):
            return reason if member is model else f"of its members {name} cannot be a page: {reason}"
    return ""
