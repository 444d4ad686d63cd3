"""The guard of local servers: what it refuses before anything behind it is asked."""

import asyncio
import json

import pytest

from pellucid.errors import UsageError
from pellucid.pages.local_server import Guard, listening

HOST = ("host", "127.0.0.1:8001")


def asked(*headers, method="POST", pieces=(b"",), kind="http", most=100, path="/taken"):
    """Status, headers and content of a reply, and the bodies that reached the application."""
    seen, sent = [], []

    async def behind(scope, receive, send):
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"ok"})

    waiting = [
        {"type": "http.request", "body": piece, "more_body": at < len(pieces) - 1}
        for at, piece in enumerate(pieces)
    ]

    async def receive():
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "headers": [(a.encode(), b.encode("latin-1")) for a, b in headers],
    }
    asyncio.run(Guard(behind, {"/taken": most})(scope, receive, send))
    if kind != "http" or not sent:
        return sent, seen
    found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], found, sent[1]["body"], seen, len(waiting)


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8001", "localhost:9000", "LOCALHOST:1", "[::1]:8001", "localhost", "[::1]"]
)
def test_names_of_this_machine_are_answered_at_any_port(host: str) -> None:
    status, headers, content, seen, _ = asked(("host", host), pieces=(b"a", b"bc"))
    assert (status, content, seen) == (200, b"ok", [b"abc"])
    assert headers["x-own"] == "1"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in headers
    assert "set-cookie" not in headers


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("host", "")],
        [("host", "evil.example")],
        [("host", "evil.example:8001")],
        [("host", "127.0.0.1.evil.example:8001")],
        [("host", "127.0.0.1@evil.example")],
        [("host", "127.0.0.1:8001@evil.example")],
        [("host", "127.0.0.1:")],
        [("host", "0.0.0.0:8001")],
        [("host", "127.0.0.1:8001\xb2")],
        [HOST, ("host", "evil.example")],
        [HOST, ("Host", "127.0.0.1:8001")],
    ],
)
def test_other_hosts_are_refused(headers: list[tuple[str, str]]) -> None:
    status, _, content, seen, _ = asked(*headers)
    assert (status, seen) == (403, [])
    assert b"this machine" in content


@pytest.mark.parametrize(
    "origin",
    ["null", "http://evil.example", "http://localhost:8001", "https://127.0.0.1:8001", "http://127.0.0.1"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_pages_of_other_origins_are_refused(origin: str, method: str) -> None:
    status, _, content, seen, _ = asked(HOST, ("origin", origin), method=method)
    assert (status, seen) == (403, [])
    assert b"origin" in content
    assert asked(HOST, ("origin", "http://127.0.0.1:8001"), method=method)[0] == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "whatever"])
def test_other_sites_may_lead_here_and_ask_nothing(site: str) -> None:
    assert asked(HOST, ("sec-fetch-site", site))[0] == 403
    assert asked(HOST, ("sec-fetch-site", site), method="GET")[0] == 403
    navigate = ("sec-fetch-mode", "navigate")
    assert asked(HOST, ("sec-fetch-site", site), navigate, method="GET")[0] == 200
    assert asked(HOST, ("sec-fetch-site", site), navigate, method="POST")[0] == 403


def test_a_body_is_counted_while_it_comes() -> None:
    assert asked(HOST, pieces=(b"x" * 60, b"x" * 40))[3] == [b"x" * 100]
    status, headers, _, seen, left = asked(HOST, pieces=(b"x" * 60, b"x" * 41, b"x" * 1000))
    assert (status, seen, left) == (413, [], 1)  # the rest is not asked for
    assert headers["connection"] == "close"


@pytest.mark.parametrize(
    ("size", "status"),
    [("101", 413), ("10000000000000", 413), ("9" * 5000, 413), ("-1", 400), ("1e2", 400), ("1\xb2", 400)],
)
def test_a_length_that_is_too_large_or_none_is_refused_at_once(size: str, status: int) -> None:
    found, _, _, seen, left = asked(HOST, ("content-length", size))
    assert (found, seen, left) == (status, [], 1)


