"""A server for this machine alone: who may ask what is decided before a request reaches the pages behind it.

Any page in a browser can send requests to 127.0.0.1, and a name of its own that it points there makes it the
"same origin". Therefore every request must name this machine as its host, whatever its port is, and come from
a page of this server or from a program, which sends no origin. Bodies are counted as they arrive, and have
one deadline. No path, address or file name is ever taken from a request by what lies behind.

This is plain ASGI (https://asgi.readthedocs.io, HTTP 2.4), without a library.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pellucid.errors import UsageError

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
# Headers of every reply, a page's own policy of contents apart.
_HEADERS = {
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
_NOTHING = "default-src 'none'; frame-ancestors 'none'"
_SECONDS = 30.0


class _Refusal(NamedTuple):
    """Why a request is refused."""

    status: int
    reason: str


class Guard:
    """Middleware that lets through what pages of this server and programs of this machine ask."""

    def __init__(self, app: App, most_bytes: int, hosts: tuple[str, ...] = LOOPBACK) -> None:
        self._app, self._most, self._hosts = app, most_bytes, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self._refusal(scope)
        body = b""
        if refusal is None:
            try:
                found = await asyncio.wait_for(self._body(receive), _SECONDS)
            except TimeoutError:
                refusal = _Refusal(408, f"the request took longer than {_SECONDS:g} seconds")
            else:
                if found is None:
                    return  # whoever asked is gone
                refusal, body = (found, b"") if isinstance(found, _Refusal) else (None, found)
        if refusal is not None:
            await _refuse(send, refusal)
            return
        is_given = False

        async def given() -> Message:
            nonlocal is_given
            if is_given:
                return await receive()
            is_given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, given, _with_headers(send))

    def _refusal(self, scope: Scope) -> _Refusal | None:
        """Judge the headers as they came, since a library may read them in another way."""
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = headers.get("host", [])
        name, separator, port = hosts[0].rpartition(":") if len(hosts) == 1 else ("", "", "")
        if len(hosts) == 1 and (not separator or hosts[0].endswith("]")):
            name, port = hosts[0], "80"
        if name.lower() not in self._hosts or not (port.isascii() and port.isdigit()):
            return _Refusal(403, "this server answers to names of this machine alone, such as 127.0.0.1")
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in headers.get("origin", [])):
            return _Refusal(403, "a page of another origin may not ask this server")
        is_link = scope["method"] == "GET" and headers.get("sec-fetch-mode") == ["navigate"]
        if not is_link and any(
            site not in ("same-origin", "none") for site in headers.get("sec-fetch-site", [])
        ):
            return _Refusal(403, "a page of another site may not ask this server")
        if any(
            not size.isdigit() or int(size[:20]) > self._most for size in headers.get("content-length", [])
        ):
            return self._too_large
        return None

    @property
    def _too_large(self) -> _Refusal:
        return _Refusal(413, f"the request has more than {self._most:,} bytes")

    async def _body(self, receive: Receive) -> bytes | _Refusal | None:
        """The body, counted as it comes; `None` where the connection was closed."""
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._most:
                return self._too_large
            if not message.get("more_body", False):
                return bytes(body)


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", []))
            known = {name.lower() for name, _ in own}
            more = {"content-security-policy": _NOTHING, **_HEADERS}
            own += [
                (name.encode(), value.encode()) for name, value in more.items() if name.encode() not in known
            ]
            message = {**message, "headers": own}
        await send(message)

    return sent


async def _refuse(send: Send, refusal: _Refusal) -> None:
    """Reply with one line of text, and close the connection, on which more of the body may follow."""
    content = f"{refusal.reason}\n".encode()
    headers = {
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(content)),
        "connection": "close",
    }
    start = {
        "type": "http.response.start",
        "status": refusal.status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    sent = _with_headers(send)
    await sent(start)
    await sent({"type": "http.response.body", "body": content})


def listening(port: int) -> socket.socket:
    """A socket on the loopback address; port 0 takes a free one.

    Raises: `UsageError` if the port is taken, or none that this user may have.
    """
    own = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        own.bind(("127.0.0.1", port))
        own.listen(128)
    except (OSError, OverflowError) as error:
        own.close()
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise UsageError(f"--port {port}: {reason}; choose another, or 0 for any free one") from error
    return own


def server_of(app: App, seconds: int = 2) -> "uvicorn.Server":
    """A server of uvicorn that gives requests under way so many seconds once it is to end."""
    import uvicorn

    config = uvicorn.Config(
        app,
        http="h11",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=200,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=seconds,
        h11_max_incomplete_event_size=1 << 14,
    )
    return uvicorn.Server(config)


def serve(app: App, own: socket.socket) -> None:
    """Answer requests on a socket until the process is interrupted.

    Raises: `KeyboardInterrupt` once all requests under way are answered.
    """
    server_of(app).run(sockets=[own])


# Seconds that a server in the background may take to end, besides those of requests under way.
_TO_END = 2.0


@contextlib.contextmanager
def served_meanwhile(app: App, own: socket.socket) -> Iterator[None]:
    """Answer requests on a socket in a thread of its own, for as long as the work within takes."""
    server = server_of(app, seconds=1)
    thread = threading.Thread(target=server.run, args=([own],), name="pellucid-server", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(1 + _TO_END)
        own.close()
