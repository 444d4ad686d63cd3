"""The page without a model: its template filled and its documents packed, whoever answers. Needs no torch.

With it the page of a model that its server answers for: what it holds comes from an exported file's metadata.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from pellucid.data.tables.columns import LABEL_NAMES, LESSER_TEXT_NAMES, TEXT_NAMES
from pellucid.errors import StorageError
from pellucid.language.catalogue import CHINESE, ENGLISH, language, translated
from pellucid.language.sentence import Sentence
from pellucid.pages.assembly import checksum, deflated, joined_script, policy_of, visible
from pellucid.runtime.by_target import IN_FILES
from pellucid.runtime.metadata import Metadata

# Folders of templates, in the order in which they are looked through.
_FOLDERS = ("export/app/page", "reports/explain/page", "export/play/page")


# In a page that a server hands out, the place of the choice among its models; names are escaped, so that
# none can be taken for it.
_CHOICES = "<!--choices-->"


class Choice(NamedTuple):
    """A model among those that a server has pages for."""

    name: str
    address: str
    is_shown: bool


class Served(NamedTuple):
    """How a server delivers a page.

    Attributes:
        asks: whether the server answers, and not the page by itself.
        query: what addresses of the API end in to reach its model, such as `?model=mails`.
    """

    asks: bool
    query: str = ""


class ServedPage(NamedTuple):
    """A page that a server hands out.

    Attributes:
        html: the page.
        scripts: that may run in it.
        asks: whether they may ask the server.
        styles: what it is styled with beside the style of all of them.
    """

    html: str
    scripts: tuple[str, ...]
    asks: bool
    styles: Sequence[str] = ()

    @property
    def policy(self) -> str:
        """Its policy of contents, which admits these scripts, its style, and images that it makes itself."""
        connect = "'self'" if self.asks else "'none'"
        return policy_of(self.scripts, [style(), *self.styles], images="data: blob:", connect=connect)

    def among(self, choices: Sequence[Choice], *, has_report: bool = False) -> "ServedPage":
        """The page with a choice among models, where there are several, and a link to the report."""
        shown = (
            shell_environment().get_template("choices.html").render(choices=choices, has_report=has_report)
        )
        return self._replace(html=self.html.replace(_CHOICES, shown, 1))


class FolderPage(NamedTuple):
    """What a model's folder adds to the page that a server hands out.

    Attributes:
        card: facts for the model card, of the run that the folder lies in.
        page: that answers by itself; `None` where the model is too large, or of a kind that pages lack.
    """

    card: Mapping[str, Any]
    page: ServedPage | None


def facts_of(metadata: Metadata) -> dict[str, Any]:
    """Facts of a model that every page needs, of its document `app`."""
    return {
        "model": metadata.model,
        "classes": list(metadata.classes),
        "answer": metadata.target.noun,
        "least": _least(metadata),
        "abstention": [list(each) for each in metadata.abstention],
        "examples": [],
    }


def _least(metadata: Metadata) -> list[float | None]:
    """Probability from which on each class is answered; empty where the most probable one is."""
    even = IN_FILES[metadata.target].even
    if even is None and not metadata.threshold:
        return []
    return [metadata.threshold.get(name, even) for name in metadata.classes]


def text_columns(joined: Sequence[str]) -> dict[str, Any]:
    """Facts of texts in tables, of the form `TextFacts` in the script's types."""
    return {
        "columns": {
            "texts": [*TEXT_NAMES, *LESSER_TEXT_NAMES],
            "labels": [*LABEL_NAMES],
            "joined": [*joined],
        },
    }


def require_folder(out: Path) -> None:
    """Refuse a place where no file can be written, before anything slow.

    Raises: `StorageError` if it is a folder, or lies in none.
    """
    if out.is_dir():
        raise StorageError("{out}: is a folder; choose another --out", out)
    if not out.absolute().parent.is_dir():
        raise StorageError("{out}: its folder does not exist; create it first", out)


@cache
def style() -> str:
    """The style of the page: that of the explain page, and its own."""
    found = [_source("explain.css"), _source("app.css")]
    return "\n".join(text for text in found if text is not None)


def filled(
    values: Mapping[str, Any],
    app: Mapping[str, Any],
    page_data: str,
    parts: Mapping[str, Mapping[str, str]],
    served: Served | None,
) -> str:
    """The whole page as HTML.

    `values` are those of the template beside what is filled in here; `app` and `page_data` its documents,
    `parts` rendered ones by the id of their place and by language. Without `served` it is a file, with a
    policy of its own, which opens in the language of this program; who asks a server has a language of
    their own.
    """
    app = {**app, "served": None if served is None else served._asdict()}
    documents = {"page-data": page_data, "app": json.dumps(app, allow_nan=False)}
    packed = deflated(json.dumps({"documents": documents, "parts": dict(parts)}).encode())
    opened_in = language() if served is None else ENGLISH
    more = {"documents": packed, "served": served, "language": opened_in, **shared_values()}
    return shell_environment().get_template("app.html").render({"play_facts": "", **values, **more})


