"""How a time limit is shared out between the baselines and the network."""

import dataclasses
import json
import time

import numpy as np
import pytest

from pellucid.classical import Budget
from pellucid.pipeline.learners.classical import budget_within
from pellucid.pipeline.learners.limits import Allotted, allotted
from pellucid.pipeline.learners.planning.preparation import Material
from pellucid.pipeline.learners.planning.shares import seconds_for_baselines, seconds_for_network
from pellucid.pipeline.run.stages import Stages
from pellucid.settings import Settings

NAMES = ("majority", "logistic-regression", "svm", "random-forest")


@pytest.mark.parametrize("baselines", [True, False])
def test_a_learning_curve_under_a_limit_takes_its_time_from_the_training(baselines):
    settings = Settings(time_limit="100s", baselines=baselines)
    without = seconds_for_network(settings, 100.0)
    curve = seconds_for_network(Settings(time_limit="100s", baselines=baselines, learning_curve=True), 100.0)
    assert 80 < without < 100
    assert curve == pytest.approx(without / 2)


def test_baselines_leave_the_network_less():
    with_baselines = seconds_for_network(Settings(time_limit="100s"), 100.0)
    assert with_baselines < seconds_for_network(Settings(time_limit="100s", baselines=False), 100.0)


def test_a_short_limit_is_not_eaten_up_by_what_is_set_aside():
    assert seconds_for_network(Settings(time_limit="30s"), 20.0) == pytest.approx(14.0)


@pytest.mark.parametrize(("left", "seconds"), [(95.0, 30.0), (59.0, 22.0), (9.0, 0.0), (-5.0, 0.0)])
def test_baselines_shrink_where_reading_took_long(left, seconds):
    assert seconds_for_baselines(Settings(time_limit="100s"), left) == pytest.approx(seconds)


def _stages(spent: float) -> Stages:
    return Stages(began=time.monotonic() - spent)


def test_all_baselines_are_trained_where_there_is_time(capsys):
    found = allotted(NAMES, Settings(time_limit="60s"), _stages(5.0))
    assert found == (NAMES, 18.0)
    assert capsys.readouterr().err == ""


def test_slow_baselines_are_left_out_where_reading_took_most_of_the_limit(capsys):
    found = allotted(NAMES, Settings(time_limit="30s"), _stages(22.0))
    assert found.names == NAMES[:2]
    assert 0 < found.seconds < 4
    said = " ".join(capsys.readouterr().err.split())
    assert said.startswith("warning: reading and planning took 22.")
    assert "of 30s; svm and random-forest are left out, so that there is time for the network" in said


def test_a_resumed_run_trains_the_baselines_that_were_chosen_before():
    before = allotted(NAMES, Settings(time_limit="30s"), _stages(22.0))
    assert Allotted.from_json(json.loads(json.dumps(before.to_json()))) == before


def test_without_a_limit_all_are_trained():
    assert allotted(NAMES, Settings(), _stages(1000.0)) == (NAMES, None)


def _images(side: int, channels: int, count: int = 4_000) -> Material:
    inputs = np.broadcast_to(np.zeros((1, side, side, channels), np.uint8), (count, side, side, channels))
    labels = np.arange(count) % 10
    everything = np.arange(count)
    return Material(inputs, labels, everything, everything[:0], tuple("abcdefghij"))


def test_larger_images_and_one_thread_leave_the_baselines_less():
    two = Settings(time_limit="60s", threads=2)
    assert budget_within(two, _images(28, 1)) == Budget()
    small = budget_within(two, _images(28, 1), seconds=5.0)
    large = budget_within(two, _images(160, 3), seconds=5.0)
    alone = budget_within(dataclasses.replace(two, threads=1), _images(160, 3), seconds=5.0)
    assert 4_000 > small.examples > large.examples > alone.examples
    assert large.examples == pytest.approx(small.examples / np.sqrt(2), abs=2)


@pytest.mark.parametrize("name", ["svm", "logistic-regression"])
def test_a_model_that_was_asked_for_alone_takes_what_all_would_have_shared(name):
    images = _images(28, 1, 60_000)
    beside, alone = (Settings(time_limit="15s", threads=2, model=model) for model in ("cnn", name))
    small, large = (budget_within(each, images) for each in (beside, alone))
    assert large.examples > 2 * small.examples
    assert large.configurations > small.configurations
    assert large.examples < Budget().examples
    assert budget_within(dataclasses.replace(alone, time_limit="90s"), images) == Budget()
