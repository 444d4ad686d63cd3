"""Findings in the files of a run and on the terminal."""

import json

import numpy as np
import pytest

import pellucid
from pellucid.pipeline.results import findings_line, last_training
from small_models import digits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits_npz(tmp_path_factory):
    pixels, labels = digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[:700, ..., 0], y_train=labels[:700], x_test=pixels[700:900, ..., 0],
             y_test=labels[700:900])  # fmt: skip
    return path


GIVEN = {"model": "mlp", "baselines": False, "epochs": 6, "batch_size": 32, "threads": 1}


def test_a_training_gone_wrong_is_told_in_metrics_report_and_one_line(digits_npz, tmp_path, capsys):
    run = pellucid.train(digits_npz, out=tmp_path / "run", learning_rate=10.0, **GIVEN)
    found = [each["name"] for each in run.metrics["findings"]]
    assert found[0] == "learning-rate-too-high"
    assert "dead-units" in found
    assert "The learning rate was too high" in run.report.read_text(encoding="utf-8")
    said = capsys.readouterr().err
    assert said.count("training: learning rate too high, dead units; the report says how to fix it") == 1
    records = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    assert records[-1]["health"]["activations"]["body.activation2"]["dead"] > 0.9


def told_of(tmp_path, pixels, labels):
    """Train on digits; names of what is found, and how many labels were doubted."""
    np.savez(tmp_path / "data.npz", x_train=pixels[:900, ..., 0], y_train=labels[:900],
             x_test=pixels[900:, ..., 0], y_test=labels[900:])  # fmt: skip
    run = pellucid.train(tmp_path / "data.npz", out=tmp_path / "run", **{**GIVEN, "epochs": 20})
    doubted = run.metrics["label_issues"]["count"] / run.metrics["label_issues"]["examined"]
    return [each["name"] for each in run.metrics["findings"]], doubted, run


def test_wrong_labels_are_told_of_by_a_real_run(tmp_path):
    pixels, labels = digits()
    draws = np.random.default_rng(7)
    shifts = np.where(draws.random(len(labels)) < 0.2, draws.integers(1, 10, len(labels)), 0)
    found, doubted, run = told_of(tmp_path, pixels, (labels + shifts) % 10)
    assert "suspicious-labels" in found
    assert 0.15 < doubted < 0.25
    assert "Many labels look wrong." in run.report.read_text(encoding="utf-8")


def test_images_that_are_hard_to_tell_apart_are_not_called_wrongly_labelled(tmp_path):
    pixels, labels = digits()
    noise = np.random.default_rng(7).normal(0, 190, pixels.shape)
    found, doubted, _ = told_of(tmp_path, np.clip(pixels + noise, 0, 255).astype(np.uint8), labels)
    assert doubted <= 0.01
    assert "suspicious-labels" not in found


def test_of_a_sound_training_nothing_is_said(digits_npz, tmp_path, capsys):
    run = pellucid.train(digits_npz, out=tmp_path / "run", **{**GIVEN, "epochs": 20})
    assert run.metrics["findings"] == []
    said = capsys.readouterr().err
    assert "training:" not in said
    assert f"look inside: pellucid explain {run.folder} IMAGE --out page.html\n" in said


def test_a_classical_model_has_no_findings(digits_npz, tmp_path):
    run = pellucid.train(digits_npz, out=tmp_path / "run", model="logistic-regression", quiet=True)
    assert run.metrics["findings"] is None


def test_fine_tuning_is_a_course_of_its_own():
    first = [{"model": "net", "epoch": epoch} for epoch in (1, 2)]
    second = [{"model": "net-tuned", "epoch": epoch} for epoch in (1, 2)]
    assert last_training([*first, *second]) == second
    assert last_training([{"epoch": 1}, {"epoch": 2}]) == [{"epoch": 1}, {"epoch": 2}]


def test_the_line_of_the_terminal_is_only_there_where_something_was_found():
    metrics = {"models": {"svm": {}, "cnn": {}}, "recommended": "cnn"}
    assert findings_line(metrics) is findings_line(metrics | {"findings": []}) is None
    metrics["findings"] = [{"name": "cut-short"}]
    assert findings_line(metrics) == "training: cut short; the report says how to fix it"
    other = findings_line(metrics | {"recommended": "svm"})
    assert other == "training of cnn: cut short; the report says how to fix it"
