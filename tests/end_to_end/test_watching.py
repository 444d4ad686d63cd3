"""`train --watch` as a user has it: a process, a browser, a button, and a kill."""

import json
import signal
import subprocess
import sys
import time

import pytest

from browsers import browsing
from watched import watching, weights

TRAINING = ("--width", "8", "--parts", "2", "--seed", "5", "--threads", "1", "--folds", "0", "--no-baselines")


def _until(tab, expression: str, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    while not tab.evaluate(f"Boolean({expression})"):
        assert time.monotonic() < deadline, f"{expression}: {tab.evaluate('document.body.innerText')[:2000]}"
        time.sleep(0.1)


def _press(tab, key: str, code: int, text: str = "") -> None:
    for kind in ("keyDown", "keyUp"):
        more = {"text": text} if text and kind == "keyDown" else {}
        tab.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more)


@pytest.mark.slow
def test_a_browser_watches_and_stops_by_keyboard_and_has_the_report_in_the_end(
    chromium, axe_core, digits_npz, tmp_path
):
    words = ("train", digits_npz, "--out", tmp_path / "run", "--epochs", "2000", *TRAINING, "--watch")
    with browsing(chromium) as tab, watching(*words) as run:
        tab.call(
            "Emulation.setDeviceMetricsOverride", width=390, height=800, deviceScaleFactor=1, mobile=False
        )
        tab.open(f"http://127.0.0.1:{run.port}/")
        _until(tab, "document.querySelector('#training .plot') && document.querySelector('#errors .matrix')")
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        # What a reader opened, focused and scrolled stays so when newer sections come.
        tab.evaluate(
            "window.kept = document.querySelector('#training details'), kept.open = true,"
            "document.querySelector('#training summary').focus(), scrollTo(0, 900)"
        )
        # Lines may come above what is read: the browser then scrolls, and what is read stays where it is.
        tab.evaluate(
            "window.read = [...document.querySelectorAll('#sections :is(p, h2, h3, svg)')]"
            ".find((each) => each.getBoundingClientRect().top >= 0),"
            "window.place = read.getBoundingClientRect().top"
        )
        tab.evaluate("window.drawn = document.querySelector('#training path.main').getAttribute('d')")
        _until(tab, "document.querySelector('#training path.main').getAttribute('d') !== drawn")
        assert tab.evaluate("kept.isConnected && kept.open && read.isConnected")
        assert tab.evaluate("read.getBoundingClientRect().top - place") == pytest.approx(0, abs=1)
        assert tab.evaluate("document.activeElement === document.querySelector('#training summary')")
        for theme in ("light", "dark"):
            tab.call(
                "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}]
            )
            source = axe_core.read_text(encoding="utf-8") if theme == "light" else ""
            tab.evaluate(f"{source};0")
            found = tab.evaluate(
                "axe.run().then((found) => found.violations.map((each) => [each.id, each.nodes[0].html]))"
            )
            assert found == [], theme
        assert tab.evaluate("document.getElementById('spoken').textContent") != ""
        # Everything is reached by keyboard; Enter opens the explanation, and Enter stops.
        tab.evaluate("document.querySelector('#stopping summary').focus()")
        _press(tab, "Enter", 13, "\r")
        _press(tab, "Tab", 9)
        assert tab.evaluate("document.activeElement.id") == "stop"
        _press(tab, "Enter", 13, "\r")
        tab.evaluate("scrollTo(0, 900)")
        _until(tab, "location.pathname === '/report.html' && document.querySelector('#verdict')")
        assert tab.evaluate("document.querySelector('main code').textContent") == str(
            (tmp_path / "run" / "report.html").resolve()
        )
        assert tab.evaluate("location.hash") == "#training"  # the part that was read
        assert tab.errors == []
        assert run.wait(20) == 0
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["stopped"]["cnn"] == config["plan"]["recipe"]["total_steps"]
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
def test_a_page_that_is_closed_and_one_that_nobody_opens_do_not_hold_up_the_run(digits_npz, tmp_path):
    words = ("train", digits_npz, "--out", tmp_path / "run", "--epochs", "3", *TRAINING, "--watch")
    with watching(*words) as run:
        run.until(lambda news: news["can_stop"])
        assert run.wait() == 0
    assert (tmp_path / "run" / "metrics.json").exists()


@pytest.mark.slow
def test_killed_and_resumed_while_watched_the_weights_are_those_of_a_run_that_nobody_watched(
    pellucid, few_digits, tmp_path
):
    training = (*TRAINING, "--epochs", "12", "--dropout", "0.1")
    run = tmp_path / "run"
    words = ("train", few_digits, "--out", run, *training, "--watch", "--resume")
    with watching(*words) as first:
        news = first.until(lambda news: news["words"].startswith("Epoch 6 of"))
        token = news["token"]
        first.process.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
    with watching(*words) as second:
        news = second.until(lambda news: news["can_stop"])
        assert news["token"] != token  # by which the page knows that it has to load anew
        assert second.wait() == 0
    pellucid.succeed("train", few_digits, "--out", tmp_path / "alone", *training)
    assert weights(run) == weights(tmp_path / "alone")


@pytest.mark.slow
def test_killed_after_it_was_stopped_by_hand_a_run_ends_after_the_same_step(digits_npz, tmp_path):
    run, config = tmp_path / "run", tmp_path / "run" / "config.json"
    words = ("train", digits_npz, "--out", run, *TRAINING, "--epochs", "1000", "--watch")
    with watching(*words) as first:
        first.until(lambda news: news["words"].startswith("Epoch 4 of"))
        assert first.stop() == 202
        while "stopped" not in json.loads(config.read_text()):
            time.sleep(0.001)
        first.process.send_signal(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
    stopped = json.loads(config.read_text())["stopped"]["cnn"]
    with watching(*words, "--resume") as second:
        assert second.wait() == 0
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert history[-1]["step"] == stopped
    # A run whose checkpoints are gone, but not its journal, trains to that step afresh: the same weights.
    kept = weights(run)
    again = tmp_path / "again"
    again.mkdir()
    (again / "config.json").write_bytes(config.read_bytes())
    with watching(*[again if word == run else word for word in words], "--resume") as third:
        assert third.wait() == 0
    assert weights(again) == kept


def test_nothing_is_loaded_and_no_thread_begun_where_nobody_watches(few_digits, tmp_path):
    code = (
        "import sys, threading\n"
        "from pellucid.cli.main import main\n"
        f"words = ['train', {str(few_digits)!r}, '--out', {str(tmp_path / 'run')!r}, '--epochs', '1']\n"
        f"assert main([*words, *{list(TRAINING)!r}]) == 0\n"
        "unwanted = 'uvicorn', 'starlette', 'tensorboardX', 'mlflow', 'pellucid.pipeline.watching.'\n"
        "loaded = [each for each in sys.modules if each.startswith(unwanted)]\n"
        "assert loaded == [], loaded\n"
        "assert [each.name for each in threading.enumerate() if each.name.startswith('pellucid')] == []\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
