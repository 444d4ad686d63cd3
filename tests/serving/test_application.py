"""What is asked over HTTP, on loopback, of made models: corrections, pages, bounds and floods of clients."""

import contextlib
import csv
import dataclasses
import io
import json
import os
import resource
import socket
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid.data.corrections import COLUMNS, read_corrections
from pellucid.data.images.preprocessing import Preprocessing
from pellucid.pages import connections
from pellucid.pages.local_server import listening, served_meanwhile
from pellucid.runtime.metadata import Metadata
from pellucid.serving import collecting
from pellucid.serving.collecting import Collecting
from serving.served import JSON, Server

pytest.importorskip("prometheus_client")
from pellucid.input_kinds import IMAGES
from pellucid.serving.application import State, application
from pellucid.serving.monitoring import WINDOW, Monitor
from pellucid.serving.workers import Reply
from pellucid.targets import CLASSIFICATION

HOST = b"host: 127.0.0.1\r\n"


class Served(Server):
    """A server in a thread of this process, asked as those in a process of their own are."""

    def __init__(self, port: int) -> None:
        self.port = port


@pytest.fixture
def run(tmp_path) -> Path:
    """A folder with what of a run is served: a report of six megabytes."""
    folder = tmp_path / "run"
    folder.mkdir()
    page = (
        '<!doctype html><html lang="en"><style>p {}</style>'
        '<script type="application/json" id="corrections-data">{}</script><p>'
    )
    (folder / "report.html").write_text(page + "x" * (6 << 20) + "</p></html>")
    return folder


@pytest.fixture
def table(tmp_path) -> Path:
    return tmp_path / "corrections.csv"


@pytest.fixture
def server(run, table):
    state = State(SimpleNamespace(alive=0), ("m",), None, Collecting(str(run), table))
    own = listening(0)
    with served_meanwhile(application(state), own):
        yield Served(own.getsockname()[1])


def post(server, given, headers=JSON):
    status, _, content = server.ask("POST", "/api/corrections", json.dumps(given), headers)
    return status, json.loads(content)


def test_texts_that_look_like_formulas_come_back_as_they_were_sent(server, table):
    sent = ["=cmd|'/C calc'!A0", "'=1", "''=1", "'a", "@SUM(1)", "-3", "\tx", "it's"]
    for text in sent:
        assert post(server, {"input": f"{text}.png", "label": text, "was": text})[0] == 201
    rows = read_corrections(str(table)).rows
    assert [each.label for each in rows] == [each.was for each in rows] == sent
    assert [each.input for each in rows] == [f"{text}.png" for text in sent]
    content = server.ask("GET", "/api/corrections")[2]
    assert content == table.read_bytes()  # which the report reads as the file
    cells = [cell for row in csv.reader(io.StringIO(content.decode(), newline="")) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]


def test_a_row_is_bounded_in_bytes(server, table):
    assert post(server, {"input": "a.png", "label": "x" * 3_000})[0] == 201
    status, found = post(server, {"input": "a.png", "label": "\u4e2d" * 2_000})
    assert (status, found["error"][:12]) == (422, "a row of 6,0")
    assert "4,096 are taken at most" in found["error"]
    assert post(server, {"input": "a" * 9_000, "label": "b" * 9_000})[0] == 413
    assert len(read_corrections(str(table)).rows) == 1


@pytest.mark.parametrize(("name", "most"), [("_MOST_ROWS", 3), ("_MOST_BYTES", 100)])
def test_what_one_server_adds_is_bounded_beyond_what_was_there(run, table, monkeypatch, name, most):
    monkeypatch.setattr(collecting, name, most)
    row = "before.png,a,label,,,,\n"
    table.write_text(",".join(COLUMNS) + "\n" + 10 * row)
    of = Collecting(str(run), table)
    for number in range(3):
        assert of.add({"input": f"{number}.png", "label": "cat" * 5}) == 12 + number
    with pytest.raises(OSError, match=r"corrections or .* MB of them were added; start the server again"):
        of.add({"input": "3.png", "label": "cat" * 5})
    assert len(read_corrections(str(table)).rows) == 13


def test_a_table_that_somebody_else_has_is_answered_with_what_to_do(server, table):
    assert post(server, {"input": "a.png", "label": "cat"}) == (201, {"row": 2})
    edited = table.read_bytes() + b"by-hand.png,dog,label,,,,\n"
    table.write_bytes(edited)
    status, found = post(server, {"input": "b.png", "label": "cat"})
    assert status == 409
    assert "corrections.csv: was changed by somebody else" in found["error"]
    assert "end this command and start it again" in found["error"]
    assert table.read_bytes() == edited
    table.rename(table.with_name("other.csv"))
    assert post(server, {"input": "b.png", "label": "cat"})[0] == 409
    assert not table.exists()


