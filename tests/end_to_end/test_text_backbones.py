"""Pretrained backbones of texts through the real command."""

import csv
import json
import os

import numpy as np
import pytest

from app_pages import said_in
from pellucid import runtime
from pellucid.bundle import load
from pellucid.errors import UsageError
from pellucid.pretrained import installed
from pretrained import tiny_unigram
from pretrained.tiny_bert import write_folder

pytestmark = pytest.mark.slow

NAMES = ("glove-6b-50d", "all-minilm-l6-v2")


def table(path, texts, count):
    """A table of so many texts of each class, no two alike."""
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["text", "label"])
        for number in range(count):
            rows.writerows([f"{text} {number}", label] for label, text in texts.items())
    return path


@pytest.fixture
def small(tmp_path):
    return table(tmp_path / "small.csv", {"sea": "the ship sails at noon", "shore": "a b sing the b"}, 40)


def on(small, run, *words):
    flags = ("--backbone", "mine", "--threads", "1", "--no-baselines", "--folds", "2")
    return ["train", small, "--out", run, *flags, *words]


def test_a_sentence_encoder_is_tuned_and_answers(pellucid, small, tmp_path):
    run, folder = tmp_path / "run", write_folder(tmp_path / "ships")
    pellucid.succeed(*on(small, run, "--weights", folder, "--epochs", "2", "--learning-rate", "0.02"))
    metrics = json.loads((run / "metrics.json").read_text())
    assert {"logistic-regression-on-ships", "svm-on-ships", "ships"} <= set(metrics["models"])
    lines = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert {line["model"] for line in lines} == {"ships-tuned"}
    pellucid.succeed("predict", run, small)


@pytest.mark.parametrize("form", ["xlm-roberta", "model2vec-0.6"])
def test_a_folder_with_a_unigram_vocabulary_does_what_any_does(form, pellucid, tmp_path):
    said = [f"{number:06b}".translate({48: "a ", 49: "ab"}) for number in range(40)]
    rows = [f"{text} 京,sea\n!{text}b.,shore" for text in said]
    data, run = tmp_path / "small.csv", tmp_path / "run"
    data.write_text("\n".join(["text,label", *rows]), "utf-8")
    folder = tiny_unigram.write_folder(tmp_path / "own", form)
    is_tuned = form == "xlm-roberta"
    flags = ("--backbone", folder, "--threads", "1", "--no-baselines", "--folds", "2", "--no-groups")
    pellucid.succeed("train", data, "--out", run, *flags, *(("--epochs", "1") if is_tuned else ()))
    models = set(json.loads((run / "metrics.json").read_text())["models"])
    assert {"logistic-regression-on-own", "svm-on-own", "own"} <= models
    assert (run / "history.jsonl").exists() == is_tuned
    for name in ("own", "svm-on-own"):
        page, file = tmp_path / "page.html", tmp_path / f"{name}.onnx"
        pellucid.succeed("explain", run, f"{data}:2", "--model", name, "--out", page)
        pellucid.succeed("export", run, "--model", name, "--out", file)
        asked = ["ab a ab 京", "!ab a b."]
        expected = load(run / "models" / name).predict_proba(asked)
        np.testing.assert_allclose(runtime.load(file).predict_proba(asked), expected, atol=1e-4)


def test_vectors_of_words_stay_as_they_are(pellucid, small, tmp_path):
    vectors = tmp_path / "words.txt"
    vectors.write_text("ship 1 0 0\nsing 0 1 0\nthe 0 0 1\n")
    run = tmp_path / "run"
    done = pellucid.succeed(*on(small, run, "--weights", vectors))
    assert set(json.loads((run / "metrics.json").read_text())["models"]) == {
        "logistic-regression-on-words",
        "svm-on-words",
        "words",
    }
    assert "fine-tuning" not in done.stderr
    page = tmp_path / "page.html"
    pellucid.succeed("explain", run, f"{small}:2", "--model", "words", "--out", page)
    assert "leave-one-out" in said_in(page.read_text())


def test_both_that_are_installed_are_considered(pellucid, tmp_path, monkeypatch):
    for name in NAMES:
        try:
            installed(name)
        except UsageError as error:
            need = pytest.fail if os.environ.get("CI", "") not in ("", "0", "false") else pytest.skip
            need(f"{error}; make test-all installs it")
    monkeypatch.delenv("PELLUCID_BACKBONES")
    texts = {
        "boats": "The ferry left the harbour with sailors",
        "bread": "Knead the dough with flour and salt",
    }
    data, run = table(tmp_path / "real.csv", texts, 40), tmp_path / "run"
    words = ("--preset", "quick", "--threads", "1", "--no-baselines")
    pellucid.succeed("train", data, "--out", run, *words, "--folds", "2")
    metrics = json.loads((run / "metrics.json").read_text())
    on_both = [[f"logistic-regression-on-{name}", f"svm-on-{name}", name] for name in NAMES]
    assert list(metrics["models"]) == ["bag", *on_both[0], *on_both[1]]
    assert [note.split(", which")[0].split(" ")[-1] for note in metrics["notes"]] == list(NAMES)
    page = (run / "report.html").read_text()
    assert "There are only 64 texts to learn from, so glove-6b-50d, which is installed" in page
    limited = tmp_path / "limited"
    pellucid.succeed("train", data, "--out", limited, *words, "--time-limit", "100s")
    granted = [each["granted"] for each in json.loads((limited / "config.json").read_text())["backbones"]]
    assert granted[0]["train"] == 64
