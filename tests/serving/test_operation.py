"""A server in operation: back-pressure, kills, files that change, tokens, metrics, and the end."""

import contextlib
import json
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from exported_models import content_of
from pellucid.serving.serve import named
from pellucid.serving.workers import MOST_WAITING
from serving.served import IMAGES, JSON, PNG, TEXTS, ask, png_of, serving, write_models


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"), svm=IMAGES)


def metric(server, name, headers=()):
    """Value of a metric, of several the sum."""
    text = server.ask("GET", "/metrics", None, headers)[2].decode()
    found = re.findall(rf"^{re.escape(name)}(?:\{{[^}}]*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def slow_request():
    """A request that takes a process for a while: texts as long as they may be, to be explained."""
    return json.dumps({"text": " ".join(f"word{number} seven" for number in range(200))})


def await_metric(server, name, least):
    """Wait until a metric is as large as that."""
    end = time.monotonic() + 60
    while (found := metric(server, name)) < least:
        assert time.monotonic() < end, f"{name} stays at {found}"
        time.sleep(0.01)


def test_a_full_queue_refuses_at_once_and_what_waits_is_answered(tmp_path):
    """One process that is stopped: as many wait as may, the rest has 503 within a few milliseconds."""
    # On a busy machine this takes longer than a request waits.
    (tmp_path / "sitecustomize.py").write_text(
        "import pellucid.serving.workers as w; w.LONGEST_WAIT = 60.0\n"
    )
    words = write_models(tmp_path, svm=IMAGES)
    with serving(*words, "--workers", "1", PYTHONPATH=str(tmp_path)) as server:
        body = png_of(0)
        for _ in range(60):  # until the server knows how long a request takes, on a busy machine too
            assert server.predict(body)[0] == 200
        (child,) = server.children()
        os.kill(child, signal.SIGSTOP)
        request = (
            b"POST /api/predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: image/png\r\n"
            b"content-length: %d\r\n\r\n" % len(body)
        ) + body
        with contextlib.ExitStack() as stack:
            waiting = []
            for _ in range(MOST_WAITING + 1):
                own = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=60))
                own.sendall(request)
                waiting.append(own)
            settled = -1.0
            while (found := metric(server, "pellucid_queue_waiting")) != settled:
                settled = found
                time.sleep(0.5)
            if settled < MOST_WAITING:  # the last of them would have waited for too long
                pytest.skip(f"this machine is so busy that {settled:.0f} requests fill the queue")
            took = []
            for _ in range(20):
                began = time.perf_counter()
                status, headers, content = server.ask("POST", "/api/predict", body, PNG)
                took.append(time.perf_counter() - began)
                assert (status, json.loads(content)) == (
                    503,
                    {"error": "the server is busy; try again later"},
                )
                assert int(headers["retry-after"]) >= 1
            assert statistics.median(took) < 0.05  # 10 ms where no other test runs
            assert server.ask("GET", "/healthz")[0] == 200
            # Whoever is gone leaves no work behind.
            for own in waiting[1:101]:
                own.close()
            before = metric(server, "pellucid_answers_total")
            os.kill(child, signal.SIGCONT)
            for own in (waiting[0], *waiting[101:]):
                assert own.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
            assert metric(server, "pellucid_answers_total") - before == MOST_WAITING + 1 - 100


