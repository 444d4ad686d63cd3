"""A server that few may ask: who may is decided before a request reaches what lies behind.

Any page in a browser can send requests to 127.0.0.1, and a name of its own that it points there makes it the
"same origin". Therefore every request must name a known host, whatever its port is, and come from a page of
this server or from a program, which sends no origin. A body is read where one is taken and nowhere else,
counted as it arrives; a request has one deadline, from its first byte to the last of its body. No path,
address or file name is ever taken from a request by what lies behind.

The guard is plain ASGI (https://asgi.readthedocs.io, HTTP 2.4), without a library.
"""

import asyncio
import contextlib
import ipaddress
import json
import socket
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pellucid.errors import UsageError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import CONNECTIONS, REQUEST_SECONDS

if TYPE_CHECKING:
    import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MOST_HEADERS = 100  # of a request
_LONGEST_ADDRESS = 8192  # bytes
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
# Memory for the bodies that are here at a time, in bodies of the largest size: of all clients, and of one
# address, behind which a proxy may have many clients.
_OF_ALL = 10
_OF_ONE = 8
# A body may grow to this share of what the others leave of that memory, so that there is always room for
# smaller ones; and to this many bytes in any case, since there are only so many connections.
_SHARE = 1 / 4
_SMALL = 1 << 16
# Bytes of a reply that are handed over at a time: what is not read waits here once for all, not once a
# client.
_PIECE = 1 << 16
# Bytes that the system keeps of a reply which is not read, since it would take some megabytes of each.
_SENT_AHEAD = 1 << 17
# Names of headers in small letters, each with its values in order.
Headers = Mapping[str, list[str]]


class Refusal(NamedTuple):
    """Why a request is refused, and more headers of the reply."""

    status: int
    reason: str
    headers: Mapping[str, str] = {}


