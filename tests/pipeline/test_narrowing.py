"""A time limit that leaves too few epochs makes a `cnn` half as wide, or small."""

import dataclasses
import time

import numpy as np
import pytest

from pellucid.data import Dataset, Preprocessing, prepare
from pellucid.errors import UsageError
from pellucid.networks import NETWORKS
from pellucid.pipeline.learners.evaluation_budget import Folds
from pellucid.pipeline.learners.in_run import network_of_run
from pellucid.pipeline.learners.network import learner_of, learner_on_part
from pellucid.pipeline.learners.preparation import Plan
from pellucid.pipeline.learners.time_limits import within_limit
from pellucid.pipeline.run.context import RunContext, TimeBudget
from pellucid.pipeline.run.journal import Journal, RunFolder, notes_of
from pellucid.pipeline.run.stages import Stages
from pellucid.safety.files import make_folder
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training import session as timing
from pellucid.training.recipe_defaults import FEW_EPOCHS
from photographs import class_folders
from small_models import CLASSES, digits

PIXELS, LABELS = digits()
LARGER = PIXELS.repeat(4, axis=1).repeat(4, axis=2)
MATERIAL = Dataset(
    LARGER,
    LABELS,
    np.arange(300),
    np.arange(300, 430),
    CLASSES,
    Preprocessing(*LARGER.shape[1:]),
    target=CLASSIFICATION,
)
USUAL = 32  # channels of the first block
STEP = 10.0  # so long that what a test takes by itself does not count
CNN = {"model": "cnn", "threads": 1}


def seconds_of(config, small=0.5):
    """Seconds of a step: of half the channels half as long, of the small network the share given."""
    if config.name != "cnn":
        return STEP
    return STEP * (small if config.own.dense else config.widths[0] / USUAL)


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch):
    """Let a step take ten seconds, of smaller networks half as long, and nothing else any time.

    The networks whose steps were measured.
    """
    measured = []

    def measure(network, batches, slowest, left):
        measured.append(network.config)
        return seconds_of(network.config), 0.0

    monkeypatch.setattr(timing, "_measure", measure)
    return measured


def planned(fitting, given):
    """The usual plan, and what becomes of it when so many epochs fit."""
    whole = learner_of(Settings(**given), MATERIAL).planned(MATERIAL)
    steps = fitting * whole.session.batches.per_epoch + 0.5
    return whole.plan, whole.within(time.monotonic() + steps * STEP / timing._MARGIN, 0.0)


