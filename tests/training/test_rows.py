"""Vectors of n-grams learn by the rows of a batch: the very steps of Adam without momentum."""

import numpy as np
import pytest
import torch
from torch import nn

from pellucid.networks.text_layers import EmbeddingBag, SumOfRows
from pellucid.reference.optimisers import Memory, Numbers, adam
from pellucid.training import optimisers
from pellucid.training.optimisers import BETAS, SHARE, build_optimizer
from training.sessions import first_batch, step_of

ROWS, UNITS = 12, 3


def drawn_ids(draws):
    return torch.from_numpy(draws.integers(0, ROWS - 2, (4, 5)))  # the last two are never there


def test_the_sparse_gradient_is_that_of_the_whole_table():
    draws = np.random.default_rng(0)
    ids, weights = drawn_ids(draws), torch.from_numpy(draws.normal(size=(4, 5)))
    table = torch.from_numpy(draws.normal(size=(ROWS, UNITS))).requires_grad_()
    outer = torch.from_numpy(draws.normal(size=(4, UNITS)))
    total = SumOfRows.apply(table, ids, weights)
    expected = torch.einsum("bl,blu->bu", weights, nn.functional.embedding(ids, table))
    torch.testing.assert_close(total, expected)
    (sparse,) = torch.autograd.grad(total, table, outer)
    (dense,) = torch.autograd.grad(expected, table, outer)
    assert sparse.is_sparse
    assert sparse._indices()[0].tolist() == sorted(set(ids.flatten().tolist()))
    torch.testing.assert_close(sparse.to_dense(), dense)


@pytest.mark.parametrize("name", ["adam", "adamw"])
def test_steps_by_rows_are_those_of_adam_without_momentum(begin, monkeypatch, name):
    """In these steps what is kept is brought to its true size twice."""
    monkeypatch.setattr(optimisers, "_SPAN", 50)
    recipe = begin(optimizer=name, model="mlp", weight_decay=0.0).batches.recipe
    draws = np.random.default_rng(3)
    layer = EmbeddingBag((0, ROWS), UNITS).double().train()
    nn.init.normal_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimizer = build_optimizer(layer, recipe)
    assert layer.by_rows
    expected, memory = layer.weight.detach().numpy().copy(), Memory()
    for step in range(110):
        ids, outer = drawn_ids(draws)[: 1 + step % 4], draws.normal(size=UNITS)
        rate = 0.01 / (1 + step % 3)
        for group in optimizer.param_groups:
            group["lr"] = rate * group[SHARE]
        gradient = np.zeros((ROWS, UNITS))
        ascending = ids.sort(dim=1).values
        np.add.at(gradient, ascending.numpy(), layer.weigh(ascending).numpy()[..., None] * outer)
        expected, memory = adam(expected, gradient, memory, Numbers(rate, betas=(0.0, BETAS[1])))
        (layer(ids) * torch.from_numpy(outer)).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    np.testing.assert_allclose(layer.weight.detach().numpy(), expected, rtol=1e-9)
    assert optimizer.state_dict()["state"].keys() == {0, 1}  # the bias learns beside it


@pytest.mark.parametrize(("name", "decay"), [("adamw", 0.1), ("nesterov", 0.0), ("gd", 0.0)])
def test_other_updates_are_of_the_whole_table(begin_texts, name, decay):
    session = begin_texts(model="bag", optimizer=name, weight_decay=decay, epochs=1)
    (layer,) = (each for each in session.network.modules() if isinstance(each, EmbeddingBag))
    assert not layer.by_rows


def test_a_step_leaves_every_other_row_alone(begin_texts):
    session = begin_texts(model="bag", epochs=1, batch_size=16)
    (layer,) = (each for each in session.network.modules() if isinstance(each, EmbeddingBag))
    before = layer.weight.detach().clone()
    batch = first_batch(session)
    session.network.train()
    step_of(session)(batch, 0, 0.01)
    moved = (layer.weight.detach() != before).any(1).nonzero().flatten().tolist()
    assert set(moved) <= set(batch.inputs.flatten().tolist())
    assert len(moved) > 2
