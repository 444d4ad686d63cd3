"""How fast each layer is trained further."""

import numpy as np
import pytest
import torch

from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training.batches import Batch
from pellucid.training.objectives import LossAndHits, Objective
from pellucid.training.optimisers import SHARE, build_optimizer, shares_of_rate
from pellucid.training.recipe import choose_recipe
from pellucid.training.recipe_defaults import Surroundings
from pellucid.training.steps import TrainingStep


@pytest.fixture
def network():
    facts = InputFacts((3, 32, 32), 4, 1000)
    return build(design("cnn", Settings(), facts), torch.Generator().manual_seed(0))


def recipe(**given):
    labels = torch.arange(64).numpy() % 4
    around = Surroundings(
        train_labels=labels,
        classes=4,
        target=CLASSIFICATION,
        takes="images",
        precision="fp32",
        device="cpu",
        threads=1,
        shortest_side=32,
    )
    return choose_recipe(Settings(**given), around)


@pytest.mark.parametrize("uppermost", [0.7, 0.1])
def test_the_lower_a_layer_the_less_it_gets_and_the_head_gets_all(network, uppermost):
    shares = shares_of_rate(network, uppermost)
    values = [shares[name] for name, _ in network.named_parameters()]
    assert shares["head.linear.weight"] == 1.0
    assert values == sorted(values)
    groups = [uppermost * 0.8**depth for depth in range(5, -1, -1)]
    assert sorted({*values}) == pytest.approx(sorted({*groups, 1.0}))


def test_groups_are_of_equal_number(network):
    body = {name: share for name, share in shares_of_rate(network, 0.5).items() if name.startswith("body.")}
    sizes = [list(body.values()).count(share) for share in {*body.values()}]
    assert len(sizes) == 6
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_step_moves_a_parameter_by_its_share(network, optimizer):
    """A real training step on a loss whose gradient is one everywhere."""
    shares = shares_of_rate(network, 0.3)
    chosen = recipe(optimizer=optimizer, weight_decay=0.0)
    before = {name: each.detach().clone() for name, each in network.named_parameters() if each.requires_grad}
    assert before
    assert before.keys() <= shares.keys()
    built = build_optimizer(network, chosen, shares)
    TrainingStep(network, built, SumOfParameters(), chosen, 64)(batch(), 0, 0.01)
    for name, parameter in network.named_parameters():
        if name in before:
            moved = (before[name] - parameter).detach()
            assert moved.max().item() == pytest.approx(0.01 * shares[name], rel=1e-3), name
            assert moved.min().item() == pytest.approx(0.01 * shares[name], rel=1e-3), name


class SumOfParameters(Objective):
    """Goes down the sum of all that learns."""

    def losses(self, batch, step, means):
        def loss(network, part, examples):
            return LossAndHits(sum(each.sum() for each in network.parameters() if each.requires_grad))

        yield loss


def batch():
    return Batch(torch.zeros(4, 3, 32, 32), torch.zeros(4, dtype=torch.int64), np.arange(4))


def test_without_shares_every_parameter_gets_the_whole_rate(network):
    built = build_optimizer(network, recipe())
    assert {group[SHARE] for group in built.param_groups} == {1.0}