def test_a_correction_is_not_read_where_none_is_taken(run, table):
    """Nor anything else, without a token: the reply comes before the body."""
    for token, path, status in (
        ("secret" * 4, b"/api/corrections", 401),
        ("secret" * 4, b"/api/predict", 401),
        (None, b"/nothing", 404),
        (None, b"/report", 405),
        (None, b"/api/model", 405),
    ):
        state = State(SimpleNamespace(alive=0), ("m",), token, Collecting(str(run), table))
        own = listening(0)
        with served_meanwhile(application(state), own):
            for length in (b"content-length: 20000000\r\n", b"transfer-encoding: chunked\r\n"):
                reply = Served(own.getsockname()[1]).raw(
                    b"POST " + path + b" HTTP/1.1\r\n" + HOST + length + b"\r\n"
                )
                assert int(reply.split(b" ", 2)[1]) == status
                assert b"connection: close" in reply
                assert reply.count(b"HTTP/1.1") == 1


def unread(server, stack, count):
    """Connections that ask for the report and read nothing."""
    found = []
    for _ in range(count):
        own = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)
        own.sendall(b"GET /report HTTP/1.1\r\n" + HOST + b"\r\n")
        found.append(own)
    return found


def test_clients_that_never_read_share_one_copy_and_are_cut_off(server, run, monkeypatch):
    """Two hundred of them, while others are answered; each would have had its own six megabytes."""
    monkeypatch.setattr(connections, "REPLY_SECONDS", 1.5)
    size = (run / "report.html").stat().st_size
    assert len(server.ask("GET", "/report")[2]) >= size
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.ExitStack() as stack:
        stalled = unread(server, stack, 200)
        began = time.monotonic()
        status, _, content = server.ask("GET", "/report")
        assert (status, len(content) >= size) == (200, True)
        assert server.ask("GET", "/healthz")[0] == 200
        assert time.monotonic() - began < 5
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kB; 1.2 GB otherwise
        time.sleep(max(0.0, began + 4 - time.monotonic()))
        for own in stalled:
            assert is_reset(own)


def test_a_slow_reader_gets_the_whole_report(server, run, monkeypatch):
    """It takes longer than the deadline, which is about taking nothing."""
    monkeypatch.setattr(connections, "REPLY_SECONDS", 0.5)
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as own:
        own.sendall(b"GET /report HTTP/1.1\r\nconnection: close\r\n" + HOST + b"\r\n")
        received, began = 0, time.monotonic()
        while more := own.recv(1 << 17):
            received += len(more)
            time.sleep(0.02)
    assert time.monotonic() - began > 0.6
    assert received > (run / "report.html").stat().st_size


def test_where_there_are_too_many_one_that_does_not_read_makes_room(server, monkeypatch):
    monkeypatch.setattr(connections, "CONNECTIONS", 20)
    with contextlib.ExitStack() as stack:
        stalled = unread(server, stack, 20)
        time.sleep(0.3)
        for _ in range(5):
            own = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            own.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert own.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        assert any(is_reset(own) for own in stalled)


def is_reset(own) -> bool:
    return bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="other addresses of loopback")
def test_an_address_with_most_connections_makes_room_for_others(server, monkeypatch):
    monkeypatch.setattr(connections, "CONNECTIONS", 10)

    def connected(address):
        own = socket.create_connection(("127.0.0.1", server.port), timeout=5, source_address=(address, 0))
        own.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert own.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
        return own

    with contextlib.ExitStack() as stack:
        one = stack.enter_context(connected("127.0.0.3"))  # idle longest
        for _ in range(30):
            stack.enter_context(connected("127.0.0.2"))
        one.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert one.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_corrections_of_several_people_at_once_are_all_there(server, table):
    def work(name):
        for number in range(20):
            assert post(server, {"input": f"{name}{number}.png", "label": name})[0] == 201
            assert server.ask("GET", "/api/corrections")[0] == 200

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    rows = read_corrections(str(table)).rows
    assert len({each.input for each in rows}) == len(rows) == 60
    assert server.ask("GET", "/api/corrections")[2] == table.read_bytes()


class Asked:
    """Processes that answer at once, with made times."""

    alive, waiting, restarts, about = 1, 0, 0, {}

    def overload(self, *, is_long=False):
        return None

    async def answer(self, asked, content, is_gone, *, is_long=False):
        counted = {"labels": ["a"], "novelty": [], "inputs": 1}
        return Reply(200, counted, json.dumps({"is_long": is_long}).encode(), waited=3.0, took=0.25)


@pytest.fixture
def asked():
    metadata = Metadata(
        "m", "0", IMAGES, ("a", "b"), CLASSIFICATION, 1.0, Preprocessing(8, 8, 1), (), None, ()
    )
    models = {"m": metadata}
    state = State(Asked(), ("m",), served={"m": SimpleNamespace(metadata=metadata)})
    state.monitor = Monitor(models, waiting=int, alive=int, restarts=int)
    own = listening(0)
    with served_meanwhile(application(state), own):
        yield Served(own.getsockname()[1])