def shared_values() -> dict[str, Any]:
    """Values of every template: the style, and the place of the choice among models; our own texts."""
    return {"style": Markup(style()), "choices_place": Markup(_CHOICES)}


def script_values(start: str, room: str = "export/app") -> dict[str, Any]:
    """The script that begins with a module in a room's `script/`, and its checksum, as template values."""
    script = joined_script(f"{room}/script/{start}")
    return {"script": Markup(script), "checksum": checksum(script)}  # our own file


@cache
def shell_environment() -> Environment:
    """Template environment: escaping, and invisible characters shown, as on all pages."""
    found = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    found.filters["chinese"] = partial(translated, wanted=CHINESE)
    return found


def _source(name: str) -> str | None:
    """A template or style by its name, without importing the rooms that they lie in."""
    for folder in _FOLDERS:
        place = files("pellucid").joinpath(folder, name)
        if place.is_file():
            return place.read_text(encoding="utf-8")
    return None


# The page of a model that its server answers for.


class _Area(NamedTuple):
    """What a kind of input shows: its template, and the key of what is said before there is an input."""

    template: str
    nothing: str


_AREAS = {"images": _Area("images.html", "nothingYet"), "texts": _Area("texts.html", "nothingTyped")}


# Classes that a title names.
_MOST_NAMED = 3


def heading(metadata: Metadata, card: Mapping[str, Any]) -> str:
    """Title of a page: the one asked for, or its first classes; of numbers its data, or its model's name."""
    names, asked = metadata.classes, card.get("asked")
    if asked or not names:
        return str(asked or card.get("title") or metadata.model)
    if len(names) > _MOST_NAMED:
        first = ", ".join(names[:_MOST_NAMED])
        return Sentence("{first} and {others} more", first, len(names) - _MOST_NAMED)
    return Sentence("{first} or {last}?", ", ".join(names[:-1]), names[-1])


def asking_page(metadata: Metadata, card: Mapping[str, Any], served: Served) -> ServedPage:
    """The page that asks its server; `card` is for the model card.

    Of a model of feature vectors, which people do not hand over, it says how programs ask.
    """
    kind = metadata.input_kind.name
    if kind not in _AREAS:
        return _page_without_area(metadata, served)
    area, image = _AREAS[kind], metadata.preprocessing
    app = {
        **facts_of(metadata),
        "temperature": 1.0,
        "members": [],
        "bodies": [],
        "opened": 0,
        "input": text_columns(metadata.joined_columns)
        if image is None
        else {
            "height": image.height,
            "width": image.width,
            "channels": image.channels,
            "stretch": image.stretch,
            "columnsMayBeFirst": False,  # the server prepares the image; the page only shows it
        },
        "novelty": None
        if metadata.novelty_rate is None
        else {"kind": "", "rate": metadata.novelty_rate, "settings": {}},
        "tensors": {},
        "proof": None,
    }
    values = {
        "title": heading(metadata, card),
        "layers": [],
        "template": area.template,
        "below": "asked_below.html",
        "nothing": area.nothing,
        "facts": app,
        "card": card,
        "weights": "",
        "numbers": "",
        "source": "",
        "learns": False,
        "drives_images": False,
        **script_values(f"{kind}/asking.js"),
    }
    page = filled(values, app, json.dumps({"layers": [], "places": {}}), {}, served)
    return ServedPage(page, (str(values["script"]),), asks=True)


def _page_without_area(metadata: Metadata, served: Served) -> ServedPage:
    template = shell_environment().get_template("values.html")
    values = {"title": metadata.model, "served": served, **shared_values()}
    return ServedPage(template.render(**values), (), asks=False)


def locked_page(page: ServedPage) -> ServedPage:
    """A page that asks for a token, with which it fetches another from `/api/`, and gives that its place."""
    values = script_values("locked.js")
    html = shell_environment().get_template("locked.html").render(**values, **shared_values())
    return ServedPage(html, (str(values["script"]), *page.scripts), asks=True, styles=page.styles)


def card_of_metadata(metadata: Metadata) -> dict[str, Any]:
    """Facts for the card of a model of which there is an exported file alone."""
    image = metadata.preprocessing
    size = (
        [] if image is None else [("input", f"{image.width} \u00d7 {image.height} \u00d7 {image.channels}")]
    )
    return {"rows": [*size, ("cardVersion", f"Pellucid {metadata.pellucid}")], "metric": "", "models": []}
