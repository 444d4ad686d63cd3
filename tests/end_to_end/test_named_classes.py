"""Classes by new names, too small, weighted and decided by a threshold: from the command to the runtime."""

import csv
import json

import numpy as np
import pytest

import pellucid
from pellucid.answering.evaluate import evaluate
from pellucid.cli.main import main
from pellucid.data import read_data
from pellucid.errors import UsageError
from pellucid.settings import Settings

FAST = ["--model", "logistic-regression", "--preset", "quick", "--threads", "1", "--folds", "0"]


def write(path, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    return str(path)


@pytest.fixture(scope="module")
def mails():
    """Mails labelled 0, 1 and, of three of them, `odd`; and 200 others by their old labels."""
    listing = read_data("sample:spam", Settings())
    codes = {"ham": "0", "spam": "1"}
    rows = [(listing.texts[at], codes[listing.labels[at]]) for at in range(0, 2400, 4)]
    odd = [(f"something else entirely {at}", "odd") for at in range(3)]
    return [*rows, *odd], [(listing.texts[at], codes[listing.labels[at]]) for at in range(1, 800, 4)]


@pytest.fixture(scope="module")
def run(mails, tmp_path_factory):
    folder = tmp_path_factory.mktemp("named")
    (folder / "names.csv").write_text("old,new\n0,ham\n1,spam\n")
    data = write(folder / "mails.csv", mails[0])
    flags = ["--rename", str(folder / "names.csv"), "--min-examples", "5", "--threshold", "spam=0.9"]
    assert main(["train", data, "--out", str(folder / "run"), *FAST, *flags, "--class-weight", "spam=2"]) == 0
    return folder / "run"


def test_the_run_says_what_it_did(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["classes"] == ["ham", "spam"]
    assert metrics["data"]["rare_classes"] == {"odd": 3}
    assert metrics["threshold"] == {"spam": 0.9}
    test = metrics["models"]["logistic-regression"]["test"]
    assert 0.5 < test["average_precision"]["low"] <= test["average_precision"]["value"]
    assert 0.5 < test["roc_auc"]["value"] <= test["roc_auc"]["high"]
    config = json.loads((run / "config.json").read_text())
    assert config["settings"]["rename"] == {"0": "ham", "1": "spam"}
    assert config["settings"]["class_weight"] == {"spam": 2.0}
    assert "--rename '{" in config["command"]
    page = (run / "report.html").read_text()
    assert "Left out for having too few texts" in page
    assert "Renamed: 2 classes" in page


def test_old_labels_are_scored_under_their_new_names(run, mails, tmp_path):
    place = write(tmp_path / "new.csv", mails[1])
    plain = evaluate(str(run), place, Settings())
    assert plain.classes == ("ham", "spam")
    loose = evaluate(str(run), place, Settings(threshold={"spam": 0.01}))
    assert loose.scores.confusion[:, 1].sum() > plain.scores.confusion[:, 1].sum()
    assert loose.scores["log_loss"].value == plain.scores["log_loss"].value


@pytest.mark.slow
def test_every_way_to_ask_obeys_the_threshold(run, mails, tmp_path):
    texts = [text for text, _ in mails[1]]
    classifier = pellucid.load(run)
    expected = np.where(classifier.predict_proba(texts)[:, 1] >= 0.9, "spam", "ham").tolist()
    assert classifier.predict(texts).tolist() == expected
    assert expected != np.where(classifier.predict_proba(texts)[:, 1] >= 0.5, "spam", "ham").tolist()
    assert main(["export", str(run), "--out", str(tmp_path / "model.onnx")]) == 0
    from pellucid import runtime

    assert runtime.load(tmp_path / "model.onnx").predict(texts) == expected
    place = write(tmp_path / "new.csv", mails[1])
    assert main(["predict", str(run), place, "--out", str(tmp_path / "answers.csv")]) == 0
    with (tmp_path / "answers.csv").open(newline="", encoding="utf-8") as file:
        assert [row["label"] for row in csv.DictReader(file)] == expected


def test_what_names_no_class_or_too_many_is_refused(run, mails, tmp_path, capsys):
    place = write(tmp_path / "new.csv", mails[1])
    with pytest.raises(UsageError, match=r"--threshold: .* has no class 'spma'"):
        evaluate(str(run), place, Settings(threshold={"spma": 0.5}))
    with pytest.raises(UsageError, match="--threshold: takes one of two classes"):
        evaluate(str(run), place, Settings(threshold={"ham": 0.5, "spam": 0.5}))
    three = write(tmp_path / "three.csv", [*mails[0], *[("more of it", "odd")] * 20])
    for flags in (["--threshold", "odd=0.5"], ["--metric", "roc-auc"]):
        assert main(["train", three, "--out", str(tmp_path / "out"), *FAST, *flags]) == 2
        assert "has 3 classes" in capsys.readouterr().err
    assert main(["train", three, "--out", str(tmp_path / "out"), *FAST, "--class-weight", "od=2"]) == 2
    assert "has no class 'od' (is it 'odd'?)" in capsys.readouterr().err
