"""The real server, in a process of its own: asked by people, by strangers, and killed in the middle."""

import http.client
import json
import signal
import statistics
import threading
import time

import pytest

from command_line import alone, rows_of
from labelling.served import Person, Server, serving, write_images, write_texts


def truth(question):
    return question["example"]["text"].split()[-1]


@pytest.fixture
def texts(tmp_path):
    write_texts(tmp_path / "texts.csv", 400)
    return tmp_path / "texts.csv", tmp_path / "labels.csv"


def wait_for_features(person):
    """Wait until examples are chosen."""
    for _ in range(240):
        if not person.get("next")["state"]:
            return
        time.sleep(0.5)
    raise AssertionError("features took two minutes")


@pytest.mark.slow
def test_texts_from_the_first_question_to_a_trained_model(texts) -> None:
    place, out = texts
    with serving(place, out, "--classes", "sun,sea") as server:
        ann, seconds = Person(server), []
        question = ann.get("next")
        assert [each["name"] for each in question["classes"]] == ["sun", "sea"]
        for at in range(90):
            if at == 30:
                wait_for_features(ann)
            began = time.perf_counter()
            question = ann.label(question["example"], truth(question))
            seconds.append(time.perf_counter() - began)
        assert statistics.median(seconds) <= 0.3
        for _ in range(120):
            if (found := json.loads(server.ask("GET", "/api/status")[2]))["sentences"][1:]:
                break
            time.sleep(0.5)
        assert found["sentences"][0].startswith("Accuracy ")
        suggestion = ann.get("suggest", example=question["example"]["id"])["suggestion"]
        assert {each["name"] for each in suggestion} == {"sun", "sea"}
        assert server.end() == 0
    said = "".join(server.said)
    assert "0 texts labelled, 0 skipped, of 400" in said
    assert "90 texts labelled, 0 skipped, of 400" in said
    command = said.rpartition("train on them: pellucid ")[2].split()
    done = alone(*command, "--preset", "quick", "--model", "logistic-regression")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((out.parent / "labels-run" / "metrics.json").read_bytes())
    assert metrics["classes"] == ["sea", "sun"]
    assert metrics["data"]["test"] == sum(each["split"] == "test" for each in rows_of(out)) == 30


def test_images_are_decoded_and_saved_anew(tmp_path) -> None:
    write_images(tmp_path / "in")
    (tmp_path / "in" / "broken.png").write_bytes(b"\x89PNG<script>alert(1)</script>")
    with serving(tmp_path / "in", tmp_path / "in" / "labels.jsonl") as server:
        ann = Person(server)
        question, kinds = ann.get("next"), set()
        while question["example"]:
            status, headers, content = server.ask("GET", f"/api/image/{question['example']['id']}")
            kinds.add((status, headers["content-type"], content[:4]))
            if status == 200:
                question = ann.label(question["example"], "bright")
            else:
                question = ann.get("skip", example=question["example"]["id"])
        assert kinds <= {(200, "image/png", b"\x89PNG"), (422, "application/json", b'{"er')}
        for path in (
            "/api/image/13",
            "/api/image/-1",
            f"/api/image/{'1' * 5_000}",
            "/api/image/1%C2%B2",
            "/api/image/..%2f..%2fetc%2fpasswd",
            "/etc/passwd",
            "//",
        ):
            assert server.ask("GET", path)[0] == 404
        assert server.end(signal.SIGTERM) == -signal.SIGTERM
    rows = [json.loads(line) for line in (tmp_path / "in" / "labels.jsonl").read_text().splitlines()]
    assert len({each["image"] for each in rows}) == len(rows) == 12
    assert all((tmp_path / "in" / each["image"]).is_file() for each in rows)


def test_two_people_at_once_never_label_the_same(texts) -> None:
    place, out = texts
    with serving(place, out) as server:

        def work(name):
            person = Person(server, name)
            question = person.get("next")
            for _ in range(60):
                question = person.label(question["example"], truth(question))

        threads = [threading.Thread(target=work, args=(name,)) for name in ("ann", "bob", "cem")]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    rows = rows_of(out)
    assert len({each["id"] for each in rows}) == len(rows) == 180


def test_an_answer_to_a_table_that_somebody_edited_is_refused_with_what_to_do(texts) -> None:
    place, out = texts
    with serving(place, out, "--classes", "sun,sea") as server:
        ann = Person(server)
        question = ann.label(ann.get("next")["example"], "sun")
        first = out.read_bytes()
        edited = first + b"by hand,a text of mine,sea,train,random,0,,\n"
        out.write_bytes(edited)
        for name, more in (
            ("label", {"example": question["example"]["id"], "labels": ["sun"]}),
            ("undo", {}),
        ):
            status, found = ann.post(name, **more)
            assert status == 409
            assert "labels.csv: was changed by somebody else" in found["error"]
            assert "end this command and start it again" in found["error"]
            assert out.read_bytes() == edited
        out.unlink()
        status, found = ann.post("undo")
        assert (status, out.exists()) == (409, False)
        assert "is no longer there" in found["error"]
        out.write_bytes(edited)
        server.end()
    with serving(place, out) as server:  # as the message says
        ann = Person(server)
        assert ann.get("next")["labelled"] == 1
        ann.label(ann.get("next")["example"], "sun")
    assert [each["label"] for each in rows_of(out)] == ["sun", "sea", "sun"]


