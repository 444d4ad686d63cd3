"""What is sent to break a server: it is refused with a reason, and others are answered meanwhile."""

import contextlib
import io
import json
import socket
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from PIL import Image

from serving.served import IMAGES, JSON, PNG, ask, base64_of, png_of, serving, write_models

HOST = b"host: 127.0.0.1\r\n"
POST = b"POST /api/predict HTTP/1.1\r\n"
IMAGE = b"content-type: image/png\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    words = write_models(tmp_path_factory.mktemp("models"), svm=IMAGES)
    # The deadline of a request is shorter than that of a user: a sitecustomize of the test sets it.
    folder = tmp_path_factory.mktemp("shorter")
    (folder / "sitecustomize.py").write_text("import pellucid.safety.budgets as b; b.REQUEST_SECONDS = 3.0\n")
    # And an image may have fewer pixels, so that those of many are soon too many.
    with serving(*words, "--workers", "2", PYTHONPATH=str(folder), PELLUCID_MEGAPIXELS="20") as server:
        yield server
        assert server.predict(png_of(0))[0] == 200
        assert server.process.poll() is None
        faults = [line for line in server.said if "Traceback" in line or "Exception" in line]
        assert not faults


def status_of(reply):
    """Status of the first reply."""
    return int(reply.split(b" ", 2)[1]) if reply else None


