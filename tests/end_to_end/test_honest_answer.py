"""The network beside its baselines on one split: what a run says, and what planted faults make it say."""

import json
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

import spawning
from app_pages import packed_in
from pellucid.runtime import load as load_exported

QUICK = ("--epochs", "8", "--width", "16", "--threads", "1")
BY_VALIDATION = ("--folds", "0")
"""Seconds instead of a minute; that folds judge is tried where they matter."""
NAMES = [
    "majority", "logistic-regression", "svm", "random-forest", "cnn", "logistic-regression-on-cnn",
    "svm-on-cnn", "average",
]  # fmt: skip
NUMBER_NAMES = ["mean", "ridge", "svm", "random-forest", "cnn", "ridge-on-cnn", "svm-on-cnn"]


def _metrics(run):
    return json.loads((run / "metrics.json").read_text())


def _trained(pellucid, data, run, *more):
    folds = () if "--folds" in more else BY_VALIDATION
    pellucid.succeed("train", data, "--out", run, *QUICK, *folds, *more)
    return _metrics(run)


@pytest.fixture(scope="module")
def run(pellucid, digits_npz, tmp_path_factory):
    folder = tmp_path_factory.mktemp("honest") / "run"
    _trained(pellucid, digits_npz, folder)
    return folder


@pytest.mark.slow
def test_the_average_holds_its_members_and_is_told_of(run, digits_npz, pellucid, tmp_path):
    """Commands ask it as any model, explain it by its members, and export it as one file."""
    metrics = _metrics(run)
    members = [each["name"] for each in metrics["models"]["average"]["members"]]
    assert set(members) < set(NAMES)
    for name in members:
        for file in (run / "models" / name).iterdir():
            assert file.samefile(run / "models" / "average" / "members" / name / file.name)
    page = " ".join((run / "report.html").read_text().split())
    assert f"an ensemble: the weighted average of {len(members)} of these models" in page
    done = pellucid.succeed(
        "predict", run, digits_npz, "--model", "average", "--out", tmp_path / "answers.csv"
    )
    assert "labelled by average" in done.stderr
    scored = pellucid("evaluate", run, digits_npz, "--model", "average", "--json")
    right = json.loads(scored.stdout)["test"]["accuracy"]["value"]
    assert right == pytest.approx(metrics["models"]["average"]["test"]["accuracy"]["value"])
    out = tmp_path / "page.html"
    pellucid.succeed("explain", run, f"{digits_npz}:x_test:1", "--out", out, "--model", "average")
    facts = json.loads(packed_in(out.read_text())["documents"]["app"])
    assert [each["name"] for each in facts["members"]] == members
    done = pellucid.succeed("export", run, "--out", tmp_path / "model.onnx", "--model", "average")
    assert "it gave the labels of the model" in done.stderr
    answered = pellucid.succeed("predict", run, digits_npz, "--model", "average")
    by_file = load_exported(tmp_path / "model.onnx").predict(np.load(digits_npz)["x_test"])
    assert [line.split(",")[1] for line in answered.stdout.splitlines()[1:]][-len(by_file) :] == by_file


@pytest.mark.slow
def test_the_report_holds_the_whole_argument(run):
    page = (run / "report.html").read_text()
    for heading in (
        "Models compared",
        "Mistakes",
        "Can its probabilities be believed?",
        "Would more data help?",
        "How training went",
        "The data",
        "How to repeat it",
    ):
        assert heading in page
    assert "default-src 'none'" in page
    assert "connect-src" not in page  # its one script can send nothing


@pytest.mark.slow
def test_the_network_is_drawn_where_the_curve_was_asked_for(pellucid, digits_npz, tmp_path):
    metrics = _trained(
        pellucid, digits_npz, tmp_path / "run", "--learning-curve", "--no-baselines", "--epochs", "4"
    )
    points = metrics["learning_curve"]["curves"]["cnn"]
    assert [point["examples"] for point in points] == [158, 313, 1260]
    assert metrics["learning_curve"]["model"] == "cnn"


@pytest.mark.parametrize(
    "name",
    ["majority", *(pytest.param(name, marks=pytest.mark.slow) for name in ("svm", "random-forest"))],
)
def test_a_baseline_trains_alone(pellucid, digits_npz, tmp_path, name):
    pellucid.succeed(
        "train", digits_npz, "--out", tmp_path / "run", "--model", name, "--threads", "1", *BY_VALIDATION
    )
    metrics = _metrics(tmp_path / "run")
    assert list(metrics["models"]) == [name]
    assert metrics["recommended"] == name
    assert "nan" not in (tmp_path / "run" / "report.html").read_text().lower().split("<title>")[1][:2000]


@pytest.fixture
def pixels():
    return (load_digits().images * 15).astype(np.uint8)


@pytest.mark.slow
def test_shuffled_labels_end_in_majority(pellucid, pixels, tmp_path):
    """Judged by the rule, on folds."""
    labels = np.random.default_rng(3).permutation(load_digits().target[:300])
    np.savez(tmp_path / "shuffled.npz", x_train=pixels[:300], y_train=labels)
    words = ("train", tmp_path / "shuffled.npz", "--out", tmp_path / "run", *QUICK, "--no-learning-curve")
    pellucid.succeed(*words, "--epochs", "2")
    metrics = _metrics(tmp_path / "run")
    assert metrics["judged_on_folds"]["svm"] == 5
    assert metrics["recommended"] == "majority"
    assert "no better than majority" in metrics["reason"]
    assert "majority" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.slow
def test_a_run_stopped_among_the_baselines_goes_on_where_it_was(pellucid, digits_npz, run, tmp_path):
    folder = tmp_path / "run"
    words = [str(word) for word in ("train", digits_npz, "--out", folder, *QUICK, *BY_VALIDATION)]
    process = spawning.Process("-m", "pellucid", *words, stderr=subprocess.PIPE, text=True)
    kept = folder / "checkpoints" / "baselines" / "logistic-regression" / "fitted.json"
    end = time.monotonic() + 120
    while not kept.exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 143, message
    assert "--resume" in message
    done = pellucid.succeed(*words, "--resume")
    assert "took over logistic-regression" in done.stderr
    ours, unbroken = _metrics(folder), _metrics(run)
    for name in NAMES:
        for same in ("test", "bytes", "configurations"):
            assert ours["models"][name][same] == unbroken["models"][name][same], name
    assert ours["recommended"] == unbroken["recommended"]
    shutil.rmtree(folder)
