"""Held-out answers that models of a run and estimators keep."""

import dataclasses

import numpy as np
import pytest
from sklearn.datasets import load_digits

import pellucid
from every_model import MODELS
from pellucid.answering.decisions import Decisions, PredictOptions
from pellucid.arithmetic.draws import Purpose
from pellucid.data import Dataset
from pellucid.errors import UsageError
from pellucid.evaluation import Groups, score
from pellucid.export.proof import thresholds_of
from pellucid.novelty import fit_measure, signals_of
from pellucid.pipeline.judging import novelty_detectors, testing
from pellucid.pipeline.judging import testing as judging
from pellucid.pipeline.judging.novelty_detectors import judged_places, with_detectors
from pellucid.pipeline.judging.report_facts import abstention_facts
from pellucid.pipeline.judging.testing import with_held_out, with_test_answers
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers
from pellucid.targets import CLASSIFICATION
from small_models import CLASSES, DIGITS, digits

PIXELS, LABELS = digits()
NOBODY = np.zeros(0, np.int64)
MATERIAL = Dataset(
    PIXELS, LABELS, np.arange(600), np.arange(600, 900), CLASSES, DIGITS, target=CLASSIFICATION
)


def finished(name: str, material: Dataset = MATERIAL) -> Candidate:
    model = MODELS[name]()
    said = model.predict_proba(PIXELS[material.validation])
    candidate = Candidate(name, model, 600, 1.0, HeldOutAnswers(material.validation, said))
    (found,) = with_held_out(with_detectors([candidate], material, 0), material, 0)
    return found


@pytest.mark.parametrize("name", ["svm", "cnn", "majority"])
def test_every_model_keeps_what_it_said_of_validation_examples(name):
    model = finished(name).model
    said, novelty = model.answer(PIXELS[600:900])
    np.testing.assert_array_equal(model.held_out.labels, LABELS[600:900])
    np.testing.assert_allclose(model.held_out.said, said, atol=1e-6)
    if name == "majority":
        assert model.held_out.novelty is novelty is None
    else:
        np.testing.assert_allclose(model.held_out.novelty, novelty, atol=1e-5)


def test_the_detector_of_a_model_that_learned_from_validation_too_knows_these_and_is_judged_without():
    model = MODELS["svm"]()
    said = HeldOutAnswers(MATERIAL.validation, model.predict_proba(PIXELS[600:900]))
    (found,) = with_detectors([Candidate("svm", model, 900, 1.0, said, judged=model)], MATERIAL, 0)
    every, train = (
        fit_measure(model.seen(PIXELS[:end]), LABELS[:end], model.sort_seen, 0) for end in (900, 600)
    )
    rows, foreign = model.seen(PIXELS[900:950]), model.seen(PIXELS[600:900])
    own = signals_of(found.model.detector.measure, rows)
    np.testing.assert_allclose(own, signals_of(every, rows))
    assert not np.allclose(own, signals_of(train, rows))
    np.testing.assert_allclose(found.held_out.signals, signals_of(train, foreign))


def test_answers_that_drift_is_told_by_are_about_the_examples_that_were_drawn(monkeypatch):
    monkeypatch.setattr(novelty_detectors, "MOST_JUDGED", 120)
    model = MODELS["svm"]()
    said = HeldOutAnswers(MATERIAL.validation, model.predict_proba(PIXELS[600:900]))
    (found,) = with_detectors([Candidate("svm", model, 600, 1.0, said)], MATERIAL, 0)
    places = judged_places(MATERIAL, 0)
    counts = np.bincount(said.answers[places].argmax(axis=1), minlength=10)
    assert counts.sum() == 120
    assert counts.tolist() != np.bincount(said.answers[:120].argmax(axis=1), minlength=10).tolist()
    assert found.model.detector.answers.tolist() == counts.tolist()
    known = np.flatnonzero(~np.isnan(found.held_out.novelty))
    assert known.tolist() == places.tolist()
    novelty = found.model.detector.novelty(model.seen(PIXELS[600 + places]))
    np.testing.assert_allclose(found.held_out.novelty[places], novelty, atol=1e-12)


def test_without_validation_examples_none_are_kept():
    material = dataclasses.replace(MATERIAL, validation=np.zeros(0, np.int64))
    assert finished("svm", material).model.held_out is None


