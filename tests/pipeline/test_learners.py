"""The contract of every learner, and that a shared body is asked about every example once."""

import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pellucid.classical import Budget
from pellucid.data import Dataset
from pellucid.data.raw_texts import Texts
from pellucid.errors import UsageError
from pellucid.networks import Network
from pellucid.networks.network import HeadAlone
from pellucid.pipeline.judging.novelty_detectors import with_detectors
from pellucid.pipeline.judging.testing import test_once as ask_about_test
from pellucid.pipeline.learners import backbone_learners
from pellucid.pipeline.learners.backbone_choice import chosen
from pellucid.pipeline.learners.backbone_learners import (
    BackboneLearner,
    FrozenLearner,
    TuningLearner,
    train_head,
)
from pellucid.pipeline.learners.candidates import Candidate, HeldOutAnswers, answers, calibrated
from pellucid.pipeline.learners.classical import (
    ClassicalLearner,
    TrainingSets,
    _fit_of,
    learner_at_setup,
    make_training_set,
    on_network,
)
from pellucid.pipeline.learners.network import Learner, learner_of, learner_on_part
from pellucid.pipeline.run.context import UNLIMITED, RunContext, TimeBudget, learner_time
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION
from pellucid.training import Session
from small_models import CLASSES, DIGITS, digits
from text_models import texts
from tiny_backbone import NAME, tiny_weights

PIXELS, LABELS = digits()
NOBODY = np.zeros(0, np.int64)
MATERIAL = Dataset(
    PIXELS, LABELS, np.arange(300), np.arange(300, 430), CLASSES, DIGITS, target=CLASSIFICATION
)
NUMBERS = dataclasses.replace(
    MATERIAL, labels=PIXELS.mean(axis=(1, 2, 3), dtype=np.float64), classes=(), target=REGRESSION
)
QUICK = {"threads": 1, "epochs": 1}
LEARNERS = {
    "majority": {"model": "majority", "threads": 1},
    "svm": {"model": "svm", "threads": 1},
    "mlp": {"model": "mlp", "width": 16, "depth": 1, **QUICK},
    "cnn, mirrored": {"model": "cnn", "width": 8, "augment": True, **QUICK},
    "backbone, frozen": {"backbone": NAME, "preset": "quick", "threads": 1},
    "backbone, tuned": {"backbone": NAME, **QUICK},
}


def given(name, photos, tmp_path):
    more = dict(LEARNERS[name])
    if "backbone" not in more:
        return Settings(**more), MATERIAL
    few = dataclasses.replace(photos, train=photos.train[::2])
    return Settings(**more, weights=str(tiny_weights(tmp_path))), few


@pytest.mark.parametrize("name", LEARNERS)
def test_a_candidate_has_answered_validation_as_its_model_does(name, photos, tmp_path, monkeypatch):
    settings, material = given(name, photos, tmp_path)
    learner = learner_of(settings, material)
    assert isinstance(learner, Learner)
    (candidate,) = learner.fit(material, UNLIMITED)
    asked = answers(candidate.model, material, material.validation)
    np.testing.assert_allclose(candidate.held_out.answers, asked, atol=1e-6)
    assert candidate.train_examples == len(material.train)
    assert candidate.train_seconds >= 0
    assert bool(candidate.history) == (name in ("mlp", "cnn, mirrored") or "tuned" in candidate.name)
    # Its cost goes by counts alone, and is less for fewer examples.
    monkeypatch.setattr(time, "perf_counter", lambda: pytest.fail("a rate was measured"))
    half = dataclasses.replace(material, train=material.train[::2])
    assert 0 < learner.cost(half) < learner.cost(material) == learner.cost(material)


def test_a_network_on_a_part_costs_its_share_of_the_whole():
    settings = Settings(model="mlp", width=16, epochs=4, threads=1)
    whole = learner_of(settings, MATERIAL).planned(MATERIAL)
    learner = learner_on_part(whole, settings)
    assert learner.cost(MATERIAL) == whole.seconds
    part = dataclasses.replace(MATERIAL, train=MATERIAL.train[:75])
    assert learner.cost(part) == pytest.approx(whole.seconds / 4)


@pytest.mark.slow
def test_learners_on_a_backbone_train_on_a_part_at_the_set_ups_that_were_taken(photos, tmp_path):
    settings, material = given("backbone, tuned", photos, tmp_path)
    (choice,) = chosen(settings, material)
    built = FrozenLearner(choice, settings).built(material)
    assert choice.width == built.features.rows.shape[1]
    setups = {each.name: each.setup for each in built.candidates}
    known = {each.name: each for each in built.candidates}
    frozen = FrozenLearner(choice, settings, lambda *_: built.features, known)
    part = dataclasses.replace(material, train=material.train[::2]).without_validation
    found = frozen.fit(part)
    assert {each.name: each.setup for each in found} == setups
    (tuned,) = TuningLearner(frozen).fit(part)
    assert tuned.name == f"{found[-1].name}-tuned"
    assert {each.train_examples for each in (*found, tuned)} == {len(part.train)}
    quick = dataclasses.replace(settings, preset="quick", epochs=None)
    assert TuningLearner(dataclasses.replace(frozen, settings=quick)).fit(part) == []
    assert isinstance(frozen, Learner)
    assert isinstance(TuningLearner(frozen), Learner)


