"""The page put together: its templates, script and documents, the facts of the model, and its card."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jinja2 import ChoiceLoader, Environment

from pellucid.answering.training_examples import run_of
from pellucid.bundle import AverageMember, AverageModel, ClassicalModel, ImageModel, Model, TextModel
from pellucid.bundle.models import OnNetwork
from pellucid.export.app.kinds import KINDS, AppKind
from pellucid.export.app.page_data import Tensors, predictor_page_data
from pellucid.export.app.shell import (
    Served,
    ServedPage,
    facts_of,
    filled,
    heading,
    script_values,
    shell_environment,
)
from pellucid.insight.by_target import OPENED
from pellucid.insight.explaining import with_probabilities
from pellucid.insight.explanation import Explanation
from pellucid.insight.layer_records import layer_records
from pellucid.insight.opened_networks import Opened, layered
from pellucid.language.catalogue import CHINESE, ENGLISH
from pellucid.language.sentence import Sentence
from pellucid.novelty import Detector
from pellucid.reports.explain.page import mathml, page_environment_in, shown_values
from pellucid.reports.explain.page_data import Packed, described
from pellucid.reports.facts import headline_of, scores_of
from pellucid.reports.formatting import interval, read_score, scored
from pellucid.reports.report import words_of
from pellucid.runtime.metadata import Metadata
from pellucid.settings.metrics import METRICS
from pellucid.targets import Target

# Everything that a page's scripts read of a model beside its layers and weights.

# Prefix of the arrays of a novelty detector among the tensors.
NOVELTY = "novelty."

# Facts of a layer that is computed without being shown.
_COMPUTED = ("name", "kind", "takes", "weights", "settings", "declaration", "shape", "hidden")


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


def members_of(model: Model) -> tuple[AverageMember, ...]:
    """The members of an average; any other model is its only one."""
    return model.members if isinstance(model, AverageModel) else (AverageMember(model.name, 1, model),)


def bodies_of(model: Model, kind: AppKind) -> list[Body]:
    """What members see of an input, once for all that see the same; that of the first member comes first."""
    members = members_of(model)
    groups = model.groups if isinstance(model, AverageModel) else [[0]]
    found = []
    for group in groups:
        seeing = members[group[0]].model
        opened = kind.opened(seeing)
        if opened is not None and isinstance(seeing, OnNetwork) and seeing.classes:
            opened = with_probabilities(opened, seeing.temperature, seeing.target)
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
    body_facts = [
        _body(body, kind, metadata, tensors, number=_number(place, shown), is_shown=place == shown)
        for place, body in enumerate(bodies)
    ]
    body_of = {member: place for place, body in enumerate(bodies) for member in body.members}
    return {
        **facts_of(metadata),
        "temperature": metadata.temperature if is_average else 1.0,
        "members": [
            _member(model, place, body_of[place], tensors) for place in range(len(members_of(model)))
        ],
        "bodies": body_facts,
        "opened": shown,
        "input": kind.facts(model),
        "novelty": None if model.detector is None else _detector(model.detector, tensors),
        "tensors": tensors.places,
    }


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
        "predictor": predictor_page_data(
            one,
            tensors,
            f"predictor{_number(place, 0)}.",
            is_opened=OPENED[model.target].opens_predictors and not shows_words,
        ),
    }


def _body(
    body: Body, kind: AppKind, metadata: Metadata, tensors: Tensors, *, number: str, is_shown: bool
) -> dict[str, Any]:
    """A body, of the form `Body` in the script's types; layers that the page shows are in `page-data`."""
    opened, layers, hidden = body.opened, None, ""
    if opened is not None:
        prefix = f"network{number}." if number else ""
        taken = dict.fromkeys(name for line in opened.lines for name in line.takes if name in opened.weights)
        tensors.add_all({name: opened.weights[name] for name in taken}, prefix)
        # The last hidden layer, which a detector judges, is what the network's head takes.
        heads = (line for line in opened.lines if line.name.split(".")[0] == "head")
        hidden = next((opened.sources(line)[0] for line in heads), opened.output)
        if not is_shown:
            layers = [
                {key: layer[key] for key in _COMPUTED}
                | {"weights": [prefix + name for name in layer["weights"]]}
                for layer in layers_page_data(metadata, opened)["layers"]
            ]
    return {
        "hidden": hidden,
        "output": "" if opened is None else opened.output,
        "layers": layers,
        "input": kind.body(body.model, tensors, number),
    }


def layers_page_data(metadata: Metadata, opened: Opened | None, model: Model | None = None) -> dict[str, Any]:
    """Layers of a network as the explain page's script reads them; the document `page-data` of a page.

    With the model the weights are named that its network learns; a classical model's network learns nothing.
    """
    if opened is None:
        return {"layers": [], "places": {}}
    found = described(explanation_of(metadata, "", opened), Packed())
    if isinstance(model, (ImageModel, TextModel)):
        learnt = dict(layered(model.network).named_parameters())
        found["learnt"] = [name for name in opened.weights if name in learnt]
    return found


