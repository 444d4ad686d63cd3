"""The page of labelling and what it asks: JSON about examples, which are named by their numbers alone."""

import contextlib
import json
import sys
import webbrowser
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import PackageLoader
from markupsafe import Markup
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pellucid.data.wording import count_of
from pellucid.errors import ChangedFileError, DataError, PellucidError, StorageError, UsageError
from pellucid.input_kinds import TEXTS
from pellucid.labelling.by_target import TAUGHT
from pellucid.labelling.pool import read_pool
from pellucid.labelling.session import Conflict, Labelling
from pellucid.labelling.table import LabelTable, require_ending
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.pages.assembly import joined_script, policy_of
from pellucid.pages.local_server import App, Guard, listening, serve
from pellucid.pages.translation import PageEnvironment
from pellucid.safety.files import locked, make_folder
from pellucid.safety.strict import parse_line
from pellucid.settings import Settings
from pellucid.targets import Target

# Bytes of a request: a thousand labels of 200 characters would have more, and no example has so many.
_MOST_BYTES = 1 << 16
_LONGEST_PERSON = 64
_MOST_CHOSEN = 200
_LONGEST_SECONDS = 86_400.0
_MOST_DIGITS = 12

_Asked = dict[str, Any]


def application(labelling: Labelling) -> App:
    """Everything that is answered, behind the guard of local servers."""
    page, policy = _page(labelling)

    def home(_: Request) -> Response:
        return HTMLResponse(page, headers={"content-security-policy": policy})

    def status(_: Request) -> Response:
        return _reply(labelling.status())

    def image(request: Request) -> Response:
        # Not as a number of the path: one of thousands of digits is none that Python reads.
        position: str = request.path_params["position"]
        is_number = position.isascii() and position.isdigit() and len(position) <= _MOST_DIGITS
        return _image(labelling, int(position) if is_number else -1)

    routes = [Route("/", home), Route("/api/image/{position}", image), Route("/api/status", status)]
    for name, answer in _ANSWERS.items():
        routes.append(Route(f"/api/{name}", _answering(answer, labelling), methods=["POST"]))
    return Guard(Starlette(routes=routes), {f"/api/{name}": _MOST_BYTES for name in _ANSWERS})


def _image(labelling: Labelling, position: int) -> Response:
    """An image, by its number."""
    if labelling.pool.kind is TEXTS or not 0 <= position < len(labelling.pool):
        return JSONResponse({"error": "there is no such image"}, 404)
    try:
        content, kind = labelling.pool.image(position)
    except DataError as error:
        return JSONResponse({"error": Sentence("this image cannot be read: {error}", error)}, 422)
    # The next one is fetched ahead, and taken from there when its turn comes.
    return Response(content, media_type=kind, headers={"cache-control": "private, max-age=3600"})


def _label(labelling: Labelling, asked: _Asked) -> _Asked:
    chosen, seconds = asked.get("labels"), asked.get("seconds", 0)
    if not isinstance(chosen, list) or not all(isinstance(each, str) for each in chosen[:_MOST_CHOSEN]):
        raise UsageError("labels: a list of texts is expected")
    is_number = isinstance(seconds, (int, float)) and 0 <= seconds <= _LONGEST_SECONDS
    taken = float(seconds) if is_number else 0.0
    return labelling.answer(_person(asked), _example(asked), chosen[:_MOST_CHOSEN], taken, _text(asked, "by"))


def _suggest(labelling: Labelling, asked: _Asked) -> _Asked:
    found = labelling.suggestion(_person(asked), _example(asked))
    return {"suggestion": [{"name": name, "probability": share} for name, share in found]}


_ANSWERS: dict[str, Callable[[Labelling, _Asked], _Asked]] = {
    "next": lambda labelling, asked: labelling.question(_person(asked)),
    "label": _label,
    "skip": lambda labelling, asked: labelling.skip(_person(asked), _example(asked), _text(asked, "by")),
    "undo": lambda labelling, asked: labelling.undo(_person(asked)),
    "suggest": _suggest,
}


def _reply(found: Mapping[str, Any], status: int = 200) -> JSONResponse:
    """JSON whose sentences are in the language of the user."""
    said: dict[str, Any] = {name: translated(found[name]) for name in ("error", "state") if name in found}
    if "sentences" in found:
        said["sentences"] = [translated(each) for each in found["sentences"]]
    return JSONResponse({**found, **said}, status)


