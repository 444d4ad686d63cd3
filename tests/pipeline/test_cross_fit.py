"""Models trained anew for each split: what is asked of them, when they train, and what is kept of it."""

import dataclasses

import numpy as np
import pytest

from data.made import listing_of, with_numbers
from labelled import labelled
from pellucid.data import folds, prepare
from pellucid.errors import DivergedError
from pellucid.pipeline.comparing.compare import compare, fitted_on_folds
from pellucid.pipeline.comparing.standings import scores_of
from pellucid.pipeline.judging.refitting import Split, cross_fit
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.settings import Settings
from small_models import digits

SETTINGS = Settings(model="mlp", depth=1, width=16, epochs=4, threads=1)
COUNT = 300


def dataset_of(*, numbers: bool = False):
    pixels, labels = (each[:COUNT] for each in digits())
    listing = listing_of([str(label) for label in labels], pixels=pixels)
    values = pixels.mean(axis=(1, 2, 3), dtype=np.float64) if numbers else None
    return prepare(with_numbers(listing, values), SETTINGS)[0]


def splits_of(dataset) -> list[Split]:
    return [Split(each, each.test) for each in folds(dataset, 3, 0)]


def test_a_training_is_done_once_and_again_where_its_file_is_damaged_or_of_other_examples(tmp_path):
    """A seeded forest is the same however often it is trained; only the count of trainings differs."""
    trained = []

    def fit(material):
        trained.append(len(material.train))
        return ClassicalLearner("random-forest", SETTINGS).fit(material)

    def arrays(splits):
        return [each.arrays["answers"] for each in cross_fit(fit, splits, kept=tmp_path / "forest")]

    splits = splits_of(dataset_of())
    first = arrays(splits)
    assert len(trained) == 3
    again = arrays(splits)
    assert len(trained) == 3
    second = tmp_path / "forest-2.npz"
    second.write_bytes(second.read_bytes()[:-9])
    repeated = arrays(splits)
    assert len(trained) == 4
    for one, other, third in zip(first, again, repeated, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(one, third)
    fewer = [splits[0]._replace(judged=splits[0].judged[:-1])]
    assert np.array_equal(arrays(fewer)[0], first[0][:-1])
    assert len(trained) == 5


def test_answers_are_those_of_models_that_learned_from_the_other_folds():
    dataset = dataset_of()
    for split, found in zip(
        splits_of(dataset), cross_fit(ClassicalLearner("svm", SETTINGS).fit, splits_of(dataset)), strict=True
    ):
        (own,) = ClassicalLearner("svm", SETTINGS).fit(split.material)
        assert np.array_equal(found.arrays["answers"], own.model.predict_proba(dataset.inputs[split.judged]))
        assert found.train_examples == len(split.material.train)
        assert not np.isin(split.judged, split.material.train).any()


def test_nothing_is_trained_before_it_is_due():
    trained = []

    def fit(material):
        trained.append(material)
        return ClassicalLearner("majority", SETTINGS).fit(material)

    fits = cross_fit(fit, splits_of(dataset_of()))
    assert trained == []
    next(fits)
    assert len(trained) == 1


def test_a_network_learns_numbers_on_folds_too():
    dataset = dataset_of(numbers=True)
    settings = dataclasses.replace(SETTINGS, epochs=12)
    found = next(fitted_on_folds(settings, folds(dataset, 3, 0)))
    assert found.of("scores")["root_mean_squared_error"] < 0.8 * dataset.labels.std()
    assert found.of("scores")["r2"] > 0.3
    assert len(found.history) == 12


def test_a_training_that_diverges_is_named(tmp_path):
    pixels, labels = digits()
    np.savez(tmp_path / "digits.npz", x_train=pixels[:COUNT], y_train=labels[:COUNT] * 1000.5)
    wild = {"optimizer": "sgd", "learning_rate": 1000.0, "schedule": "constant", "batch_norm": False}
    with pytest.raises(DivergedError, match=r"activation=relu, seed 0, fold 1: step \d+: the "):
        compare(
            tmp_path / "digits.npz", out=tmp_path / "run", vary={"activation": ["relu", "tanh"]}, quiet=True,
            target="number", model="mlp", depth=1, width=16, epochs=20, threads=1, **wild,
        )  # fmt: skip


def test_scores_by_hand():
    labels = np.array([0, 1, 1, 0])
    said = np.array([[0.5, 0.5], [0.25, 0.75], [0.75, 0.25], [1.0, 0.0]])
    scores = scores_of(labelled(labels, ("no", "yes")), said)
    assert scores["accuracy"] == 0.75
    assert scores["balanced_accuracy"] == (1 + 1 / 2) / 2
    assert scores["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-(np.log([0.5, 0.75, 0.25, 1.0])).mean())
    numbers = scores_of(labelled(np.array([1.0, 3.0])), np.array([2.0, 3.0]))
    assert numbers == {
        "mean_absolute_error": 0.5,
        "root_mean_squared_error": pytest.approx(0.5**0.5),
        "r2": pytest.approx(0.5),
    }