def explanation_of(metadata: Metadata, blank: Any, opened: Opened | None) -> Explanation:
    """The layers of a network on a blank input, none without a network, as explain pages take them."""
    return Explanation(
        model=metadata.model,
        kind=metadata.target,
        classes=metadata.classes,
        outputs=OPENED[metadata.target].outputs(metadata.classes),
        answer=np.zeros(max(1, len(metadata.classes))),
        target=None,
        inputs=blank,
        opened=opened,
        layers=() if opened is None else layer_records(opened),
    )


def _detector(detector: Detector, tensors: Tensors) -> dict[str, Any]:
    """Settings of a detector; its arrays are kept in single precision, since ranks depend on them."""
    arrays = {name: array for name, array in detector.arrays().items() if name != "answers"}
    tensors.add_all(arrays, NOVELTY, exactly=True)
    return {"kind": detector.measure.kind, "rate": detector.rate, "settings": detector.measure.to_json()}


# Parts of the page in both languages, long where a network is deep and so deflated, by the id of their place.
_PARTS = {"strip": "strip.html", "layer-facts-of-all": "layer_facts.html", "overview": "overview.html"}


@dataclass(frozen=True)
class Page:
    """A page but for what its proof says, which is known only once it was opened.

    Attributes:
        values: of the template.
        app: the document `app`, without the proof.
        page_data: the document `page-data`.
    """

    values: Mapping[str, Any]
    app: Mapping[str, Any]
    page_data: str

    def html(self, proof: Mapping[str, Any] | None, served: Served | None = None) -> bytes:
        """The file, or the page of a server.

        `proof` says on how many held-out examples it was proved; `None` where it was not.
        """
        shown = _PARTS if self.values["layers"] else {}
        parts = {id: _in_both(name, self.values) for id, name in shown.items()}
        if found := self.values["found"]:
            parts["tested"] = _in_both("explained.html", found)
        return filled(self.values, {**self.app, "proof": proof}, self.page_data, parts, served).encode()

    def served(self) -> ServedPage:
        """The page as a server hands it out: it answers by itself, and asks nobody."""
        html = self.html(None, Served(asks=False)).decode()
        return ServedPage(html, (str(self.values["script"]),), asks=False)


def page_of(
    model: Model,
    metadata: Metadata,
    card: Mapping[str, Any],
    examples: Sequence[Mapping[str, Any]] = (),
    explained: tuple[Explanation, str] | None = None,
    *,
    training: Mapping[str, str] | None = None,
    exactly: bool = False,
) -> Page:
    """The page of a model, of a kind that is not refused; equal models give equal pages.

    `card` is for the model card, `examples` are to try the model on, of the form `Example` in the script's
    types; `explained` is what Python found out about the first of them, and its name; `training` fills
    the part that trains, which other pages lack; `exactly` keeps all weights in single precision.
    """
    kind = KINDS[model.input_kind.name]
    bodies = bodies_of(model, kind)
    tensors = Tensors(exactly=exactly)
    facts = {**app_facts(model, kind, metadata, bodies, tensors), "examples": list(examples)}
    shown = bodies[opened_place(bodies)]
    opened = shown.opened
    blank, packed = explanation_of(metadata, kind.blank(model), opened), Packed()
    values = {**shown_values(blank, packed), "answers": [], "found": None, "source": ""}
    if explained is not None:
        values |= {"found": shown_values(explained[0], packed), "source": explained[1]}
    page_data = layers_page_data(metadata, opened, shown.model) | {"places": packed.places}
    if explained is not None:
        page_data["drivers"] = values["found"]["drawn"]
    values |= {
        "title": heading(metadata, card),
        "learns": bool(page_data.get("learnt")),
        "drives_images": bool(page_data.get("learnt")) and kind.template == "images.html",
        "formulas": {}
        if opened is None
        else {each.name: mathml(kind.formula(each.kind, each.formula, opened)) for each in blank.layers},
        "template": kind.template,
        "below": kind.below,
        "nothing": kind.nothing,
        "facts": facts,
        "card": card,
        "weights": tensors.text,
        "numbers": packed.text,
        **script_values(f"{model.input_kind.name}/start.js"),
        **(training or {}),
    }
    return Page(values, facts, json.dumps(page_data, allow_nan=False))


@cache
def _environment(wanted: str) -> Environment:
    """Templates of layers in a language, with the formats of numbers of the explain page."""
    shared, own = page_environment_in(wanted), shell_environment()
    assert shared.loader is not None  # both have their templates
    assert own.loader is not None
    return shared.overlay(loader=ChoiceLoader([own.loader, shared.loader]))


def _in_both(name: str, values: Mapping[str, Any]) -> dict[str, str]:
    """A part of the page in the languages between which its button switches."""
    found = {}
    for key, wanted in (("en", ENGLISH), ("zh", CHINESE)):
        pages = _environment(wanted)
        words = words_of(pages, values["explanation"].kind)
        found[key] = pages.get_template(name).render({**values, "words": words})
    return found