@pytest.mark.parametrize(("method", "path"), [("POST", "/elsewhere"), ("GET", "/taken"), ("PUT", "/taken")])
def test_a_body_that_nobody_takes_is_not_read(method: str, path: str) -> None:
    length = ("content-length", "2000")
    status, headers, _, seen, left = asked(HOST, length, method=method, path=path, pieces=(b"x" * 2000,))
    assert (status, seen, left) == (200, [b""], 1)
    assert headers["connection"] == "close"  # on which the body would follow
    assert "connection" not in asked(HOST, method=method, path=path)[1]


class Bodies:
    """A guard behind which requests wait until they are let go."""

    def __init__(self, most: int) -> None:
        self.let_go = asyncio.Event()
        self._guard = Guard(self._behind, {"/taken": most})

    async def _behind(self, scope, receive, send):
        await receive()
        await self.let_go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def ask(self, size: int, address: str = "192.0.2.1", *, announced: bool = True) -> int:
        """Status of a request with a body of so many bytes."""
        sent = []

        async def receive():
            return {"type": "http.request", "body": bytes(size), "more_body": False}

        async def send(message):
            sent.append(message)

        headers = [(b"host", b"localhost:1"), (b"content-length", str(size).encode())][: 1 + announced]
        scope = {"type": "http", "method": "POST", "path": "/taken", "headers": headers}
        await self._guard({**scope, "client": (address, 1)}, receive, send)
        return sent[0]["status"]


MB = 1 << 20


def test_bytes_of_bodies_are_given_back() -> None:
    """One after the other many more than are held at a time."""

    async def all_asked() -> set[int]:
        bodies = Bodies(MB)
        bodies.let_go.set()
        return {await bodies.ask(MB) for _ in range(50)}

    assert asyncio.run(all_asked()) == {200}


@pytest.mark.parametrize("announced", [True, False])
def test_large_bodies_leave_room_for_small_ones_and_for_other_addresses(announced: bool) -> None:
    async def among_large() -> tuple[list[int], list[int], list[int]]:
        bodies = Bodies(20 * MB)

        async def asked(size: int, address: str = "192.0.2.1") -> asyncio.Task[int]:
            task = asyncio.ensure_future(bodies.ask(size, address, announced=announced))
            await asyncio.sleep(0.01)
            return task

        large = [await asked(20 * MB) for _ in range(8)]
        refused = [each.result() for each in large if each.done()]
        small = [await asked(size) for size in (MB, 5 * MB, 100_000, 10_000)]
        # The one address fills what it may have; smaller and smaller bodies are refused, and the least never.
        filling = [await asked(size) for size in (10 * MB, 5 * MB, 4 * MB, MB) for _ in range(12)]
        small += [await asked(1 << 16)]
        others = [await asked(size, "192.0.2.2") for size in (5 * MB, MB)]
        bodies.let_go.set()
        assert 503 in [await each for each in filling]
        return refused, [await each for each in small], [await each for each in others]

    refused, small, others = asyncio.run(among_large())
    assert refused == [503] * 3  # five of the largest size are held at a time
    assert small == [200] * 5
    assert others == [200] * 2


def test_who_is_gone_and_who_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(HOST, pieces=()) == ([], [])
    monkeypatch.setattr("pellucid.pages.local_server.REQUEST_SECONDS", 0.05)

    async def trickled() -> int:
        async def receive():
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"host", b"localhost:1")]}
        await Guard(None, {"/": 1000})(scope, receive, send)
        return sent[0]["status"]

    assert asyncio.run(trickled()) == 408


def test_a_web_socket_is_closed() -> None:
    sent, seen = asked(HOST, kind="websocket")
    assert seen == []
    assert json.dumps(sent) == json.dumps([{"type": "websocket.close", "code": 1008}])


def test_a_port_that_is_taken_is_named() -> None:
    with listening(0) as own:
        port = own.getsockname()[1]
        assert own.getsockname()[0] == "127.0.0.1"
        with pytest.raises(UsageError, match=rf"--port {port}: address already in use; choose another"):
            listening(port)
    with pytest.raises(UsageError, match=r"--port 99999: .*; choose another"):
        listening(99_999)
