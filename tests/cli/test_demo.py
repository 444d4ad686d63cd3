"""`pellucid demo`: both samples, and what it ends with."""

from pathlib import Path
from types import SimpleNamespace

from pellucid.cli.main import main
from pellucid.pipeline import train as pipeline


def test_both_samples_are_trained_and_each_verdict_is_followed_by_its_report(tmp_path, monkeypatch, capsys):
    trained = []

    def train(sample, *, out: Path, overwrite: bool, **settings):
        trained.append((sample, out, overwrite, settings))
        return SimpleNamespace(verdict=f"{sample} was learnt.", report=out / "report.html")

    monkeypatch.setattr(pipeline, "train", train)
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
