"""One training on one fold, judged, and the memory of what is finished."""

import dataclasses

import numpy as np
import pytest

from pellucid.data import prepare
from pellucid.data.listing import UNDECIDED, Listing
from pellucid.errors import DivergedError
from pellucid.pipeline.comparing import trials
from pellucid.pipeline.comparing.trials import Trial, Trials, scores_of, train_and_judge
from pellucid.settings import Settings
from small_models import digits

SETTINGS = Settings(model="mlp", depth=1, width=16, epochs=4, threads=1)
COUNT = 300


def dataset_of(*, numbers: bool = False):
    pixels, labels = digits()
    values = pixels[:COUNT].mean(axis=(1, 2, 3), dtype=np.float64)
    listing = Listing(
        place="digits",
        form="arrays",
        sources=[f"digits:{row}" for row in range(COUNT)],
        labels=[str(label) for label in labels[:COUNT]],
        splits=[UNDECIDED] * COUNT,
        groups=[""] * COUNT,
        pixels=pixels[:COUNT],
        values=values if numbers else None,
    )
    return prepare(listing, SETTINGS)[0]


def test_a_damaged_memory_is_trained_again(tmp_path, monkeypatch):
    trial = Trial("majority", Settings(model="majority", threads=1), fold=2)
    first = Trials(dataset_of(), 3, tmp_path).judged(trial)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    again = Trials(dataset_of(), 3, tmp_path).judged(trial)
    assert dataclasses.replace(again, seconds=0) == dataclasses.replace(first, seconds=0)
    monkeypatch.setattr(trials, "train_and_judge", None)
    assert Trials(dataset_of(), 3, tmp_path).judged(trial) == again


def test_a_network_learns_numbers_on_folds_too(tmp_path):
    dataset = dataset_of(numbers=True)
    judged = Trials(dataset, 3, tmp_path).judged(Trial("mlp", dataclasses.replace(SETTINGS, epochs=12), 1))
    assert judged.scores["root_mean_squared_error"] < 0.8 * dataset.labels.std()
    assert judged.scores["r2"] > 0.3
    assert len(judged.history) == 12


def test_a_training_that_diverges_is_named():
    settings = dataclasses.replace(
        SETTINGS, optimizer="sgd", learning_rate=1000.0, schedule="constant", batch_norm=False, epochs=20
    )
    dataset = dataset_of(numbers=True)
    with pytest.raises(DivergedError, match=r"wild, seed 0, fold 1: step \d+: the "):
        train_and_judge(Trial("wild", settings, 1), dataset)


def test_scores_by_hand():
    labels = np.array([0, 1, 1, 0])
    said = np.array([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25], [1.0, 0.0]])
    scores = scores_of(labels, said, 2)
    assert scores["accuracy"] == 0.75
    assert scores["balanced_accuracy"] == (1 + 1 / 2) / 2
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-(np.log([0.5, 0.75, 0.25, 1.0])).mean())
    numbers = scores_of(np.array([1.0, 3.0]), np.array([2.0, 3.0]), 0)
    assert numbers == {
        "mean_absolute_error": 0.5,
        "root_mean_squared_error": pytest.approx(0.5**0.5),
        "r2": pytest.approx(0.5),
    }