@pytest.mark.parametrize("name", ["mean", "mlp"])
def test_learners_of_numbers(name):
    settings = Settings(model=name, threads=1) if name == "mean" else Settings(**LEARNERS[name])
    (candidate,) = learner_of(settings, NUMBERS).fit(NUMBERS)
    asked = answers(candidate.model, NUMBERS, NUMBERS.validation)
    np.testing.assert_allclose(candidate.held_out.answers, asked, rtol=1e-6)


def test_a_network_takes_no_more_than_its_time():
    settings = Settings(model="mlp", width=16, epochs=2_000, threads=1)
    whole = learner_of(settings, MATERIAL).planned(MATERIAL)
    part = learner_of(settings, MATERIAL).planned(MATERIAL).within(time.monotonic() + 2.0, 0.0)
    assert 3 <= part.plan.recipe.total_steps < whole.plan.recipe.total_steps
    assert part.session.batches.recipe == part.plan.recipe
    with pytest.raises(UsageError, match=r"--time-limit: 0.0 s are left for training"):
        learner_of(settings, MATERIAL).fit(MATERIAL, TimeBudget(0.0))


def test_of_a_backbones_models_the_one_that_is_right_most_is_taken_and_of_equals_the_surest(monkeypatch):
    right = np.eye(10)[LABELS[300:430]]

    def stated(name, wrong, confidence):
        said = np.roll(right, 1, axis=1) * (np.arange(130) < wrong)[:, None]
        said = confidence * np.where(said.any(axis=1, keepdims=True), said, right) + (1 - confidence) / 10
        return Candidate(name, None, 300, 1.0, HeldOutAnswers(MATERIAL.validation, said))

    def taken(*candidates, metric=None):
        frozen = SimpleNamespace(within=lambda *_: frozen, built=lambda _: None)
        tuned = SimpleNamespace(tuned=lambda _: SimpleNamespace(candidates=candidates))
        monkeypatch.setattr(BackboneLearner, "_frozen", lambda *_: frozen)
        monkeypatch.setattr(backbone_learners, "TuningLearner", lambda *_, **__: tuned)
        (found,) = BackboneLearner(Settings(backbone=NAME, metric=metric)).fit(MATERIAL)
        return found.name

    most, careful, sure = stated("most", 9, 0.999), stated("careful", 12, 0.8), stated("sure", 12, 0.999)
    assert taken(careful, most, sure) == "most"
    assert taken(careful, sure) == taken(sure, careful) == "careful"
    assert taken(most, careful, metric="log-loss") == "careful"


def test_balanced_weights_are_those_of_the_training_examples():
    """The others are the other way round."""
    labels = np.zeros(len(LABELS), np.int64)
    labels[:60] = labels[300:900] = 1
    material = dataclasses.replace(MATERIAL, labels=labels, classes=("a", "b"))
    fit = _fit_of("svm", make_training_set(material), Settings(class_weight="balanced"), material)
    assert fit.keywords["class_weights"] == (300 / (2 * 240), 300 / (2 * 60))


def test_a_model_is_trained_again_within_its_own_counts_at_its_own_set_up():
    own = Budget(screened=77)
    candidate = Candidate("svm", None, 5, 1.0, setup=("pixels", "some words"), budget=own)
    learner = learner_at_setup(candidate, Settings(preset="quick"))
    assert (learner.name, learner.budget, learner.setup) == ("svm", own, ("pixels", "some words"))
    without = learner_at_setup(dataclasses.replace(candidate, budget=None), Settings(preset="quick"))
    assert without.budget == Budget.of_preset("quick") != Budget.of_preset(Settings().preset)


def test_training_sets_are_shared_by_the_same_examples_alone():
    sets, other = TrainingSets(), dataclasses.replace(MATERIAL, train=np.arange(500, 800))
    first, second = sets.of(MATERIAL), sets.of(other)
    assert sets.of(dataclasses.replace(MATERIAL, validation=NOBODY)) is first
    assert second.train.tolist() == [*range(500, 800)]


def test_a_classical_model_takes_what_fits_into_its_time():
    settings = Settings(model="random-forest", threads=1, time_limit="300s")
    (short,) = learner_of(settings, MATERIAL).fit(MATERIAL, TimeBudget(0.2))
    assert short.train_examples <= len(MATERIAL.train)
    (whole,) = learner_of(dataclasses.replace(settings, time_limit=None), MATERIAL).fit(MATERIAL)
    assert short.model.parameters < whole.model.parameters