def test_answers_that_are_not_finite_are_not_kept():
    model = MODELS["majority"]()
    candidate = Candidate(
        "majority", model, 600, 1.0, HeldOutAnswers(MATERIAL.validation, np.full((300, 10), np.nan))
    )
    assert with_held_out([candidate], MATERIAL, 0)[0].model.held_out is None


def test_of_many_a_fair_draw_is_kept(monkeypatch):
    monkeypatch.setattr(judging, "most_kept", lambda classes: 50)
    held_out = finished("svm").model.held_out
    assert len(held_out) == 50
    places = [place for place in judged_places(MATERIAL, 0)]
    assert len(places) == 300
    assert not np.array_equal(held_out.labels, LABELS[600:650])


def test_a_tested_model_keeps_what_it_said_of_test_examples(monkeypatch):
    monkeypatch.setattr(judging, "most_kept", lambda classes: 250)
    dataset = dataclasses.replace(MATERIAL, test=np.arange(900, 1300), leaked=NOBODY, with_sibling=NOBODY)
    for name in ("svm", "majority"):
        candidate = finished(name)
        said, novelty = candidate.model.answer(PIXELS[900:1300])
        tested = {name: testing.Tested(said, said, novelty, 1.0)}
        (found,) = with_test_answers([candidate], tested, dataset, 0)
        test = found.model.held_out.test
        assert len(test) == len(found.model.held_out) == 250
        kept = judging.drawn(np.arange(400), 250, 0, Purpose.HELD_OUT_ANSWERS)
        assert not np.array_equal(kept, np.arange(250))
        np.testing.assert_array_equal(test.said, said[kept].astype(np.float32))
        np.testing.assert_array_equal(test.labels, LABELS[900:1300][kept])
        assert (test.novelty is None) == (name == "majority")
        if novelty is not None:
            np.testing.assert_array_equal(test.novelty, novelty[kept].astype(np.float32))
        nothing = dataclasses.replace(tested[name], answers=np.full_like(said, np.nan))
        assert with_test_answers([candidate], {name: nothing}, dataset, 0) == [candidate]


def test_copies_of_training_examples_check_no_promise():
    """Of those kept for thresholds and their check none has a copy among what was learned from."""
    together = np.arange(len(LABELS))
    together[600:650] = together[:50]
    candidate = finished("svm", dataclasses.replace(MATERIAL, together=together))
    assert len(candidate.model.held_out) == 250
    test, leaked = np.arange(900, 1300), np.arange(900, 1200)
    said, novelty = candidate.model.answer(PIXELS[900:1300])
    tested = {"svm": testing.Tested(said, said, novelty, 1.0)}
    dataset = dataclasses.replace(MATERIAL, test=test, leaked=leaked[:100], with_sibling=leaked)
    (found,) = with_test_answers([candidate], tested, dataset, 0)
    np.testing.assert_array_equal(found.model.held_out.test.labels, LABELS[1200:1300])
    dataset = dataclasses.replace(dataset, with_sibling=test)
    assert with_test_answers([candidate], tested, dataset, 0)[0].model.held_out.test is None


def by_groups(dataset, positions, answers, seed):
    """Scores of some examples by their groups, and by each alone."""
    labels, groups = dataset.labels_at(positions), Groups.of_sets(dataset.together[positions])
    found = [score(labels, answers, seed, of).to_json() for of in (groups, None)]
    assert found[0] != found[1]
    return found[0]


@pytest.mark.core
def test_scores_without_what_is_known_go_by_groups():
    """Groups of three; the first forty of the test are known from training, or all of it is."""
    groups = np.arange(len(LABELS)) // 3
    dataset = dataclasses.replace(
        MATERIAL, test=np.arange(900, 1050), leaked=np.arange(900, 940), with_sibling=np.arange(900, 940),
        together=groups, has_groups=True,
    )  # fmt: skip
    candidate = finished("svm", dataset)
    said, novelty = candidate.model.answer(PIXELS[900:1050])
    tested = testing.Tested(said, said, novelty, 1.0)
    found = testing.entry(candidate, tested, dataset, 5)
    assert found["test_without_leaked"] == by_groups(dataset, np.arange(940, 1050), said[40:], 5)
    assert "held_out" not in found
    known = dataclasses.replace(dataset, leaked=dataset.test, with_sibling=dataset.test)
    found = testing.entry(candidate, tested, known, 5)["held_out"]
    assert found["examples"] == 300
    assert found["scores"] == by_groups(known, candidate.held_out.positions, candidate.held_out.answers, 5)


