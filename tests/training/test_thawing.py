"""Which layers are trained further, and how fast."""

import pytest
import torch

from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.training.optimisers import SHARE, build_optimizer
from pellucid.training.recipe import choose_recipe
from pellucid.training.surroundings import Surroundings
from pellucid.training.thawing import STAGES, thaw


@pytest.fixture
def network():
    facts = InputFacts((3, 32, 32), 4, 1000)
    return build(design("cnn", Settings(), facts), torch.Generator().manual_seed(0))


def recipe(**given):
    labels = torch.arange(64).numpy() % 4
    around = Surroundings(
        train_labels=labels,
        classes=4,
        takes="pictures",
        precision="fp32",
        device="cpu",
        threads=1,
        shortest_side=32,
    )
    return choose_recipe(Settings(**given), around)


def test_upper_groups_are_trained_and_lower_ones_are_not(network):
    shares = thaw(network, 2)
    body = [name for name, _ in network.named_parameters() if name.startswith("body.")]
    opened = [name for name in body if name in shares]
    assert opened == body[len(body) - len(opened) :]
    assert len(opened) == pytest.approx(len(body) / 3, abs=1)
    assert all(parameter.requires_grad == (name in shares) for name, parameter in network.named_parameters())


def test_the_head_gets_all_and_each_group_less_than_the_one_above(network):
    shares = thaw(network, 6)
    values = [shares[name] for name, _ in network.named_parameters()]
    assert shares["head.linear.weight"] == 1.0
    assert values == sorted(values)
    assert sorted(set(values)) == pytest.approx([0.3 * 0.6**depth for depth in range(5, -1, -1)] + [1.0])


def test_nothing_but_the_head_is_open_at_0(network):
    assert {name.split(".")[0] for name in thaw(network, 0)} == {"head"}


def test_later_stages_open_more(network):
    assert list(STAGES) == sorted(set(STAGES))
    assert thaw(network, STAGES[0]).keys() < thaw(network, STAGES[1]).keys()


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adamw"])
def test_a_step_moves_a_parameter_by_its_share(network, optimizer):
    shares = thaw(network, 6)
    chosen = recipe(optimizer=optimizer, weight_decay=0.0)
    built = build_optimizer(network, chosen, shares)
    by_parameter = {id(each): group[SHARE] for group in built.param_groups for each in group["params"]}
    for name, parameter in network.named_parameters():
        assert by_parameter[id(parameter)] == shares[name]
        parameter.grad = torch.ones_like(parameter)
    before = {name: each.detach().clone() for name, each in network.named_parameters()}
    for group in built.param_groups:
        group["lr"] = 0.01 * group[SHARE]
    built.step()
    moved = {name: (before[name] - each).abs().max().item() for name, each in network.named_parameters()}
    for name, share in shares.items():
        assert moved[name] == pytest.approx(0.01 * share, rel=1e-3), name


def test_without_shares_every_parameter_gets_the_whole_rate(network):
    built = build_optimizer(network, recipe())
    assert {group[SHARE] for group in built.param_groups} == {1.0}
