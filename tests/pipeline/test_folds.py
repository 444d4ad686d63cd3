"""`train --folds`: every model once on each fold, for classes and for numbers."""

import dataclasses

import numpy as np
import pytest

from pellucid.data import prepare
from pellucid.data.listing import UNDECIDED, Listing
from pellucid.errors import DataError, DivergedError, UsageError
from pellucid.pipeline.comparing import trials
from pellucid.pipeline.comparing.folds import cross_validate, require_foldable
from pellucid.pipeline.comparing.trials import Trial, Trials, scores_of, train_and_judge
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from small_models import digits

SETTINGS = Settings(model="mlp", depth=1, width=16, epochs=4, threads=1, folds=3)
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


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("checkpoints")


@pytest.fixture(scope="module")
def found(kept):
    names = ("majority", "logistic-regression", "mlp")
    return cross_validate(dataset_of(), SETTINGS, names, kept, Stages(quiet=True))


def test_the_form_of_metrics_json(found):
    assert list(found) == ["folds", "metric", "train", "test", "models", "comparisons"]
    assert (found["folds"], found["metric"]) == (3, "accuracy")
    assert 60 < found["test"] <= 100
    assert found["train"] + found["test"] < 240
    assert list(found["models"]) == ["majority", "logistic-regression", "mlp"]
    for each in found["models"].values():
        assert len(each["scores"]) == 3
        assert each["mean"]["value"] == pytest.approx(np.mean(each["scores"]))
        assert 0 <= each["mean"]["low"] <= each["mean"]["value"] <= each["mean"]["high"] <= 1


def test_majority_knows_nothing_and_that_is_real(found):
    assert found["models"]["majority"]["mean"]["value"] < 0.2
    assert found["models"]["logistic-regression"]["mean"]["value"] > 0.85
    pairs = {(each["a"], each["b"]): each for each in found["comparisons"]}
    assert list(pairs) == [
        ("majority", "logistic-regression"),
        ("majority", "mlp"),
        ("logistic-regression", "mlp"),
    ]
    first = pairs["majority", "logistic-regression"]
    assert first["verdict"] == "logistic-regression is better than majority"
    assert first["accuracy_difference"]["high"] < -0.5
    assert first["p_value"] < first["p_value_holm"] < 0.05


def test_what_is_finished_is_taken_over(found, kept, monkeypatch):
    monkeypatch.setattr(trials, "train_and_judge", None)
    names = ("majority", "logistic-regression", "mlp")
    assert cross_validate(dataset_of(), SETTINGS, names, kept, Stages(quiet=True)) == found


def test_a_damaged_memory_is_trained_again(tmp_path, monkeypatch):
    trial = Trial("majority", Settings(model="majority", threads=1), fold=2)
    first = Trials(dataset_of(), 3, tmp_path).judged(trial)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9])
    again = Trials(dataset_of(), 3, tmp_path).judged(trial)
    assert dataclasses.replace(again, seconds=0) == dataclasses.replace(first, seconds=0)
    monkeypatch.setattr(trials, "train_and_judge", None)
    assert Trials(dataset_of(), 3, tmp_path).judged(trial) == again


def test_numbers_go_by_root_mean_squared_error(tmp_path):
    dataset = dataset_of(numbers=True)
    found = cross_validate(dataset, SETTINGS, ("mean", "ridge"), tmp_path, Stages(quiet=True))
    assert found["metric"] == "root_mean_squared_error"
    spread = dataset.labels.std()
    assert found["models"]["mean"]["mean"]["value"] == pytest.approx(spread, rel=0.2)
    assert found["models"]["ridge"]["mean"]["value"] < 0.5 * spread
    (pair,) = found["comparisons"]
    assert pair["verdict"] == "ridge is better than mean"
    assert pair["root_mean_squared_error_difference"]["low"] > 0


def test_a_network_learns_numbers_on_folds_too(tmp_path):
    dataset = dataset_of(numbers=True)
    judged = Trials(dataset, 3, tmp_path).judged(Trial("mlp", dataclasses.replace(SETTINGS, epochs=12), 1))
    assert judged.scores["root_mean_squared_error"] < 0.8 * dataset.labels.std()
    assert judged.scores["r2"] > 0.3
    assert len(judged.history) == 12


def test_nothing_without_folds(tmp_path):
    settings = dataclasses.replace(SETTINGS, folds=None)
    require_foldable(dataset_of(), settings)
    assert cross_validate(dataset_of(), settings, ("majority",), tmp_path, Stages(quiet=True)) is None
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_folded_is_refused_early():
    with pytest.raises(DataError, match="fewer than 50 examples that may be parted"):
        require_foldable(dataset_of(), dataclasses.replace(SETTINGS, folds=50))
    with pytest.raises(UsageError, match=r"--folds: .*--time-limit"):
        require_foldable(dataset_of(), dataclasses.replace(SETTINGS, time_limit="5m"))
    require_foldable(dataset_of(), SETTINGS)


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
