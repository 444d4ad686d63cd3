"""What a fit shows while it takes long."""

import io
import re
import sys
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from pellucid.estimators.estimator import FitProgress

DIGITS = load_digits()


class Terminal(io.StringIO):
    """Standard error as a terminal."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, verbose: bool | None, seconds: float) -> str:
    """What is written while two stages go on, the second for some seconds."""
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr("pellucid.estimators.estimator._SILENT", 0.1)
    found = FitProgress(verbose)
    with found.shown():
        with found.stage("reading", "read"):
            pass
        with found.stage("training svm", "trained svm"):
            time.sleep(seconds)
    return re.sub(r"\x1b\[[^m]*m", "", stream.getvalue())


def test_a_terminal_shows_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    read, training, trained = shown(monkeypatch, Terminal(), None, 0.4).splitlines()
    assert read.endswith("read  0.0 s")
    assert training.split() == ["training", "svm", "..."]
    assert re.search(r"trained svm  0\.[4-9] s", trained)


@pytest.mark.parametrize(
    ("stream", "verbose", "seconds"),
    [(Terminal(), None, 0.0), (Terminal(), False, 0.3), (io.StringIO(), None, 0.3)],
    ids=["short", "turned off", "no terminal"],
)
def test_nothing_is_shown(
    stream: io.StringIO, verbose: bool | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shown(monkeypatch, stream, verbose, seconds) == ""


def test_a_pipe_shows_it_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "training svm ..." in shown(monkeypatch, io.StringIO(), True, 0.3)


def test_a_network_in_training_says_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pellucid.estimators.estimator._SILENT", 0.0)
    monkeypatch.setattr("pellucid.estimators.estimator._BETWEEN", 0.0)
    quiet = pellucid.ImageClassifier(model="mlp", epochs=3, threads=1).fit(
        DIGITS.data[:200], DIGITS.target[:200]
    )
    assert capsys.readouterr().err == ""
    estimator = pellucid.ImageClassifier(model="mlp", epochs=3, threads=1, verbose=True)
    estimator.fit(DIGITS.data[:200], DIGITS.target[:200])
    written = capsys.readouterr().err
    assert "read and checked the data" in written
    assert re.search(r"epoch [123] of 3, about \d+ s left", written)
    assert "trained mlp" in written
    # Whoever looks on decides nothing.
    assert np.array_equal(estimator.predict_proba(DIGITS.data[:9]), quiet.predict_proba(DIGITS.data[:9]))
