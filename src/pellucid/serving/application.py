"""What is asked over HTTP, and how it is answered: paths, statuses, tokens, and one hop to a process."""

import asyncio
import hmac
import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pellucid.errors import ChangedFileError, StorageError
from pellucid.export.app.shell import FolderPage, ServedPage
from pellucid.language.sentence import Sentence
from pellucid.pages.local_server import LOOPBACK, App, Guard, Headers, Receive, Refusal, Scope, Send
from pellucid.runtime.metadata import Metadata
from pellucid.safety.budgets import REQUEST_INPUTS
from pellucid.safety.strict import parse_line
from pellucid.serving.monitoring import Monitor
from pellucid.serving.page import opened_page_of, page_of
from pellucid.serving.workers import Asked, Gone, Overloaded, Reply, Workers

if TYPE_CHECKING:
    from pellucid.serving.collecting import Collecting  # only where pellucid itself is installed


# Bytes of a request: an image of a camera has up to 15 million.
MOST_BYTES = 20 << 20
# Of a correction: each of its columns has ten thousand characters at most.
_MOST_CORRECTION = 1 << 14
# Bytes from which on a request counts as long: of JSON, which is many inputs, and of an image, of which a
# camera seldom makes as many; to hand them on takes as long as dozens of small answers.
_LARGE = {"json": 1 << 20, "image": 8 << 20}
_JSON = "application/json"
_BYTES = "application/octet-stream"
_PREDICT = "/api/predict"
_EXPLAIN = "/api/explain"
_CORRECTIONS = "/api/corrections"
# What needs the token where there is one: everything that a model says, and everything about who asks.
_PRIVATE = ("/api/", "/metrics")


@dataclass(frozen=True)
class Served:
    """A model that is served, as pages know it."""

    name: str  # under which it is asked
    metadata: Metadata  # of its file
    content: bytes  # of its file
    others: tuple[str, ...] = ()  # names of the other models
    needs_token: bool = False  # whether `/api/` wants a bearer token
    has_report: bool = False  # whether its report is served, for corrections
    folder_page: FolderPage | None = None  # what its folder adds to its page, if it has one


