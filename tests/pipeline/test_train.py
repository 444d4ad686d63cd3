"""The straight way of `train` as a whole."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.datasets import load_digits

from pellucid import pieces
from pellucid.pipeline import concluding
from pellucid.pipeline.finished_run import Run
from pellucid.pipeline.train import train
from photographs import class_folders


def digits_with_a_test(path: Path, shuffles_test: bool) -> Path:
    """Four digits under so much noise that models err: 160 to learn from, 60 as a test split."""
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < 4)[:220]
    noise = np.random.default_rng(0).normal(0, 60, (220, 8, 8))
    pixels = np.clip(digits.images[chosen] * 15 + noise, 0, 255).astype(np.uint8)
    labels = digits.target[chosen]
    if shuffles_test:
        labels[160:] = np.random.default_rng(1).permutation(labels[160:])
    np.savez(path, x_train=pixels[:160], y_train=labels[:160], x_test=pixels[160:], y_test=labels[160:])
    return path


def before_the_test(run: Run) -> dict[str, Any]:
    """All that must be settled before the test split is looked at.

    A model's README states its test score, and checksums depend on it, also those of an average's members.
    The answers about test examples that check promises are kept beside the held-out ones.
    """
    metrics = run.metrics
    found = {
        "recommended": metrics["recommended"],
        "reason": re.sub(r"[\d.e-]+ ms (more|less)", "", metrics["reason"]),
        "validation": {name: entry["validation"] for name, entry in metrics["models"].items()},
    }
    for folder in sorted((run.folder / "models").iterdir()):
        document = json.loads((folder / "model.json").read_text())
        document["members"] = [(each["name"], each["weight"]) for each in document.get("members", [])]
        found[folder.name] = {key: value for key, value in document.items() if "sha256" not in key}
        for path in folder.glob("*.safetensors"):
            arrays = load_file(path)
            found |= {
                f"{folder.name}/{path.name}/{name}": array.tobytes()
                for name, array in arrays.items()
                if not name.startswith("test.")
            }
    return found


@pytest.mark.parametrize(("worth", "limit", "is_said"), [(0.0, None, 1), (1e6, None, 0), (0.0, "30s", 0)])
def test_a_long_run_says_first_about_how_long_it_takes_and_has_the_same_models(
    worth, limit, is_said, tmp_path, monkeypatch, capsys
):
    data = digits_with_a_test(tmp_path / "data.npz", shuffles_test=False)
    monkeypatch.setattr("pellucid.pipeline.train._WORTH_TELLING", worth)
    given = {"model": "mlp", "depth": 1, "width": 8, "epochs": 2, "threads": 1, "baselines": False}
    train(data, out=tmp_path / "run", time_limit=limit, **given)
    said = capsys.readouterr().err
    assert len(re.findall(r"all of it will take about \d+ (s|min) here", said)) == is_said
    if is_said:
        assert said.index("all of it") < re.search(r"epoch +1 of", said).start()
        monkeypatch.setattr("pellucid.pipeline.train._WORTH_TELLING", 1e6)
        train(data, out=tmp_path / "same", quiet=True, **given)
        mine, same = (
            load_file(tmp_path / name / "models/mlp/weights.safetensors") for name in ("run", "same")
        )
        assert all(np.array_equal(mine[key], same[key]) for key in mine)


@pytest.mark.parametrize(
    ("target", "folds"), [("class", 0), pytest.param("number", None, marks=pytest.mark.slow)]
)
def test_other_answers_in_the_test_split_change_no_model_no_temperature_and_no_recommendation(
    tmp_path: Path, target: str, folds: int | None
) -> None:
    true, shuffled = (
        train(
            digits_with_a_test(tmp_path / f"{name}.npz", shuffles_test=name == "shuffled"),
            out=tmp_path / name, target=target, model="mlp", depth=1, width=8, epochs=3, folds=folds,
            learning_curve=False, threads=1, quiet=True,
        )
        for name in ("true", "shuffled")
    )  # fmt: skip
    assert before_the_test(true) == before_the_test(shuffled)
    scores = [[entry["test"] for entry in run.metrics["models"].values()] for run in (true, shuffled)]
    assert len(scores[0]) >= 5
    assert all(one != other for one, other in zip(*scores, strict=True))


def test_threads_bind_every_part_of_a_run_and_are_given_back(tmp_path, monkeypatch):
    seen = []

    def test_once(*given):
        seen.append((torch.get_num_threads(), pieces.threads()))
        return tested(*given)

    tested = concluding.test_once
    monkeypatch.setattr(concluding, "test_once", test_once)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        photos = class_folders(tmp_path / "data", count=20, side=16)
        given = {"model": "cnn", "width": 8, "epochs": 1, "folds": 0, "baselines": False}
        train(photos, out=tmp_path / "run", threads=2, quiet=True, **given)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
    assert seen == [(1, 2)]