def test_time_in_the_queue_and_in_the_process_are_told_apart(asked):
    assert asked.ask("POST", "/api/predict", b"x", {"content-type": "image/png"})[0] == 200
    text = asked.ask("GET", "/metrics")[2].decode()
    assert "pellucid_queue_seconds_sum 3.0" in text
    assert "pellucid_answer_seconds_sum 0.25" in text


@pytest.mark.parametrize(
    ("path", "size", "kind", "is_long"),
    [
        ("predict", 100, "application/json", False),
        ("predict", (1 << 20) + 1, "application/json", True),
        ("predict", 8 << 20, "image/jpeg", False),
        ("predict", (8 << 20) + 1, "image/jpeg", True),
        ("explain", 100, "image/png", True),
    ],
)
def test_what_is_long_by_its_kind(asked, path, size, kind, is_long):
    content = asked.ask("POST", f"/api/{path}", bytes(size), {"content-type": kind})[2]
    assert json.loads(content) == {"is_long": is_long}


def test_addresses_of_corrections_are_told_where_they_are(asked, server):
    for served, is_there in ((asked, False), (server, True)):
        found = json.loads(served.ask("GET", "/openapi.json")[2])
        assert ("/api/corrections" in found["paths"]) == is_there
        assert served.ask("GET", "/api/corrections")[0] == (200 if is_there else 404)


class Repeating(Asked):
    """Processes that answer with what they were asked, of which they count a label by the model's name."""

    async def answer(self, asked, content, is_gone, *, is_long=False):
        labels = [json.loads(asked.short)["model"]]
        return Reply(200, {"labels": labels, "novelty": [], "inputs": 1}, asked.short, 0.5, 0.25)


@pytest.fixture
def two():
    """A server of two models, whose pages are their names, and its state."""
    made = {
        name: Metadata(name, "0", IMAGES, classes, CLASSIFICATION, 1.0, Preprocessing(8, 8, 1), (), None, ())
        for name, classes in (("m", ("m", "b")), ("n", ("n", "c", "d")))
    }
    served = {name: SimpleNamespace(metadata=each, name=name) for name, each in made.items()}
    state = State(Repeating(), ("m", "n"), served=served)
    state.monitor = Monitor(made, waiting=int, alive=int, restarts=int)
    own = listening(0)
    with served_meanwhile(application(state), own):
        yield Served(own.getsockname()[1]), state


def test_each_of_two_models_is_asked_counted_and_described_by_its_own_name(two):
    server, state = two
    wanted = [("predict", "n", JSON), ("explain", "m", JSON), ("predict", "n", {"content-type": "image/png"})]
    for job, model, headers in wanted:
        found = json.loads(server.ask("POST", f"/api/{job}?model={model}", b"{}", headers)[2])
        kind = "json" if headers is JSON else "image"
        assert found == {"job": job, "model": model, "kind": kind, "is_long": False}
    text = server.ask("GET", "/metrics")[2].decode()
    for line in (
        'pellucid_requests_total{endpoint="/api/predict",status="200"} 2.0',
        'pellucid_requests_total{endpoint="/api/explain",status="200"} 1.0',
        'pellucid_answers_total{label="n",model="n"} 2.0',
        'pellucid_answers_total{label="m",model="m"} 1.0',
    ):
        assert line in text
    for _ in range(2):  # the second window is compared with the first
        state.monitor.answered("n", {"labels": ["n"] * WINDOW, "novelty": [], "inputs": WINDOW}, 0.0, 0.0)
    models = [json.loads(server.ask("GET", f"/api/model{query}")[2]) for query in ("", "?model=n")]
    assert [each["classes"] for each in models] == [["m", "b"], ["n", "c", "d"]]
    assert [each["drift"] is None for each in models] == [True, False]


def test_each_of_two_models_has_a_page_of_its_own(two, monkeypatch):
    def page(words):
        return lambda served: SimpleNamespace(html=f"{words} {served.name}", policy=f"of {served.name}")

    for name in ("page_of", "opened_page_of"):
        monkeypatch.setattr(f"pellucid.serving.application.{name}", page(name))
    for _ in range(2):
        for path, name in (("/", "page_of"), ("/api/page", "opened_page_of")):
            for model in ("n", "m"):
                _, headers, content = two[0].ask("GET", f"{path}?model={model}")
                assert content.decode() == f"{name} {model}"
                assert headers["content-security-policy"] == f"of {model}"


def test_everything_about_models_and_those_who_ask_needs_the_token(two):
    state = dataclasses.replace(two[1], token="secret")
    own = listening(0)
    with served_meanwhile(application(state), own):
        server = Served(own.getsockname()[1])
        for path in ("/metrics", "/api/model", "/api/page"):
            assert server.ask("GET", path)[0] == 401
            assert server.ask("GET", path, None, {"authorization": "Bearer other"})[0] == 401
        for path in ("/metrics", "/api/model"):
            assert server.ask("GET", path, None, {"authorization": "Bearer secret"})[0] == 200
        assert server.ask("GET", "/healthz")[0] == 200
        assert server.ask("POST", "/api/predict", b"{}", JSON)[0] == 401
