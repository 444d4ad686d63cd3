"""The commands one after the other on real mails, as a new user types them."""

import csv
import io
import json

import numpy as np
import pytest

import pellucid as package
from pellucid.data import read_data
from pellucid.input_kinds import TEXTS as TEXTS_KIND
from pellucid.settings import Settings

QUICK = ("--preset", "quick", "--threads", "1", "--no-baselines", "--folds", "0")
SMALL_CNN = ("--model", "text-cnn", "--width", "16", "--length", "64", "--epochs", "4", "--threads", "1")


@pytest.fixture(scope="session")
def mails():
    """Texts, labels and splits of 600 real mails, 150 of them to test on."""
    listing = read_data("sample:spam", Settings())
    tested = np.array(listing.splits) == "test"
    chosen = [(row, "train") for row in np.flatnonzero(~tested)[:450].tolist()]
    chosen += [(row, "test") for row in np.flatnonzero(tested)[:150].tolist()]
    return [(listing.texts[row], listing.labels[row], split) for row, split in chosen]


def write_table(path, rows, names):
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(names)
        table.writerows(rows)
    return path


@pytest.fixture(scope="session")
def table(mails, tmp_path_factory):
    """The same as a table with a column of splits."""
    return write_table(tmp_path_factory.mktemp("mails") / "mails.csv", mails, ("text", "label", "split"))


@pytest.fixture(scope="module")
def run(process, table, tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts") / "a run with spaces"
    done = process.succeed("train", table, "--out", folder, *QUICK)
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].endswith("a run with spaces' TEXTS.csv")
    assert "image" not in done.stderr
    return folder


def test_a_run_leaves_what_the_contract_names(run):
    names = {path.name for path in run.iterdir()} - {".lock"}
    assert names == {
        "report.html", "metrics.json", "history.jsonl", "config.json", "data.jsonl", "model", "models",
        "test.csv",
    }  # fmt: skip
    assert {path.name for path in (run / "model").iterdir()} == {
        "model.json", "weights.safetensors", "novelty.safetensors", "held-out.safetensors",
        "tokenizer.json", "README.md",
    }  # fmt: skip