def test_the_report_and_predict_make_the_same_promises():
    candidate = finished("svm")
    dataset = dataclasses.replace(MATERIAL, test=np.arange(900, 1300), leaked=NOBODY, with_sibling=NOBODY)
    said, novelty = candidate.model.answer(PIXELS[900:1300])
    tested = testing.Tested(said, said, novelty, 1.0)
    (found,) = with_test_answers([candidate], {"svm": tested}, dataset, 0)
    facts = abstention_facts(found.model, tested, LABELS[900:1300])
    assert facts.promises[0.05] == Decisions(found.model, PredictOptions(max_error=0.05), "run").promise
    assert facts.promises[0.1] == Decisions(found.model, PredictOptions(max_error=0.1), "run").promise
    assert facts.promises[0.1].on_test.error.value <= 0.1
    exported = dict(thresholds_of(found.model, found.model.held_out))
    assert exported[0.1] == facts.promises[0.1].threshold < 1
    assert exported[0.01] is None
    assert facts.promises[0.01].threshold == np.inf
    wrong = tested.answers[:, ::-1]
    (broken,) = with_test_answers(
        [candidate], {"svm": testing.Tested(wrong, wrong, novelty, 1.0)}, dataset, 0
    )
    refused = abstention_facts(broken.model, tested, LABELS[900:1300]).promises
    assert refused[0.1].is_refuted
    exported = dict(thresholds_of(broken.model, broken.model.held_out))
    assert not exported.keys() & {0.1, 0.2}
    with pytest.raises(UsageError, match=r"0\.1 cannot be promised: the test refutes it"):
        Decisions(broken.model, PredictOptions(max_error=0.1), "run")


@pytest.fixture(scope="module")
def classifier() -> pellucid.ImageClassifier:
    images, labels = load_digits(return_X_y=True)
    estimator = pellucid.ImageClassifier(model="logistic-regression", threads=1)
    return estimator.fit(images[:1400], labels[:1400])


def test_an_estimator_abstains_and_gives_sets(classifier, tmp_path):
    images, labels = load_digits(return_X_y=True)
    asked, truth = images[1400:], labels[1400:]
    abstained = classifier.abstains(asked, max_error=0.1)
    is_right = classifier.predict(asked) == truth
    assert abstained.dtype == bool
    assert is_right[~abstained].mean() >= 0.9
    assert (classifier.abstains(asked, max_error=0.05) >= abstained).all()
    sets = classifier.predict_sets(asked, coverage=0.9)
    assert [each[0] for each in sets] == classifier.predict(asked).tolist()
    assert np.mean([label in each for label, each in zip(truth.tolist(), sets, strict=True)]) >= 0.87
    classifier.save(tmp_path / "model")
    loaded = pellucid.load(tmp_path / "model")
    assert loaded.predict_sets(asked, coverage=0.9) == [[str(name) for name in each] for each in sets]
    with pytest.raises(UsageError, match=r"max_error: 0\.01 cannot be promised: it takes 299 held-out"):
        classifier.abstains(asked, max_error=0.01)
    with pytest.raises(UsageError, match=r"coverage: 2 does not lie between 0 and 1"):
        classifier.predict_sets(asked, coverage=2)


def test_few_examples_let_an_estimator_promise_nothing():
    images, labels = load_digits(return_X_y=True)
    estimator = pellucid.ImageClassifier(model="logistic-regression", threads=1).fit(
        images[:300], labels[:300]
    )
    with pytest.raises(UsageError, match="max_error: the model was saved without held-out answers"):
        estimator.abstains(images[300:])


def test_a_regressor_gives_intervals():
    images, _ = load_digits(return_X_y=True)
    values = images.sum(axis=1)
    seen = images[:, :40]
    estimator = pellucid.ImageRegressor(model="ridge", threads=1).fit(seen[:1400], values[:1400])
    ends = estimator.predict_intervals(seen[1400:], coverage=0.9)
    assert ends.shape == (397, 2)
    assert ((ends[:, 0] <= values[1400:]) & (values[1400:] <= ends[:, 1])).mean() == pytest.approx(
        0.9, abs=0.07
    )
    np.testing.assert_allclose(ends.mean(axis=1), estimator.predict(seen[1400:]))
