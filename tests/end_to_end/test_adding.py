"""`train --add-generated`: what is added and gained, which leaks are refused, what a kill may not change."""

import json
import shutil
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import pellucid as package
from killing import KILL_IN_SAVE
from pellucid.errors import ModelFileError, UsageError
from pellucid.pipeline.adding import lacking
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.network import NetworkLearner, Planned
from pellucid.pipeline.learners.preparation import Material
from pellucid.pipeline.learners.time_limits import within_limit
from pellucid.pipeline.run.context import RunContext, TimeBudget
from pellucid.pipeline.run.journal import Journal
from pellucid.settings import Settings
from small_models import CLASSES, DIGITS, digits

pytestmark = pytest.mark.slow

SMALL = {"threads": 1, "seed": 5, "quiet": True}
FEW = (3, 7)
CLASSIFIER = {**SMALL, "model": "mlp", "width": 16, "epochs": 3, "batch_size": 128, "baselines": False}
FLAGS = "--model mlp --width 16 --epochs 3 --batch-size 128 --no-baselines --threads 1 --seed 5".split()


def write(path, rows):
    """Digits at some positions, the last 300 of all for the test."""
    pixels, labels = digits()
    images = pixels[..., 0]
    np.savez(path, x_train=images[rows], y_train=labels[rows], x_test=images[-300:], y_test=labels[-300:])
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("adding")


@pytest.fixture(scope="module")
def data(place):
    """Sixty digits of most classes, twelve of two."""
    _, labels = digits()
    rows = [np.flatnonzero(labels[:1200] == code)[: 12 if code in FEW else 60] for code in range(10)]
    return write(place / "few.npz", np.sort(np.concatenate(rows)))


@pytest.fixture(scope="module")
def generator(data, place):
    package.train(data, out=place / "vae", model="vae", width=8, epochs=3, **SMALL)
    return place / "vae"


@pytest.fixture(scope="module")
def run(data, generator, place):
    return package.train(data, out=place / "run", add_generated=str(generator), share=0.5, **CLASSIFIER)


def test_the_rule_fills_a_share_of_what_a_class_lacks_to_the_median():
    labels = np.repeat([0, 1, 2, 3, 4], [40, 41, 40, 7, 20])
    wanted, median = lacking(labels, 5, 0.3)
    assert (wanted.tolist(), median) == ([0, 0, 0, 10, 6], 40)
    assert lacking(labels, 5, 1.0)[0].tolist() == [0, 0, 0, 33, 20]
    assert not lacking(np.repeat([0, 1], [9, 9]), 2, 1.0)[0].any()


def test_a_run_says_what_was_added_and_gained(run, data, generator):
    found = run.metrics["added_generated"]
    _, labels = digits()
    ledger = [json.loads(line) for line in (run.folder / "data.jsonl").read_text().splitlines()]
    train = [row["label"] for row in ledger if row["split"] == "train"]
    expected = {str(code): int(0.5 * (found["median"] - train.count(str(code))) + 0.5) for code in range(10)}
    assert found["images"] == {name: count for name, count in expected.items() if count > 0}
    assert set(map(str, FEW)) <= set(found["images"])
    assert (found["from"], found["generator"], found["share"]) == (str(generator), "vae", 0.5)
    assert (found["without"], found["with"]) == ("mlp", "mlp-with-generated")
    models = run.metrics["models"]
    added = sum(found["images"].values())
    assert models["mlp-with-generated"]["train_examples"] == models["mlp"]["train_examples"] + added
    assert found["test"]["examples"] == 300
    assert found["test_of_filled_classes"]["examples"] == sum(
        int((labels[-300:] == int(name)).sum()) for name in found["images"]
    )
    for part in ("test", "test_of_filled_classes"):
        difference = found[part]["accuracy_difference"]
        assert difference["low"] <= difference["value"] <= difference["high"]
        assert found[part]["p_value"] <= found[part]["p_value_holm"] <= 1
    gained = (
        models["mlp-with-generated"]["test"]["accuracy"]["value"] - models["mlp"]["test"]["accuracy"]["value"]
    )
    assert found["test"]["accuracy_difference"]["value"] == pytest.approx(gained)
    is_told = found["test"]["p_value_holm"] <= 0.05
    assert ("nothing significant on 300 test images" in found["sentences"][0]) == (not is_told)
    chosen = {"mlp": "the network without them", "mlp-with-generated": "the network with them"}
    assert found["sentences"][-1].endswith(f"{chosen[run.metrics['recommended']]}.")
    assert [(each["a"], each["b"]) for each in run.metrics["comparisons"]] == [("mlp-with-generated", "mlp")]


def test_the_report_has_a_section_and_escapes_names(run):
    page = (run.folder / "report.html").read_text()
    assert "Did generated images help?" in page
    assert "judged pair by pair" in page
    assert run.metrics["added_generated"]["sentences"][0].split(":")[0] in page


