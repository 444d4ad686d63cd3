"""Ordered classes through every command: learnt, scored, answered, opened and exported; orders refused."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import pellucid
from app_pages import said_in
from command_line import within
from pellucid.pipeline.finished_run import Run

LEVELS = ("low", "mid", "high", "top")
PRAISE, BLAME = ("lovely", "quick", "sound", "kind"), ("awful", "late", "broken", "rude")
SHARED = ("the", "parcel", "came", "and", "its", "box", "was", "here")
ASKED = ("--text", "lovely quick kind sound", "--text", "awful late rude", "--text", "late kind broken sound")
FLAGS = ("--target", "ordered", "--order", ",".join(LEVELS), "--backbone", "none", "--no-groups")


def write(place: Path, count: int, seed: int, names: tuple[str, ...] = LEVELS) -> None:
    """Texts in which the share of praising words grows with the level."""
    draws = np.random.default_rng(seed)
    rows = []
    for level in draws.integers(0, len(names), count).tolist():
        praised = draws.random(6) < level / (len(names) - 1)
        telling = [str(draws.choice(PRAISE if each else BLAME)) for each in praised]
        words = draws.permutation([*telling, *map(str, draws.choice(SHARED, 3))])
        rows.append([" ".join(words) + f" number{draws.integers(10**6)}", names[level]])
    with place.open("w", newline="") as file:
        csv.writer(file).writerows([["text", "label"], *rows])


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts") / "texts.csv"
    write(place, 200, 0)
    return place


@pytest.fixture(scope="module")
def run(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One simple model."""
    folder = tmp_path_factory.mktemp("run") / "run"
    within.succeed("train", texts, "--out", folder, *FLAGS, "--model", "logistic-regression")
    return folder