def refusal(model: Model) -> str:
    """Why a model cannot be a page, as a sentence without its end; empty where it can."""
    kind: AppKind | None = KINDS.get(model.input_kind.name)
    if kind is None:
        return Sentence(
            "{name} takes {nouns}, and pages take images and texts only", model.name, model.input_kind.nouns
        )
    if model.ignored or (model.preprocessing is not None and model.preprocessing.ignored):
        return Sentence(
            "{name} ignores parts of its inputs (--ignore), which pages cannot do yet", model.name
        )
    for name, _, member in members_of(model):
        if reason := kind.refusal(member):
            return (
                reason
                if member is model
                else Sentence("of its members {name} cannot be a page: {reason}", name, reason)
            )
    return ""


# Model card of a page: what the run says of the model that it holds, as rows and a table of its models.


def card_of(model: Model, name: str, folder: Path) -> dict[str, Any]:
    """Facts for the card of a model: rows of a word's key and a text, and the models of its run by score.

    A model folder that lies in no run has fewer.
    """
    run, image = run_of(folder), model.preprocessing
    size = "" if image is None else f"{image.width} \u00d7 {image.height} \u00d7 {image.channels}"
    config, metrics = (_read(run, each) for each in ("config.json", "metrics.json"))
    headline = headline_of(metrics)
    score = "cardHeldOut" if headline.is_held_out else "cardScore"
    rows = [
        ("model", name),
        ("cardTrained", _data(config, metrics, name)),
        (score, ""),
        ("input", size),
        ("cardParameters", f"{model.parameters:,}"),
        ("cardDate", _date(run)),
        ("cardVersion", f"Pellucid {version('pellucid')}"),
    ]
    key = _metric(config, metrics, name, model.target)
    models = [] if key is None else _models(metrics["models"], key, name, headline.part)
    own = next((each["score"] for each in models if each["is_own"]), "")
    words = "" if key is None else METRICS[key].words
    shown = {each: text for each, text in rows if text} | (
        {score: Sentence("{words} {own}", words, own)} if own else {}
    )
    return {
        "title": _title(config),
        "rows": [(each, shown[each]) for each, _ in rows if each in shown],
        "metric": words,
        "models": models,
    }


def _read(run: Path | None, name: str) -> Mapping[str, Any]:
    """A document of the run; nothing where it cannot be read, which only makes the card shorter."""
    try:
        found = None if run is None else json.loads((run / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


_ENDINGS = re.compile(r"(?<=.)(\.[a-z][a-z0-9]{0,7})+$", re.IGNORECASE)


def _title(config: Mapping[str, Any]) -> str:
    """The data by its name, without the ending of a file."""
    return _ENDINGS.sub("", _data_name(config).removeprefix("sample:"))


def _data_name(config: Mapping[str, Any]) -> str:
    """Name of the data, without the folders it lay in; empty where the run does not have it."""
    data = config.get("data")
    if not isinstance(data, dict) or "place" not in data:
        return ""
    return str(data["place"]).replace("\\", "/").rstrip("/").rsplit("/", 1)[-1]


def _data(config: Mapping[str, Any], metrics: Mapping[str, Any], model: str) -> str:
    """Name of the data, and how many examples the model learned from."""
    if not (name := _data_name(config)):
        return ""
    data = config["data"]
    # Where folds judge, a model that is kept learns from the validation split too.
    own = (metrics.get("models") or {}).get(model)
    count = own.get("train_examples") if isinstance(own, dict) else data.get("train")
    return f"{name} \u00b7 {count:,}" if isinstance(count, int) else name


def _date(run: Path | None) -> str:
    """The day on which the run ended."""
    try:
        ended = 0.0 if run is None else (run / "metrics.json").stat().st_mtime
    except OSError:
        return ""
    return datetime.fromtimestamp(ended, UTC).date().isoformat() if ended else ""


def _metric(config: Mapping[str, Any], metrics: Mapping[str, Any], name: str, target: Target) -> str | None:
    """The metric asked for, or else the one that titles the report, or the first that was measured."""
    try:
        measured = scores_of(metrics["models"][name], headline_of(metrics).part)
        asked = config["settings"]["metric"]
        known = (each for each in (asked, target.headline, *measured) if each in METRICS)
        return next(str(each) for each in known if each in measured)
    except (KeyError, TypeError, StopIteration):
        return None


def _models(models: Mapping[str, Any], key: str, own: str, part: str) -> list[dict[str, Any]]:
    """Every model with its score in the part that the run is judged by, the best first."""
    found = []
    for name, facts in models.items():
        score = read_score(scores_of(facts, part).get(key)) if isinstance(facts, dict) else None
        if score is not None:
            found.append(
                {
                    "name": name,
                    "score": f"{scored(score)} {interval(score)}".strip(),
                    "is_own": name == own,
                    "by": score.value,
                }
            )
    return sorted(found, key=lambda each: each.pop("by"), reverse=not METRICS[key].is_error)