def test_the_time_of_a_learner_that_nothing_stands_beside():
    assert not learner_time(Settings()).is_limited
    found = learner_time(Settings(time_limit="100s"), began=time.monotonic() - 40)
    assert 56 < found.left() <= 57  # 3 s are for the detector
    assert 3 < learner_time(Settings(time_limit="5s")).left() <= 4


class Spy:
    """Counts how often each example passes the body of a network while nothing is trained."""

    def __init__(self, monkeypatch):
        self.rows: list[bytes] = []
        features = Network.features

        def watched(network, inputs):
            if not network.training and not torch.is_grad_enabled():
                self.rows += [row.numpy().tobytes() for row in inputs]
            return features(network, inputs)

        monkeypatch.setattr(Network, "features", watched)

    def passes(self, pixels):
        wanted = torch.from_numpy(pixels).permute(0, 3, 1, 2).float()
        return [self.rows.count(row.contiguous().numpy().tobytes()) for row in wanted]


def test_validation_and_test_examples_pass_a_shared_body_once(photos, monkeypatch):
    material = photos
    settings = Settings(model="cnn", width=8, **QUICK, augment=False)
    learner = learner_of(settings, material)
    network = learner.planned(material)
    network.session.run()
    spy = Spy(monkeypatch)
    done = dataclasses.replace(learner, train=lambda _: None)
    (candidate,) = done.trained(network, material)
    models = [
        candidate,
        *on_network(photos, candidate, RunContext(None, photos, settings, Stages(quiet=True), None)),
    ]
    models = with_detectors(calibrated(models, photos, 0), material, 0)
    assert len(models) == 3
    assert all(each.model.detector is not None for each in models)
    tested = ask_about_test(models, photos, lambda *_: None)
    for split in (photos.validation, photos.test, photos.train):
        assert set(spy.passes(photos.inputs[split])) == {1}
    for each in models:
        said = answers(each.model, photos, photos.test)
        np.testing.assert_allclose(tested[each.name].answers, said, atol=1e-6)
        novelty = each.model.answer(photos.inputs[photos.test]).novelty
        np.testing.assert_allclose(tested[each.name].novelty, novelty, atol=1e-6)
        assert tested[each.name].milliseconds > 0


def test_a_head_learns_from_training_rows_and_is_scored_on_validation_rows(photos, tmp_path, monkeypatch):
    settings, material = given("backbone, tuned", photos, tmp_path)
    (choice,) = chosen(settings, material)
    network, prepared = choice.started(settings), choice.prepared(material)
    weights = np.random.default_rng(0).uniform(0.5, 2.0, len(material.labels))
    prepared = dataclasses.replace(prepared, examples=dataclasses.replace(prepared.examples, weights=weights))
    train, validation = prepared.examples.train, prepared.examples.validation
    assert min(len(train), len(validation)) > 0
    built = FrozenLearner(choice, settings).built(material)
    assert built.candidates[-1].name == choice.name  # simplest first, the head last
    features = built.features
    begun, fitted, of = [], [], Session.of

    def noted(head, examples, *rest):
        begun.append(examples)
        return of(head, examples, *rest)

    fit = HeadAlone.fit
    monkeypatch.setattr(Session, "of", noted)
    monkeypatch.setattr(HeadAlone, "fit", lambda self, *rows: fitted.append(rows) or fit(self, *rows))
    train_head(network, features, prepared, settings)
    (examples,), ((rows, labels),) = begun, fitted
    for places, wanted in ((examples.train, train), (examples.validation, validation)):
        np.testing.assert_array_equal(examples.inputs[places], features.of(wanted))
        np.testing.assert_array_equal(examples.labels[places], prepared.examples.labels[wanted])
        np.testing.assert_array_equal(examples.weights[places], weights[wanted])
    np.testing.assert_array_equal(rows, features.of(train))
    np.testing.assert_array_equal(labels, prepared.examples.labels[train])


@pytest.mark.parametrize("name", ["svm", "logistic-regression"])
def test_a_scale_that_was_found_before_serves_its_own_set_up_alone(name):
    """Where set-ups are compared anew it counts for nothing."""
    material = Dataset(
        Texts.of(texts()), LABELS, np.arange(300), np.arange(300, 500), CLASSES, target=CLASSIFICATION
    )
    learner = ClassicalLearner(name, Settings(threads=1))
    (found,) = learner.fit(material)
    assert found.scale is not None
    assert len(found.configurations) > 1
    (again,) = dataclasses.replace(learner, scale=50 * found.scale).fit(material)
    assert again.scale == found.scale
    np.testing.assert_array_equal(again.held_out.answers, found.held_out.answers)
    (alone,) = dataclasses.replace(learner, setup=found.setup, scale=50 * found.scale).fit(material)
    assert alone.scale == 50 * found.scale
