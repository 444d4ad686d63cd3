"""The first block stays as it is towards the end, where the recipe says so."""

import dataclasses

import pytest
import torch

from killing import killed_and_resumed
from pellucid.settings import Settings
from pellucid.training import Recipe
from pellucid.training.recipe import continued

FIRST = "body.block1."


def thawing(session, share=0.5):
    """The session with a first block that learns for a share of the epochs."""
    session.batches.recipe = dataclasses.replace(session.batches.recipe, frozen_from=share)
    return session


class Kept:
    """Observer that keeps the first block's weights after every epoch."""

    def __init__(self):
        self.blocks, self.others = [], []

    def after_step(self, state):
        pass

    def after_epoch(self, state):
        weights = {name: each.detach().clone() for name, each in state.network.named_parameters()}
        self.blocks.append({name: each for name, each in weights.items() if name.startswith(FIRST)})
        self.others.append({name: each for name, each in weights.items() if not name.startswith(FIRST)})


@pytest.mark.parametrize("threads", [1, 2])
def test_the_first_block_learns_at_first_and_then_stays(begin, threads):
    session, kept = thawing(begin(epochs=4, threads=threads, batch_size=130)), Kept()
    session.run([kept], keeps_best=False)
    assert all(not torch.equal(each, kept.blocks[1][name]) for name, each in kept.blocks[0].items())
    assert all(torch.equal(each, kept.blocks[3][name]) for name, each in kept.blocks[1].items())
    moved = [not torch.equal(each, kept.others[3][name]) for name, each in kept.others[2].items()]
    assert sum(moved) == len(moved) - 1  # the whitening filters never learn
    assert all(each.requires_grad for name, each in session.network.named_parameters() if "stem" not in name)


def test_its_gradient_is_measured_while_it_learns(begin):
    session = thawing(begin(epochs=4, batch_size=16))
    session.run()
    history = session.state.history
    with_block = ["body.block1.conv1" in record["health"]["weights"] for record in history]
    assert with_block == [True, True, False, False]
    assert all("body.block2.conv1" in record["health"]["weights"] for record in history)


@pytest.mark.parametrize("stop", [7, 10, 14])
def test_a_resumed_run_freezes_where_it_would_have(begin, tmp_path, stop):
    whole = thawing(begin(epochs=3)).run().state_dict()
    resumed = killed_and_resumed(lambda: thawing(begin(epochs=3)), stop, tmp_path, 2)
    weights = resumed.run().state_dict()
    assert all(torch.equal(whole[name], weights[name]) for name in whole)


@pytest.mark.parametrize(("epochs", "frozen"), [(1, 0), (2, 0), (3, 1), (4, 1), (6, 2), (16, 5), (60, 20)])
def test_a_third_of_the_epochs_rounded_down(begin, epochs, frozen):
    recipe = dataclasses.replace(begin().batches.recipe, epochs=epochs, frozen_from=2 / 3)
    assert recipe.frozen_epochs == frozen
    assert Recipe.from_json(recipe.to_json()) == recipe


def test_a_network_that_continues_learns_with_all_its_blocks(begin):
    fresh = dataclasses.replace(begin().batches.recipe, frozen_from=2 / 3)
    assert continued(fresh, Settings(), 600, new_classes=0).frozen_epochs == 0
