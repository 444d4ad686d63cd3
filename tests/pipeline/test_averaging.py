"""The average of a run's models: whom it takes, how it is judged, and that it asks nobody again."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from every_model import MODELS, inputs_of
from labelled import labelled, with_labels_at
from pellucid.arithmetic.probabilities import weighted_mean
from pellucid.data import Dataset
from pellucid.evaluation import cross_fitted, fit_temperature
from pellucid.evaluation.label_scores import cross_fitted_decisions, fit_thresholds
from pellucid.evaluation.recommendation import Recommendation, cross_fitted_average
from pellucid.pipeline.concluding import (
    _knowing_their_data,
    average_of,
    with_average,
    with_averages_tested,
)
from pellucid.pipeline.judging import testing
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.judging.testing import with_held_out
from pellucid.pipeline.learners.candidates import (
    Candidate,
    FeatureCache,
    Features,
    HeldOutAnswers,
    calibrated,
    held_out_score,
    recommended,
)
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import METRICS, Settings
from pellucid.targets import CLASSIFICATION, MULTILABEL, REGRESSION
from small_models import CLASSES, DIGITS, digits

PIXELS, LABELS = digits()
MATERIAL = Dataset(
    PIXELS, LABELS, np.arange(400), np.arange(600, 900), CLASSES, DIGITS, target=CLASSIFICATION
)
NAMES = ("majority", "logistic-regression", "svm", "random-forest")
SETTINGS = Settings()


def finished(names=NAMES, material=MATERIAL):
    """Candidates as they are when an average is made of them, each unsure of its own examples."""
    found, draws = [], np.random.default_rng(0)
    for name in names:
        model = MODELS[name]()
        said = material.target.ask(model, PIXELS[material.validation])
        if said.ndim == 2:
            said = 0.6 * said + 0.4 * draws.dirichlet(np.full(10, 0.2), len(said))
        else:
            said = said + draws.normal(scale=2, size=len(said))
        found.append(Candidate(name, model, 300, 2.0, HeldOutAnswers(material.validation, said)))
    found = calibrated(found, material, 0)
    return with_held_out(with_detectors(found, material, 0), material, 0)


@pytest.fixture(scope="module")
def candidates():
    return finished()


@pytest.fixture(scope="module")
def average(candidates):
    return average_of(candidates, MATERIAL, SETTINGS)


def test_it_stands_last_and_leaves_the_dummy_out(candidates, average, capsys):
    found = with_average(candidates, MATERIAL, SETTINGS, Stages(quiet=False))
    assert [each.name for each in found] == [*NAMES, "average"]
    assert "majority" not in [each.name for each in average.model.members]
    said = " ".join(capsys.readouterr().err.split())
    model, whole = average.model, sum(average.model.weights)
    shares = ", ".join(f"{each.name} {100 * each.weight / whole:.0f} %" for each in model.members)
    assert f"ensemble: weighted average of {len(model.members)} models ({shares}), with accuracy" in said


def test_its_held_out_answers_are_not_those_that_it_was_chosen_by(candidates, average):
    """Each is of an average chosen without the example, at a temperature found without it too."""
    members = {each.name: each for each in candidates}
    model, labels = average.model, LABELS[MATERIAL.validation]
    said = [each.held_out.answers for each in candidates if each.name != "majority"]
    fair = cross_fitted_average(labelled(labels), said, SETTINGS.seed)
    flattering = weighted_mean([members[each.name].held_out.answers for each in model.members], model.weights)
    fair, flattering = (
        cross_fitted(labelled(labels), each, fit_temperature(labelled(labels), each), SETTINGS.seed)
        for each in (fair, flattering)
    )
    np.testing.assert_allclose(average.held_out.answers, fair)
    assert np.abs(flattering - fair).max() > 1e-3
    assert np.array_equal(average.held_out.positions, MATERIAL.validation)
    np.testing.assert_allclose(average.held_out.answers.sum(axis=1), 1)
    assert len(model.held_out) == len(MATERIAL.validation)


def test_it_tells_novelty_as_its_heaviest_member_does(candidates, average):
    heaviest = next(each for each in candidates if each.name == average.model.heaviest.name)
    asked = PIXELS[900:950]
    np.testing.assert_allclose(average.model.answer(asked).novelty, heaviest.model.answer(asked).novelty)
    predicted = np.bincount(average.held_out.answers.argmax(axis=1), minlength=10)
    assert average.model.detector.answers.tolist() == predicted.tolist()


def test_the_test_split_is_asked_about_by_its_members_alone(candidates, average, monkeypatch):
    asked, everybody = PIXELS[900:950], [*candidates, average]
    tested = {}
    for each in candidates:
        raw, novelty = each.model.at(1.0).answer(asked)
        said = MATERIAL.target.calibrated(raw, each.model.temperature)
        tested[each.name] = testing.Tested(raw, said, novelty, 3.0)
    expected = average.model.answer(asked)
    for each in everybody:
        monkeypatch.setattr(type(each.model), "answer", None)
    found = with_averages_tested(everybody, tested)
    assert list(found) == [*NAMES, "average"]
    np.testing.assert_allclose(found["average"].answers, expected.said, atol=1e-9)
    np.testing.assert_allclose(found["average"].novelty, expected.novelty)
    assert found["average"].milliseconds == 3.0 * len(average.model.members)


def test_its_entry_names_the_members(average):
    answers = average.held_out.answers[:50]
    dataset = with_labels_at(
        SimpleNamespace(
            labels=LABELS,
            classes=[str(digit) for digit in range(10)],
            test=np.arange(600, 650),
            target=MATERIAL.target,
            train=MATERIAL.train,
            leaked=np.arange(600, 602),
            with_sibling=np.arange(600, 610),  # leaked ones among them
            sets_among=lambda positions: None,
            has_few_groups=False,
        )
    )
    found = testing.entry(average, testing.Tested(answers, answers, None, 1.0), dataset, 0)
    right = answers.argmax(axis=1) == LABELS[600:650]
    assert found["test_without_leaked"]["accuracy"]["value"] == right[2:].mean()
    assert found["test_without_siblings"]["accuracy"]["value"] == right[10:].mean()
    assert found["members"] == [{"name": each.name, "weight": each.weight} for each in average.model.members]
    assert found["train_seconds"] == 2.0 * len(found["members"])


def test_time_of_a_body_that_several_stand_on_counts_once(candidates):
    below = Features(np.zeros((len(LABELS), 1), np.float32), np.arange(len(LABELS)), 0.002)
    stored = FeatureCache(below, lambda rows: rows, MATERIAL.train)
    on_body = [
        each
        if each.name == "majority"
        else dataclasses.replace(each, stored=stored, train_seconds=10.0 + place)
        for place, each in enumerate(candidates)
    ]
    average = average_of(on_body, MATERIAL, SETTINGS)
    names = [each.name for each in average.model.members]
    own = [each.train_seconds - 11 for each in on_body if each.name in names]
    assert average.train_seconds == 11 + sum(own)
    said = average.held_out.answers
    tested = {each.name: testing.Tested(said, said, None, 3.0) for each in on_body}
    found = with_averages_tested([*on_body, average], tested)["average"]
    assert found.milliseconds == pytest.approx(2.0 + 1.0 * len(names))


def test_numbers_are_averaged_too():
    numbers = dataclasses.replace(MATERIAL, labels=LABELS.astype(float), classes=(), target=REGRESSION)
    found = average_of(finished(("mean", "ridge", "svm of numbers"), numbers), numbers, SETTINGS)
    assert {each.name for each in found.model.members} == {"ridge", "svm of numbers"}
    said = found.model.predict_values(inputs_of(found.model))
    assert said.shape == (40,)
    assert found.model.temperature == 1


def test_there_is_none_of_one_model_or_of_few_examples(candidates):
    assert average_of(candidates[:2], MATERIAL, SETTINGS) is None
    few = [
        dataclasses.replace(
            each, held_out=HeldOutAnswers(each.held_out.positions[:49], each.held_out.answers[:49])
        )
        for each in candidates
    ]
    assert average_of(few, MATERIAL, SETTINGS) is None
    assert with_average(few, MATERIAL, SETTINGS, Stages(quiet=True)) == few


def test_only_examples_that_all_were_asked_about_choose(candidates):
    fewer = [
        *candidates[:-1],
        dataclasses.replace(
            candidates[-1],
            held_out=HeldOutAnswers(
                candidates[-1].held_out.positions[100:], candidates[-1].held_out.answers[100:]
            ),
        ),
    ]
    found = average_of(fewer, MATERIAL, SETTINGS)
    assert np.array_equal(found.held_out.positions, MATERIAL.validation[100:])


def test_a_model_that_is_best_alone_is_not_averaged(candidates):
    sure = np.full((300, 10), 1e-6)
    sure[np.arange(300), LABELS[600:900]] = 1 - 9e-6
    best = dataclasses.replace(
        candidates[1], name="oracle", held_out=HeldOutAnswers(MATERIAL.validation, sure)
    )
    assert average_of([*candidates, best], MATERIAL, SETTINGS) is None


def test_a_model_that_was_asked_about_fewer_is_compared_on_its_own_examples():
    positions, draws = np.arange(600, 900), np.random.default_rng(0)
    right = np.eye(10)[LABELS]
    unsure = 0.6 * right[positions] + 0.4 * draws.dirichlet(np.ones(10), len(positions))
    sure = 0.97 * right[positions[120:]] + 0.003
    model = MODELS["svm"]()
    both = [
        Candidate("svm", model, 400, 1.0, HeldOutAnswers(positions, unsure)),
        Candidate("cnn", model, 400, 1.0, HeldOutAnswers(positions[120:], sure)),
    ]
    assert recommended(both, MATERIAL, None).name == "cnn"


def test_rankings_are_about_the_class_that_is_rarer_in_training():
    labels = np.array([0] * 30 + [1] * 10 + [0] * 8 + [1] * 22)  # of the test the other one is rarer
    answers = np.random.default_rng(0).dirichlet(np.ones(2), 30)
    dataset = with_labels_at(
        SimpleNamespace(
            labels=labels,
            classes=["ham", "spam"],
            train=np.arange(40),
            test=np.arange(40, 70),
            target=MATERIAL.target,
            leaked=np.zeros(0, int),
            with_sibling=np.zeros(0, int),
            sets_among=lambda positions: None,
            has_few_groups=False,
        )
    )
    model = SimpleNamespace(classes=("ham", "spam"), threshold={}, temperature=1.0, parameters=1)
    candidate = Candidate("svm", model, 40, 1.0, HeldOutAnswers(np.arange(20, 40), answers[:20]))
    found = testing.entry(candidate, testing.Tested(answers, answers, None, 1.0), dataset, 0)
    expected = average_precision_score(labels[40:] == 1, answers[:, 1])
    assert found["test"]["average_precision"]["value"] == pytest.approx(expected)


def test_thresholds_of_several_labels_are_each_models_own_but_for_the_users():
    dataset, candidates = of_several_labels(second=slice(None), skews=(0.8, 3.0))
    states, model = dataset.labels, candidates[0].model
    name = model.classes[1]
    context = SimpleNamespace(dataset=dataset, settings=Settings(threshold={name: 0.345}))
    found = _knowing_their_data(candidates, None, context)
    for before, after in zip(candidates, found, strict=True):
        own = fit_thresholds(states, before.held_out.answers).tolist()
        assert own[1] != 0.345
        assert after.model.threshold == {**dict(zip(model.classes, own, strict=True)), name: 0.345}
    assert found[0].model.threshold != found[1].model.threshold


def of_several_labels(second=slice(1, None, 3), skews=(2.0, 2.0)):
    """Two models that answered 300 examples of four labels, the second one every third, or others of them."""
    draws, positions = np.random.default_rng(4), np.arange(300)
    states = (draws.random((300, 4)) < (0.2, 0.4, 0.6, 0.3)).astype(np.int8)
    model = MODELS["cnn of labels"]()
    dataset = Dataset(
        PIXELS[:300], states, positions[:0], positions, model.classes, DIGITS, target=MULTILABEL
    )
    asked = {"one": positions, "other": positions[second]}
    return dataset, [
        Candidate(name, model, 1, 1.0, HeldOutAnswers(some, draws.beta(1 + skew * states[some], 2)))
        for (name, some), skew in zip(asked.items(), skews, strict=True)
    ]


def test_several_labels_are_scored_by_thresholds_chosen_without_the_example():
    dataset, (_, candidate) = of_several_labels()
    held_out, some = candidate.held_out, np.array([4, 10, 40, 70, 100, 211])
    decided = cross_fitted_decisions(dataset.labels_at(held_out.positions), held_out.answers, 6)
    places = [held_out.positions.tolist().index(each) for each in some.tolist()]
    hits = (decided[places] & dataset.labels[some]).sum()
    expected = 2 * hits / (decided[places].sum() + dataset.labels[some].sum())
    assert held_out_score(METRICS["micro_f1"], candidate, dataset, 6, some) == pytest.approx(expected)
    at_one_half = (held_out.answers >= 0.5).astype(np.int8)
    assert not np.array_equal(decided, at_one_half)


def test_models_are_recommended_by_answers_to_the_same_examples(monkeypatch):
    dataset, candidates = of_several_labels()
    given = {}

    def noted(labels, outputs, *_):
        given.update(outputs, labels=labels.values)
        return Recommendation("one", "")

    monkeypatch.setattr("pellucid.pipeline.learners.candidates.recommend", noted)
    recommended(candidates, dataset, None)
    np.testing.assert_array_equal(given["labels"], dataset.labels)
    for each in candidates:
        expected = np.full((300, 4), np.nan)
        expected[each.held_out.positions] = each.held_out.answers
        np.testing.assert_array_equal(given[each.name], expected)
