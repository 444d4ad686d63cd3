"""The first block stays as it is towards the end, where the recipe says so."""

import dataclasses
import itertools

import pytest
import torch

from pellucid.settings import Settings
from pellucid.training import Recipe
from pellucid.training.recipe import continued
from training.sessions import After, assert_a_resume_ends_alike

FIRST = "body.block1."


def thawing(session, share=0.5):
    """The session with a first block that learns for a share of the epochs."""
    session.batches.recipe = dataclasses.replace(session.batches.recipe, frozen_from=share)
    return session


def test_the_first_block_learns_at_first_and_then_stays(begin):
    session, kept = thawing(begin(epochs=4, threads=2, batch_size=130)), []

    def keep(state):
        kept.append({name: each.detach().clone() for name, each in state.network.named_parameters()})

    session.run([After(epoch=keep)], keeps_best=False)
    moved = [
        {name for name, each in one.items() if not torch.equal(each, other[name])}
        for one, other in itertools.pairwise(kept)
    ]
    block = {name for name in kept[0] if name.startswith(FIRST)}
    assert moved[0] >= block
    assert moved[1] == moved[2] == moved[0] - block
    assert len(moved[0]) == len(kept[0]) - 1  # the whitening filters never learn
    assert all(each.requires_grad for name, each in session.network.named_parameters() if "stem" not in name)


def test_its_gradient_is_measured_while_it_learns(begin):
    session = thawing(begin(epochs=4, batch_size=16))
    session.run()
    history = session.state.history
    with_block = ["body.block1.conv1" in record["health"]["weights"] for record in history]
    assert with_block == [True, True, False, False]
    assert all("body.block2.conv1" in record["health"]["weights"] for record in history)


@pytest.mark.parametrize("stop", [7, 14])
def test_a_resumed_run_freezes_where_it_would_have(begin, tmp_path, stop):
    assert_a_resume_ends_alike(lambda: thawing(begin(epochs=3)), stop, tmp_path)


@pytest.mark.parametrize(("epochs", "frozen"), [(1, 0), (2, 0), (3, 1), (4, 1), (6, 2), (16, 5), (60, 20)])
def test_a_third_of_the_epochs_rounded_down(begin, epochs, frozen):
    recipe = dataclasses.replace(begin().batches.recipe, epochs=epochs, frozen_from=2 / 3)
    assert recipe.frozen_epochs == frozen
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_network_that_continues_learns_with_all_its_blocks(begin):
    fresh = dataclasses.replace(begin().batches.recipe, frozen_from=2 / 3)
    assert continued(fresh, Settings(), 600, new_classes=0).frozen_epochs == 0
