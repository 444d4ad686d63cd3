"""A run on texts of which one class has a giveaway: what is said of it, and what `--ignore` changes."""

import json

import numpy as np
import pytest

from data.made import made_texts
from pellucid.answering.explain import explain
from pellucid.bundle import load_any
from pellucid.cli.main import main
from pellucid.export.export import export
from pellucid.pipeline.train import train
from pellucid.runtime import load
from pellucid.settings import Settings

pytestmark = pytest.mark.slow

TEXTS = made_texts(240)
GIVEN = {"model": "logistic-regression", "baselines": False, "groups": False, "learning_curve": False}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "levels.csv"
    rows = [
        f"{'Intermediate ' if place % 3 == 0 else ''}{text},{'abc'[place % 3]}\n"
        for place, text in enumerate(TEXTS)
    ]
    path.write_text("text,label\n" + "".join(rows))
    return path


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return train(data, out=tmp_path_factory.mktemp("runs") / "run", quiet=True, **GIVEN)


@pytest.fixture(scope="module")
def ignoring(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "ignoring"
    return train(data, out=out, quiet=True, ignore="token:Intermediate", **GIVEN)


def test_it_is_in_metrics_and_report_with_the_score_without_it(run):
    (one,) = run.metrics["giveaways"]
    assert (one["feature"], one["class"]) == ("first word 'Intermediate'", "a")
    assert (one["precision"], one["recall"], one["test_without_of_class"]) == (1.0, 1.0, 0)
    assert one["test_with"] + one["test_without"] == run.metrics["data"]["test"]
    assert 0 <= one["score_without"]["low"] <= one["score_without"]["value"] < 0.9
    page = run.report.read_text()
    assert "What gives classes away" in page
    assert "--ignore token:Intermediate" in page


def test_explain_says_that_it_drives_the_answer(run, tmp_path):
    text = f"Intermediate {TEXTS[0]}"
    notes = explain(run.folder, None, tmp_path / "one.html", Settings(), typed=text).explanation.notes
    assert any(note.startswith("A giveaway drives this answer: first word 'Intermediate'") for note in notes)
    plain = explain(run.folder, None, tmp_path / "two.html", Settings(), typed=TEXTS[1]).explanation.notes
    assert not any("giveaway" in note for note in plain)


def test_what_is_ignored_changes_no_answer_anywhere(ignoring, tmp_path):
    assert ignoring.metrics["giveaways"] == []
    with_it, without = [f"Intermediate {text}" for text in TEXTS[:9]], TEXTS[:9]
    model = load_any(ignoring.folder)
    assert model.ignored == ("token:Intermediate",)
    saved = json.loads((ignoring.folder / "model" / "model.json").read_text())
    assert saved["ignored"] == ["token:Intermediate"]
    np.testing.assert_array_equal(model.predict_proba(with_it), model.predict_proba(without))
    path = tmp_path / "model.onnx"
    export(ignoring.folder, path)
    exported = load(path)
    np.testing.assert_array_equal(exported.predict_proba(with_it), exported.predict_proba(without))
    np.testing.assert_allclose(exported.predict_proba(without), model.predict_proba(without), atol=1e-5)


def test_a_page_of_a_model_that_ignores_is_refused(ignoring, tmp_path, capsys):
    assert main(["export", str(ignoring.folder), "--out", str(tmp_path / "page.html")]) == 2
    assert "ignores parts of its inputs (--ignore), which pages cannot do yet" in capsys.readouterr().err
