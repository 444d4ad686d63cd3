import numpy as np
import pytest
import torch
from torch import nn

from pellucid.training.optimisers import BETAS, MOMENTUM, OPTIMIZERS, build_optimizer


def _descend(begin, name: str, weight_decay: float = 0.0, steps: int = 3) -> float:
    """Value of w after a few steps down w**2 / 2 from w = 1 at rate 0.1."""
    recipe = begin(optimizer=name, learning_rate=0.1, weight_decay=weight_decay).batches.recipe
    assert recipe.optimizer == name
    layer = nn.Linear(1, 1, bias=False).double()
    nn.init.ones_(layer.weight)
    optimizer = build_optimizer(layer, recipe)
    for _ in range(steps):
        optimizer.zero_grad()
        (layer.weight.square().sum() / 2).backward()
        optimizer.step()
    return layer.weight.item()


@pytest.mark.parametrize("name", ["gd", "sgd"])
def test_plain_descent_shrinks_by_one_minus_the_rate(begin, name):
    assert _descend(begin, name) == pytest.approx(0.9**3)


def test_momentum_follows_its_formula(begin):
    weight, velocity = 1.0, 0.0
    for _ in range(3):
        velocity = MOMENTUM * velocity + weight
        weight -= 0.1 * velocity
    assert _descend(begin, "momentum") == pytest.approx(weight)


def test_nesterov_follows_its_formula(begin):
    weight, velocity = 1.0, 0.0
    for _ in range(3):
        velocity = MOMENTUM * velocity + weight
        weight -= 0.1 * (weight + MOMENTUM * velocity)
    assert _descend(begin, "nesterov") == pytest.approx(weight)


@pytest.mark.parametrize(("name", "decay"), [("adam", 0.0), ("adamw", 0.0), ("adamw", 0.5)])
def test_adam_follows_its_formula(begin, name, decay):
    weight, first, second = 1.0, 0.0, 0.0
    for step in range(1, 4):
        gradient = weight
        weight -= 0.1 * decay * weight
        first = BETAS[0] * first + (1 - BETAS[0]) * gradient
        second = BETAS[1] * second + (1 - BETAS[1]) * gradient**2
        unbiased = (first / (1 - BETAS[0] ** step)) / (np.sqrt(second / (1 - BETAS[1] ** step)) + 1e-8)
        weight -= 0.1 * unbiased
    assert _descend(begin, name, decay) == pytest.approx(weight)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimiser_learns_the_digits(begin, name):
    session = begin(optimizer=name, epochs=3, model="mlp", width=32)
    session.run()
    losses = [record["train_loss"] for record in session.state.history]
    assert losses[-1] < losses[0]


def test_biases_are_not_decayed(begin):
    recipe = begin(weight_decay=0.5).batches.recipe
    layer = nn.Linear(3, 2)
    decays = {
        id(parameter): group["weight_decay"]
        for group in build_optimizer(layer, recipe).param_groups
        for parameter in group["params"]
    }
    assert decays == {id(layer.weight): 0.5, id(layer.bias): 0.0}


def test_frozen_parameters_are_left_out(begin):
    layer = nn.Linear(3, 2)
    layer.bias.requires_grad_(False)
    optimizer = build_optimizer(layer, begin().batches.recipe)
    assert [len(group["params"]) for group in optimizer.param_groups] == [1]
    assert torch.equal(optimizer.param_groups[0]["params"][0], layer.weight)