def test_generated_images_change_nothing_but_the_second_network(run, data, tmp_path):
    plain = package.train(data, out=tmp_path / "plain", folds=0, **CLASSIFIER)
    for name in ("weights.safetensors", "novelty.safetensors", "held_out.safetensors"):
        before, after = (each.folder / "models" / "mlp" / name for each in (plain, run))
        assert before.exists() == after.exists()
        assert not before.exists() or before.read_bytes() == after.read_bytes()
    for name in ("data", "classes"):
        assert plain.metrics[name] == run.metrics[name]
    assert "added_generated" not in plain.metrics
    ledgers = [(each.folder / "data.jsonl").read_bytes() for each in (plain, run)]
    assert ledgers[0] == ledgers[1]
    judged = [each.metrics["label_issues"]["examined"] for each in (plain, run)]
    assert judged[0] == judged[1] == plain.metrics["data"]["validation"] + 300
    first = run.metrics["models"]["mlp"]["validation"]
    assert first == plain.metrics["models"]["mlp"]["validation"]
    assert run.metrics["models"]["mlp-with-generated"]["validation"] != first


def weights_of(folder):
    return (folder / "models" / "mlp-with-generated" / "weights.safetensors").read_bytes()


def test_the_same_seed_gives_the_same_bytes(run, data, generator, tmp_path):
    again = package.train(data, out=tmp_path / "again", add_generated=str(generator), share=0.5, **CLASSIFIER)
    assert weights_of(again.folder) == weights_of(run.folder)
    assert again.metrics["added_generated"] == run.metrics["added_generated"]


def test_kills_inside_a_save_change_no_byte(pellucid, run, data, generator, tmp_path):
    added = ("--add-generated", str(generator), "--share", "0.5")
    words = ["train", str(data), "--out", str(tmp_path / "run"), *FLAGS, *added, "--resume"]
    second = False
    for count in (20, 45, 40):  # inside the first network, the second, and what comes after
        ended = subprocess.run([sys.executable, "-c", KILL_IN_SAVE, str(count), *words], capture_output=True)
        assert ended.returncode in (-signal.SIGKILL, 0), ended.stderr
        second |= any((tmp_path / "run" / "checkpoints").glob("mlp-with-generated/step-*"))
    assert second
    assert pellucid(*words).returncode == 0
    assert weights_of(tmp_path / "run") == weights_of(run.folder)
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert found["added_generated"] == run.metrics["added_generated"]
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert [line.get("model") for line in lines] == [None] * 3 + ["mlp-with-generated"] * 3


def test_a_time_limit_is_shared_between_both(pellucid, data, generator, tmp_path):
    words = [*FLAGS[:5], "9000", *FLAGS[6:], "--time-limit", "8s", "--add-generated", str(generator)]
    done = pellucid.succeed("train", data, "--out", tmp_path / "run", *words)
    assert "steps fit into 8s" in done.stderr
    lines = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    steps = {line.get("model"): line["step"] for line in lines}
    found = json.loads((tmp_path / "run" / "metrics.json").read_text())
    models = found["models"]
    more = models["mlp-with-generated"]["train_examples"] / models["mlp"]["train_examples"]
    assert steps["mlp-with-generated"] / steps[None] == pytest.approx(more, rel=0.35)


def test_the_second_network_halves_the_time_of_the_first(monkeypatch):
    seconds = []

    def within(self, deadline, least, asked):
        seconds.append(deadline - time.monotonic())
        return self

    monkeypatch.setattr(Planned, "within", within)
    pixels, labels = digits()
    everything = np.arange(400)
    material = Material(pixels[:400], labels[:400], everything[:300], everything[300:], CLASSES, DIGITS)
    settings = Settings(model="mlp", time_limit="100s", baselines=False)
    planned = NetworkLearner(settings).planned(material)
    stages = SimpleNamespace(began=time.monotonic(), line=lambda text: None, paragraph=lambda text: None)
    dataset = SimpleNamespace(train=everything[:300], validation=everything[300:], test=everything[:0])
    for beside in (0.0, 1.0):
        journal = Journal(SimpleNamespace())
        journal.begin = lambda: None
        monkeypatch.setattr(journal, "_save", lambda more: None)
        context = RunContext(None, dataset, settings, stages, journal, TimeBudget(100.0))
        within_limit(planned, Folds(dataset), context, trainings=beside)
    assert seconds[1] == pytest.approx(seconds[0] / 2, rel=0.05)


def test_a_generator_that_has_seen_the_test_is_refused(data, place, tmp_path):
    package.train(data, out=tmp_path / "other", model="vae", width=8, epochs=1, threads=1, seed=6, quiet=True)
    with pytest.raises(UsageError, match=r"has learned from \d+ images of the validation split .*--seed 5"):
        package.train(data, out=tmp_path / "run", add_generated=str(tmp_path / "other"), **CLASSIFIER)
    everything = write(tmp_path / "everything.npz", np.arange(1797))
    package.train(everything, out=tmp_path / "all", model="vae", width=8, epochs=1, **SMALL)
    with pytest.raises(UsageError, match=r"has learned from \d+ images of the test split of this run"):
        package.train(data, out=tmp_path / "run", add_generated=str(tmp_path / "all"), **CLASSIFIER)
    assert not (tmp_path / "run" / "config.json").exists()


