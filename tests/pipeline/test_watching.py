"""A run that is watched: what its page shows while it goes on, an early end, and that it changes nothing."""

import json
import queue
import re
import socket
import threading
import time
import webbrowser

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from pellucid.errors import DataError
from pellucid.pages.assembly import checksum
from pellucid.pipeline import train as train_module
from pellucid.pipeline.train import train
from pellucid.pipeline.watching import page as watching_page
from pellucid.pipeline.watching.progress import Progress
from watched import Asked, Poller, weights

SMALL = {"epochs": 4, "width": 8, "threads": 1, "quiet": True}


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """1,200 digits with splits of their own."""
    found = load_digits()
    pixels = (found.images * 15).astype(np.uint8)
    path = tmp_path_factory.mktemp("digits") / "digits.npz"
    parts = {"train": slice(0, 600), "val": slice(600, 1150), "test": slice(1150, 1350)}
    arrays = {f"x_{name}": pixels[part] for name, part in parts.items()}
    arrays |= {f"y_{name}": found.target[part] for name, part in parts.items()}
    np.savez(path, **arrays)
    return path


@pytest.fixture
def looked_at(monkeypatch):
    """A thread that looks at the next run of this process, which shows every change at once."""
    addresses = queue.Queue()
    monkeypatch.setattr(webbrowser, "open", addresses.put)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(watching_page, "PORT", 0)
    monkeypatch.setattr(watching_page, "_BETWEEN", 0.0)
    monkeypatch.setattr(watching_page, "_AT_ONCE", 1000.0)
    return Poller(addresses)


def titles(sections):
    return re.findall(r'<section id="([a-z-]+)"', sections)


def test_the_page_shows_the_report_while_it_is_made_and_ends_as_it(digits, looked_at, tmp_path):
    looked_at.start()
    train(str(digits), out=tmp_path / "watched", watch=True, folds=0, learning_curve=False, **SMALL)
    looked_at.join()
    assert looked_at.problem is None
    status, headers, page = looked_at.page
    assert status == 200
    assert "unsafe" not in headers["content-security-policy"]
    assert "script-src 'sha256-" in headers["content-security-policy"]
    assert page.count("<script") == 2
    states = [news["title"] for news in looked_at.news]
    assert "Training cnn" in states
    assert any(state.startswith("Training logistic-regression") for state in states)
    under_way = [news for news in looked_at.news if news["can_stop"]]
    assert [news["share"] for news in under_way] == sorted(news["share"] for news in under_way)
    assert any(news["left"].startswith("about ") for news in under_way)
    assert {news["words"] for news in under_way} <= {f"Epoch {at} of 4" for at in range(1, 5)}
    # Before the network: what was found in the data, and the baselines done so far.
    before = next(sections for news, sections in looked_at.sections if not news["can_stop"])
    assert "data" in titles(before)
    assert "training" not in titles(before)
    middle = [sections for _, sections in looked_at.sections if "in training" in sections][-1]
    assert titles(middle) == ["training", "errors", "models", "network", "data", "repeat"]
    for words in ("Confusion matrix", "Validation accuracy", "logistic-regression", "Gradient norm"):
        assert words in middle
    assert "test images of one" not in middle
    # The report is the file itself, below a line on where it lies.
    status, headers, report = looked_at.report
    own = (tmp_path / "watched" / "report.html").read_text(encoding="utf-8")
    line = re.search(r'<p class="quiet fine">The run is finished.*?</p>\n', report, re.DOTALL)
    assert status == 200
    assert "".join(report.replace(line[0], "", 1).split()) == "".join(own.split())
    assert str(tmp_path / "watched" / "report.html") in line[0]
    (script,) = re.findall(r"<script>(.*?)</script>", own, re.DOTALL)
    assert f"script-src '{checksum(script)}';" in headers["content-security-policy"]
    assert "connect-src 'none'" in headers["content-security-policy"]
    # The same weights, to the byte, and no trace in what is kept.
    train(str(digits), out=tmp_path / "alone", folds=0, baselines=False, **SMALL)
    assert weights(tmp_path / "watched") == weights(tmp_path / "alone")
    kept = [json.loads((tmp_path / name / "config.json").read_text()) for name in ("watched", "alone")]
    assert kept[0]["settings"].keys() == kept[1]["settings"].keys()
    assert not {"watch", "log"} & kept[0]["settings"].keys()
    assert "--watch" not in kept[0]["command"]
    assert [each.name for each in threading.enumerate() if each.name.startswith("pellucid")] == []