@pytest.fixture(scope="module")
def network(texts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "run"
    few = ("--model", "bag", "--no-baselines", "--folds", "0", "--epochs", "3", "--preset", "quick")
    within.succeed("train", texts, "--out", folder, *FLAGS, *few)
    return folder


def test_a_run_states_how_far_off_it_is_and_what_the_order_gained(run: Path) -> None:
    metrics = json.loads((run / "metrics.json").read_text())
    assert (metrics["task"], metrics["classes"]) == ("text-ordinal-classification", [*LEVELS])
    test = metrics["models"]["logistic-regression"]["test"]
    rows = list(csv.DictReader(io.StringIO((run / "test.csv").read_text())))
    truth, answered = (np.array([LEVELS.index(row[name]) for row in rows]) for name in ("label", "predicted"))
    expected = cohen_kappa_score(truth, answered, weights="quadratic")
    assert test["quadratic_weighted_kappa"]["value"] == pytest.approx(expected)
    assert test["mean_error_in_classes"]["value"] == pytest.approx(np.abs(truth - answered).mean())
    near = test["within_one_class"]
    assert near["value"] == pytest.approx((np.abs(truth - answered) <= 1).mean())
    assert near["low"] < near["value"] <= near["high"]
    order = metrics["order"]
    assert (order["model"], order["metric"]) == ("logistic-regression", "quadratic_weighted_kappa")
    assert order["with_order"] == pytest.approx(expected)
    difference = order["quadratic_weighted_kappa_difference"]
    assert difference["value"] == pytest.approx(order["with_order"] - order["without_order"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    page = (run / "report.html").read_text()
    assert order["words"].split(":")[0] in page
    found = Run(run)
    assert "quadratic-weighted kappa" in found.verdict
    assert "at most one class off, at least" in found.verdict
    assert json.loads((run / "config.json").read_text())["settings"]["order"] == ",".join(LEVELS)


@pytest.mark.parametrize("which", ["run", "network"])
def test_answers_are_scored_and_explained(
    which: str, request: pytest.FixtureRequest, tmp_path: Path, texts: Path
) -> None:
    folder = request.getfixturevalue(which)
    done = within.succeed("predict", folder, *ASKED, "--probabilities")
    ours = list(csv.DictReader(io.StringIO(done.stdout)))
    shares = np.array([[float(row[name]) for name in LEVELS] for row in ours])
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-6)
    assert [row["label"] for row in ours] == [LEVELS[code] for code in shares.argmax(axis=1)]
    scores = json.loads(within.succeed("evaluate", folder, texts, "--json").stdout)
    assert {"within_one_class", "mean_error_in_classes"} < scores["test"].keys()
    explained = within.succeed("explain", folder, "--text", "lovely quick", "--out", tmp_path / "page.html")
    assert any(name in explained.stdout + explained.stderr for name in LEVELS)
    assert "The classes are ordered" in said_in((tmp_path / "page.html").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("which", ["run", "network"])
def test_graphs_answer_alike(which: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    folder, graph = request.getfixturevalue(which), tmp_path / "model.onnx"
    within.succeed("export", folder, "--out", graph)
    command = [sys.executable, "-m", "pellucid.runtime", str(graph), *ASKED, "--probabilities"]
    theirs = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    ours = within.succeed("predict", folder, *ASKED, "--probabilities").stdout
    mine, others = (list(csv.DictReader(io.StringIO(each))) for each in (ours, theirs))
    assert [row["label"] for row in mine] == [row["label"] for row in others]
    shares = [np.array([[float(row[name]) for name in LEVELS] for row in rows]) for rows in (mine, others)]
    np.testing.assert_allclose(*shares, atol=1e-5)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--order", "low,mid"), "--order: leaves out 'high', 'top'"),
        (("--order", "low,mid,high,top,tops"), "has no class 'tops'; it has 'high', 'low', 'mid', 'top'"),
        (("--order", "low,mid,high,top,low"), "--order: names a class twice"),
        ((), "the names of the classes imply no order"),
    ],
)
def test_orders_that_do_not_fit_are_refused(texts: Path, flags: tuple[str, ...], words: str) -> None:
    refused = within("train", texts, "--target", "ordered", *flags, "--out", texts.parent / "refused")
    assert refused.returncode in (2, 3)
    assert words in " ".join(refused.stderr.split())


def test_an_order_belongs_to_its_target_and_two_classes_have_none(texts: Path, tmp_path: Path) -> None:
    refused = within("train", texts, "--order", "low,mid", "--out", tmp_path / "run")
    assert "--order: belongs to --target ordered" in refused.stderr
    write(tmp_path / "two.csv", 40, 1, ("bad", "good"))
    refused = within("train", tmp_path / "two.csv", "--target", "ordered", "--out", tmp_path / "run")
    assert "an order needs at least 3" in " ".join(refused.stderr.split())


def test_an_order_that_names_tell_is_told_and_taken(tmp_path: Path) -> None:
    write(tmp_path / "stars.csv", 60, 2, ("1 star", "2 stars", "10 stars"))
    told = within.succeed("inspect", tmp_path / "stars.csv")
    words = " ".join((told.stdout + told.stderr).split())
    assert "the classes look ordered ('1 star', '2 stars', '10 stars')" in words
    assert "--target ordered" in words
    flags = ("--target", "ordered", "--json")
    taken = json.loads(within.succeed("inspect", tmp_path / "stars.csv", *flags).stdout)
    assert [*taken["classes"]] == ["1 star", "2 stars", "10 stars"]


def test_estimators_take_an_order_and_keep_their_classes_sorted(texts: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(texts.read_text())))
    inputs, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    found = pellucid.TextClassifier(model="svm", target="ordered", order=[*LEVELS]).fit(inputs, labels)
    assert found.classes_.tolist() == sorted(LEVELS)
    assert found.model_.classes == LEVELS
    assert found.score(inputs, labels) > 0.6
    shares = found.predict_proba(inputs[:5])
    assert found.predict(inputs[:5]).tolist() == [sorted(LEVELS)[at] for at in shares.argmax(axis=1)]
    read = pellucid.TextClassifier(model="svm", target="ordered", order=[*LEVELS]).fit(str(texts))
    assert (read.classes_.tolist(), read.model_.target.noun) == ([*LEVELS], "ordered")
    with pytest.raises(pellucid.UsageError, match="order: leaves out 'mid'"):
        pellucid.TextClassifier(model="svm", target="ordered", order="low,high,top").fit(inputs, labels)
    with pytest.raises(pellucid.DataError, match="imply no order"):
        pellucid.TextClassifier(model="svm", target="ordered").fit(inputs, labels)
