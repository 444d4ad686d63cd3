"""What a time limit leaves a pretrained backbone."""

import dataclasses
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest

from pellucid.errors import UsageError
from pellucid.input_kinds import IMAGES, TEXTS
from pellucid.pipeline.learners import backbone_costs, backbone_learners, time_limits
from pellucid.pipeline.learners.backbone_choice import BackboneLimits, chosen, taken_over
from pellucid.pipeline.learners.backbone_costs import BackboneCost, Measured, measured
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.network import learner_of
from pellucid.pipeline.learners.time_limits import costs_of, limit_backbones
from pellucid.pipeline.run.context import RunContext, TimeBudget, learner_time
from pellucid.pipeline.run.journal import Journal, RunFolder
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings
from tiny_backbone import NAME, tiny_weights

COST = BackboneCost(
    example=0.01, learning=0.002, held_out=300, tuning=5_000, shortest=1_000, most=2_000, least=40
)


@pytest.fixture
def dataset(photos):
    return photos


@pytest.fixture
def asked(tmp_path):
    return Settings(backbone=NAME, weights=str(tiny_weights(tmp_path)), time_limit="60s", threads=1)


@pytest.fixture
def context(dataset, asked, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    return RunContext(
        RunFolder(folder), dataset, asked, Stages(), Journal(RunFolder(folder)), TimeBudget.of(asked)
    )


def test_all_of_it_fits_into_enough_time():
    assert COST.within(1_000.0) == BackboneLimits(2_000, True, COST.within(1_000.0).seconds_before, 56.8)


def test_what_is_granted_takes_no_longer_than_the_time():
    for seconds in (8.0, 12.0, 20.0, 60.0, 80.0, 88.0, 90.0, 200.0):
        limits = COST.within(seconds)
        assert limits.seconds_before + limits.seconds_after <= seconds + 0.2
        if limits.train < COST.most:  # nothing is left over that one more example would have needed
            assert COST.needed(limits.train + 1) > seconds - 0.02


def test_training_examples_come_before_fine_tuning():
    assert COST.within(40.0).train == 2_000
    assert not COST.within(40.0).is_tuned
    assert not COST._replace(tuning=0, shortest=0).within(1_000.0).is_tuned


def test_fine_tuning_is_shorter_where_not_all_of_it_fits():
    before, a_pass = COST.needed(2_000), COST.example / 0.88
    shares = [COST.within(before + passes * a_pass + 1e-6).share for passes in (1_000, 3_000, 5_000, 9_000)]
    assert shares == pytest.approx([0.2, 0.6, 1.0, 1.0], abs=1e-3)
    assert not COST.within(before + 999 * a_pass).is_tuned
    # Epochs that were given are not cut.
    assert not COST._replace(shortest=5_000).within(before + 4_999 * a_pass).is_tuned


def test_too_little_time_grants_nothing():
    enough = COST.needed(COST.least)
    assert COST.within(enough).train == COST.least
    assert COST.within(enough - 0.1) is None
    assert COST.within(-5.0) is None


@pytest.mark.parametrize(
    ("is_asked_for", "left", "given"), [(True, 100.0, 100.0), (False, 60.0, 39.0), (False, 100.0, 50.0)]
)
def test_those_beside_a_network_leave_it_a_part(is_asked_for, left, given, context, monkeypatch):
    (choice,) = chosen(context.settings, context.dataset)
    limits = []
    monkeypatch.setattr(Measured, "within", lambda self, seconds: limits.append(seconds))
    context = context._replace(time=TimeBudget(100.0, time.monotonic() - 100.0 + left))
    choice = dataclasses.replace(choice, is_asked_for=is_asked_for)
    limit_backbones((choice,), [Measured(choice, COST, context.dataset, context.settings)], context)
    assert limits == [pytest.approx(given, abs=0.5)]


@pytest.mark.parametrize(
    ("kind", "shares", "worth", "is_kept"),
    [(TEXTS, [50.0, 30.0], 20, True), (IMAGES, [50.0], 20, True), (IMAGES, [50.0], 21, False)],
)
def test_one_that_could_learn_from_a_part_alone(kind, shares, worth, is_kept, context, monkeypatch):
    (choice,) = chosen(context.settings, context.dataset)
    choice, asked = dataclasses.replace(choice, is_asked_for=False), []
    monkeypatch.setattr(time_limits, "_WORTH", worth)

    def within(self, seconds):
        asked.append(seconds)
        limits = BackboneLimits(20, False, 5.0, 0.0)
        return dataclasses.replace(choice, train=choice.train[:20], limits=limits)

    monkeypatch.setattr(Measured, "within", within)
    costs = [Measured(choice, COST, context.dataset, context.settings)]
    own = SimpleNamespace(input_kind=kind, noun="text")
    context = context._replace(time=TimeBudget(100.0, time.monotonic() - 20.0), dataset=own)
    kept = limit_backbones((choice,), costs, context)
    assert asked == [pytest.approx(each) for each in shares]
    assert len(kept) == is_kept


def test_one_that_could_never_fit_is_not_even_measured(context, monkeypatch):
    material = context.dataset
    backbones = tuple(
        dataclasses.replace(each, is_asked_for=False) for each in chosen(context.settings, material)
    )
    monkeypatch.setattr(time_limits, "measured", lambda *_: pytest.fail("measured"))
    assert not backbone_costs.is_hopeless(backbones[0], material, len(context.dataset.test), 18.0)
    assert backbone_costs.is_hopeless(backbones[0], material, 10_000, 18.0)
    context = context._replace(time=TimeBudget(5.0))
    assert costs_of(backbones, Folds(context.dataset), context) == []
    assert limit_backbones(backbones, [], context) == ()
    assert "is left out" in context.journal.content["backbones_left_out"][0]["reason"]


def test_no_more_examples_are_timed_where_the_first_took_far_too_long(dataset, asked, monkeypatch):
    (choice,) = chosen(asked, dataset)
    monkeypatch.setattr(backbone_costs, "_seconds_of_one", lambda *_, **__: pytest.fail("timed further"))
    assert measured(choice, dataset, asked, seconds=1e-6).cost.example > 0


def test_measuring_counts_what_will_be_asked(dataset, asked):
    (choice,) = chosen(asked, dataset)
    cost = measured(choice, dataset, asked, len(dataset.test)).cost
    assert 0 < cost.example < 1
    assert cost.held_out == len(dataset.validation) + len(dataset.test)
    assert (cost.most, cost.least) == (len(dataset.train), 40)
    assert cost.tuning > 40 * 76 * 0.75 + 76  # epochs, examples, through the last blocks; and once below
    assert measured(choice, dataset, dataclasses.replace(asked, preset="quick")).cost.tuning == 0


def test_one_that_was_asked_for_is_refused_by_name_where_too_little_fits(dataset, asked):
    (choice,) = chosen(asked, dataset)
    message = r"--time-limit: 3.0 s are left for test-efficientnet, and the features of 300 examples"
    with pytest.raises(UsageError, match=message):
        Measured(choice, COST, dataset, asked).require(3.0)
    Measured(choice, COST, dataset, asked).require(COST.needed(40))


def test_one_that_was_asked_for_keeps_what_it_needs_where_others_took_longer(dataset, asked):
    (choice,) = chosen(asked, dataset)
    found = Measured(choice, COST, dataset, asked).within(0.0)
    assert len(found.train) == 40
    beside = dataclasses.replace(choice, is_asked_for=False)
    assert Measured(beside, COST, dataset, asked).within(0.0) is None


def test_the_decision_is_made_once_and_stands_in_the_configuration(context, monkeypatch):
    material = context.dataset
    backbones = chosen(context.settings, material)
    cost = COST._replace(most=len(backbones[0].train), example=0.2, tuning=0)
    monkeypatch.setattr(time_limits, "measured", lambda choice, *given: Measured(choice, cost, *given[:2]))
    settings = dataclasses.replace(context.settings, time_limit="80s")
    context = context._replace(settings=settings, time=TimeBudget.of(settings))
    context.journal.begin()
    kept = limit_backbones(backbones, costs_of(backbones, Folds(context.dataset), context), context)
    assert 40 <= len(kept[0].train) < len(material.train)
    resumed = Journal(context.folder, resume=True)
    assert resumed.content == json.loads(json.dumps(context.journal.content))
    late = context._replace(time=TimeBudget(80.0, time.monotonic() - 75), journal=resumed)
    again = taken_over(resumed.content["backbones"], context.settings, material)
    assert costs_of(again, Folds(late.dataset), late) == []
    same = limit_backbones(again, [], late)
    assert np.array_equal(same[0].train, kept[0].train)
    assert resumed.content == Journal(context.folder, resume=True).content


def test_one_beside_a_network_is_left_out_with_a_reason(capsys, context, monkeypatch):
    backbones = tuple(
        dataclasses.replace(each, is_asked_for=False) for each in chosen(context.settings, context.dataset)
    )
    monkeypatch.setattr(
        time_limits,
        "measured",
        lambda choice, *given: Measured(choice, COST._replace(example=1.0), *given[:2]),
    )
    context = context._replace(stages=Stages())
    assert limit_backbones(backbones, costs_of(backbones, Folds(context.dataset), context), context) == ()
    config = context.journal.content
    assert config["backbones"] == []
    (left_out,) = config["backbones_left_out"]
    assert left_out["name"] == "test-efficientnet"
    reason = "test-efficientnet, which is installed, is left out: the features of enough examples would not"
    assert left_out["reason"].startswith(reason)
    assert reason in " ".join(capsys.readouterr().err.split())


def test_what_is_left_out_is_said(dataset, asked):
    (choice,) = chosen(asked, dataset)
    cost = COST._replace(most=len(choice.train))
    whole = Measured(choice, cost, dataset, asked)
    found = whole.within(cost.needed(50))
    assert found.reason == (
        f"test_efficientnet was asked for. Within 60s, it learns from 50 of {len(dataset.train)} training "
        "examples, to which each class gives its share, and fine-tuning is left out."
    )
    assert whole.within(1_000.0).reason == "test_efficientnet was asked for."


def test_blocks_are_timed_until_it_has_taken_long_enough(monkeypatch):
    now, asked, durations = [0.0], [], iter([1.0, 0.25, 0.3, 9.0])

    def ask(some):
        asked.append(len(some))
        now[0] += next(durations)

    monkeypatch.setattr(backbone_costs.time, "perf_counter", lambda: now[0])
    assert backbone_costs._seconds_of_one(ask, np.arange(1_000), vary=False) == pytest.approx(0.3 / 32)
    assert asked == [32, 32, 32]
    durations = iter([1.0, 2.0])
    assert backbone_costs._seconds_of_one(ask, np.arange(1_000), vary=True) == pytest.approx(1.5 / 32)


def test_an_estimator_learns_from_what_fits_into_its_limit(dataset, asked, monkeypatch):
    with pytest.raises(UsageError, match=r"--time-limit: 0.0 s are left for test-efficientnet"):
        learner_of(asked, dataset).fit(dataset, learner_time(asked, time.monotonic() - 60))
    cost = COST._replace(example=0.5, held_out=0, most=len(dataset.train))
    monkeypatch.setattr(
        backbone_learners, "measured", lambda choice, *given: Measured(choice, cost, *given[:2])
    )
    seen = []
    heads = backbone_learners.train_head
    monkeypatch.setattr(
        backbone_learners,
        "train_head",
        lambda network, features, prepared, settings: (
            seen.append(len(prepared.examples.train)),
            heads(network, features, prepared, settings),
        ),
    )
    (fitted,) = learner_of(asked, dataset).fit(dataset, learner_time(asked, time.monotonic() - 30))
    assert fitted.history == ()  # tuning does not fit
    assert 40 <= seen[0] < 60