@pytest.mark.slow
def test_a_process_that_is_killed_under_load_is_replaced_and_no_answer_is_another(words):
    with serving(*words, "--workers", "2") as server:
        bodies = [png_of(seed) for seed in range(8)]
        alone = [server.predict(body) for body in bodies]
        assert {status for status, _ in alone} == {200}
        ended = threading.Event()

        def asking(number):
            statuses = []
            with server.connection() as connection:
                while not ended.is_set():
                    status, _, content = ask(connection, "POST", "/api/predict", bodies[number % 8], PNG)
                    statuses.append(status)
                    assert status == 503 or (status, json.loads(content)) == alone[number % 8]
            return statuses

        with ThreadPoolExecutor(6) as executor:
            found = [executor.submit(asking, number) for number in range(6)]
            for _ in range(3):
                time.sleep(0.3)
                os.kill(server.children()[0], signal.SIGKILL)
            time.sleep(0.5)
            ended.set()
            statuses = [status for each in found for status in each.result()]
        assert statuses.count(200) > 20
        assert set(statuses) <= {200, 503}
        await_metric(server, "pellucid_workers", 2)
        assert metric(server, "pellucid_worker_restarts") >= 1  # one may be ended while it starts
        assert server.predict(bodies[0]) == alone[0]
        # A client that is killed in the middle of a request leaves nothing behind.
        program = (
            "import socket, sys, time\n"
            f"own = socket.create_connection(('127.0.0.1', {server.port}))\n"
            "own.sendall(b'POST /api/predict HTTP/1.1\\r\\nhost: 127.0.0.1\\r\\n'\n"
            "            b'content-type: image/png\\r\\n'\n"
            "            b'content-length: 100000\\r\\n\\r\\n' + bytes(50000))\n"
            "print('sent', flush=True)\ntime.sleep(60)\n"
        )
        client = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert client.stdout is not None
        assert client.stdout.readline() == b"sent\n"
        client.kill()
        client.wait()
        client.stdout.close()
        assert server.predict(bodies[0]) == alone[0]
        assert metric(server, "pellucid_queue_waiting") == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.slow)])
