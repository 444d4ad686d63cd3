"""The commands one after the other, as a new user types them."""

import csv
import io
import json

import numpy as np
import pytest
from PIL import Image

import pellucid as package

QUICK = ("--epochs", "5", "--width", "16", "--threads", "1", "--no-baselines", "--folds", "2")


@pytest.fixture(scope="module")
def run(process, digits_npz, tmp_path_factory):
    folder = tmp_path_factory.mktemp("main") / "a run with spaces"
    done = process.succeed("train", digits_npz, "--out", folder, *QUICK)
    assert done.stdout == ""
    return folder


def test_a_run_leaves_what_the_contract_names(run):
    names = {path.name for path in run.iterdir()} - {".lock"}
    assert names == {
        "report.html", "metrics.json", "history.jsonl", "config.json", "data.jsonl", "model", "models",
        "test.csv",
    }  # fmt: skip
    assert {path.name for path in (run / "model").iterdir()} == {
        "model.json",
        "weights.safetensors",
        "novelty.safetensors",
        "held-out.safetensors",
        "README.md",
    }
    assert {path.name for path in (run / "models").iterdir()} == {"cnn"}


def test_metrics_have_the_keys_of_the_contract(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert list(metrics) == [
        "format", "task", "seed", "classes", "data", "recommended", "reason", "models", "comparisons",
        "contradiction", "disagreement", "giveaways", "learning_curve", "label_issues", "findings",
        "judged_on_folds", "folds", "headline", "templates",
    ]  # fmt: skip
    assert metrics["data"].keys() == {
        "train", "validation", "test", "skipped", "duplicates", "near_duplicates", "leaked", "siblings",
        "siblings_by_rule", "test_siblings", "groups",
    }  # fmt: skip
    assert sum(metrics["data"][split] for split in ("train", "validation", "test")) == 1797
    model = metrics["models"][metrics["recommended"]]
    assert list(model["test"]) == [
        "accuracy",
        "balanced_accuracy",
        "macro_f1",
        "log_loss",
        "expected_calibration_error",
    ]
    for interval in model["test"].values():
        assert interval["low"] <= interval["value"] <= interval["high"]
    assert model["test"]["accuracy"]["value"] > 0.9
    assert model["parameters"] > 0
    assert model["bytes"] > 4 * model["parameters"]


@pytest.mark.slow
def test_the_command_in_the_report_repeats_the_run(run, pellucid, tmp_path):
    import shlex

    words = shlex.split(json.loads((run / "config.json").read_text())["command"])
    words[words.index("--out") + 1] = str(tmp_path / "again")
    assert pellucid(*words[1:]).returncode == 0
    again = (tmp_path / "again" / "model" / "weights.safetensors").read_bytes()
    assert again == (run / "model" / "weights.safetensors").read_bytes()


def test_resuming_a_finished_run_does_nothing(run, pellucid, digits_npz):
    before = (run / "metrics.json").stat().st_mtime_ns
    assert pellucid("train", digits_npz, "--out", run, "--resume").returncode == 0
    assert (run / "metrics.json").stat().st_mtime_ns == before


def test_predict_labels_images(run, process, digits_npz, tmp_path):
    data = np.load(digits_npz)
    for index in range(20):
        Image.fromarray(data["x_test"][index]).save(tmp_path / f"{index:02d}.png")
    done = process("predict", run, tmp_path)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0
    assert [row["input"] for row in rows] == [str(tmp_path / f"{index:02d}.png") for index in range(20)]
    right = sum(row["label"] == str(label) for row, label in zip(rows, data["y_test"], strict=False))
    assert right >= 17


def test_evaluate_agrees_with_the_run_on_its_own_test_split(run, pellucid, digits_npz):
    done = pellucid.succeed("evaluate", run, digits_npz, "--json")
    metrics = json.loads((run / "metrics.json").read_text())
    tested = metrics["models"]["cnn"]["test"]["accuracy"]["value"]
    assert f"{tested:.6f}"[:6] in done.stdout


@pytest.mark.slow
def test_the_python_road_gives_the_same_run(run, digits_npz, tmp_path):
    finished = package.train(
        digits_npz,
        out=tmp_path / "python",
        epochs=5,
        width=16,
        threads=1,
        baselines=False,
        folds=2,
        quiet=True,
    )
    assert (
        finished.metrics["models"]["cnn"]["test"]
        == json.loads((run / "metrics.json").read_text())["models"]["cnn"]["test"]
    )
    assert finished.report.is_file()
    assert "test images correctly" in finished._repr_html_()


def test_describe_prints_layers_and_trains_nothing(pellucid, digits_npz, tmp_path):
    done = pellucid.succeed("train", digits_npz, "--describe", "--model", "lenet")
    assert "parameters" in done.stdout
    assert max(len(line) for line in done.stdout.splitlines()) <= 80
    done = pellucid("train", digits_npz, "--describe", "--model", "svm")
    assert (done.returncode, done.stdout, "svm has none" in done.stderr) == (2, "", True)


def test_toml_sets_what_flags_do_and_flags_win(pellucid, digits_npz, tmp_path):
    config = tmp_path / "settings.toml"
    config.write_text('epochs = 1\nwidth = 8\nlearning-rate = 0.005\nmodel = "lenet"\nbaselines = false\n')
    pellucid.succeed(
        "train", digits_npz, "--out", tmp_path / "run", "--config", config, "--model", "mlp", "--threads", "1"
    )
    settings = json.loads((tmp_path / "run" / "config.json").read_text())["settings"]
    assert (settings["epochs"], settings["learning_rate"], settings["model"]) == (1, 0.005, "mlp")


@pytest.mark.slow
def test_a_time_limit_bounds_the_whole_command(process, digits_npz, tmp_path):
    import time

    began = time.monotonic()
    given = ("--time-limit", "12s", "--threads", "1", "--model", "cnn")
    process.succeed("train", digits_npz, "--out", tmp_path / "run", *given)
    assert time.monotonic() - began < 18  # other tests run beside this one
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert history[-1]["learning_rate"] < 0.001


def test_files_of_images_train_as_well(pellucid, digits_npz, tmp_path):
    data = np.load(digits_npz)
    rows = ["path,label"]
    for index in range(300):
        label = data["y_train"][index]
        folder = tmp_path / "images" / f"digit {label}"
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(data["x_train"][index]).save(folder / f"{index}.png")
        rows.append(f"images/digit {label}/{index}.png,digit {label}")
    (tmp_path / "table.csv").write_text("\n".join(rows) + "\n")
    pellucid.succeed(
        "train", tmp_path / "table.csv", "--out", tmp_path / "run", "--epochs", "2", "--width", "8",
        "--threads", "1", "--no-baselines",
    )  # fmt: skip
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["classes"] == [f"digit {label}" for label in range(10)]
    assert sum(metrics["data"][split] for split in ("train", "validation", "test")) == 300