class Guard:
    """Middleware that lets through what pages of this server and programs ask.

    Args:
        app: what answers.
        bodies: paths that take a body by POST, and the most bytes of each.
        hosts: names and addresses of this server beside the address to which a connection came.
        behind_proxy: further names, under which a proxy may serve pages by https.
        admits: decides about a request by its scope and headers, before its body is read.
    """

    def __init__(
        self,
        app: App,
        bodies: Mapping[str, int],
        hosts: Collection[str] = LOOPBACK,
        *,
        behind_proxy: Collection[str] = (),
        admits: Callable[[Scope, Headers], Refusal | None] | None = None,
    ) -> None:
        self._app, self._bodies, self._admits = app, bodies, admits
        self._behind_proxy = {name.lower() for name in behind_proxy}
        self._hosts = {name.lower() for name in hosts} | self._behind_proxy
        # Bytes of bodies that are in memory: of all, and of each address.
        self._held, self._held_by = 0, Counter[str]()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers: dict[str, list[str]] = {}
        for name, value in scope["headers"][:_MOST_HEADERS]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        refusal = self._refusal(scope, headers)
        if refusal is None and self._admits is not None:
            refusal = self._admits(scope, headers)
        if refusal is not None:
            await self.refuse(refusal, receive, send)
            return
        most = self._bodies.get(scope["path"], 0) if scope["method"] == "POST" else 0
        if not most:
            await self._app(scope, _given(b"", receive), _with_headers(send, is_last=_has_body(headers)))
            return
        body, address = bytearray(), (scope.get("client") or ("",))[0]
        found = self._too_much(int((headers.get("content-length") or ["0"])[0][:20]), most, address)
        try:
            found = found or await self._read(scope, receive, body, most, address)
            if found is not None:
                await self.refuse(found, receive, send)
            elif scope["type"] != "gone":
                await self._app(scope, _given(body, receive), _with_headers(send))
        finally:
            self._held -= len(body)
            self._held_by[address] -= len(body)
            if not self._held_by[address]:
                del self._held_by[address]

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Judge the headers as they came, since a library may read them in another way."""
        if len(scope["headers"]) > _MOST_HEADERS:
            return Refusal(431, Sentence("the request has more than {MOST_HEADERS} headers", _MOST_HEADERS))
        if len(scope.get("raw_path", b"")) + len(scope.get("query_string", b"")) > _LONGEST_ADDRESS:
            return Refusal(
                414, Sentence("the address has more than {LONGEST_ADDRESS:,} characters", _LONGEST_ADDRESS)
            )
        hosts = headers.get("host", [])
        name, separator, port = hosts[0].rpartition(":") if len(hosts) == 1 else ("", "", "")
        if len(hosts) == 1 and (not separator or hosts[0].endswith("]")):
            name, port = hosts[0], "80"
        name = name.lower()
        is_known = name in self._hosts or name == _address(scope)
        if not is_known or not (port.isascii() and port.isdigit()):
            return Refusal(403, "this server answers to names of this machine alone, such as 127.0.0.1")
        schemes = ("http", "https") if name in self._behind_proxy else ("http",)
        own = {f"{scheme}://{hosts[0].lower()}" for scheme in schemes}
        if any(origin.lower() not in own for origin in headers.get("origin", [])):
            return Refusal(403, "a page of another origin may not ask this server")
        is_link = scope["method"] == "GET" and headers.get("sec-fetch-mode") == ["navigate"]
        if not is_link and any(
            site not in ("same-origin", "none") for site in headers.get("sec-fetch-site", [])
        ):
            return Refusal(403, "a page of another site may not ask this server")
        sizes = headers.get("content-length", [])
        if sizes and "transfer-encoding" in headers:
            return Refusal(400, "a request has a content-length or a transfer-encoding, not both")
        if len(sizes) > 1 or any(not (size.isascii() and size.isdigit()) for size in sizes):
            return Refusal(400, "the content-length is no number")
        return None

    def _too_much(self, size: int, most: int, address: str, own: int = 0) -> Refusal | None:
        """Refuse a body of so many bytes, of which `own` are here, that is too large or has no room now."""
        if size > most:
            return Refusal(413, Sentence("the request has more than {most:,} bytes", most))
        largest = max(self._bodies.values())
        left = min(_OF_ALL * largest - (self._held - own), _OF_ONE * largest - (self._held_by[address] - own))
        if size > max(_SMALL, _SHARE * left):
            return Refusal(503, "too many large requests at a time", {"retry-after": "1"})
        return None

    async def _read(
        self, scope: Scope, receive: Receive, body: bytearray, most: int, address: str
    ) -> Refusal | None:
        """Read the body, counted as it comes; the scope is of type `gone` where the connection was closed."""
        # `Bounded` closes connections whose body is late; its scopes say so.
        is_bounded = "deadline" in scope.get("state", {})
        try:
            async with contextlib.nullcontext() if is_bounded else asyncio.timeout(REQUEST_SECONDS):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        scope["type"] = "gone"
                        return None
                    more = message.get("body", b"")
                    refusal = self._too_much(len(body) + len(more), most, address, len(body))
                    if refusal is not None:
                        return refusal
                    body += more
                    self._held += len(more)
                    self._held_by[address] += len(more)
                    if not message.get("more_body", False):
                        return None
        except TimeoutError:
            return Refusal(
                408, Sentence("the request took longer than {REQUEST_SECONDS:g} seconds", REQUEST_SECONDS)
            )

    async def refuse(self, refusal: Refusal, receive: Receive, send: Send) -> None:
        """Reply with the reason as JSON, and close the connection, on which a body may follow."""
        content = json.dumps({"error": refusal.reason}).encode()
        headers = {
            "content-type": "application/json",
            "content-length": str(len(content)),
            "connection": "close",
            **refusal.headers,
        }
        start = {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }
        await _with_headers(send)(start)
        await send({"type": "http.response.body", "body": content})


def _address(scope: Scope) -> str:
    """Address of this machine to which the connection came, as a host is written; `none` where it is unknown.

    Whoever points a name of theirs at this machine sends that name, never its address.
    """
    try:
        found = ipaddress.ip_address((scope.get("server") or ("",))[0])
    except ValueError:
        return "none"
    return f"[{found}]" if found.version == 6 else str(found)


def _given(body: bytes | bytearray, receive: Receive) -> Receive:
    """Messages of a body that was read."""
    is_given = False

    async def given() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return given


def _has_body(headers: Headers) -> bool:
    return "transfer-encoding" in headers or headers.get("content-length", ["0"]) != ["0"]


def _with_headers(send: Send, *, is_last: bool = False) -> Send:
    """Sends replies with the headers of every reply, and large ones in pieces.

    `is_last` closes the connection, on which a body follows that nobody reads.
    """

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = list(message.get("headers", []))
            known = {name.lower() for name, _ in own}
            more = _OF_JSON if (b"content-type", b"application/json") in own else _OF_PAGES
            own += [each for each in more if each[0] not in known]
            own += [(b"connection", b"close")] * is_last
            message = {**message, "headers": own}
        body = message.get("body", b"")
        if len(body) > _PIECE:
            last = (len(body) - 1) // _PIECE * _PIECE
            for at in range(0, last, _PIECE):
                piece = body[at : at + _PIECE]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                # The connection takes what it was given, and says whether there is room for more.
                await asyncio.sleep(0)
            message = {**message, "body": body[last:]}
        await send(message)

    return sent


_OF_PAGES = [
    (name.encode(), value.encode())
    for name, value in {"content-security-policy": _NOTHING, **_HEADERS}.items()
]
# Nobody opens JSON as a page, and each header costs time: a hundredth of an answer's.
_OF_JSON = [each for each in _OF_PAGES if each[0] not in (b"cross-origin-opener-policy", b"referrer-policy")]


def listening(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A socket on an address of this machine, by default the loopback one; port 0 takes a free one.

    Raises: `UsageError` if the port is taken, or none that this user may have, or the host is no address of
    this machine.
    """
    if not 0 <= port < 1 << 16:
        raise UsageError("--port {port}: must be 0 to 65535; choose another", port)
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        raise UsageError(
            "--host {host}: {error}; give an address of this machine", host, _reason(error)
        ) from error
    # The protocol is named, or the event loop leaves small packets waiting for one another: 40 ms a reply.
    own = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT_AHEAD)
    try:
        own.bind(place)
        own.listen(128)
    except OSError as error:
        own.close()
        where = f"--port {port}" if host == "127.0.0.1" else f"--host {host} --port {port}"
        raise UsageError(
            "{where}: {error}; choose another, or 0 for any free one", where, _reason(error)
        ) from error
    return own


def _reason(error: Exception) -> str:
    return (getattr(error, "strerror", None) or str(error)).lower()


def server_of(app: App, seconds: int = 2) -> "uvicorn.Server":
    """A server of uvicorn that gives requests under way so many seconds once it is asked to end."""
    import uvicorn

    from pellucid.pages.connections import Bounded

    config = uvicorn.Config(
        app,
        http=Bounded,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=2 * CONNECTIONS,
        backlog=128,
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
