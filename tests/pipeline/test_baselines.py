"""The classical models of a run: what they learn from, what judges them, and what is said meanwhile."""

import dataclasses
import shutil

import numpy as np
import pytest

from every_model import MODELS
from pellucid.data import Dataset, prepare, read_data
from pellucid.encoding.tfidf import Tfidf
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.learners.candidates import (
    Candidate,
    HeldOutAnswers,
    answers,
    on_validation,
    recommended,
    rows_at_hand,
)
from pellucid.pipeline.learners.classical import ClassicalLearner, _affordable, left_out
from pellucid.pipeline.learners.in_run import everything_of, train_baselines
from pellucid.pipeline.run.context import TimeBudget
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION

SETTINGS = Settings(threads=1, preset="quick")
NAMES = ("majority", "svm", "random-forest")


@pytest.mark.parametrize(
    ("labels", "said", "words"),
    [
        (
            np.array([0, 1]),
            [np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[0.9, 0.1], [0.2, 0.8]])],
            ": validation accuracy 0.500, 1.00",
        ),
        (
            np.array([1.0, 2.0]),
            [np.array([2.0, 3.0]), np.array([1.0, 2.0])],
            ": validation root mean squared error 1.00, 0",
        ),
        (np.zeros(0), [np.zeros(0)], ""),
    ],
)
def test_each_model_of_a_line_has_its_own_score(labels, said, words):
    everywhere = np.arange(len(labels))
    classes, target = (("a", "b"), CLASSIFICATION) if labels.dtype.kind == "i" else ((), REGRESSION)
    material = Dataset(
        np.zeros((len(labels), 1), np.float32), labels, everywhere, everywhere, classes, target=target
    )
    candidates = [
        Candidate("any", MODELS["majority"](), 2, 1.0, HeldOutAnswers(everywhere, each)) for each in said
    ]
    assert on_validation(candidates, material, Settings()) == words


@pytest.mark.parametrize(("classes", "expected"), [(2, True), (100, True), (101, False), (300, False)])
def test_no_machine_for_each_of_very_many_pairs_of_classes(classes, expected):
    names, sentences = _affordable(classes, CLASSIFICATION), left_out(classes, CLASSIFICATION)
    assert names[0] == "logistic-regression"
    assert ("svm" in names) is expected
    assert bool(sentences) is not expected
    if sentences:
        assert f"{classes * (classes - 1) // 2:,} pairs of classes" in sentences[0]


@pytest.fixture(scope="module")
def mails():
    """Mails of the sample, an eighth of those to learn from, with a validation split."""
    dataset = prepare(read_data("sample:spam", SETTINGS), SETTINGS)[0]
    return dataclasses.replace(dataset, train=dataset.train[::8])


@pytest.fixture(scope="module")
def trained(mails, tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    return train_baselines(NAMES, mails, SETTINGS, folder, Stages(quiet=True)), folder


def same(one, other, dataset):
    np.testing.assert_array_equal(*(answers(model, dataset, dataset.test) for model in (one, other)))


def test_a_linear_model_of_texts_learns_from_what_judged_it_in_the_end(mails, trained):
    majority, svm, forest = trained[0]
    pool = len(mails.train) + len(mails.validation)
    assert [each.train_examples for each in trained[0]] == [len(mails.train), pool, len(mails.train)]
    assert majority.judged is None
    assert forest.judged is None
    (first,) = ClassicalLearner("svm", SETTINGS).fit(mails)
    same(svm.judged, first.model, mails)
    np.testing.assert_array_equal(svm.held_out.answers, first.held_out.answers)
    assert svm.scale == first.scale is not None
    last = ClassicalLearner("svm", SETTINGS, setup=first.setup, scale=first.scale)
    same(svm.model, last.fit(everything_of(mails))[0].model, mails)
    assert not np.array_equal(svm.held_out.answers, answers(svm.model, mails, mails.validation))
    reason = recommended([svm], mails, None).reason
    assert reason.endswith("After that it learned from these texts too.")


@pytest.mark.parametrize("place", [1, 2])
def test_texts_whose_ngrams_were_counted_are_not_gone_through_again(place, mails, trained, monkeypatch):
    model = trained[0][place].model
    asked = np.concatenate([mails.validation[::2], mails.train[::-3]])
    expected, seen = model.predict_proba(mails.inputs[asked]), model.seen(mails.inputs[asked])
    monkeypatch.setattr(Tfidf, "counts", lambda tfidf, texts: pytest.fail("gone through again"))
    np.testing.assert_array_equal(answers(model, mails, asked), expected)
    found = rows_at_hand(model, mails.inputs, asked)
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(found, part), getattr(seen, part))
    assert rows_at_hand(model, mails.inputs, mails.test[:1]) is None
    assert rows_at_hand(trained[0][0].model, mails.inputs, asked) is None


def test_a_run_that_was_killed_between_both_trainings_ends_alike(mails, trained):
    svm, folder = trained[0][1], trained[1]
    shutil.rmtree(folder / "baselines" / "svm-again")
    resumed = train_baselines(["svm"], mails, SETTINGS, folder, Stages(quiet=True))[0]
    same(resumed.model, svm.model, mails)
    same(resumed.judged, svm.judged, mails)
    np.testing.assert_array_equal(resumed.held_out.answers, svm.held_out.answers)
    assert resumed.train_examples == svm.train_examples


def test_under_a_budget_that_leaves_examples_out_nothing_is_learned_again(mails, tmp_path, capsys):
    found = train_baselines(["svm", "random-forest"], mails, SETTINGS, tmp_path, Stages(), TimeBudget(0.0))
    (svm,) = found  # one that learns is trained in any case, and no other
    assert svm.judged is None
    assert svm.train_examples == svm.budget.examples == 200
    line = f"trained svm from 200 of {len(mails.train):,} texts"
    assert line in " ".join(capsys.readouterr().err.split())
    again = train_baselines(["svm"], mails, SETTINGS, tmp_path, Stages(quiet=True), TimeBudget(60.0))[0]
    assert (again.budget, again.train_examples) == (svm.budget, 200)  # taken over as it was


def test_a_linear_model_of_texts_takes_all_of_them_before_it_compares_set_ups(mails, tmp_path):
    (svm,) = train_baselines(["svm"], mails, SETTINGS, tmp_path, Stages(quiet=True), TimeBudget(30.0))
    assert svm.train_examples >= len(mails.train)
    assert svm.budget.examples >= len(mails.train)


def test_foreign_texts_are_told_by_what_did_not_know_the_validation_texts(mails, trained):
    svm = trained[0][1]
    known = dataclasses.replace(svm, judged=None)
    found, flattered = with_detectors([svm, known], mails, SETTINGS.seed)
    first = dataclasses.replace(svm, model=svm.judged, judged=None)
    (before,) = with_detectors([first], mails, SETTINGS.seed)
    np.testing.assert_array_equal(found.held_out.signals, before.held_out.signals)
    assert found.model.detector.measure.signals == before.model.detector.measure.signals
    assert not np.array_equal(found.held_out.signals, flattered.held_out.signals)