def test_a_generator_of_other_images_of_the_same_classes_is_taken(data, tmp_path):
    _, labels = digits()
    apart = tmp_path / "apart.npz"
    pixels = digits()[0][1200:1497, ..., 0]
    np.savez(apart, x_train=pixels, y_train=labels[1200:1497])
    package.train(apart, out=tmp_path / "vae", model="vae", width=8, epochs=1, **SMALL)
    run = package.train(data, out=tmp_path / "run", add_generated=str(tmp_path / "vae"), **CLASSIFIER)
    assert run.metrics["added_generated"]["share"] == 0.3


def test_what_nobody_can_tell_is_refused(data, generator, tmp_path):
    shutil.copytree(generator / "model", tmp_path / "bare" / "model")
    with pytest.raises(UsageError, match="is a model folder without its run, so nobody can tell"):
        package.train(data, out=tmp_path / "run", add_generated=str(tmp_path / "bare"), **CLASSIFIER)
    moved = tmp_path / "moved.npz"
    shutil.copy(data, moved)
    package.train(moved, out=tmp_path / "vae", model="vae", width=8, epochs=1, threads=1, seed=9, quiet=True)
    moved.unlink()
    with pytest.raises(UsageError, match=r"nobody can tell whether .*cannot be read.*no such file"):
        package.train(data, out=tmp_path / "run", add_generated=str(tmp_path / "vae"), **CLASSIFIER)


def test_settings_and_data_without_room_are_refused(data, generator, run, tmp_path):
    def refused(match, error=UsageError, place=data, **given):
        with pytest.raises(error, match=match):
            package.train(
                place, out=tmp_path / "run", **{**CLASSIFIER, "add_generated": str(generator), **given}
            )

    refused("--share: belongs to --add-generated RUN", add_generated=None, share=0.5)
    refused("--share: 1.5 is outside", share=1.5)
    refused("leave --folds out, and the validation split judges", folds=3)
    refused("--from continues one; leave one out", from_=str(run.folder), model="auto", width=None)
    refused("--backbone builds on one", backbone="efficientnet-lite0", model="auto", width=None)
    refused("its model, mlp, makes no images", add_generated=str(run.folder / "models" / "mlp"))
    refused("there is no such folder", error=ModelFileError, add_generated=str(tmp_path / "none"))
    refused("--add-generated: steers networks only", model="svm", width=None, epochs=None, batch_size=None)
    refused("--add-generated, --baselines: steer models that predict", model="vae", baselines=True)
    texts = tmp_path / "texts.csv"
    texts.write_text("text,label\n" + "".join(f"a text with number {row},{row % 2}\n" for row in range(40)))
    refused("adds images, and these are texts", place=texts, model="bag")
    numbers = [np.flatnonzero(digits()[1][:1200] == code)[:30] for code in range(10)]
    balanced = write(tmp_path / "balanced.npz", np.concatenate(numbers))
    refused("no class lacks images: the median class has", place=balanced, share=0.05)
    named = tmp_path / "named.npz"
    with np.load(data) as arrays:
        np.savez(
            named,
            x_train=arrays["x_train"],
            y_train=np.char.add("n", arrays["y_train"].astype(str)),
            x_test=arrays["x_test"],
            y_test=np.char.add("n", arrays["y_test"].astype(str)),
        )
    refused("was not trained on the class 'n0' of this data; it knows '0'", place=named)
    with pytest.raises(UsageError, match="holds the generator and would be written over"):
        package.train(data, out=generator, overwrite=True, add_generated=str(generator), **CLASSIFIER)
    assert (generator / "metrics.json").exists()


def test_resuming_with_another_generator_is_refused(pellucid, data, generator, tmp_path):
    shutil.copytree(generator, tmp_path / "vae")
    words = [
        "train",
        str(data),
        "--out",
        str(tmp_path / "run"),
        *FLAGS,
        "--add-generated",
        str(tmp_path / "vae"),
    ]
    ended = subprocess.run([sys.executable, "-c", KILL_IN_SAVE, "14", *words], capture_output=True)
    assert ended.returncode == -signal.SIGKILL
    shutil.rmtree(tmp_path / "vae")
    package.train(data, out=tmp_path / "vae", model="vae", width=8, epochs=1, **SMALL)
    done = pellucid(*words, "--resume")
    assert done.returncode == 2
    assert "is another than when the run was started" in " ".join(done.stderr.split())


def test_compare_has_no_room_for_it(pellucid, data, generator, tmp_path):
    done = pellucid(
        "compare", data, "--vary", "epochs=1,2", "--out", tmp_path / "run", "--add-generated", generator
    )
    assert done.returncode == 2
    assert "belongs to train, which lays both networks side by side" in done.stderr
