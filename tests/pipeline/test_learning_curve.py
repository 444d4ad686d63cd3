"""Which parts of the training split a learning curve is drawn from."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from every_model import MODELS
from pellucid.data import prepare
from pellucid.pipeline.judging import refitting
from pellucid.pipeline.judging.refitting import curve_parts
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers
from pellucid.pipeline.learners.evaluation_budget import has_curve
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings


@pytest.fixture(scope="module")
def dataset(digits_file):
    return prepare(str(digits_file), Settings())[0]


@pytest.fixture(scope="module")
def digits_file(tmp_path_factory):
    from sklearn.datasets import load_digits

    digits = load_digits()
    path = tmp_path_factory.mktemp("curve") / "digits.npz"
    np.savez(path, x_train=(digits.images * 15).astype(np.uint8), y_train=digits.target)
    return path


def test_parts_are_nested_and_every_class_gives_its_share(dataset):
    small, large = curve_parts(dataset, seed=0)
    assert set(small) < set(large) < set(dataset.train)
    assert len(small) / len(dataset.train) == pytest.approx(1 / 8, abs=0.01)
    assert len(large) / len(dataset.train) == pytest.approx(1 / 4, abs=0.01)
    counts = np.bincount(dataset.labels[small], minlength=10)
    assert counts.max() - counts.min() <= 2
    assert list(small) == sorted(small)


def test_the_seed_decides_the_parts(dataset):
    assert (
        list(curve_parts(dataset, 0)[0])
        == list(curve_parts(dataset, 0)[0])
        != list(curve_parts(dataset, 1)[0])
    )


def test_of_many_examples_smaller_parts_do(dataset):
    many = dataclasses.replace(dataset, train=np.tile(dataset.train, 20))
    assert [round(len(many.train) / len(part)) for part in curve_parts(many, 0)] == [64, 16]


def test_parts_too_small_to_learn_from_are_left_out(dataset):
    few = dataclasses.replace(dataset, train=dataset.train[:200])
    (part,) = curve_parts(few, 0)  # a quarter; an eighth would be fewer than four of each class
    assert 40 <= len(part) <= 60
    assert curve_parts(dataclasses.replace(dataset, train=dataset.train[:60]), 0) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, True),
        ({"baselines": False}, False),
        ({"baselines": False, "learning_curve": True}, True),
        ({"learning_curve": False}, False),
        ({"time_limit": "10m"}, False),
        ({"time_limit": "10m", "learning_curve": True}, True),
    ],
)
def test_the_curve_follows_the_baselines_but_for_a_time_limit(given, wanted):
    assert has_curve(Settings(**given)) is wanted


def test_it_is_drawn_of_the_baseline_that_is_best_on_what_was_held_out(dataset, monkeypatch):
    names = []

    def noted(candidate, settings):
        names.append(candidate.name)
        raise LookupError

    monkeypatch.setattr(refitting, "learner_at_setup", noted)
    truth = np.eye(10)[dataset.labels[dataset.validation]]
    candidates = [
        Candidate(name, MODELS["svm"](), 100, 1.0, HeldOutAnswers(dataset.validation, answers), "pixels")
        for name, answers in (
            ("logistic-regression", 0.5 * truth + 0.05),
            ("svm", 0.5 * np.roll(truth, 1, axis=1) + 0.05),
        )
    ]
    folds = SimpleNamespace(judging=dataset, parts=())
    with pytest.raises(LookupError):
        refitting.draw_curve(candidates, "cnn", None, folds, Settings(), Stages(quiet=True))
    assert names == ["logistic-regression"]


def test_each_curve_ends_with_what_its_own_model_answered_and_learned(dataset, monkeypatch):
    """The best baseline's and the recommended one's; each part is asked by its own training."""
    positions, drawn = dataset.validation, {}
    truth = dataset.labels[positions]

    def answered(wrong):
        codes = np.where(np.arange(len(truth)) < wrong, (truth + 1) % 10, truth)
        return 0.5 * np.eye(10)[codes] + 0.05

    def fits(fit, splits):
        for split in splits:
            assert np.array_equal(split.judged, positions)
            size = len(split.material.train)
            yield refitting.Fit({"answers": answered(size % 50)}, (), size, 0, 1.0)

    def curve(labels, points, outlook, seed):
        drawn.update(points)
        return SimpleNamespace(outlook=outlook)

    monkeypatch.setattr(refitting, "cross_fit", fits)
    monkeypatch.setattr(refitting, "learning_curve", curve)
    wrong, seen = {"svm": 3, "logistic-regression": 7, "random-forest": 9}, {"svm": 700, "random-forest": 90}
    candidates = [
        Candidate(
            name,
            MODELS["svm"](),
            seen.get(name, 800),
            1.0,
            HeldOutAnswers(positions, answered(each)),
            "pixels",
        )
        for name, each in wrong.items()
    ]
    folds = SimpleNamespace(judging=dataset, parts=())
    found = refitting.draw_curve(candidates, "random-forest", None, folds, Settings(), Stages(quiet=True))
    assert found.outlook == "random-forest"
    sizes = [len(part) for part in curve_parts(dataset, Settings().seed)]
    assert {name: [size for size, _ in points] for name, points in drawn.items()} == {
        "svm": [*sizes, 700],
        "random-forest": [90],
    }
    for name, points in drawn.items():
        mistakes = [int((labels != truth).sum()) for _, labels in points]
        assert mistakes == [*(size % 50 for size, _ in points[:-1]), wrong[name]]
