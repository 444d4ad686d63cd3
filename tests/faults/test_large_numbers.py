"""FAULTS 52: labels up to the bound that the documentation states are trained on and reported."""

import json

import pytest

import pellucid
from pellucid.data.labels import LARGEST


def test_labels_up_to_the_bound_are_trained_on_and_reported(tmp_path):
    rows = [
        (f"word{kind} text {number % 7}", kind * LARGEST / 4) for number in range(40) for kind in (1, 2, 4)
    ]
    lines = "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows)
    (tmp_path / "large.jsonl").write_text(lines)
    run = pellucid.train(tmp_path / "large.jsonl", out=tmp_path / "run", model="ridge", target="number")
    error = run.metrics["models"]["ridge"]["test"]["mean_absolute_error"]
    assert 0 <= error["low"] <= error["value"] <= error["high"] < LARGEST / 10
    page = (tmp_path / "run" / "report.html").read_text()
    assert "000,000,000,000,000,000" not in page
    assert pellucid.load(tmp_path / "run").predict([rows[0][0]]) == pytest.approx([LARGEST / 4], rel=0.1)
