"""The guard of local servers: what it refuses before anything behind it is asked."""

import asyncio
import json

import pytest

from pellucid.errors import UsageError
from pellucid.local_server import Guard, listening

HOST = ("host", "127.0.0.1:8001")


def asked(*headers, method="POST", pieces=(b"",), kind="http", most=100):
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
        "headers": [(a.encode(), b.encode("latin-1")) for a, b in headers],
    }
    asyncio.run(Guard(behind, most)(scope, receive, send))
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
    assert (status, seen, left) == (
        413,
        [],
        0,
    )  # the rest is taken, so that the reply arrives, and thrown away
    assert headers["connection"] == "close"


@pytest.mark.parametrize("size", ["101", "10000000000000", "-1", "1e2", "9" * 5000])
def test_a_length_that_is_too_large_or_none_is_refused_at_once(size: str) -> None:
    status, _, _, seen, left = asked(HOST, ("content-length", size))
    assert (status, seen, left) == (413, [], 0)


def test_who_is_gone_and_who_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert asked(HOST, pieces=()) == ([], [])
    monkeypatch.setattr("pellucid.local_server.REQUEST_SECONDS", 0.05)

    async def trickled() -> int:
        async def receive():
            await asyncio.sleep(0.02)
            return {"type": "http.request", "body": b"x", "more_body": True}

        sent = []

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "headers": [(b"host", b"localhost:1")]}
        await Guard(None, 1000)(scope, receive, send)
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
