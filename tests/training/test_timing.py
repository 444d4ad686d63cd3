import dataclasses
import itertools
import time

import pytest

from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import UsageError
from training.sessions import same


@pytest.mark.slow
def test_a_limit_becomes_a_number_of_steps_that_keeps_it(begin):
    session = begin(epochs=100_000, model="mlp", width=32)
    began = time.monotonic()
    session.limit(3.0, scored_after=300)
    recipe = session.batches.recipe
    assert 3 <= recipe.total_steps < 1_000_000
    assert recipe.epochs == -(-recipe.total_steps // session.batches.per_epoch)
    session.run()
    assert session.state.step == recipe.total_steps
    # However few steps fit on a busy machine, the schedule is run to its end.
    assert session.state.history[-1]["learning_rate"] < recipe.learning_rate / recipe.total_steps
    assert time.monotonic() - began < 6.0  # twice the limit: other tests run at the same time


def test_measuring_leaves_the_network_as_it_was(begin):
    limited, plain = begin(epochs=2), begin(epochs=2)
    limited.limit(3600.0, scored_after=0)
    assert limited.batches.recipe == plain.batches.recipe
    assert same(limited.run().state_dict(), plain.run().state_dict())


def test_gd_is_limited_to_whole_epochs(begin):
    session = begin(epochs=100_000, optimizer="gd", model="mlp", width=16)
    session.limit(10.0, scored_after=0)
    assert session.batches.recipe.total_steps % session.batches.per_epoch == 0


def test_a_limit_too_short_for_any_step_is_refused(begin):
    with pytest.raises(UsageError, match=r"--time-limit: .* s are left for training"):
        begin(epochs=5).limit(0.001, scored_after=0)
    with pytest.raises(UsageError, match=r"--time-limit: 0\.0 s are left for training"):
        begin(epochs=5).limit(-9.0, scored_after=0)
    session = begin(epochs=10_000, width=8)  # but its least share it gets
    session.limit(-9.0, scored_after=300, least=1.0)
    assert 3 <= session.batches.recipe.total_steps < 100_000


def test_examples_that_are_seen_mirrored_too_are_scored_twice(begin, monkeypatch):
    """On a clock that ticks once for each look, a step and a validation pass take a second each."""
    ticks = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(ticks)))
    steps = []
    for mirror in (False, True):
        session = begin(epochs=10_000, width=8)
        recipe = dataclasses.replace(session.batches.recipe, augmentation=Augmentation(mirror=mirror))
        session.batches.recipe = recipe
        validated = len(session.batches.examples.validation)
        session.limit(1000.0, scored_after=300 * validated)
        steps.append(session.batches.recipe.total_steps)
    alone, twice = steps
    assert twice == pytest.approx(alone * (1000 - 600) / (1000 - 300), rel=0.05)
