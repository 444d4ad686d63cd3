"""The classical models learn beside a network that leaves cores free, and nothing else changes by it."""

import io
import json
import os
import re
import signal
import subprocess
import threading
import time
import warnings

import pytest
from sklearn.exceptions import ConvergenceWarning

import spawning
from pellucid.pipeline.run.stages import Stages, side_by_side


def test_both_are_done_at_the_same_time():
    meeting = threading.Barrier(2, timeout=60)

    def here():
        meeting.wait()
        return threading.current_thread() is threading.main_thread()

    def beside(is_stopped):
        meeting.wait()
        return is_stopped()

    assert side_by_side(here, beside) == (True, False)


def test_an_error_here_stops_what_is_beside():
    stopped = threading.Event()

    def here():
        raise KeyboardInterrupt

    def beside(is_stopped):
        end = time.monotonic() + 60
        while not is_stopped() and time.monotonic() < end:
            time.sleep(0.01)
        if is_stopped():
            stopped.set()

    with pytest.raises(KeyboardInterrupt):
        side_by_side(here, beside)
    assert stopped.is_set()


def test_a_signal_stops_what_is_beside_though_nothing_is_left_to_do_here():
    stopped = threading.Event()

    def beside(is_stopped):
        time.sleep(0.2)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        end = time.monotonic() + 60
        while not is_stopped() and time.monotonic() < end:
            time.sleep(0.01)
        if is_stopped():
            stopped.set()

    # A program in the background of a shell is born deaf to this signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            side_by_side(lambda: 1, beside)
    finally:
        signal.signal(signal.SIGINT, before)
    assert stopped.is_set()


def test_an_error_beside_is_raised_here():
    def beside(is_stopped):
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        side_by_side(lambda: 1, beside)


def test_filters_of_warnings_are_as_before_however_both_overlap():
    """Each side's own block begins within the other's and ends after it, which mixes up what is put back."""
    filters = list(warnings.filters)
    begun, done = threading.Event(), threading.Event()

    def here():
        begun.wait(60)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            done.set()
            time.sleep(0.1)

    def beside(is_stopped):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            begun.set()
            done.wait(60)

    side_by_side(here, beside)
    assert list(warnings.filters) == filters


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def test_lines_beside_a_bar_stay_whole():
    """A spinner beside the bar would be refused, and a mark without its line would stand above the bar."""
    said = Terminal()
    stages = Stages(said)
    with stages.console.status("training"), stages.beside_a_bar().stage("training svm") as stage:
        stage.words = "trained [svm] :smile:"
    lines = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", said.getvalue()).splitlines()
    assert any(re.search(r"✓ trained \[svm\] :smile:  \d", line) for line in lines)


def command(table, run, threads, *more):
    words = ["train", table, "--out", run, "--model", "bag", "--folds", "0", *more]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    return spawning.Process("-m", "pellucid", *words, env=environment, stderr=subprocess.PIPE, text=True)


def known(run):
    """All that the metrics say but for what the clock told and the place."""

    def plain(content):
        if isinstance(content, dict):
            return {
                name: plain(value)
                for name, value in content.items()
                if name not in ("train_seconds", "milliseconds_per_example", "data")
            }
        return [plain(each) for each in content] if isinstance(content, list) else content

    return plain(json.loads((run / "metrics.json").read_text()))


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """Texts of a table in which two words tell the class, and some labels are wrong."""
    rows = []
    for number in range(900):
        label = "cat" if number % 2 else "dog"
        told = label if number % 7 else "cat"
        filler = " ".join(f"word{(number * step) % 97}" for step in (3, 5, 11, 17, 23))
        rows.append(f"{'meow purr' if told == 'cat' else 'bark woof'} {filler} number{number},{label}")
    path = tmp_path_factory.mktemp("table") / "texts.csv"
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return path


@pytest.fixture(scope="module")
def one_after_the_other(table, tmp_path_factory):
    """A run with one thread, which leaves no core to anything beside."""
    run = tmp_path_factory.mktemp("one") / "run"
    process = command(table, run, 1)
    message = process.communicate(timeout=300)[1]
    assert process.returncode == 0, message
    assert not re.search(r"^✓ \w+ing ", message, re.MULTILINE)
    order = re.findall(r"^✓ trained (majority|svm|bag|random-forest)\b", message, re.MULTILINE)
    assert order == ["majority", "svm", "svm", "random-forest", "bag"]
    return run


@pytest.mark.slow
def test_models_trained_side_by_side_are_the_same(table, one_after_the_other, tmp_path):
    process = command(table, tmp_path / "run", 2)
    message = process.communicate(timeout=300)[1]
    assert process.returncode == 0, message
    assert known(tmp_path / "run") == known(one_after_the_other)
    assert (tmp_path / "run" / "report.html").stat().st_size > 50_000


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_was_ended_while_both_learned_goes_on_to_the_same_end(
    table, one_after_the_other, tmp_path, number
):
    run = tmp_path / "run"
    process = command(table, run, 2)
    end = time.monotonic() + 120
    while not (run / "checkpoints" / "baselines" / "svm" / "fitted.json").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    message = process.communicate(timeout=120)[1]
    assert process.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL), message
    process = command(table, run, 2, "--resume")
    message = process.communicate(timeout=300)[1]
    assert process.returncode == 0, message
    assert "took over svm from before the interruption" in message
    assert known(run) == known(one_after_the_other)
