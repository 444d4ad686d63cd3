"""Optimisers and learning rates; `reference/test_training.py` compares their steps with the formulas."""

import pytest
import torch
from torch import nn

from pellucid.training.optimisers import (
    OPTIMIZERS,
    SCHEDULES,
    build_optimizer,
    learning_rate,
    orthogonalised,
    turned_by_muon,
)


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


def test_one_cycle_rises_for_a_fifth_and_falls_to_zero():
    one_cycle = SCHEDULES["one-cycle"]
    assert [one_cycle(p) for p in (0.0, 0.1, 0.2, 0.6, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 0.5, 0.0])


def test_cosine_is_half_way_down_in_the_middle():
    assert [SCHEDULES["cosine"](p) for p in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.5, 0.0])


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_step_is_idle_and_none_exceeds_the_largest_rate(name):
    rates = [learning_rate(name, 0.3, step, 50) for step in range(50)]
    assert min(rates) > 0.0
    assert max(rates) <= 0.3


def test_constant_stays():
    assert {learning_rate("constant", 0.1, step, 9) for step in range(9)} == {0.1}


@pytest.mark.parametrize("shape", [(12, 40), (40, 12)])
def test_muon_brings_singular_values_near_one_in_the_same_directions(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    found = left.T @ orthogonalised(matrix) @ right.T
    assert torch.allclose(found, torch.diag(found.diagonal()), atol=1e-9)
    assert 0.5 < found.diagonal().min() <= found.diagonal().max() < 1.3
    assert torch.equal(orthogonalised(torch.zeros(shape)), torch.zeros(shape))


def test_muon_keeps_the_scale_of_the_weights_that_it_turns(begin):
    session = begin(optimizer="muon", model="cnn", width=8, epochs=2)
    turned = turned_by_muon(session.network)
    start = {name: each.detach().clone() for name, each in session.network.named_parameters()}
    trained = dict(session.run().named_parameters())
    assert "head.linear.weight" not in turned
    assert "body.stem.weight" not in turned
    assert len(turned) == 2 * 2
    for name in turned:
        assert float(trained[name].detach().norm()) == pytest.approx(float(start[name].norm()), rel=0.05)
        assert not torch.allclose(trained[name], start[name], atol=1e-2)


def test_muon_in_bf16_is_near_that_in_fp32(begin):
    """One step of each from the same weights and gradients."""
    found = []
    for precision in ("fp32", "bf16"):
        session = begin(optimizer="muon", model="cnn", width=8, precision=precision)
        generator = torch.Generator().manual_seed(1)
        for _, each in session.network.named_parameters():
            each.grad = torch.randn(each.shape, generator=generator) if each.requires_grad else None
        session.state.optimizer.step()
        found.append(session.network.body.block2.conv2.weight.detach().clone())
    assert torch.allclose(*found, atol=0.02 * float(found[0].abs().max()))
    assert not torch.equal(*found)
