"""Several labels through every command: learnt, resumed, scored, answered, opened and exported."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import spawning
from command_line import within
from pellucid.data.ledger import read_ledger

WORDS = {
    "sport": ["goal", "team", "match"],
    "money": ["bank", "price", "tax"],
    "north": ["snow", "ice", "cold"],
}
FLAGS = ("--unlabelled", "none", "--model", "bag", "--preset", "quick", "--epochs", "8", "--no-groups")


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    """Texts of 0 to 3 subjects, each of which shows in its words."""
    draws, rows = np.random.default_rng(0), []
    for _ in range(400):
        present = [name for name in WORDS if draws.random() < 0.4]
        words = [str(draws.choice(WORDS[name])) for name in present for _ in range(2)]
        words += [str(word) for word in draws.choice(["then", "here", "some", "very", "only", "also"], 4)]
        rows.append([" ".join(map(str, draws.permutation(words))), ";".join(present)])
    place = tmp_path_factory.mktemp("texts") / "texts.csv"
    with place.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *rows])
    return place


@pytest.fixture(scope="module")
def run(texts, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    within.succeed("train", texts, "--out", folder, *FLAGS)
    return folder


def test_the_run_states_scores_of_labels(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["task"] == "text-multilabel-classification"
    assert metrics["classes"] == sorted(WORDS)
    best = metrics["models"][metrics["recommended"]]
    assert best["test"]["micro_f1"]["low"] > 0.8
    assert best["test"]["log_loss"]["value"] < metrics["models"]["majority"]["test"]["log_loss"]["value"]
    assert [each["label"] for each in best["labels"]] == sorted(WORDS)
    assert metrics["comparisons"][0]["micro_f1_difference"]["value"] >= 0
    ledger = list(read_ledger(run))
    assert {row["label"] for row in ledger} >= {"", "money;sport", "money;north;sport"}
    page = (run / "report.html").read_text()
    assert "micro-F1" in page
    assert "accuracy" not in json.dumps(best["test"]).replace("subset_accuracy", "")


def test_answers_join_labels_and_none_is_an_answer(run, tmp_path):
    inputs = tmp_path / "new.csv"
    inputs.write_text("text\ngoal team bank price\nsnow ice here\nthen some also only\n")
    done = within.succeed("predict", run, inputs, "--probabilities")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["label"] for row in rows] == ["money;sport", "north", ""]
    assert all(0 <= float(row[name]) <= 1 for row in rows for name in WORDS)
    assert float(rows[0]["money"]) + float(rows[0]["sport"]) > 1.2


def test_new_data_is_scored_and_an_unknown_label_refused(run, texts, tmp_path):
    done = within.succeed("evaluate", run, texts, "--unlabelled", "none", "--json")
    scores = json.loads(done.stdout)
    assert scores["task"] == "text-multilabel-classification"
    assert scores["test"]["micro_f1"]["value"] > 0.8
    assert {each["label"] for each in scores["labels"]} == {*WORDS}
    other = tmp_path / "other.csv"
    other.write_text("text,label\ngoal here,sport;south\nice here,north\ntax here,money;sport\nsnow,south\n")
    refused = within("evaluate", run, other)
    assert refused.returncode == 3
    assert "does not know 1 label 'south'" in refused.stderr


def test_sets_and_costs_belong_to_one_class(run):
    refused = within("predict", run, "--text", "goal", "--sets", "0.9")
    assert refused.returncode == 2
    assert "--sets: chooses among classes of which one is right" in refused.stderr


def test_a_label_is_explained_and_the_graph_answers_alike(run, tmp_path):
    page, graph = tmp_path / "page.html", tmp_path / "model.onnx"
    done = within.succeed("explain", run, "--text", "goal team bank", "--model", "bag", "--out", page)
    assert "sport" in done.stdout + done.stderr
    within.succeed("export", run, "--model", "bag", "--out", graph)
    asked = ("--text", "goal team bank price", "--text", "snow here", "--text", "only then")
    known = within.succeed("predict", run, "--model", "bag", *asked, "--probabilities").stdout
    answered = subprocess.run(
        [sys.executable, "-m", "pellucid.runtime", str(graph), *asked, "--probabilities"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    ours, theirs = (list(csv.DictReader(io.StringIO(each))) for each in (known, answered))
    assert [row["label"] for row in ours] == [row["label"] for row in theirs] == ["money;sport", "north", ""]
    for mine, other in zip(ours, theirs, strict=True):
        assert all(abs(float(mine[name]) - float(other[name])) < 1e-5 for name in WORDS)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_weights(run, texts, tmp_path):
    folder = tmp_path / "killed"
    words = ("-m", "pellucid", "train", texts, "--out", folder, *FLAGS)
    process = spawning.Process(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(folder.glob("checkpoints/*")):
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    within.succeed("train", texts, "--out", folder, *FLAGS, "--resume")
    name = "models/bag/weights.safetensors"
    assert (folder / name).read_bytes() == (run / name).read_bytes()