def test_few_steps_take_half_the_width():
    whole, found = planned(4.5, CNN)
    assert found.plan.network.widths == tuple(width // 2 for width in whole.network.widths)
    asked_for = Settings(**CNN, width=whole.network.widths[0] // 2)
    assert found.plan.network == learner_of(asked_for, MATERIAL).planned(MATERIAL).plan.network
    assert found.session.network.config == found.plan.network
    assert found.plan.recipe == found.session.batches.recipe
    assert 3 <= found.plan.recipe.total_steps < whole.recipe.total_steps
    few = learner_of(Settings(**CNN, epochs=found.plan.recipe.epochs), MATERIAL).planned(MATERIAL).plan.recipe
    assert found.plan.recipe.augmentation == few.augmentation != whole.recipe.augmentation
    assert found.plan.recipe.batch_size == few.batch_size
    assert found.plan.reasons[-1].startswith("Fewer than 3 epochs or 100 steps of a cnn of the usual width")
    assert Plan.from_json(found.plan.to_json()) == found.plan


@pytest.mark.parametrize(("fitting", "passed_over"), [(2.5, 0), (1.2, 1)])
def test_few_steps_of_that_take_a_small_network(fitting, passed_over, slow_machine):
    whole, found = planned(fitting, CNN)
    assert len(slow_machine) == 3 - passed_over
    assert slow_machine[0] == whole.network
    assert slow_machine[-1] == found.plan.network
    assert found.plan.network == NETWORKS["cnn"].small(whole.network)
    assert found.session.network.config == found.plan.network
    assert found.plan.recipe == found.session.batches.recipe
    half = learner_of(Settings(**CNN), MATERIAL).planned(MATERIAL).hurried[0]().recipe
    assert found.plan.recipe.augmentation == half.augmentation
    assert found.plan.recipe.batch_size == half.batch_size
    assert found.plan.reasons[-1].startswith("Fewer than 3 epochs or 100 steps of a cnn of half the width")
    assert Plan.from_json(found.plan.to_json()) == found.plan


def test_many_images_freeze_no_block_of_a_network_that_has_none():
    many = np.arange(45_000) % len(LARGER)
    material = Dataset(
        LARGER[many],
        LABELS[many],
        np.arange(len(many)),
        np.arange(0),
        CLASSES,
        Preprocessing(*LARGER.shape[1:]),
        target=CLASSIFICATION,
    )
    whole = learner_of(Settings(**CNN), material).planned(material)
    half, small = (each() for each in whole.hurried)
    assert half.recipe.frozen_epochs > 0
    assert small.recipe.frozen_epochs == 0


@pytest.mark.parametrize("slow", [1, 2, 3])
def test_a_network_of_which_no_step_fits_makes_way_for_the_next(slow, monkeypatch):
    whole = learner_of(Settings(**CNN), MATERIAL).planned(MATERIAL)
    half, small = (each().network for each in whole.hurried)
    networks = [whole.plan.network, half, small]

    def measure(network, batches, slowest, left):
        return (1000.0, 0.0) if network.config in networks[:slow] else (1.0, 0.0)

    monkeypatch.setattr(timing, "_measure", measure)
    deadline = time.monotonic() + 100.0
    if slow == len(networks):
        with pytest.raises(UsageError, match=r"one step takes 1000\.00 s"):
            whole.within(deadline, 0.0)
    else:
        # Where no step fits three epochs of half do not.
        assert whole.within(deadline, 0.0).plan.network == small


def test_a_network_that_is_far_too_slow_is_measured_no_further(monkeypatch):
    monkeypatch.undo()
    scored = []
    monkeypatch.setattr(timing, "validator", lambda *_, **__: lambda: scored.append(True))
    session = learner_of(Settings(**CNN), MATERIAL).planned(MATERIAL).session
    for fewest, expected in [(10**9, []), (0, [True])]:
        session.limit(5.0, 0, fewest=fewest)
        assert scored == expected


def test_the_epochs_that_fit_decide_how_images_are_varied():
    whole, found = planned(5.5, CNN)
    few = learner_of(Settings(**CNN, epochs=6), MATERIAL).planned(MATERIAL).plan.recipe
    assert found.plan.network == whole.network
    assert found.plan.recipe == dataclasses.replace(few, total_steps=found.plan.recipe.total_steps)
    assert found.plan.recipe.augmentation != whole.recipe.augmentation
    assert 0.9 < found.plan.recipe.total_steps / (5.5 * found.session.batches.per_epoch) <= 1.0
    assert found.most_steps == 2 * whole.recipe.epochs * found.session.batches.per_epoch


def test_time_for_more_than_twice_the_epochs_takes_the_wider_network_of_best():
    usual = learner_of(Settings(**CNN), MATERIAL).planned(MATERIAL).plan.recipe.epochs
    whole, found = planned(1.5 * usual, CNN)
    assert found.plan.network == whole.network
    assert 1.4 * usual < found.plan.recipe.epochs <= 1.5 * usual + 1
    whole, found = planned(4 * usual, CNN)
    best = learner_of(Settings(**CNN, preset="best"), MATERIAL).planned(MATERIAL).plan
    assert found.plan.network == best.network != whole.network
    assert found.plan.reasons[-1].startswith("More than twice the epochs of --preset standard fit")
    assert usual < found.plan.recipe.epochs <= 2 * best.recipe.epochs == found.most_epochs
    part = dataclasses.replace(MATERIAL, train=MATERIAL.train[:240])
    of_part = learner_on_part(found, Settings(**CNN)).planned(part).plan
    assert of_part.network == best.network
    assert of_part.recipe.augmentation == found.plan.recipe.augmentation
    assert of_part.recipe.epochs == found.plan.recipe.epochs


@pytest.mark.parametrize(
    ("fitting", "given"),
    [
        (7.5, CNN),  # of fewer than 100 steps
        (1.5, {**CNN, "width": 16}),
        (2.5, {**CNN, "epochs": 2}),  # of which all fits
        (1.5, {"model": "mlp", "threads": 1}),
    ],
)
def test_other_networks_stay_as_they_are(fitting, given):
    whole, found = planned(fitting, given)
    assert found.plan.network == whole.network
    assert found.plan.reasons == whole.reasons
    assert found.session.network.config == whole.network


def test_a_depth_that_was_asked_for_is_kept():
    whole = learner_of(Settings(**CNN, depth=4), MATERIAL).planned(MATERIAL)
    assert [len(each().network.widths) for each in whole.hurried] == [4]


def test_a_continued_network_keeps_its_width():
    learner = learner_of(Settings(**CNN), MATERIAL)
    whole = learner.planned(MATERIAL)
    prepared = dataclasses.replace(whole.prepared, trained=whole.session.network)
    assert len(whole.hurried) == 2
    assert dataclasses.replace(learner, prepare=lambda _: prepared).planned(MATERIAL).hurried == ()


@pytest.mark.parametrize(("fitting", "quick"), [(2.5, False), (1.2, False), (1.2, True)])
def test_folds_learn_as_the_hurried_network_does(fitting, quick, monkeypatch):
    if quick:  # so that the small network has more epochs than a recipe of few
        monkeypatch.setattr(timing, "_measure", lambda network, *_: (seconds_of(network.config, 0.1), 0.0))
    _, found = planned(fitting, CNN)
    assert (found.plan.recipe.epochs >= FEW_EPOCHS) is quick
    part = dataclasses.replace(MATERIAL, train=MATERIAL.train[:240])
    of_part = learner_on_part(found, Settings(**CNN)).planned(part)
    assert of_part.plan.network == found.plan.network
    assert of_part.hurried == ()
    recipe = found.plan.recipe
    assert of_part.plan.recipe.augmentation == recipe.augmentation
    assert of_part.plan.recipe.batch_size == recipe.batch_size
    assert of_part.plan.recipe.epochs == recipe.epochs
    assert 0.5 * recipe.total_steps < of_part.plan.recipe.total_steps <= recipe.total_steps


def test_a_resumed_run_takes_the_narrow_network_over(tmp_path):
    data = class_folders(tmp_path / "data", count=60, side=40)
    settings = Settings(model="cnn", threads=1, baselines=False, time_limit="75s")
    dataset = prepare(str(data), settings)[0]
    folder = RunFolder(tmp_path / "run")
    make_folder(folder.path)
    found = []
    for is_resumed in (False, True):
        journal = Journal(folder, resume=is_resumed)
        context = RunContext(folder, dataset, settings, Stages(), journal, TimeBudget.of(settings))
        whole = network_of_run(context).planned(dataset)
        journal.begin()
        found.append(within_limit(whole, Folds(dataset), context))
    assert found[0].plan.recipe.total_steps < 3 * found[0].session.batches.per_epoch
    usual = learner_of(settings, dataset).planned(dataset).plan
    assert found[0].plan.network == NETWORKS["cnn"].small(usual.network)
    assert found[1].plan == found[0].plan
    assert notes_of(journal.content) == [found[0].plan.reasons[-1]]
    assert found[1].session.network.config == found[0].plan.network