@pytest.mark.parametrize("kind", ["numbers", "texts", "labels", pytest.param("vae", marks=pytest.mark.slow)])
def test_every_kind_of_run_has_a_page(kind, digits, looked_at, tmp_path):
    given = {**SMALL, "epochs": 2, "baselines": kind == "texts"}
    draws = np.random.default_rng(0)
    path = tmp_path / "data.csv"
    if kind == "texts":
        words = {"sun": "bright warm light morning sky", "sea": "deep cold water waves salt"}
        rows = [
            (name, " ".join(draws.choice(text.split(), 4)) + f" {draws.integers(9999)}")
            for _ in range(700)
            for name, text in words.items()
        ]
        path.write_text("label,text\n" + "".join(f"{name},{text}\n" for name, text in rows))
        given |= {"model": "text-cnn", "min_examples": 1}
    elif kind == "labels":
        rows = []
        for at in range(900):
            present = [name for name in ("red", "blue", "green") if draws.random() < 0.5]
            rows.append(f"{';'.join(present)},{' '.join(present)} thing {at} {draws.integers(999)}\n")
        path.write_text("label,text\n" + "".join(rows))
        given |= {"model": "text-cnn", "target": "labels", "unlabelled": "none"}
    elif kind == "numbers":
        given |= {"target": "number", "model": "cnn"}
        path = digits
    else:
        given |= {"model": "vae"}
        del given["width"], given["baselines"]
        path = digits
    looked_at.start()
    if kind != "vae":
        given |= {"folds": 2 if kind == "labels" else 0, "learning_curve": False}
    train(str(path), out=tmp_path / "run", watch=True, **given)
    looked_at.join()
    assert looked_at.problem is None
    assert looked_at.report[0] == 200
    shown = [set(titles(sections)) for _, sections in looked_at.sections]
    assert {"training", "network", "data", "repeat"} <= shown[-1]
    assert "errors" in shown[-1] or kind == "vae"
    assert ("held-out text" in looked_at.sections[-1][1]) == (kind == "labels")


def test_the_button_ends_training_well_and_the_run_goes_on_to_its_usual_end(
    digits, looked_at, tmp_path, monkeypatch
):
    replies = []

    def stop(asked, news):
        if not news["can_stop"] and not replies:
            replies.append(asked.stop())
        if news["can_stop"] and news["words"].startswith("Epoch 3 of") and len(replies) == 1:
            replies.append(asked.stop("another"))
            replies.append(asked.stop(origin="http://evil.example"))
            replies.append(asked.stop(host="evil.example"))
            replies.append(asked.stop(content_type="text/plain"))
            replies.append(asked.stop())
            assert asked.news()["is_stopping"] or not asked.news()["can_stop"]

    looked_at.seen = stop
    looked_at.start()
    given = {**SMALL, "epochs": 400, "folds": 0, "baselines": False, "seed": 3}
    train(str(digits), out=tmp_path / "run", watch=True, **given)
    looked_at.join()
    assert looked_at.problem is None
    assert replies == [409, 409, 403, 403, 400, 202]
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    recipe, step = config["plan"]["recipe"], config["stopped"]["cnn"]
    assert recipe["total_steps"] == step < recipe["shortened"][0][1]
    (note,) = config["left_out"]
    assert note.startswith(f"The training of cnn was stopped by hand after step {step:,} of ")
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["step"] == step
    assert note in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["models"]["cnn"]["test"]
    # Another run that is stopped after the same step has the same weights, whoever asks when.
    monkeypatch.setattr(
        Progress,
        "stop_is_wanted",
        lambda self: self.under_way is not None and self.under_way.state.step == step,
    )
    monkeypatch.delenv("DISPLAY")
    train(str(digits), out=tmp_path / "again", watch=True, **given)
    assert weights(tmp_path / "again") == weights(tmp_path / "run")


def test_gd_is_stopped_where_its_epoch_ends(digits, tmp_path, monkeypatch):
    monkeypatch.setattr(watching_page, "PORT", 0)
    monkeypatch.setattr(
        Progress, "stop_is_wanted", lambda self: self.under_way and self.under_way.state.step >= 4
    )
    given = {**SMALL, "optimizer": "gd", "epochs": 9, "folds": 0, "baselines": False}
    train(str(digits), out=tmp_path / "run", watch=True, **given)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    recipe = config["plan"]["recipe"]
    per_epoch = recipe["shortened"][0][1] // 9
    assert config["stopped"] == {"cnn": 4}
    assert recipe["total_steps"] == per_epoch * -(-4 // per_epoch)


def test_a_port_that_is_taken_and_one_that_cannot_be_had_leave_the_run_alone(
    digits, tmp_path, monkeypatch, capsys
):
    given = {"threads": 1, "model": "logistic-regression"}
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(webbrowser, "open", lambda address: pytest.fail("there is no display"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(watching_page, "PORT", taken)
        train(str(digits), out=tmp_path / "taken", watch=True, **given)
    found = re.search(r"watch it: http://127\.0\.0\.1:(\d+)/", capsys.readouterr().err)
    assert int(found[1]) != taken
    with pytest.raises(ConnectionError):
        Asked(int(found[1])).news()

    def none(port):
        raise pellucid.UsageError(f"--port {port}: permission denied")

    monkeypatch.setattr(watching_page, "listening", none)
    train(str(digits), out=tmp_path / "none", watch=True, **given)
    assert "the page cannot be shown" in capsys.readouterr().err
    assert (tmp_path / "none" / "metrics.json").exists()


def test_a_run_that_fails_says_so_on_its_page(looked_at, tmp_path, monkeypatch):
    real = train_module.prepare

    def once_it_is_looked_at(*given, **more):
        for _ in range(600):
            if looked_at.news:
                break
            time.sleep(0.1)
        return real(*given, **more)

    monkeypatch.setattr(train_module, "prepare", once_it_is_looked_at)
    (tmp_path / "mails.csv").write_text("label,text\na,one\na,two\n")
    looked_at.start()
    with pytest.raises(DataError):
        train(str(tmp_path / "mails.csv"), out=tmp_path / "run", watch=True, quiet=True)
    looked_at.join(30)
    assert isinstance(looked_at.problem, ConnectionError)  # the server ended with the run
    assert any(news["state"] == "failed" and "mails.csv" in news["message"] for news in looked_at.news)
    assert not (tmp_path / "run").exists()