def test_what_is_under_way_is_finished_at_the_end(tmp_path, number):
    """Eight explanations are asked for, and the signal comes while they wait."""
    with serving(*write_models(tmp_path, words=TEXTS), "--workers", "1") as server:
        body = slow_request()
        with ThreadPoolExecutor(8) as executor:
            found = [executor.submit(server.predict, body, JSON, None, "explain") for _ in range(8)]
            await_metric(server, "pellucid_queue_waiting", 3)
            began = server.children()
            assert server.end(number) == 0
            answers = [each.result() for each in found]
        assert [status for status, _ in answers] == [200] * 8
        assert not [child for child in began if os.path.exists(f"/proc/{child}")]
        with pytest.raises(ConnectionError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_a_file_that_is_replaced_changes_no_answer(tmp_path):
    """Also those of a process that starts afterwards."""
    (word,) = write_models(tmp_path, svm=IMAGES)
    with serving(word, "--workers", "1") as server:
        body = png_of(0)
        before = server.predict(body)
        path = tmp_path / "svm.onnx"
        path.write_bytes(content_of(TEXTS))
        assert server.predict(body) == before
        os.kill(server.children()[0], signal.SIGKILL)
        assert server.predict(body) == before
        path.unlink()
        os.kill(server.children()[0], signal.SIGKILL)
        assert server.predict(body) == before


def test_a_token_is_wanted_where_there_is_one(words, tmp_path):
    token = "a-token-that-is-long-enough"
    (tmp_path / "token").write_text(f"{token}\n")
    with serving(*words, "--token-file", tmp_path / "token", "--workers", "1") as server:
        right = {"authorization": f"Bearer {token}"}
        body = png_of(0)
        for path in ("/", "/healthz", "/readyz", "/openapi.json"):
            assert server.ask("GET", path)[0] == 200
        for path in ("/api/model", "/metrics"):
            assert server.ask("GET", path)[0] == 401
            assert server.ask("GET", path, None, right)[0] == 200
        for wrong in ({}, {"authorization": token}, {"authorization": f"Bearer {token[:-1]}"}):
            status, headers, content = server.ask("POST", "/api/predict", body, {**PNG, **wrong})
            assert (status, headers["www-authenticate"]) == (401, "Bearer")
            assert token not in content.decode()
        assert server.ask("POST", "/api/predict", body, {**PNG, **right})[0] == 200
        assert server.ask("POST", "/api/predict", body, {**PNG, "authorization": f"bearer {token}"})[0] == 200
        assert "bearerAuth" not in server.ask("GET", "/openapi.json")[2].decode()
        assert json.loads(server.ask("GET", "/openapi.json")[2])["components"]["securitySchemes"]
    assert token not in "".join(server.said)


def test_names_behind_a_proxy_and_the_warning_of_an_open_address(words):
    """Every address of this machine, which tests may not leave, is asked through the loopback one."""
    with serving(*words, "--host", "0.0.0.0", "--allow-host", "Models.example", "--workers", "1") as server:
        said = "".join(server.said)
        assert "warning: --host 0.0.0.0: every machine that reaches this one can ask" in said
        assert "warning: no --token-file" in said
        for host, origin, status in (
            ("models.example", "https://models.example", 200),
            ("models.example", "http://models.example", 200),
            ("models.example", "https://evil.example", 403),
            ("127.0.0.1", "https://127.0.0.1", 403),
            (f"127.0.0.1:{server.port}", f"http://127.0.0.1:{server.port}", 200),
            ("evil.example", "http://evil.example", 403),
        ):
            assert server.ask("GET", "/healthz", None, {"host": host, "origin": origin})[0] == status


def test_metrics_count_what_was_answered(words):
    with serving(*words, "--workers", "1") as server:
        labels = [server.predict(png_of(seed))[1] for seed in range(30)]
        assert server.predict(b"no image")[0] == 400
        assert server.ask("GET", "/whatever/path")[0] == 404
        text = server.ask("GET", "/metrics")[2].decode()
        for label in {each["label"] for each in labels}:
            count = sum(each["label"] == label for each in labels)
            assert f'pellucid_answers_total{{label="{label}",model="svm"}} {count:.1f}' in text
        unfamiliar = sum(each["unfamiliar"] for each in labels)
        assert metric(server, "pellucid_unfamiliar_total") == unfamiliar
        assert 'pellucid_requests_total{endpoint="/api/predict",status="200"} 30.0' in text
        assert 'pellucid_requests_total{endpoint="/api/predict",status="400"} 1.0' in text
        assert 'pellucid_request_seconds_count{endpoint="/api/predict"} 30.0' in text
        assert "whatever" not in text
        assert metric(server, "process_resident_memory_bytes") > 1e7


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (["none.onnx"], 4, "none.onnx: no such file"),
        (["model.pt"], 4, "model.pt: does not end in .onnx"),
        (["bad.onnx"], 4, "bad.onnx: refused: "),
        (["a=svm.onnx", "a=words.onnx"], 2, "its name 'a' is that of svm.onnx too; give NAME=PATH"),
        (["svm.onnx", "--token-file", "short"], 2, "a token is 16 or more characters"),
        (["svm.onnx", "--token-file", "none"], 2, "no such file or directory; give a file"),
        (["svm.onnx", "--workers", "0"], 2, "--workers: 0 is no number of processes"),
        (["svm.onnx", "--host", "192.0.2.1"], 2, "--host 192.0.2.1"),
        (["svm.onnx", "--port", "70000"], 2, "--port 70000: must be 0 to 65535"),
    ],
)
def test_what_cannot_be_served_is_refused(tmp_path, words, code, reason):
    write_models(tmp_path, svm=IMAGES, words=TEXTS)
    (tmp_path / "bad.onnx").write_bytes(b"no graph")
    (tmp_path / "short").write_text("short")
    done = subprocess.run(
        [sys.executable, "-m", "pellucid.serving", "--port", "0", *words],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (code, "")
    assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_name_is_given_before_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert named("a=b.onnx") == ("a", "b.onnx")
    assert named("b.onnx") == (None, "b.onnx")
    assert named("folder/a=b.onnx") == (None, "folder/a=b.onnx")
    (tmp_path / "a=b.onnx").write_bytes(b"")
    assert named("a=b.onnx") == (None, "a=b.onnx")


@pytest.mark.slow
def test_memory_stays_the_same_over_many_requests(words):
    with serving(*words, "--workers", "2") as server:
        bodies = [png_of(seed, (30 + seed, 40)) for seed in range(50)]

        def asking(count):
            with server.connection() as connection:
                for number in range(count):
                    assert ask(connection, "POST", "/api/predict", bodies[number % 50], PNG)[0] == 200

        with ThreadPoolExecutor(8) as executor:
            list(executor.map(asking, [250] * 8))
            before = server.memory()
            list(executor.map(asking, [1250] * 8))
        assert server.memory() < 1.05 * before
