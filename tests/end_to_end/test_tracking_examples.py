"""The examples for MLflow and Weights & Biases, run as they stand on a real run."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
import write_reference

TRACKING = write_reference.ROOT / "examples" / "tracking"


@pytest.fixture(scope="module")
def run(pellucid, few_digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tracking") / "run"
    few = ("--epochs", "2", "--width", "8", "--threads", "1", "--folds", "0", "--no-baselines")
    pellucid.succeed("train", few_digits, "--out", folder, *few)
    return folder


def _ran(script, *arguments, within, **environment):
    done = subprocess.run(
        [sys.executable, str(TRACKING / script), *map(str, arguments)],
        capture_output=True, text=True, timeout=300, cwd=within, env={**os.environ, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout + done.stderr


def test_the_examples_are_short():
    for path in TRACKING.glob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 30


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("mlflow") is None, reason="needs the extra mlflow")
def test_mlflow_has_the_curves_the_scores_and_the_report(run, tmp_path):
    _ran("mlflow_run.py", run, within=tmp_path)
    code = """
import json, mlflow
mlflow.set_tracking_uri("sqlite:///mlflow.db")
(found,) = mlflow.MlflowClient().search_runs([mlflow.get_experiment_by_name("pellucid").experiment_id])
client = mlflow.MlflowClient()
print(json.dumps({
    "metrics": found.data.metrics, "params": found.data.params, "name": found.info.run_name,
    "steps": [each.step for each in client.get_metric_history(found.info.run_id, "train_loss")],
    "files": [each.path for each in client.list_artifacts(found.info.run_id)],
}))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    metrics = json.loads((run / "metrics.json").read_text())
    accuracy = metrics["models"]["cnn"]["test"]["accuracy"]["value"]
    assert found["metrics"]["cnn/test/accuracy"] == accuracy
    assert found["params"]["recommended"] == metrics["recommended"]
    assert found["steps"] == [1, 2]
    assert (found["name"], found["files"]) == ("run", ["report.html"])


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="needs wandb: pip install wandb")
def test_wandb_offline_has_the_curves_the_scores_and_the_report(run, tmp_path):
    _ran(
        "wandb_run.py", run, within=tmp_path,
        WANDB_MODE="offline", WANDB_ERROR_REPORTING="false", WANDB_SILENT="true", HOME=str(tmp_path),
    )  # fmt: skip
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert (folder / "files" / "report.html").exists()
    (record,) = folder.glob("*.wandb")
    content = record.read_bytes()
    for name in (b"cnn/test/accuracy", b"train_loss", b"image-classification"):
        assert name in content