def _answering(
    answer: Callable[[Labelling, _Asked], _Asked], labelling: Labelling
) -> Callable[[Request], Any]:
    """A route that takes JSON and gives JSON; what is wrong comes back as a sentence in `error`."""

    async def answered(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return JSONResponse({"error": "JSON is expected"}, 415)
        try:
            asked = parse_line((await request.body()).decode())
        except ValueError as error:
            return JSONResponse({"error": f"no JSON: {error}"}, 400)
        if not isinstance(asked, dict):
            return JSONResponse({"error": "a JSON object is expected"}, 400)
        if asked.get("token") != labelling.token:
            return _reply({"error": "the server labels other data by now; reload the page"}, 409)
        try:
            return _reply(await run_in_threadpool(answer, labelling, asked))
        except Conflict as error:
            return _reply({"error": str(error)}, 409)
        except ChangedFileError as error:
            return _reply({"error": str(error)}, 409)
        except StorageError as error:
            return _reply({"error": str(error)}, 507)
        except PellucidError as error:
            return _reply({"error": str(error)}, 422)

    return answered


def _text(asked: _Asked, name: str) -> str:
    value = asked.get(name, "")
    if not isinstance(value, str):
        raise UsageError("{name}: a text is expected", name)
    return " ".join("".join(each if each.isprintable() else " " for each in value).split())


def _person(asked: _Asked) -> str:
    person = _text(asked, "person")
    if not 0 < len(person) <= _LONGEST_PERSON:
        raise UsageError("person: 1 to {LONGEST_PERSON} characters are expected", _LONGEST_PERSON)
    return person


def _example(asked: _Asked) -> int:
    example = asked.get("example")
    if not isinstance(example, int) or isinstance(example, bool):
        raise UsageError("example: a number is expected")
    return example


def _page(labelling: Labelling) -> tuple[str, str]:
    """The page and its policy, which admits its own script, style and images alone."""
    environment = PageEnvironment(loader=PackageLoader("pellucid.labelling", "page"), autoescape=True)
    room = files("pellucid.labelling")
    style = room.joinpath("page/label.css").read_text(encoding="utf-8")
    script = joined_script("labelling/script/label.js")
    facts = {
        "token": labelling.token,
        "texts": labelling.pool.kind is TEXTS,
        "answer": labelling.target.noun,
        "shown": translated(labelling.pool.kind.noun),
    }
    data = Markup(json.dumps(facts).replace("<", "\\u003c"))
    page = environment.get_template("label.html").render(
        facts=facts,
        question=TAUGHT[labelling.target].question,
        data=data,
        style=Markup(style),
        script=Markup(script),
    )

    return page, policy_of([script], [style], images="'self' data:")


# `pellucid label` from beginning to end: a pool, a table, a page, and the command that trains on it.

_SWITCH_SECONDS = 0.0005


def label(
    place: str,
    out: Path,
    settings: Settings,
    *,
    port: int,
    target: Target,
    classes: Sequence[str],
    say: Callable[[str], None],
    opens_browser: bool = False,
    started: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Serve the page until the process is interrupted; `say` writes a line for the user.

    `started` gets the addresses once the page is served.

    Raises: `UsageError` if the port is taken, `DataError` if there is nothing to label or the table is none,
    `RunLockedError` if somebody else labels into it.
    """
    require_ending(out)
    pool = read_pool(place, out, settings)
    make_folder(out.parent)
    with locked(out.parent, f".{out.name}.lock"), contextlib.closing(listening(port)) as own:
        table = LabelTable(out, holds_texts=pool.kind is TEXTS)
        labelling = Labelling(pool, table, target=target, seed=settings.seed, classes=classes)
        for warning in pool.warnings:
            say(warning)
        if labelling.elsewhere:
            say(
                Sentence(
                    "{out}: {elsewhere} about other examples, left as they are",
                    out,
                    count_of(labelling.elsewhere, "row"),
                )
            )
        address = f"http://127.0.0.1:{own.getsockname()[1]}/"
        say(
            Sentence(
                "{summary}\nlabels: {out}\npage: {address}  (Ctrl-C ends it)",
                labelling.summary(),
                out,
                address,
            )
        )
        if started is not None:
            started({"page": address, "labels": out, "train": labelling.command})
        # Whoever answers a request would wait so long for a thread that trains, again and again.
        sys.setswitchinterval(_SWITCH_SECONDS)
        labelling.start()
        if opens_browser:
            webbrowser.open(address)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                serve(application(labelling), own)
        finally:
            labelling.stop()
            say(Sentence("{summary}\ntrain on them: {command}", labelling.summary(), labelling.command))
