"""`train --from RUN`, as users type it: new classes, the same, fewer, one alone; texts; kills; refusals."""

import csv
import json
import shutil
import signal

import numpy as np
import pytest

import pellucid as package
import spawning
from killing import KILL_IN_SAVE
from pellucid.cli.main import main
from pellucid.data import read_data
from pellucid.errors import DataError
from pellucid.settings import Settings

pytestmark = pytest.mark.slow

SMALL = ("--model", "cnn", "--width", "8", "--epochs", "3", "--threads", "1", "--no-baselines")
GENTLE = ("--epochs", "2", "--threads", "1", "--no-baselines")
IN_PYTHON = {"epochs": 2, "threads": 1, "baselines": False, "quiet": True}


@pytest.fixture(scope="session")
def clothes():
    """Real images of clothes, of each class 60 to train and 30 to test."""
    listing = read_data("sample:fashion", Settings())
    pixels, labels = listing.load_pixels(), np.array(listing.labels)
    rows = {name: np.flatnonzero(labels == name) for name in sorted(set(listing.labels))}
    assert min(len(found) for found in rows.values()) >= 180
    return pixels, rows


@pytest.fixture(scope="session")
def write(clothes, tmp_path_factory):
    """A function that writes an .npz of some classes and returns its path."""
    pixels, rows = clothes
    names = sorted(rows)

    def write(file, classes, start=0, count=60):
        chosen = [names[code] for code in classes]
        train = np.concatenate([rows[name][start : start + count] for name in chosen])
        test = np.concatenate([rows[name][150:180] for name in chosen])
        fit, asked = (np.repeat(chosen, size) for size in (count, 30))
        path = tmp_path_factory.mktemp("clothes") / file
        np.savez(path, x_train=pixels[train], y_train=fit, x_test=pixels[test], y_test=asked)
        return path

    return write


@pytest.fixture(scope="module")
def old(pellucid, write, tmp_path_factory):
    """A run on five classes, the first and the last of ten among them."""
    run = tmp_path_factory.mktemp("old") / "run"
    pellucid.succeed("train", write("old.npz", (0, 2, 4, 6, 9)), "--out", run, *SMALL)
    return run


@pytest.fixture(scope="module")
def gone_on(pellucid, old, write, tmp_path_factory):
    """The same gone on with two other classes, and what the command said."""
    run = tmp_path_factory.mktemp("on") / "run"
    done = pellucid.succeed("train", write("new.npz", (3, 5)), "--from", old, "--out", run, *GENTLE)
    return run, done.stderr


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def weights_of(run):
    return (run / "model" / "weights.safetensors").read_bytes()


def test_old_and_new_classes_stand_in_every_file(old, gone_on):
    run, _ = gone_on
    before, metrics = metrics_of(old)["classes"], metrics_of(run)
    found = metrics["continual"]
    assert metrics["classes"] == sorted([*before, *found["new_classes"]])
    assert len(found["new_classes"]) == 2
    assert found["old_classes"] == found["missing_classes"] == before
    assert json.loads((run / "model" / "model.json").read_text())["classes"] == metrics["classes"]
    assert package.load(run).classes_.tolist() == metrics["classes"]
    assert metrics["data"]["train"] == 100
    assert metrics["models"]["cnn"]["train_examples"] == 100 + found["rehearsal"]["train"]
    assert (
        found["rehearsal"]["train"] == found["rehearsal"]["of"] == 300
    )  # folds judged: validation was learned too
    assert found["learning_rate"] == pytest.approx(0.002)


def test_the_old_classes_are_still_answered(pellucid, old, gone_on, write):
    run, _ = gone_on
    done = pellucid.succeed("evaluate", run, write("again.npz", (0, 2, 4, 6, 9)), "--json")
    accuracy = json.loads(done.stdout)["test"]["accuracy"]["value"]
    found = metrics_of(run)["continual"]["forgetting"]
    assert accuracy == pytest.approx(found["after"]["accuracy"]["value"])
    assert found["before"]["accuracy"] == metrics_of(old)["models"]["cnn"]["test"]["accuracy"]
    assert accuracy > 0.4  # a network that forgot them all would answer none