def test_a_client_of_many_names_leaves_examples_to_others(texts) -> None:
    with serving(*texts) as server:
        crowd = Person(server)
        for number in range(300):
            crowd.name = f"name {number}"
            assert crowd.post("next")[0] == 200
        found = Person(server, "ann").get("next")
        assert found["example"] is not None
        assert found["waiting"] <= 64


def test_strangers_are_refused(texts) -> None:
    with serving(*texts) as server:
        ann = Person(server)
        own = f"127.0.0.1:{server.port}"
        body = json.dumps({"token": ann.facts["token"], "person": "ann"})
        kind = {"content-type": "application/json"}
        assert server.ask("POST", "/api/next", body, kind)[0] == 200  # a program sends no origin
        for headers in (
            {"host": "evil.example"},
            {"origin": "http://evil.example"},
            {"origin": "null"},
            {"origin": f"http://localhost:{server.port}"},
            {"sec-fetch-site": "cross-site"},
        ):
            assert server.ask("POST", "/api/next", body, {**kind, **headers})[0] == 403
            assert server.ask("GET", "/", None, headers)[0] == 403
        assert server.ask("POST", "/api/next", body, {"content-type": "text/plain"})[0] == 415
        assert server.ask("POST", "/api/next", "x" * 70_000, kind)[0] == 413
        assert server.ask("POST", "/api/next", (b"x" * 10_000 for _ in range(10)), kind)[0] == 413
        assert server.ask("POST", "/api/next", "{", kind)[0] == 400
        assert server.ask("POST", "/api/next", "[" * 60_000, kind)[0] == 400
        assert server.ask("POST", "/api/next", "[]", kind)[0] == 400
        assert server.ask("POST", "/api/next", body.replace(ann.facts["token"], "other"), kind)[0] == 409
        assert server.ask("GET", "/api/next")[0] == 405
        assert ann.post("label", example="1", labels=["a"])[0] == 422
        assert ann.post("label", example=1, labels="a")[0] == 422
        assert ann.post("label", example=10**30, labels=["a"])[0] == 422
        assert ann.post("label", example=True, labels=["a"])[0] == 422
        status, headers, _ = server.ask("OPTIONS", "/api/next", None, {"origin": f"http://{own}"})
        assert status == 405
        assert not [name for name in headers if name.lower().startswith("access-control")]
        _, headers, _ = server.ask("GET", "/")
        assert "script-src 'sha256-" in headers["content-security-policy"]
        assert "set-cookie" not in {name.lower() for name in headers}
    assert rows_of(texts[1]) == []


def killed(place, out, kills: int) -> None:
    """Kill the server in the middle of answers, again and again; whatever was confirmed must be there."""
    confirmed: dict[str, str] = {}
    for number in range(kills):
        server = Server(place, out)
        person = Person(server, f"person {number}")
        timer = threading.Timer(0.02 + 0.01 * (number % 7), server.process.kill)
        question = person.get("next")
        try:
            for _ in range(1_000):
                text, label = question["example"]["text"], truth(question)
                question = person.label(question["example"], label)
                confirmed[text] = label
                if timer.ident is None:
                    timer.start()
        except (OSError, http.client.HTTPException):
            pass  # it was killed
        finally:
            timer.join()
            server.end(signal.SIGKILL)
        rows = rows_of(out)
        found = {each["text"]: each["label"] for each in rows if each["text"] and each["label"]}
        lost = {text for text, label in confirmed.items() if found.get(text) != label}
        assert not lost, f"after kill {number}"
        assert len({each["id"] for each in rows}) == len(rows)
    assert len(confirmed) >= kills


@pytest.mark.slow
def test_nothing_is_lost_when_it_is_killed(texts) -> None:
    killed(*texts, 6)


def test_one_table_has_one_server_and_one_port_too(texts) -> None:
    place, out = texts
    with serving(place, out) as server:
        done = alone("label", place, "--out", out, "--port", "0")
        assert done.returncode == 5
        assert f"process {server.process.pid} is writing here" in done.stderr
        done = alone("label", place, "--out", out.with_name("other.csv"), "--port", server.port)
        assert done.returncode == 2
        assert f"--port {server.port}: address already in use; choose another" in done.stderr


def test_what_cannot_be_labelled_is_refused(tmp_path) -> None:
    (tmp_path / "empty").mkdir()
    done = alone("label", tmp_path / "empty", "--out", tmp_path / "labels.csv")
    assert done.returncode == 3
    assert "no image in this folder" in done.stderr
    done = alone("label", "sample:fashion", "--out", tmp_path / "labels.csv")
    assert done.returncode == 3
    assert "unpack them into a folder first" in done.stderr
    done = alone("label", tmp_path, "--out", tmp_path / "labels.txt")
    assert done.returncode == 2
    assert "ends in .csv or .jsonl" in done.stderr
    assert not (tmp_path / "labels.csv").exists()
