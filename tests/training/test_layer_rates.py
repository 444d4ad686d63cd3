"""How fast each layer is trained further."""

import pytest
import torch

from pellucid.networks import InputFacts, build, design
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION
from pellucid.training.optimisers import SHARE, build_optimizer, shares_of_rate
from pellucid.training.recipe import choose_recipe
from pellucid.training.recipe_defaults import Surroundings


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
    shares = shares_of_rate(network, 0.3)
    chosen = recipe(optimizer=optimizer, weight_decay=0.0)
    built = build_optimizer(network, chosen, shares)
    by_parameter = {id(each): group[SHARE] for group in built.param_groups for each in group["params"]}
    trained = {name: each for name, each in network.named_parameters() if each.requires_grad}
    assert trained.keys() <= shares.keys()
    assert trained
    for name, parameter in trained.items():
        assert by_parameter[id(parameter)] == shares[name]
        parameter.grad = torch.ones_like(parameter)
    before = {name: each.detach().clone() for name, each in trained.items()}
    for group in built.param_groups:
        group["lr"] = 0.01 * group[SHARE]
    built.step()
    for name, parameter in trained.items():
        moved = (before[name] - parameter).abs().max().item()
        assert moved == pytest.approx(0.01 * shares[name], rel=1e-3), name


def test_without_shares_every_parameter_gets_the_whole_rate(network):
    built = build_optimizer(network, recipe())
    assert {group[SHARE] for group in built.param_groups} == {1.0}