def test_the_terminal_and_the_report_say_what_was_kept(gone_on):
    run, said = gone_on
    said = " ".join(said.split())
    found = metrics_of(run)["continual"]
    assert found["forgetting"]["sentence"] in said
    assert "The network rehearses 300 of the 300 old training images beside the 100 new ones" in said
    assert "A network that continues training has a low learning rate: 0.002" in said
    page = (run / "report.html").read_text()
    assert '<h2 id="continual-title">Kept and forgotten</h2>' in page
    assert "Old test accuracy" in page
    config = json.loads((run / "config.json").read_text())
    assert "--from" in config["command"]
    assert any("continues training has a low learning rate" in reason for reason in config["plan"]["reasons"])
    assert config["continual"]["weights_sha256"] == found["weights_sha256"]


def test_the_command_and_python_give_equal_bytes(old, gone_on, write, tmp_path):
    run = package.train(write("new.npz", (3, 5)), out=tmp_path / "run", from_=old, **IN_PYTHON)
    assert weights_of(run.folder) == weights_of(gone_on[0])
    assert "continual" in run.metrics


def test_fewer_classes_with_baselines_leave_the_network_recommended(old, write, tmp_path):
    data = write("fewer.npz", (0, 2), start=60)
    run = package.train(data, out=tmp_path / "run", from_=old, **{**IN_PYTHON, "baselines": True})
    metrics = run.metrics
    assert len(metrics["classes"]) == 5
    assert metrics["recommended"] == "cnn"
    assert metrics["reason"].startswith(
        "cnn alone knows all 5 classes: the other models learned from the new"
    )
    assert {"majority", "svm", "svm-on-cnn"} <= metrics["models"].keys()


def test_a_recommended_baseline_is_measured_on_the_old_test_too(write, tmp_path):
    """New data with every old class: all models know them, and the best on validation is taken."""
    old = package.train(write("old.npz", (0, 9)), out=tmp_path / "old", model="mlp", width=4, **IN_PYTHON)
    data = write("more.npz", (0, 9), start=60, count=90)
    given = {**IN_PYTHON, "baselines": True, "learning_curve": False}
    metrics = package.train(data, out=tmp_path / "run", from_=old.folder, **given).metrics
    assert metrics["recommended"] != "mlp"
    found = metrics["continual"]["forgetting_of_recommended"]
    assert found["model"] == metrics["recommended"]
    assert found["before"] == metrics["continual"]["forgetting"]["before"]
    assert "the recommended model, learned from the new data alone" in found["sentence"]
    page = (tmp_path / "run" / "report.html").read_text().replace("\u00a0%", " %")
    assert found["sentence"] in page


def test_continual_twice_remembers_all_that_came_before(gone_on, write, tmp_path):
    shutil.copytree(gone_on[0], tmp_path / "second")
    data = write("third.npz", (1, 8))
    metrics = package.train(data, out=tmp_path / "third", from_=tmp_path / "second", **IN_PYTHON).metrics
    assert len(metrics["classes"]) == 9
    found = metrics["continual"]
    assert len(found["forgetting"]["data"]) == 2
    assert found["forgetting"]["examples"] == 7 * 30
    assert len(found["rehearsal"]["fingerprints"]) == 2
    records = json.loads((tmp_path / "third" / "config.json").read_text())["continual"]["earlier"]
    assert [each["known"] is None for each in records] == [False, True]


# Texts


@pytest.fixture(scope="session")
def mails(tmp_path_factory):
    """Two tables of real mails: ham and spam; then ham and spam that ask for money."""
    listing = read_data("sample:spam", Settings())
    folder = tmp_path_factory.mktemp("mails")
    for name, rows in (("first.csv", range(0, 500)), ("second.csv", range(500, 900))):
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(("text", "label"))
            for row in rows:
                text, label = listing.texts[row], listing.labels[row]
                asks = name == "second.csv" and label == "spam" and ("$" in text or "money" in text)
                table.writerow((text, "spam about money" if asks else label))
    return folder


def test_texts_go_on_with_a_new_class(pellucid, mails, tmp_path):
    given = {**IN_PYTHON, "preset": "quick", "epochs": 4}
    old = package.train(mails / "first.csv", out=tmp_path / "old", **given)
    words = ("--preset", "quick", "--epochs", "4", "--threads", "1", "--no-baselines")
    run = tmp_path / "run"
    done = pellucid.succeed("train", mails / "second.csv", "--from", old.folder, "--out", run, *words)
    assert "image" not in done.stderr
    metrics = metrics_of(run)
    assert metrics["classes"] == ["ham", "spam", "spam about money"]
    assert metrics["continual"]["forgetting"]["after"]["accuracy"]["value"] > 0.5
    vocabularies = [(folder / "model" / "tokenizer.json").read_bytes() for folder in (old.folder, run)]
    assert vocabularies[0] == vocabularies[1]
    assert package.load(run).predict(["free money, act now"])[0] in metrics["classes"]