REFUSED = {
    "a length of 10 TB": (413, POST + HOST + IMAGE + b"content-length: 10000000000000\r\n\r\n"),
    "a negative length": (400, POST + HOST + IMAGE + b"content-length: -1\r\n\r\n"),
    "a length that is no number": (400, POST + HOST + IMAGE + b"content-length: 0x10\r\n\r\n"),
    "two lengths": (400, POST + HOST + IMAGE + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxx"),
    "length and chunks": (
        400,
        POST + HOST + IMAGE + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "another coding": (400, POST + HOST + IMAGE + b"transfer-encoding: gzip\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\n" + HOST + b"host: evil.example\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "an empty host": (403, b"GET / HTTP/1.1\r\nhost: \r\n\r\n"),
    "another host": (403, b"GET / HTTP/1.1\r\nhost: evil.example\r\n\r\n"),
    "a host that begins as ours": (403, b"GET / HTTP/1.1\r\nhost: 127.0.0.1.evil.example\r\n\r\n"),
    "a host behind a user": (403, b"GET / HTTP/1.1\r\nhost: 127.0.0.1@evil.example\r\n\r\n"),
    "HTTP 1.0 without a host": (403, b"GET / HTTP/1.0\r\n\r\n"),
    "an origin of null": (403, POST + HOST + IMAGE + b"origin: null\r\ncontent-length: 0\r\n\r\n"),
    "a foreign origin": (
        403,
        POST + HOST + IMAGE + b"origin: http://evil.example\r\ncontent-length: 0\r\n\r\n",
    ),
    "a foreign site": (403, POST + HOST + IMAGE + b"sec-fetch-site: cross-site\r\ncontent-length: 0\r\n\r\n"),
    "a header of 1 MB": (400, b"GET / HTTP/1.1\r\n" + HOST + b"x: " + b"a" * (1 << 20) + b"\r\n\r\n"),
    "3,000 headers": (
        431,
        b"GET / HTTP/1.1\r\n" + HOST + b"".join(b"x%d: 1\r\n" % n for n in range(3000)) + b"\r\n",
    ),
    "an address of 100 kB": (414, b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    "no HTTP": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n"),
    "an address that is no ASCII": (400, b"GET /\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a chunk that is no number": (400, POST + HOST + IMAGE + b"transfer-encoding: chunked\r\n\r\nzz\r\n"),
    "a path upwards": (404, b"GET /../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n"),
    "an encoded path upwards": (404, b"GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a path with a zero": (404, b"GET /healthz%00 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "two slashes": (404, b"GET //healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a whole address": (404, b"GET http://evil.example/healthz HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a proxy's tunnel": (404, b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a preflight": (405, b"OPTIONS /api/predict HTTP/1.1\r\n" + HOST + b"\r\n"),
    "another method": (405, b"DELETE /api/model HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a method of ours": (405, b"GET /api/predict HTTP/1.1\r\n" + HOST + b"\r\n"),
    "a query of a million fields": (
        400,
        b"GET /api/model?" + b"a&" * 4000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    ),
    "multipart": (
        415,
        POST + HOST + b"content-type: multipart/form-data; boundary=x\r\ncontent-length: 0\r\n\r\n",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused(server, name):
    status, request = REFUSED[name]
    end = b"\r\n\r\n" if b"\r\n\r\n" in request else b""
    head, separator, body = request.partition(b"\r\n\r\n")
    # What is not refused at once would keep the connection.
    closing = head + b"\r\nconnection: close" + separator + body if end and name != "no HTTP" else request
    reply = server.raw(closing)
    assert status_of(reply) == status, reply[:300]
    assert b"access-control" not in reply.lower()
    assert b"set-cookie" not in reply.lower()
    assert reply.count(b"HTTP/1.1 ") == 1


def test_every_reply_has_the_headers_that_protect_it(server):
    for path in ("/", "/healthz", "/nothing", "/api/model", "/openapi.json", "/metrics"):
        headers = server.ask("GET", path)[1]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


def test_chunks_that_are_too_much_are_refused_while_they_come(server):
    """More than 20 MB, in chunks that never end; the reply arrives although more is sent."""
    chunk = b"%x\r\n" % (1 << 20) + bytes(1 << 20) + b"\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as own:
        own.sendall(POST + HOST + IMAGE + b"transfer-encoding: chunked\r\n\r\n")
        sent = 0
        with contextlib.suppress(ConnectionError):
            for _ in range(60):
                own.sendall(chunk)
                sent += 1
        reply = own.recv(1 << 16)
    assert status_of(reply) == 413
    assert sent >= 20


def test_a_body_that_is_too_large_is_refused_and_the_client_reads_why(server):
    status, _, content = server.ask("POST", "/api/predict", bytes(21 << 20), PNG)
    assert (status, json.loads(content)) == (413, {"error": "the request has more than 20,971,520 bytes"})


@pytest.mark.parametrize("part", ["nothing", "header", "body", "chunk"])
def test_a_request_that_trickles_is_ended_at_its_deadline(server, part):
    """A byte every tenth of a second; the deadline is of header and body together."""
    beginning = {
        "nothing": b"",
        "header": b"GET / HTTP/1.1\r\nx: ",
        "body": POST + HOST + IMAGE + b"content-length: 1000\r\n\r\n",
        "chunk": POST + HOST + IMAGE + b"transfer-encoding: chunked\r\n\r\n",
    }[part]
    began = time.monotonic()
    found = b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=0.1) as own:
        own.sendall(beginning)
        while time.monotonic() - began < 10:
            with contextlib.suppress(TimeoutError):
                try:
                    more = own.recv(1 << 16)
                except ConnectionError:
                    break
                if not more:
                    break
                found += more
                continue
            if part != "nothing" and not found:
                with contextlib.suppress(ConnectionError):
                    own.sendall(b"1\r\nx\r\n" if part == "chunk" else b"a")
    assert 2.5 < time.monotonic() - began < 7
    assert status_of(found) == (None if part == "nothing" else 408)


def test_five_hundred_connections_that_say_nothing_keep_nobody_out(server):
    before = server.memory()
    with contextlib.ExitStack() as stack:
        for _ in range(500):
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        for _ in range(5):
            assert server.predict(png_of(1))[0] == 200
        assert server.memory() - before < 30_000_000


def test_one_dear_request_is_answered_in_part_and_others_do_not_wait_for_it(server):
    """Images of 16 megapixels in a few kilobytes, as a short and as a long request at a time."""
    file = io.BytesIO()
    Image.new("L", (4000, 4000), 255).save(file, "PNG")
    image = base64_of(file.getvalue())
    bodies = [json.dumps({"images": [image] * count}) for count in (8, 100)]
    assert [len(body) > 1 << 20 for body in bodies] == [False, True]
    with ThreadPoolExecutor(4) as executor:
        dear = [executor.submit(server.predict, body, JSON) for body in bodies]
        took = []
        while not all(each.done() for each in dear):
            began = time.perf_counter()
            assert server.predict(png_of(3))[0] == 200
            took.append(time.perf_counter() - began)
        assert max(took) < 5
        answered = [found["answers"] for status, found in (each.result() for each in dear) if status == 200]
        assert {status for status, _ in (each.result() for each in dear)} <= {200, 503}
    assert answered
    for answers in answered:
        errors = [each.get("error", "") for each in answers]
        assert errors[:3] == [""] * 3
        assert all(
            each.startswith("not decoded: the images of one request may take 180 MB") for each in errors[3:]
        )


def test_large_bodies_leave_room_for_small_ones(server):
    """Eight of nearly 20 MB each that do not end: five are held, three refused, others answered."""
    head = POST + HOST + IMAGE + b"content-length: %d\r\n\r\n" % (20 << 20)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            own = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            with contextlib.suppress(ConnectionError):
                own.sendall(head + bytes(19 << 20))
        for size in ((8, 8), (300, 300), (1000, 1500)):
            assert server.predict(png_of(5, size))[0] == 200
        assert server.predict(bytes(20 << 20))[0] == 503
    assert server.predict(bytes(20 << 20))[0] in (400, 503)


def status_or_none(server, path):
    """Status of the reply to a large body, if it came before the end of the connection."""
    with contextlib.suppress(ConnectionError):
        return server.ask("POST", path, bytes(20 << 20))[0]
    return None


def test_what_nobody_takes_is_refused_before_it_is_read(server):
    """However many send it at once."""
    before = server.memory()
    with ThreadPoolExecutor(8) as executor:
        paths = ["/nothing", "/api/model", "/healthz", "/"] * 4
        found = executor.map(lambda path: status_or_none(server, path), paths)
        assert server.predict(png_of(6))[0] == 200
        # Who sends on for more than a second may find the connection closed in place of the reply.
        assert {status for status in found if status} <= {404, 405}
    assert status_or_none(server, "/nothing") == 404
    assert server.memory() - before < 40_000_000


def test_others_are_answered_while_some_are_hostile(server):
    """Their median while trickling, malformed and large requests come without end."""
    body, ended = png_of(2), threading.Event()

    def attack(request):
        while not ended.wait(0.05):
            with contextlib.suppress(OSError):
                server.raw(request, seconds=0.3)

    def seconds():
        with server.connection() as connection:
            found = []
            for _ in range(60):
                began = time.perf_counter()
                assert ask(connection, "POST", "/api/predict", body, PNG)[0] == 200
                found.append(time.perf_counter() - began)
        return statistics.median(found)

    alone = seconds()
    requests = [
        POST + HOST + IMAGE + b"content-length: 1000\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nx: ",
        POST + HOST + IMAGE + b"content-length: 1000000\r\n\r\n" + bytes(1_000_000),
        b"\x00" * 1000,
    ]
    threads = [threading.Thread(target=attack, args=(each,)) for each in requests]
    for thread in threads:
        thread.start()
    among = seconds()
    ended.set()
    for thread in threads:
        thread.join()
    assert among < max(5 * alone, 0.05)  # of quiet cores it is less than twice as long


def test_several_requests_at_once_on_one_connection_are_answered_in_order(server):
    requests = b"".join(
        b"GET %s HTTP/1.1\r\n" % path + HOST + b"\r\n" for path in (b"/healthz", b"/no", b"/readyz")
    )
    last = b"GET /healthz HTTP/1.1\r\nconnection: close\r\n" + HOST + b"\r\n"
    reply = server.raw(requests + last)
    statuses = [int(part.split(b" ", 1)[0]) for part in reply.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 404, 200, 200]


def test_a_client_that_waits_for_leave_to_send_gets_it(server):
    body = png_of(4)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as own:
        own.sendall(POST + HOST + IMAGE + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(body))
        assert own.recv(1 << 16).startswith(b"HTTP/1.1 100 ")
        own.sendall(body)
        assert status_of(own.recv(1 << 16)) == 200
