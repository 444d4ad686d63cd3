"""Training that is made shorter while it runs: its course, and a resume that follows it."""

import itertools
import math

import numpy as np
import pytest

from pellucid.training.optimisers import learning_rate
from pellucid.training.recipe import Recipe
from training.sessions import same, weights_of

CUTS = ((30, 100), (45, 80))


@pytest.mark.parametrize("schedule", ["one-cycle", "cosine", "constant"])
def test_a_shortened_course_goes_on_from_where_it_is_and_ends_with_the_last_step(schedule):
    whole = [learning_rate(schedule, 1.0, step, 100) for step in range(100)]
    once = [learning_rate(schedule, 1.0, step, 80, CUTS[:1]) for step in range(80)]
    twice = [learning_rate(schedule, 1.0, step, 60, CUTS) for step in range(60)]
    assert once[:30] == whole[:30]
    assert twice[:45] == once[:45]
    for course, cut in ((once, 30), (twice, 45)):
        assert max(abs(np.diff(course[cut - 2 : cut + 2]))) < 0.06
    assert twice[-1] == pytest.approx(whole[-1], abs=0.06)
    assert learning_rate(schedule, 1.0, 7, 100, ()) == whole[7]


def test_a_shortened_recipe_keeps_what_was_planned(begin):
    recipe = begin().batches.recipe
    steps = recipe.total_steps
    found = recipe.ending_at(steps - 2, 1, steps).ending_at(steps - 3, 2, steps)
    assert (found.total_steps, found.planned_steps) == (steps - 3, steps)
    assert Recipe.from_json(found.to_json()) == found
    assert "shortened" not in recipe.to_json()


@pytest.mark.parametrize("more", [-2, 3])
def test_a_run_that_knows_its_changes_ends_in_the_same_weights_as_the_one_that_made_them(begin, more):
    session = begin()
    batches = session.batches
    at, total = itertools.count(1), batches.recipe.total_steps + more

    def follow(step, recipe):
        assert step == next(at)
        return recipe.ending_at(total, step, batches.per_epoch) if step == 2 else recipe

    first = weights_of(session.run(follow=follow))
    assert session.state.step == total
    assert len(session.state.history) == math.ceil(total / batches.per_epoch)
    again = begin()
    again.batches.recipe = again.batches.recipe.ending_at(total, 2, batches.per_epoch)
    assert same(first, again.run().state_dict())
    assert again.state.history[-1]["learning_rate"] == session.state.history[-1]["learning_rate"]
