"""`pellucid demo`: both samples, and what it ends with."""

import contextlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid import cores
from pellucid.cli import demo
from pellucid.cli.main import main
from pellucid.pipeline import results
from pellucid.pipeline import train as pipeline


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """What `train` is asked for, without its work."""
    found = []

    def train(sample, *, out: Path, overwrite: bool, **settings):
        found.append((sample, out, overwrite, settings))
        return SimpleNamespace(verdict=f"{sample} was learnt.", report=out / "report.html")

    monkeypatch.setattr(pipeline, "train", train)
    return found


def test_on_one_core_one_sample_is_trained_after_the_other(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = tmp_path / "runs" / "first"
    assert main(["demo", "--out", str(run)]) == 0
    spam = tmp_path / "runs" / "first-spam"
    assert trained == [
        ("sample:fashion", run, True, {"preset": "quick", "epochs": 6}),
        ("sample:spam", spam, True, {"preset": "quick"}),
    ]
    assert capsys.readouterr().out.splitlines() == [
        "sample:fashion was learnt.", f"{run}/report.html",
        "sample:spam was learnt.", f"{spam}/report.html",
    ]  # fmt: skip


def test_on_two_cores_the_mails_are_trained_beside_the_images(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores, "free", lambda: 2)
    run, spam, beside = tmp_path / "run", tmp_path / "run-spam", []

    @contextlib.contextmanager
    def training_beside(words):
        beside.append(words)
        yield lambda: 0

    monkeypatch.setattr(demo, "_training_beside", training_beside)
    monkeypatch.setattr(results.Run, "verdict", "the mails were learnt.")
    assert main(["demo", "--out", str(run)]) == 0
    assert trained == [("sample:fashion", run, True, {"preset": "quick", "epochs": 6, "threads": 2})]
    words = ["sample:spam", "--out", str(spam), "--overwrite", "--threads", "1", "--preset", "quick"]
    assert beside == [words]
    assert capsys.readouterr().out.splitlines()[2:] == ["the mails were learnt.", f"{spam}/report.html"]


def test_what_the_process_beside_says_is_shown_and_its_exit_code_is_the_commands(
    tmp_path, monkeypatch, trained, capsys
):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(demo, "_LOWEST", 0)  # beside other tests the lowest would wait for long
    run = tmp_path / "run"
    taken = tmp_path / "run-spam"
    taken.mkdir()
    (taken / "letter.txt").write_text("not a run")
    assert main(["demo", "--out", str(run)]) == 5
    said = capsys.readouterr()
    assert "holds files, but no run" in said.err
    assert said.out.splitlines() == ["sample:fashion was learnt.", f"{run}/report.html"]
