"""`pellucid demo`: both samples, and what it ends with."""

import contextlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pellucid import cores
from pellucid.cli import demo
from pellucid.cli.main import main
from pellucid.pipeline import finished_run
from pellucid.pipeline import train as pipeline
from pellucid.pipeline.run.journal import DEMO_LOCK
from pellucid.safety.files import locked


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """What `train` is asked for, without its work."""
    found = []

    def train(sample, *, out: Path, overwrite: bool, quiet: bool, **settings):
        assert quiet
        found.append((sample, out, overwrite, settings))
        return SimpleNamespace(verdict=f"{sample} was learnt. It was easy.", report=out / "report.html")

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(demo, "_pages", lambda out: {"app": ("draw", out / "app.html")})
    return found


def test_on_one_core_one_sample_is_trained_after_the_other(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run = tmp_path / "runs" / "first"
    assert main(["demo", "--out", str(run)]) == 0
    spam = tmp_path / "runs" / "first-spam"
    assert trained == [
        ("sample:fashion", run, True, {"preset": "quick", "epochs": 6, "width": 16}),
        ("sample:spam", spam, True, {"preset": "quick"}),
    ]
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "sample:fashion was learnt.",
        "sample:spam was learnt.",
        f"reports: {run}/report.html, {spam}/report.html",
        f"draw: {run}/app.html",
    ]
    assert "about" in said.err
    assert len(said.err.splitlines()) + len(said.out.splitlines()) <= 10


def test_on_two_cores_the_mails_are_trained_beside_the_images(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(cores, "free", lambda: 2)
    run, spam, beside = tmp_path / "run", tmp_path / "run-spam", []

    @contextlib.contextmanager
    def training_beside(words):
        beside.append(words)
        yield lambda: 0

    monkeypatch.setattr(demo, "_training_beside", training_beside)
    monkeypatch.setattr(finished_run.Run, "verdict", "the mails were learnt. It was easy.")
    assert main(["demo", "--out", str(run)]) == 0
    settings = {"preset": "quick", "epochs": 6, "width": 16, "threads": 2}
    assert trained == [("sample:fashion", run, True, settings)]
    words = ["sample:spam", "--out", str(spam), "--overwrite", "--threads", "1", "--preset", "quick"]
    assert beside == [words]
    said = capsys.readouterr().out.splitlines()
    assert said[1:3] == ["the mails were learnt.", f"reports: {run}/report.html, {spam}/report.html"]


def test_what_the_process_beside_says_is_shown_and_its_exit_code_is_the_commands(
    tmp_path, monkeypatch, trained, capsys
):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(demo, "_LOWER", 0)  # beside other tests it would wait for long
    run = tmp_path / "run"
    taken = tmp_path / "run-spam"

    def train(*_, **__):
        taken.mkdir()
        (taken / "letter.txt").write_text("not a run")
        return SimpleNamespace(verdict="it was learnt.", report=run / "report.html")

    monkeypatch.setattr(demo, "_pages", lambda out: {})

    monkeypatch.setattr(pipeline, "train", train)
    monkeypatch.setattr(demo.sys, "executable", held_back(tmp_path, taken / "letter.txt"))
    assert main(["demo", "--out", str(run)]) == 5
    said = capsys.readouterr()
    assert "holds files, but no run" in said.err
    assert said.out.splitlines() == ["it was learnt.", f"reports: {run}/report.html"]


def held_back(folder: Path, sign: Path) -> str:
    """A Python that begins once a file is there."""
    program = folder / "python"
    program.write_text(
        f'#!/bin/sh\nwhile [ ! -e "{sign}" ]; do sleep 0.05; done\nexec "{sys.executable}" "$@"\n'
    )
    program.chmod(0o755)
    return str(program)


def demonstration(folder: Path, sample: str, **settings) -> None:
    folder.mkdir()
    document = {"data": {"place": sample}, "settings": {"preset": "quick", **settings}}
    (folder / "config.json").write_text(json.dumps(document))


def test_an_earlier_demonstration_is_replaced_where_that_is_asked_for(tmp_path, monkeypatch, trained, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run, spam = tmp_path / "run", tmp_path / "run-spam"
    assert main(["demo", "--out", str(run)]) == 0
    (run / ".1f2e3d4c.tmp").touch()  # of a process that was killed
    assert main(["demo", "--out", str(run)]) == 0
    demonstration(spam, "sample:spam")
    capsys.readouterr()
    assert main(["demo", "--out", str(run)]) == 5
    assert f"{spam}: holds an earlier demonstration; give --overwrite" in capsys.readouterr().err
    assert len(trained) == 4
    assert main(["demo", "--out", str(run), "--overwrite"]) == 0
    assert len(trained) == 6


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda place: demonstration(place, "sample:fashion", epochs=3), "holds a run, which is no demon"),
        (lambda place: demonstration(place, "photos", epochs=6), "already holds a run, which is no demon"),
        (lambda place: (place.mkdir(), (place / "config.json").touch()), "already holds a run, which is"),
        (lambda place: (place.mkdir(), (place / "letter.txt").touch()), "holds files, but no run; choose"),
        (lambda place: place.touch(), "not a directory; choose another --out"),
    ],
)
def test_what_is_no_demonstration_is_refused_untouched(tmp_path, trained, capsys, made, reason):
    made(tmp_path / "run")
    before = sorted(tmp_path.rglob("*"))
    assert main(["demo", "--out", str(tmp_path / "run")]) == 5
    assert reason in capsys.readouterr().err
    assert (trained, sorted(tmp_path.rglob("*"))) == ([], before)


def test_of_two_demonstrations_at_once_the_second_is_refused_and_names_the_process(tmp_path, trained, capsys):
    (tmp_path / "run").mkdir()
    with locked(tmp_path / "run", DEMO_LOCK):
        assert main(["demo", "--out", str(tmp_path / "run")]) == 5
    assert f"process {os.getpid()} is writing here; wait for it" in capsys.readouterr().err
    assert trained == []
