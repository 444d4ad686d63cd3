"""Pretrained backbones through the real command: training, kills, files, answers."""

import json
import re
import shutil
import signal

import pytest

import spawning
from killing import KILL_IN_SAVE
from pellucid.safety.strict import sealed
from photographs import class_folders
from pretrained.tiny_vision import write_folder
from tiny_backbone import NAME, tiny_weights

pytestmark = pytest.mark.slow

LITE0 = "efficientnet-lite0"
CANDIDATES = [f"logistic-regression-on-{LITE0}", f"svm-on-{LITE0}", LITE0]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("photos") / "data", count=40, side=40)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def on_tiny(photos, tiny, run):
    return [
        *("train", str(photos), "--out", str(run), "--backbone", NAME, "--weights", str(tiny)),
        *("--threads", "1", "--no-baselines", "--epochs", "2", "--batch-size", "16", "--seed", "3"),
        *("--preset", "quick"),
    ]


def weights_of(run):
    """Bytes of the weights of every model."""
    return {path.parent.name: path.read_bytes() for path in run.glob("models/*/weights.safetensors")}


@pytest.fixture(scope="module")
def unbroken(pellucid, photos, tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("unbroken") / "run"
    done = pellucid.succeed(*on_tiny(photos, tiny, run), "--folds", "2")
    assert "computed features of test-efficientnet at 128x128: 80 images" in done.stderr
    assert "fine-tun" in done.stderr
    return run


def test_every_model_on_a_backbone_is_in_the_metrics(unbroken):
    metrics = json.loads((unbroken / "metrics.json").read_text())
    on = ["logistic-regression-on-test-efficientnet", "svm-on-test-efficientnet", "test-efficientnet"]
    assert [name for name in metrics["models"] if not name.endswith("-tuned")] == on
    assert metrics["models"][on[0]]["features"] == "last hidden layer of test-efficientnet"
    config = json.loads((unbroken / "config.json").read_text())
    assert config["backbones"][0]["origin"]["name"] == "test-efficientnet"
    lines = [json.loads(line) for line in (unbroken / "history.jsonl").read_text().splitlines()]
    assert {line["model"] for line in lines} == {"test-efficientnet-tuned"}
    assert not (unbroken / "checkpoints").exists()


@pytest.mark.usefixtures("unbroken")  # which has filled the cache of images
def test_what_a_limit_left_is_taken_over_after_a_kill(pellucid, photos, tiny, tmp_path):
    words = [*on_tiny(photos, tiny, tmp_path / "killed"), "--time-limit", "300s", "--resume"]
    killed = spawning.run("-c", KILL_IN_SAVE, "4", *words, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    place = tmp_path / "killed" / "config.json"
    config = json.loads(place.read_text())
    assert config["backbones"][0]["granted"]["train"] == config["backbones"][0]["train"] == 64
    # As if the machine had been slower when it was measured.
    config["backbones"][0]["granted"] |= {"train": 50, "is_tuned": False}
    place.write_bytes(sealed(config))
    found = []
    for saves in ("3", "6"):
        run = tmp_path / f"again-{saves}"
        shutil.copytree(tmp_path / "killed", run)
        words[3] = str(run)
        again = spawning.run("-c", KILL_IN_SAVE, saves, *words, capture_output=True)
        assert again.returncode == -signal.SIGKILL
        pellucid.succeed(*words)
        metrics = json.loads((run / "metrics.json").read_text())
        assert {each["train_examples"] for each in metrics["models"].values()} == {50}
        assert metrics["notes"] == [config["backbones"][0]["reason"]]
        found.append(weights_of(run))
    assert found[0] == found[1]
    assert "test-efficientnet-tuned" not in found[0]


def test_too_short_a_limit_is_refused_before_anything_is_trained(pellucid, photos, tiny, tmp_path):
    run = tmp_path / "run"
    done = pellucid(*on_tiny(photos, tiny, run), "--time-limit", "1s")
    assert done.returncode == 2
    said = " ".join(done.stderr.split())
    assert re.search(r"--time-limit: 0\.\d s are left for test-efficientnet, and the features of", said)
    assert not (run / "config.json").exists()


def test_an_installed_backbone_is_considered_within_a_limit_and_wins_where_it_helps(
    pellucid, photos, tmp_path, monkeypatch
):
    monkeypatch.delenv("PELLUCID_BACKBONES")
    run = tmp_path / "run"
    words = (
        "--preset", "quick", "--epochs", "2", "--threads", "1", "--image-size", "96", "--time-limit", "250s",
    )  # fmt: skip
    done = pellucid.succeed("train", photos, "--out", run, *words)
    config = json.loads((run / "config.json").read_text())
    assert config["backbones"][0]["granted"]["train"] == 64
    assert config["within_limit"] == ["backbones", "plan"]
    said = " ".join(done.stderr.split())
    assert (
        "so efficientnet-lite0, which is installed, is considered too; --backbone none leaves it out" in said
    )
    metrics = json.loads((run / "metrics.json").read_text())
    assert set(CANDIDATES) < set(metrics["models"])
    assert "cnn" in metrics["models"]
    folder = run / "models" / CANDIDATES[0]
    assert "EfficientNet\\-Lite0, trained on ImageNet\\-1k" in (folder / "README.md").read_text()
    assert "Apache\\-2\\.0" in (folder / "README.md").read_text()
    done = pellucid.succeed("predict", folder, photos / "china")
    rows = done.stdout.splitlines()[1:]
    assert sum(",china," in row for row in rows) >= 36


def test_an_estimator_builds_on_a_backbone(photos, tiny, tmp_path):
    import pellucid

    classifier = pellucid.ImageClassifier(backbone=NAME, weights=str(tiny), threads=1).fit(str(photos))
    assert (
        classifier.score([str(path) for path in sorted((photos / "china").iterdir())[:20]], ["china"] * 20)
        > 0.6
    )
    classifier.save(tmp_path / "model")
    again = pellucid.load(tmp_path / "model")
    some = [str(path) for path in sorted((photos / "flower").iterdir())[:5]]
    assert (again.predict_proba(some) == classifier.predict_proba(some)).all()
    assert again.transform(some).shape[0] == 5


def test_a_folder_is_a_backbone_that_is_trained_resumed_answered_and_exported(pellucid, photos, tmp_path):
    from pellucid import runtime

    folder = write_folder(tmp_path / "small-vit", "dinov2_with_registers")
    words = [*on_tiny(photos, "", tmp_path / "run"), "--folds", "0"]
    at = words.index("--backbone")
    words[at : at + 4] = ["--backbone", str(folder)]
    pellucid.succeed(*words)
    words[3] = str(tmp_path / "killed")
    killed = spawning.run("-c", KILL_IN_SAVE, "4", *words, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    pellucid.succeed(*words, "--resume")
    run = tmp_path / "run"
    assert weights_of(tmp_path / "killed") == weights_of(run)
    assert "small-vit" in weights_of(run)
    config = json.loads((run / "config.json").read_text())
    assert config["backbones"][0]["network"]["name"] == "vision-transformer"
    model = run / "models" / "small-vit"
    answers = pellucid.succeed("predict", model, photos / "china").stdout
    pellucid.succeed("export", model, "--out", tmp_path / "model.onnx")
    paths = [str(path) for path in sorted((photos / "china").iterdir())]
    found = runtime.load(tmp_path / "model.onnx").predict(paths)
    assert [row.split(",")[1] for row in answers.splitlines()[1:]] == found
    save = folder / "model.safetensors"
    save.write_bytes(save.read_bytes()[:-4] + bytes(4))
    words[3] = str(tmp_path / "others")
    killed = spawning.run("-c", KILL_IN_SAVE, "4", *words, capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    write_folder(folder, "dinov2_with_registers")
    done = pellucid(*words, "--resume")
    assert done.returncode == 2
    assert "the weights of small-vit are others than when the run was started" in " ".join(
        done.stderr.split()
    )