# Kills


def test_a_run_that_was_killed_ends_in_the_same_bytes_without_the_old_run(
    pellucid, old, gone_on, write, tmp_path
):
    shutil.copytree(old, tmp_path / "old")
    words = ["train", str(write("new.npz", (3, 5))), "--from", str(tmp_path / "old")]
    words += ["--out", str(tmp_path / "run"), *GENTLE]
    killed = spawning.run("-c", KILL_IN_SAVE, "36", *words, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert list((tmp_path / "run" / "checkpoints").glob("step-*"))
    shutil.rmtree(tmp_path / "old")
    pellucid.succeed(*words, "--resume")
    assert weights_of(tmp_path / "run") == weights_of(gone_on[0])
    assert not (tmp_path / "run" / "checkpoints").exists()
    assert metrics_of(tmp_path / "run")["continual"]["forgetting"]["data"]


def test_a_killed_run_whose_old_data_is_gone_says_so(write, tmp_path):
    old, own = tmp_path / "old", tmp_path / "old.npz"
    shutil.copy(write("old.npz", (0, 9)), own)
    given = {**IN_PYTHON, "epochs": 1}
    package.train(own, out=old, model="mlp", width=4, **given)
    data = write("new.npz", (0, 3))
    package.train(data, out=tmp_path / "run", from_=old, **given)
    (tmp_path / "run" / "metrics.json").unlink()  # as if the end had not been reached
    own.unlink()
    with pytest.raises(DataError, match="resume=True: the run rehearses data that is not at hand any more: "):
        package.train(data, out=tmp_path / "run", from_=old, resume=True, **given)


# Refusals


@pytest.fixture
def refused(capsys):
    """A function that runs a command which is refused with an exit code, and returns the message."""

    def refused(code, *words):
        assert main([str(word) for word in words]) == code
        errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        return errors[0]

    return refused


def test_what_cannot_go_on_is_refused_with_what_to_do(refused, old, mails, write, tmp_path):
    data, out = write("new.npz", (3, 5)), ("--out", tmp_path / "run")
    said = refused(4, "train", data, *out, "--from", tmp_path / "nowhere")
    assert "there is no such folder" in said
    said = refused(2, "train", data, *out, "--from", old, "--width", "64")
    assert "--width: continual training keeps the network of" in said
    said = refused(3, "train", mails / "first.csv", *out, "--from", old)
    assert "holds texts, and the network that continues training takes images" in said
    said = refused(2, "train", data, "--out", old, "--overwrite", "--from", old)
    assert "would be written over" in said
    said = refused(2, "train", data, *out, "--no-rehearse")
    assert "--no-rehearse: belongs to --from RUN" in said
    said = refused(2, "train", data, *out, "--from", old / "model", "--rehearse")
    assert "--rehearse: nothing is at hand to rehearse: " in said
    said = refused(2, "compare", data, *out, "--from", old, "--vary", "epochs=1,2")
    assert "--from: belongs to train: compare trains every variant afresh" in said
    said = refused(2, "compare", data, *out, "--vary", "from=a,b")
    assert "--vary from: cannot be varied: compare trains every variant afresh" in said
    said = refused(2, "compare", data, *out, "--vary", "rehearse=true,false")
    assert "--vary rehearse: cannot be varied: it belongs to --from" in said


def test_a_finished_run_is_left_as_it_is(old, gone_on, write):
    run, _ = gone_on
    before = weights_of(run)
    package.train(write("new.npz", (3, 5)), out=run, from_=old, resume=True, **IN_PYTHON)
    assert weights_of(run) == before


def test_layers_are_described_as_they_go_on(old, write, tmp_path, capsys):
    (tmp_path / "on.toml").write_text(f'from = "{old}"\n')
    assert (
        main(["train", str(write("new.npz", (3, 5))), "--config", str(tmp_path / "on.toml"), "--describe"])
        == 0
    )
    outputs = next(
        line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("head.linear")
    )
    assert "7" in outputs  # five old classes and two new ones