@dataclass
class State:
    """What a server has: processes, and models once the first process has opened them."""

    workers: Workers
    names: tuple[str, ...]  # of the models; the first one answers where none is named
    token: str | None = None
    collecting: "Collecting | None" = None  # where corrections are taken
    served: Mapping[str, Served] = field(default_factory=dict)
    monitor: Monitor | None = None
    # pages with their policies, by path and model: encoded once, whoever asks for them and however often
    pages: dict[tuple[str, str], tuple[bytes, str]] = field(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """True while requests can be answered."""
        return self.monitor is not None and self.workers.alive > 0


def application(state: State, hosts: Collection[str] = ()) -> App:
    """Everything that is answered, behind the guard; `hosts` are names under which a proxy serves this."""
    asking = {_PREDICT: _Asking(state, "predict"), _EXPLAIN: _Asking(state, "explain")}
    routes = [
        *(Route(path, each, methods=["POST"]) for path, each in asking.items()),
        *(Route(path, _replying(answer, state)) for path, answer in _PLAIN.items()),
    ]
    if state.collecting is not None:
        routes += [Route(path, _replying(answer, state)) for path, answer in _COLLECTED.items()]
        routes.append(Route(_CORRECTIONS, _correcting(state.collecting), methods=["POST"]))
    inner = Starlette(routes=routes, exception_handlers={HTTPException: _not_found})
    inner.router.redirect_slashes = False  # its address is made of what the client calls this server

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer by a process at once, or by the router, which takes half as long as an answer's HTTP."""
        direct = asking.get(scope["path"]) if scope["method"] == "POST" else None
        await (direct or inner)(scope, receive, send)

    bodies = {_PREDICT: MOST_BYTES, _EXPLAIN: MOST_BYTES}
    if state.collecting is not None:
        bodies[_CORRECTIONS] = _MOST_CORRECTION
    return Guard(routed, bodies, LOOPBACK, behind_proxy=hosts, admits=_Admission(state))


class _Admission:
    """Refuses requests by their headers, before a body is read."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wanted = None if state.token is None else f"bearer {state.token}".encode()

    def __call__(self, scope: Scope, headers: Headers) -> Refusal | None:
        refusal = self._refusal(scope["path"], scope["method"], headers)
        if refusal is not None and self._state.monitor is not None:
            self._state.monitor.count(_endpoint(scope["path"]), refusal.status, 0.0)
        return refusal

    def _refusal(self, path: str, method: str, headers: Headers) -> Refusal | None:
        if self._wanted is not None and path.startswith(_PRIVATE):
            given = headers.get("authorization", [])
            scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
            if not hmac.compare_digest(f"{scheme.lower()} {token.strip()}".encode(), self._wanted):
                return Refusal(
                    401, "a token is needed: Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"}
                )
        if method != "POST" or path not in (_PREDICT, _EXPLAIN):
            return None
        kind = _kind(headers.get("content-type", []))
        if not kind:
            return Refusal(
                415, Sentence("send the bytes of an image as image/png or the like, or {JSON}", _JSON)
            )
        if not self._state.is_ready:
            return None
        size = int((headers.get("content-length") or ["0"])[0][:20])
        overload = self._state.workers.overload(is_long=_is_long(path, kind, size))
        return None if overload is None else _busy(overload)


def _busy(overload: Overloaded) -> Refusal:
    return Refusal(503, str(overload), {"retry-after": str(overload.seconds)})


def _endpoint(path: str) -> str:
    """A path as metrics know it: whatever is not there counts as one."""
    return path if path in (_PREDICT, _EXPLAIN, *_PLAIN, *_COLLECTED) else "(others)"


def _kind(values: list[str]) -> str:
    """What a body is by its content type: `json`, `image`, or nothing that is read."""
    name = values[0].partition(";")[0].strip().lower() if len(values) == 1 else ""
    if name == _JSON:
        return "json"
    return "image" if name.startswith("image/") or name == _BYTES else ""


class _Asking:
    """Endpoint whose answers come from a process."""

    def __init__(self, state: State, job: str) -> None:
        self._state, self._job = state, job
        self._messages: dict[tuple[str, str], Asked] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        began = time.perf_counter()
        name: str | None = None
        found: Reply | None = None
        reply: Response
        try:
            name = _model(scope, self._state)
            found = await self._found(name, scope, receive)
            reply = Response(found.body, found.status, media_type=_JSON)
        except HTTPException as error:
            reply = JSONResponse({"error": error.detail}, error.status_code)
        except Gone:
            return  # nobody waits for it
        except Overloaded as error:
            refusal = _busy(error)
            reply = JSONResponse({"error": refusal.reason}, refusal.status, dict(refusal.headers))
        await reply(scope, receive, send)
        monitor = self._state.monitor  # after the reply, which need not wait for it
        if monitor is not None:
            monitor.count(f"/api/{self._job}", reply.status_code, time.perf_counter() - began)
            if name is not None and found is not None and found.status == 200:
                monitor.answered(name, found.counted, found.waited, found.took)

    def _message(self, name: str, kind: str) -> Asked:
        """What a process is asked, of which there are few."""
        if (name, kind) not in self._messages:
            asked = {"job": self._job, "model": name, "kind": kind}
            of_both = (json.dumps({**asked, "is_long": is_long}).encode() for is_long in (False, True))
            self._messages[name, kind] = Asked(*of_both)
        return self._messages[name, kind]

    async def _found(self, name: str, scope: Scope, receive: Receive) -> Reply:
        kinds = [value.decode("latin-1") for key, value in scope["headers"] if key == b"content-type"]
        kind = _kind(kinds)
        body = (await receive())["body"]
        return await self._state.workers.answer(
            self._message(name, kind),
            body,
            Request(scope, receive).is_disconnected,
            is_long=_is_long(scope["path"], kind, len(body)),
        )


def _is_long(path: str, kind: str, size: int) -> bool:
    """Whether a request is long by its kind: an explanation takes hundreds of answers, or it is large.

    What else is long turns out as it is answered.
    """
    return path == _EXPLAIN or size > _LARGE[kind]


def _model(scope: Scope, state: State) -> str:
    """Name of the model that a request asks; `HTTPException` if there is none of this name."""
    if not scope["query_string"]:
        return state.names[0]
    try:
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20)
    except ValueError as error:
        raise HTTPException(400, "the query cannot be read") from error
    names: list[str] = asked.get("model", [state.names[0]])
    if len(names) != 1 or names[0] not in state.names:
        known = ", ".join(state.names[:10])
        raise HTTPException(404, Sentence("there is no model of this name; there are: {known}", known))
    return names[0]


# Everything that needs no process.


def _home(request: Request, state: State) -> Response:
    if not state.is_ready:
        return HTMLResponse("<p>The server is starting; reload in a second.</p>", 503, {"retry-after": "1"})
    name = _model(request.scope, state)
    return _handed("/", name, lambda: page_of(state.served[name]), state)


def _opened(request: Request, state: State) -> Response:
    """The page of a model, which needs the token, unlike that which asks for it."""
    if not state.is_ready:
        return JSONResponse({"error": "starting"}, 503, {"retry-after": "1"})
    name = _model(request.scope, state)
    return _handed("/api/page", name, lambda: opened_page_of(state.served[name]), state)


def _handed(path: str, name: str, make: Callable[[], ServedPage], state: State) -> Response:
    """A page, made when it is first asked for."""
    if (path, name) not in state.pages:
        page = make()
        state.pages[path, name] = page.html.encode(), page.policy
    content, policy = state.pages[path, name]
    return HTMLResponse(content, headers={"content-security-policy": policy})


def _health(_: Request, state: State) -> Response:
    return JSONResponse({"status": "ok"})


def _readiness(_: Request, state: State) -> Response:
    if state.is_ready:
        return JSONResponse({"status": "ready"})
    return JSONResponse({"error": "starting"}, 503, {"retry-after": "1"})


def _about(request: Request, state: State) -> Response:
    if state.monitor is None:
        return JSONResponse({"error": "starting"}, 503, {"retry-after": "1"})
    name = _model(request.scope, state)
    metadata, watch = state.served[name].metadata, state.monitor.drift[name]
    image = metadata.preprocessing
    found = {
        "name": name,
        "models": list(state.names),
        "model": metadata.model,
        "pellucid": metadata.pellucid,
        "input": metadata.input_kind.name,
        "target": metadata.target.noun,
        "classes": list(metadata.classes),
        "size": None if image is None else [image.height, image.width],
        "channels": None if image is None else image.channels,
        "columns": list(metadata.joined_columns),
        "novelty_rate": metadata.novelty_rate,
        "most_inputs": REQUEST_INPUTS,
        "most_bytes": MOST_BYTES,
        "drift": None if watch.last is None else watch.last.to_json(),
    }
    return JSONResponse(found)


def _metrics(_: Request, state: State) -> Response:
    if state.monitor is None:
        return JSONResponse({"error": "starting"}, 503, {"retry-after": "1"})
    return Response(state.monitor.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


def document(names: Sequence[str], *, needs_token: bool, takes_corrections: bool = False) -> dict[str, Any]:
    """The description of the API of a server that serves these models, in the form of OpenAPI 3.1."""
    found: dict[str, Any] = json.loads(_openapi_text())
    known = found["components"]
    known["parameters"]["model"]["description"] += names[0]
    known["parameters"]["model"]["schema"]["enum"] = list(names)
    known["schemas"]["Listed"]["maxItems"] = REQUEST_INPUTS
    if not takes_corrections:
        for path in (_CORRECTIONS, "/report", "/api/report"):
            del found["paths"][path]
    for asked in (asked for path in found["paths"].values() for asked in path.values() if not needs_token):
        asked.pop("security", None)
        asked["responses"].pop("401", None)
    found = {**found, "paths": _resolved(found["paths"], known)}
    del found["components"]
    security = {"components": {"securitySchemes": known["securitySchemes"]}}
    return found | security if needs_token else found


@cache
def _openapi_text() -> str:
    return files("pellucid.serving").joinpath("openapi.json").read_text(encoding="utf-8")


def _resolved(content: Any, known: dict[str, Any]) -> Any:
    """A part of the description with what it refers to, among what is `known`, in its place."""
    if isinstance(content, dict):
        if "$ref" in content:
            _, _, kind, name = content["$ref"].split("/")
            return _resolved(known[kind][name], known)
        return {name: _resolved(each, known) for name, each in content.items()}
    return [_resolved(each, known) for each in content] if isinstance(content, list) else content


def _openapi(_: Request, state: State) -> Response:
    return JSONResponse(
        document(
            state.names,
            needs_token=state.token is not None,
            takes_corrections=state.collecting is not None,
        )
    )


_PLAIN: dict[str, Callable[[Request, State], Response]] = {
    "/": _home,
    "/api/page": _opened,
    "/healthz": _health,
    "/readyz": _readiness,
    "/metrics": _metrics,
    "/openapi.json": _openapi,
    "/api/model": _about,
}


def _report(_: Request, state: State) -> Response:
    needs_token = state.token is not None
    return _handed("/report", "", lambda: _collecting(state).report(needs_token=needs_token), state)


def _opened_report(_: Request, state: State) -> Response:
    return _handed("/api/report", "", lambda: _collecting(state).report(needs_token=False), state)


def _corrections(_: Request, state: State) -> Response:
    return Response(_collecting(state).rows(), media_type="text/csv; charset=utf-8")


def _collecting(state: State) -> "Collecting":
    assert state.collecting is not None  # else there are no such paths
    return state.collecting


# Where corrections are taken.
_COLLECTED: dict[str, Callable[[Request, State], Response]] = {
    "/report": _report,
    "/api/report": _opened_report,
    _CORRECTIONS: _corrections,
}


def _correcting(collecting: "Collecting") -> Any:
    """What saves a correction, in a thread, since it waits for the disk."""

    async def correct(request: Request) -> Response:
        if _kind(request.headers.getlist("content-type")) != "json":
            return JSONResponse({"error": Sentence("send a correction as {JSON}", _JSON)}, 415)
        try:
            given = parse_line((await request.body()).decode())
        except ValueError:
            return JSONResponse({"error": "the body is no JSON"}, 400)
        if not isinstance(given, dict):
            return JSONResponse({"error": "a correction is an object"}, 422)
        try:
            row = await asyncio.to_thread(collecting.add, given)
        except ValueError as error:
            return JSONResponse({"error": str(error)}, 422)
        except ChangedFileError as error:
            return JSONResponse({"error": str(error)}, 409)
        except StorageError as error:
            return JSONResponse({"error": str(error)}, 507)
        return JSONResponse({"row": row}, 201)

    return correct


def _replying(answer: Callable[[Request, State], Response], state: State) -> Any:
    async def replied(request: Request) -> Response:
        # The table is put together away from the event loop, and waits for a row that is written meanwhile.
        is_slow = answer is _corrections
        reply = await asyncio.to_thread(answer, request, state) if is_slow else answer(request, state)
        if state.monitor is not None:
            state.monitor.count(request.scope["path"], reply.status_code, 0.0)
        return reply

    return replied


async def _not_found(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    words = {404: "there is nothing here", 405: "this path is asked in another way"}
    reason = (
        error.detail
        if error.status_code not in words or "model" in error.detail
        else words[error.status_code]
    )
    return JSONResponse({"error": reason}, error.status_code, dict(error.headers or {}))
