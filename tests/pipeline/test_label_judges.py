"""Judges of labels: answers out of fold, and what they make of planted errors."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.arithmetic import accuracy
from pellucid.classical import extract
from pellucid.data import Dataset, prepare
from pellucid.evaluation import judge_label_issues
from pellucid.evaluation.label_issues import LabelError, LabelJudgement
from pellucid.pipeline.judging import label_issues
from pellucid.pipeline.judging.by_target import with_discriminant
from pellucid.pipeline.judging.label_issues import (
    FOLDS,
    FOLDS_OF_FEW,
    SECOND,
    Judge,
    draw_folds,
    fold_judge,
    held_out_judge,
    judge_labels,
    out_of_fold,
)
from pellucid.pipeline.learners.candidates import (
    Candidate,
    FeatureCache,
    Features,
    HeldOutAnswers,
    answers,
)
from pellucid.pipeline.learners.classical import ClassicalLearner
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from small_models import DIGITS, digits

SETTINGS = Settings(threads=1)
NOBODY = Judge("nobody", None, np.zeros(0, np.int64), np.zeros((0, 10)))


def of_digits(labels: np.ndarray, rows: np.ndarray) -> Dataset:
    seen = extract("hog", digits()[0][rows])
    return Dataset(
        seen,
        labels,
        np.arange(len(labels)),
        np.zeros(0, np.int64),
        tuple("0123456789"),
        target=CLASSIFICATION,
    )


def test_no_example_is_judged_by_a_model_that_knows_it_or_its_copy():
    rows = np.repeat(np.arange(80), 2)
    shuffled = np.repeat(np.random.default_rng(0).integers(0, 10, 80), 2)
    material = of_digits(shuffled, rows)
    learner = ClassicalLearner("svm", SETTINGS)
    folds = [draw_folds(sets, FOLDS, 0) for sets in (rows, np.arange(160))]
    together, parted = (out_of_fold(learner, material, fold) for fold in folds)
    assert together.sum(axis=1) == pytest.approx(1)
    assert accuracy(shuffled, together) < 0.2
    assert accuracy(shuffled, parted) > 0.4


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    pixels, labels = digits()
    path = tmp_path_factory.mktemp("data") / "digits.npz"
    np.savez(path, x_train=pixels[:1400, ..., 0], y_train=labels[:1400], x_test=pixels[1400:, ..., 0],
             y_test=labels[1400:])  # fmt: skip
    return prepare(str(path), SETTINGS)[0]


def test_training_examples_are_judged_once_and_what_was_judged_is_left_out(dataset):
    judge = fold_judge([], dataset, NOBODY, SETTINGS)
    assert judge is not None
    assert (judge.name, judge.sees) == ("logistic-regression", "histograms of oriented gradients")
    assert judge.positions.tolist() == dataset.train.tolist()
    assert accuracy(dataset.labels[judge.positions], judge.answers) > 0.8
    again = fold_judge([], dataset, NOBODY, SETTINGS)
    assert again is not None
    assert np.array_equal(again.answers, judge.answers)
    known = NOBODY._replace(positions=dataset.train[:1000])
    rest = fold_judge([], dataset, known, SETTINGS)
    assert rest is not None
    assert rest.positions.tolist() == dataset.train[1000:].tolist()
    assert fold_judge([], dataset, NOBODY._replace(positions=dataset.train), SETTINGS) is None


def test_under_a_time_limit_fewer_images_are_judged_than_there_are(dataset):
    judge = fold_judge([], dataset, NOBODY, dataclasses.replace(SETTINGS, time_limit="2s"))
    assert judge is not None
    assert judge.is_drawn
    assert len(judge.positions) == len(judge.answers) == 400 < len(dataset.train)
    assert set(judge.positions) <= set(dataset.train)
    whole = fold_judge([], dataset, NOBODY, dataclasses.replace(SETTINGS, time_limit="1m"))
    assert whole is not None
    assert not whole.is_drawn
    assert len(whole.positions) == len(dataset.train)


def test_the_recommended_model_judges_what_was_kept_from_it(dataset):
    model = ClassicalLearner("logistic-regression", SETTINGS).fit(dataset)[0]
    judge = held_out_judge(model, dataset, answers(model.model, dataset, dataset.test))
    assert judge.positions.tolist() == [*dataset.validation, *dataset.test]
    assert accuracy(dataset.labels[judge.positions], judge.answers) > 0.8


def test_the_set_up_is_that_which_validation_chose_for_the_same_features(dataset, monkeypatch):
    asked = []

    def learner(name, settings, setup=None, scale=None):
        asked.append(setup)
        return ClassicalLearner("majority", settings)

    monkeypatch.setattr(label_issues, "ClassicalLearner", learner)
    alone = ClassicalLearner("logistic-regression", SETTINGS, setup=("hog", "HOG, C = 0.1"))
    (hog,) = alone.fit(dataset)
    hog = dataclasses.replace(hog, setup=("hog", "HOG, C = 0.1"), features="hog")
    pixels = dataclasses.replace(hog, setup=("pixels", "pixels, C = 0.1"), features="pixels")
    by_log_loss = dataclasses.replace(SETTINGS, metric="log-loss")
    for found, settings in (([hog], SETTINGS), ([pixels], SETTINGS), ([], SETTINGS), ([hog], by_log_loss)):
        assert fold_judge(found, dataset, NOBODY, settings) is not None
    assert asked == [("values", "C = 0.1"), None, None, None]


def test_features_of_a_frozen_body_are_seen_where_they_serve_better(dataset):
    alone = ClassicalLearner("logistic-regression", SETTINGS).fit(dataset)[0]
    known, every = dataset.train[:600], np.arange(len(dataset.labels))
    rows = extract("pixels", dataset.inputs[every])
    stored = FeatureCache(Features(rows, every), lambda asked: asked, known)
    body = dataclasses.replace(alone, name="logistic-regression-on-eyes", features="pixels", stored=stored)
    judge = fold_judge([body], dataset, NOBODY, SETTINGS)
    assert judge is not None
    assert (judge.name, judge.second, judge.sees, judge.folds) == (body.name, SECOND, "pixels", 5)
    assert judge.positions.tolist() == known.tolist()
    assert accuracy(dataset.labels[known], judge.answers) > 0.8
    against = dataclasses.replace(body.held_out, answers=1 - body.held_out.answers)
    blind = dataclasses.replace(body, held_out=against)
    other = fold_judge([alone, blind], dataset, NOBODY, SETTINGS)
    assert other is not None
    assert other.name == "logistic-regression"


@pytest.mark.parametrize("noise", [60, 120])
def test_a_weak_judge_lists_nothing(noise):
    """Digits under noise, of which the judge knows six or three in ten, with 3 % of the labels flipped."""
    pixels, truth = digits()
    draws = np.random.default_rng(3)
    noisy = np.clip(pixels + draws.normal(0, noise, pixels.shape), 0, 255).astype(np.uint8)
    shifts = np.where(draws.random(len(truth)) < 0.03, draws.integers(1, 10, len(truth)), 0)
    labels = (truth + shifts) % 10
    material = dataclasses.replace(of_digits(labels, np.arange(len(labels))), inputs=extract("hog", noisy))
    answers = out_of_fold(
        ClassicalLearner("logistic-regression", SETTINGS), material, draw_folds(material.train, FOLDS, 0)
    )
    judged = judge_label_issues(labels, answers)
    assert not judged.is_able
    assert judged.found == []


def test_the_mean_with_a_discriminant_is_right_more_often_and_lists_what_was_flipped():
    """Digits with 3 % of the labels flipped."""
    truth = digits()[1]
    draws = np.random.default_rng(1)
    wrong = draws.random(len(truth)) < 0.03
    labels = np.where(wrong, (truth + draws.integers(1, 10, len(truth))) % 10, truth).astype(np.int64)
    material = of_digits(labels, np.arange(len(labels)))
    fold = draw_folds(material.train, FOLDS_OF_FEW, 0)
    alone = out_of_fold(ClassicalLearner("logistic-regression", SETTINGS), material, fold)
    both = with_discriminant(alone, material, fold)
    assert both.sum(axis=1) == pytest.approx(1)
    assert accuracy(truth, both) >= accuracy(truth, alone)
    assert accuracy(labels, both) > accuracy(labels, alone)
    listed = [each.position for each in judge_label_issues(labels, both).found]
    assert wrong[listed].sum() >= 0.75 * wrong.sum()
    assert wrong[listed].mean() >= 0.8


def test_what_was_held_out_is_judged_by_answers_in_the_order_of_the_examples():
    draws = np.random.default_rng(1)
    dataset = dataclasses.replace(of_digits(np.arange(30) % 10, np.arange(30)), test=np.array([20, 22, 27]))
    held_out = HeldOutAnswers(np.array([3, 8, 11, 12]), draws.dirichlet(np.ones(10), 4))
    test = draws.dirichlet(np.ones(10), 3)
    judge = held_out_judge(Candidate("svm", None, 9, 1.0, held_out, "pixels"), dataset, test)
    assert judge.positions.tolist() == [3, 8, 11, 12, 20, 22, 27]
    np.testing.assert_array_equal(judge.answers, [*held_out.answers, *test])


def test_copies_of_training_examples_are_judged_in_one_fold(monkeypatch):
    """And what was judged already is left out; answers go to the examples that they are about."""
    rows = np.arange(80) // 2
    seen = digits()[0][rows]
    dataset = Dataset(
        seen, digits()[1][rows], np.arange(80), np.arange(80)[:0], tuple("0123456789"), DIGITS,
        target=CLASSIFICATION, together=rows + 7,
    )  # fmt: skip
    given = {}

    def noted(learner, material, fold):
        given.update(material=material, fold=fold)
        return np.random.default_rng(2).dirichlet(np.ones(10), len(fold))

    monkeypatch.setattr(label_issues, "out_of_fold", noted)
    monkeypatch.setattr(label_issues, "_WIDEST", 0)
    judge = fold_judge([], dataset, NOBODY._replace(positions=np.arange(10, 20)), SETTINGS)
    assert judge.positions.tolist() == [*range(10), *range(20, 80)]
    assert given["material"].labels.tolist() == dataset.labels[judge.positions].tolist()
    sets = rows[judge.positions]
    assert {len({*given["fold"][sets == each].tolist()}) for each in sets} == {1}
    assert len({*given["fold"].tolist()}) == judge.folds


def test_the_labels_most_likely_wrong_are_shown_first(monkeypatch):
    names = [f"{row}.png" for row in range(30)]
    dataset = dataclasses.replace(
        of_digits(np.arange(30) % 10, np.arange(30)), train=np.arange(20), validation=np.arange(20, 26),
        test=np.arange(26, 30), sources=names, names=names,
    )  # fmt: skip
    errors = [
        LabelError(
            position=place, suggested=7, probability=0.9, probability_of_label=0.05, probability_wrong=wrong
        )
        for place, wrong in ((1, 0.6), (9, 0.95), (4, 0.8))
    ]
    judgement = LabelJudgement(errors, 10, 8, is_able=True, share=0.2)
    monkeypatch.setattr(
        label_issues, "_judged", lambda judge, what, _: label_issues._JudgedLabels(judge, judgement, what)
    )
    candidate = Candidate("svm", None, 9, 1.0, HeldOutAnswers(np.arange(20, 26), np.eye(10)[:6]), "pixels")
    context = SimpleNamespace(dataset=dataset, settings=Settings(baselines=False))
    found = judge_labels(candidate, np.eye(10)[:4], [candidate], context)
    assert [each.source for each in found.shown] == ["29.png", "24.png", "21.png"]
    assert [each.split for each in found.shown] == ["test", "validation", "validation"]
    assert [(each.label, each.suggested) for each in found.shown] == [("9", "7"), ("4", "7"), ("1", "7")]
    assert (found.count, found.examined, found.agreed) == (3, 10, 8)
    assert found.precision == pytest.approx((0.6 + 0.95 + 0.8) / 3)