def test_metrics_and_configuration_say_how_texts_were_read(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["task"] == "text-classification"
    assert metrics["classes"] == ["ham", "spam"]
    assert (metrics["recommended"], list(metrics["models"])) == ("bag", ["bag"])
    assert metrics["models"]["bag"]["test"]["accuracy"]["value"] > 0.9
    text = metrics["text"]
    assert (text["encoder"], text["test_coverage"]["texts"]) == ("n-grams", metrics["data"]["test"])
    assert text["vocabulary"] > 1000
    assert 0 < text["test_coverage"]["unknown"] < text["test_coverage"]["ids"]
    assert all(reason.endswith(".") for reason in text["reasons"])
    config = json.loads((run / "config.json").read_text())
    assert config["encoder"]["vocabulary"] == text["vocabulary"]
    assert len(config["encoder"]["sha256"]) == 64
    assert config["plan"]["network"]["vocabulary"] == text["vocabulary"]
    assert "tokenizers" in config["versions"]


@pytest.mark.slow
def test_the_command_in_the_report_repeats_the_run(run, pellucid, tmp_path):
    import shlex

    words = shlex.split(json.loads((run / "config.json").read_text())["command"])
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert pellucid(*words[1:]).returncode == 0
    for name in ("weights.safetensors", "novelty.safetensors", "tokenizer.json", "model.json"):
        assert (tmp_path / "again" / "model" / name).read_bytes() == (run / "model" / name).read_bytes()


def test_predict_labels_texts(run, pellucid, mails, tmp_path):
    tested = [row for row in mails if row[2] == "test"]
    new = write_table(tmp_path / "new.csv", [[text] for text, _, _ in tested], ["body"])
    done = pellucid("predict", run, new)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0, done.stderr
    assert [row["input"] for row in rows] == [f"{new}:{rows.index(row) + 2}" for row in rows]
    right = sum(row["label"] == label for row, (_, label, _) in zip(rows, tested, strict=True))
    assert right > 0.9 * len(tested)
    recommended = json.loads((run / "metrics.json").read_text())["recommended"]
    assert f"{len(tested)} texts labelled by {recommended}\n" in done.stderr
    assert "unlike the training data, where 5 % is expected" in done.stderr
    assert all(0 <= float(row["novelty"]) <= 1 for row in rows)


def test_evaluate_agrees_with_the_run_on_its_own_test_split(run, pellucid, table):
    done = pellucid.succeed("evaluate", run, table, "--json")
    metrics = json.loads((run / "metrics.json").read_text())
    tested = metrics["models"]["bag"]["test"]["accuracy"]
    # Its interval is by siblings in the run; in a table of the test alone these are not known.
    assert json.loads(done.stdout)["test"]["accuracy"]["value"] == pytest.approx(tested["value"])


@pytest.mark.slow
def test_the_python_road_gives_the_same_run(run, table, tmp_path):
    finished = package.train(
        table, out=tmp_path / "python", preset="quick", threads=1, baselines=False, folds=0, quiet=True
    )
    metrics = json.loads((run / "metrics.json").read_text())
    assert finished.metrics["models"]["bag"]["test"] == metrics["models"]["bag"]["test"]
    assert "test texts correctly" in finished._repr_html_()
    assert finished.model.input_kind is TEXTS_KIND


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--image-size", "8"], "--image-size: belongs to images, and the inputs are texts"),
        (
            ["--model", "cnn"],
            "--model: cnn needs images, not texts; use text-cnn, rnn, bag, transformer or auto",
        ),
        (["--model", "bag", "--cell", "gru"], "--cell: belongs to rnn, and --model is bag"),
        (["--task", "image"], "--input-column"),
    ],
)
def test_what_texts_have_no_use_for_is_refused_before_training(pellucid, table, tmp_path, words, message):
    done = pellucid("train", table, "--out", tmp_path / "run", *words)
    assert done.returncode in (2, 3)
    assert message in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_class_folders_of_files_with_baselines_and_folds(pellucid, mails, tmp_path):
    for number, (text, label, _) in enumerate(mails[:200]):
        folder = tmp_path / "mails" / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    place, out = tmp_path / "mails", tmp_path / "run"
    pellucid.succeed("train", place, "--out", out, "--preset", "quick", "--threads", "1", "--folds", "2")
    metrics = json.loads((out / "metrics.json").read_text())
    baselines = {"majority", "logistic-regression", "svm", "random-forest"}
    single = {*baselines, "bag", "logistic-regression-on-bag", "svm-on-bag"}
    assert (
        set(metrics["models"]) - {"average"} == single
    )  # an average only where it loses less than each of them
    assert set(metrics["folds"]["models"]) == set(metrics["models"])
    assert "none of which it had learnt from" in metrics["label_issues"]["method"]
    assert metrics["models"]["svm"]["test"]["accuracy"]["value"] > 0.8
    for name in ("random-forest", "svm-on-bag"):
        pellucid.succeed("predict", out / "models" / name, place / "spam")


@pytest.mark.slow
def test_numbers_are_learnt_from_texts(pellucid, mails, tmp_path):
    rows = [
        (text, f"{np.log1p(text.count('!')) + 0.001 * number:.3f}")
        for number, (text, *_) in enumerate(mails[:300])
    ]
    place = write_table(tmp_path / "exclamations.csv", rows, ("text", "excitement"))
    out = tmp_path / "run"
    pellucid.succeed("train", place, "--out", out, "--preset", "quick", "--threads", "1", "--folds", "0")
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["task"] == "text-regression"
    assert {"mean", "ridge", "svm", "random-forest", "bag"} <= set(metrics["models"])
    errors = {
        name: each["test"]["root_mean_squared_error"]["value"] for name, each in metrics["models"].items()
    }
    assert min(errors["ridge"], errors["bag"]) < errors["mean"]
    evaluated = pellucid("evaluate", out, place)
    assert "Errors are in the unit of the labels." in evaluated.stdout


@pytest.mark.slow
def test_compare_says_which_difference_is_real(pellucid, table, tmp_path):
    out = tmp_path / "compared"
    done = pellucid.succeed(
        "compare", table, "--vary", "model=bag,majority", "--out", out, "--seeds", "1", "--folds", "2",
        "--threads", "1", "--epochs", "4",
    )  # fmt: skip
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["task"] == "text-classification"
    assert metrics["compare"]["best"] == "model=bag"
    assert "texts" in done.stderr
    assert "image" not in done.stderr
