"""Server of the page of a run under way, which answers beside the training and takes little of its time."""

import contextlib
import os
import secrets
import socket
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from pellucid.errors import PellucidError, UsageError
from pellucid.language.catalogue import translated
from pellucid.language.sentence import Sentence
from pellucid.pages.local_server import App, Guard, listening, served_meanwhile
from pellucid.pipeline.run.journal import RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.pipeline.watching.progress import Progress
from pellucid.reports.report import policy_of_report, render_page, render_sections, with_place
from pellucid.safety.files import read_regular
from pellucid.safety.strict import parse_line

# One port for every run, so that the page of one that was killed finds the one that resumes it.
PORT = 8002
# What making the sections may take (`benchmarks/watching.py`).
_SHARE = 0.01  # of one core, however short an epoch is
_AT_ONCE = 0.3  # seconds besides: the first time templates are read
_BETWEEN = 2.0  # seconds between two renderings, at least
_LOOKING = 5.0  # seconds since the last question for which somebody counts as looking
_KEPT = 15.0  # seconds that a finished report is kept for who looks
_KEPT_ERROR = 1.5  # likewise, the news of an error
_MOST_BYTES = 1 << 12  # of an order from the page
_MOST_OF_FILE = 1 << 30  # bytes
# Files of a run that a report links to.
_LINKED = {
    "history.jsonl": "application/jsonl",
    "metrics.json": "application/json",
    "config.json": "application/json",
    "data.jsonl": "application/jsonl",
}


class Page:
    """What the page asks for, and whether somebody looks at it."""

    def __init__(self, progress: Progress, folder: RunFolder) -> None:
        self.progress, self.folder, self.token = progress, folder, secrets.token_urlsafe(16)
        self.is_delivered = threading.Event()
        self._asked = -_LOOKING
        self._sections, self._version = "", -1
        self._began, self._made, self._spent = time.monotonic(), -_BETWEEN, 0.0
        self._making = threading.Lock()

    @property
    def is_looked_at(self) -> bool:
        """True where somebody has asked within the last seconds."""
        return time.monotonic() - self._asked < _LOOKING

    def application(self) -> App:
        """Everything that is answered, behind the guard of local servers."""
        page, policy = render_page(self.progress.place, self.token)

        async def home(_: Request) -> Response:
            if self.progress.is_finished:
                return RedirectResponse("/report.html", 303)
            return HTMLResponse(page, headers={"content-security-policy": policy})

        async def news(_: Request) -> Response:
            self._asked = time.monotonic()
            return JSONResponse({"token": self.token, **_said(self.progress.news())})

        routes = [
            Route("/", home),
            Route("/api/news", news),
            Route("/api/sections", self._answer_sections),
            Route("/api/stop", self._stop, methods=["POST"]),
            Route("/report.html", self._report),
            *(Route(f"/{name}", self._linked) for name in _LINKED),
        ]
        return Guard(Starlette(routes=routes), {"/api/stop": _MOST_BYTES})

    async def _answer_sections(self, request: Request) -> Response:
        """The newest sections; nothing where the page has them, and no newer ones are due."""
        if self._is_due:
            await run_in_threadpool(self._make)
        if not self._sections or request.query_params.get("have") == str(self._version):
            return Response(status_code=204)
        return HTMLResponse(self._sections, headers={"x-version": str(self._version)})

    @property
    def _is_due(self) -> bool:
        """True where there is something new to show, and time for it."""
        now = time.monotonic()
        has_time = self._spent <= _SHARE * (now - self._began) + _AT_ONCE
        return self.progress.version != self._version and now >= self._made + _BETWEEN and has_time

    def _make(self) -> None:
        """Make the sections, unless somebody else's question had them made meanwhile."""
        with self._making:
            if not self._is_due:
                return
            version, began = self.progress.version, time.thread_time()
            if (facts := self.progress.facts()) is not None:
                self._sections, self._version = render_sections(facts), version
            self._made = time.monotonic()
            self._spent += time.thread_time() - began

    async def _stop(self, request: Request) -> Response:
        """End the training of the network after the step under way."""
        try:
            asked = parse_line((await request.body()).decode())
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or request.headers.get("content-type") != "application/json":
            return JSONResponse({"error": "a JSON object is expected"}, 400)
        if not secrets.compare_digest(str(asked.get("token")).encode(), self.token.encode()):
            return JSONResponse({"error": "this page is of another run; reload it"}, 409)
        if not self.progress.stop():
            return JSONResponse({"error": "no network is in training"}, 409)
        return JSONResponse({"is_stopping": True}, 202)

    def _report(self, _: Request) -> Response:
        """The finished report, with a line on where it lies."""
        if not self.progress.is_finished:
            return RedirectResponse("/", 303)
        path = self.folder.path / "report.html"
        page = with_place(read_regular(path, _MOST_OF_FILE).decode(), str(path.resolve()))
        headers = {"content-security-policy": policy_of_report(page)}
        return HTMLResponse(page, headers=headers, background=BackgroundTask(self.is_delivered.set))

    def _linked(self, request: Request) -> Response:
        """A file that the report links to."""
        name = request.url.path.removeprefix("/")
        try:
            content = read_regular(self.folder.path / name, _MOST_OF_FILE)
        except OSError:
            return JSONResponse({"error": "there is no such file yet"}, 404)
        return Response(content, media_type=_LINKED[name])


def _said(news: dict[str, Any]) -> dict[str, Any]:
    """News in the language of the user."""
    words = {name: translated(news[name]) for name in ("title", "words", "left", "spoken", "message")}
    figures = [(translated(name), translated(value)) for name, value in news["figures"]]
    return {**news, **words, "figures": figures, "lines": [translated(line) for line in news["lines"]]}


@contextlib.contextmanager
def shown_in_browser(place: str, folder: RunFolder, stages: Stages) -> Iterator[None]:
    """Serve the page of a run for as long as the work within takes, and give its report to who looks.

    The run goes on whatever becomes of the page: where no port is free, nothing is shown.
    """
    try:
        own = _socket()
    except UsageError as error:
        stages.paragraph(Sentence("warning: the page cannot be shown: {error}", error))
        yield
        return
    progress = Progress(place, stages.began)
    page = Page(progress, folder)
    address = f"http://127.0.0.1:{own.getsockname()[1]}/"
    with served_meanwhile(page.application(), own):
        stages.line(Sentence("watch it: {address}", address))
        stages.onlookers.append(progress)
        open_address(address)
        try:
            yield
        except BaseException as error:
            progress.message = error.sentence if isinstance(error, PellucidError) else type(error).__name__
            if page.is_looked_at:
                time.sleep(_KEPT_ERROR)
            raise
        finally:
            stages.onlookers.remove(progress)
        progress.is_finished = folder.is_finished
        if page.is_looked_at:
            page.is_delivered.wait(_KEPT)


def _socket() -> socket.socket:
    """The port that every run has, or a free one where another program has it."""
    try:
        return listening(PORT)
    except UsageError:
        return listening(0)


def open_address(address: str) -> None:
    """Open a browser where there is a display; a thread of its own waits for it, if somebody has to."""
    has_display = sys.platform in ("darwin", "win32") or any(
        map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY"))
    )
    if has_display:
        threading.Thread(target=_opened, args=(address,), name="pellucid-browser", daemon=True).start()


def _opened(address: str) -> Any:
    with contextlib.suppress(Exception):  # whatever a browser may do, training goes on
        return webbrowser.open(address)
