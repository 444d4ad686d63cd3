import copy
import dataclasses
import json
import math
from collections import OrderedDict

import pytest
import torch
from torch import nn

from killing import KillAt
from pellucid.errors import DivergedError, InterruptedRun
from pellucid.networks.layers import Add
from pellucid.training.batches import Batch
from pellucid.training.hardware import pinned
from pellucid.training.layer_health import (
    ExaminedStep,
    activations_of,
    epoch_health,
    measured,
    spacing,
    weights_of_layers,
)
from pellucid.training.loop import fit, validator
from pellucid.training.state import State, load_checkpoint
from pellucid.training.steps import StepResult
from training.sessions import first_batch, step_of

TIMED = ("seconds", "images_per_second", "texts_per_second")


def untimed(history):
    return [{key: value for key, value in record.items() if key not in TIMED} for record in history]


def run_unwatched(session):
    """Train by the bare step."""
    validate = validator(session.network, session.batches.examples, "cpu")
    with pinned(session.batches.recipe.threads):
        fit(session.state, step_of(session), session.batches, validate)
    session.network.load_state_dict(session.state.best.weights)


@pytest.mark.parametrize(
    ("start", "given"),
    [
        ("begin", {"activation": "relu", "dropout": 0.2, "precision": "bf16"}),
        ("begin", {"model": "mlp", "activation": "tanh", "optimizer": "gd"}),
        ("begin_texts", {"model": "rnn"}),
    ],
)
def test_looking_changes_no_byte_of_the_weights(request, start, given):
    begin = request.getfixturevalue(start)
    watched, unwatched = begin(epochs=4, **given), begin(epochs=4, **given)
    watched.run()
    run_unwatched(unwatched)
    assert any("health" in record for record in watched.state.history)
    assert not any("health" in record for record in unwatched.state.history)
    for name, tensor in watched.network.state_dict().items():
        assert tensor.numpy().tobytes() == unwatched.network.state_dict()[name].numpy().tobytes(), name
    bare = [
        {key: value for key, value in record.items() if key != "health"} for record in watched.state.history
    ]
    assert untimed(bare) == untimed(unwatched.state.history)


def test_a_killed_run_records_the_same_when_it_is_resumed(begin, tmp_path):
    unbroken, broken, resumed = (begin(model="mlp", epochs=6) for _ in range(3))
    unbroken.run()
    with pytest.raises(InterruptedRun, match="killed"):
        broken.run([KillAt(27, tmp_path, every=1)])
    load_checkpoint(tmp_path, resumed.state)
    assert resumed.state.sums.health == broken.state.sums.health
    resumed.run()
    assert any("health" in record for record in resumed.state.history)
    assert untimed(resumed.state.history) == untimed(unbroken.state.history)


@pytest.mark.parametrize(
    ("optimizer", "per_epoch", "total", "steps"),
    [
        ("adamw", 10, 100, 20),
        ("adamw", 430, 4300, 108),
        ("adamw", 10, 100_000, 250),
        ("gd", 8, 80, 24),
        ("gd", 1, 60, 20),
    ],
)
def test_steps_between_measured_ones(begin, optimizer, per_epoch, total, steps):
    recipe = dataclasses.replace(begin().batches.recipe, optimizer=optimizer, total_steps=total)
    assert spacing(recipe, per_epoch) == steps


@pytest.mark.parametrize(("optimizer", "epochs"), [("sgd", 4), ("gd", 20)])
def test_the_lengths_of_gradient_weights_and_update_follow_from_each_other(begin, optimizer, epochs):
    """The gradients of gd are those of the whole epoch."""
    given = {"optimizer": optimizer, "weight_decay": 0.0, "schedule": "constant"}
    session = begin(model="mlp", epochs=epochs, **given)
    session.run()
    [first, *_] = [record["health"] for record in session.state.history if "health" in record]
    assert list(first["weights"]) == ["body.linear1", "body.linear2", "head"]
    for layer in first["weights"].values():
        update = session.batches.recipe.learning_rate * layer["gradient_norm"]
        assert layer["update_to_weight"] == pytest.approx(update / layer["weight_norm"], rel=2e-3)


def test_weights_of_very_many_numbers_are_judged_by_some_of_their_rows(begin):
    torch.manual_seed(0)
    session, large = begin(epochs=2), nn.Embedding(40_000, 20)
    optimizer = torch.optim.SGD(large.parameters(), lr=0.1)
    state = State(nn.Sequential(OrderedDict(large=large)), optimizer)
    gradient = torch.randn_like(large.weight)

    def step(batch, number, rate):
        large.weight.grad = gradient.clone()
        optimizer.step()
        return StepResult(0.0, 1)

    length = float(large.weight.detach().norm())
    ExaminedStep(step, state, session.batches)(first_batch(session), 19, 0.1)
    found = epoch_health(state.sums.health)["health"]["weights"]["large"]
    assert found["gradient_norm"] == pytest.approx(float(gradient.norm()), rel=1e-3)
    assert found["weight_norm"] == pytest.approx(length, rel=0.02)
    assert found["update_to_weight"] == pytest.approx(0.1 * float(gradient.norm()) / length, rel=0.02)


@pytest.mark.parametrize("shape", [(5, 7, 4), (5, 4, 3, 3)])
def test_a_unit_is_dead_where_it_is_zero_for_every_example_and_place(shape):
    outputs = torch.ones(shape)
    channel = 2 if len(shape) == 3 else 1
    outputs.select(channel, 1).zero_()
    outputs.select(channel, 2)[1:] = 0
    mean, _, dead = measured(outputs, "relu").tolist()
    assert dead == 0.25
    assert mean == pytest.approx(float(outputs.mean()))


def test_saturation_is_told_at_the_same_place_of_the_curve():
    inputs = torch.tensor([[-3.0, -2.0, 0.0, 2.0, 3.0]])
    assert float(measured(torch.tanh(inputs), "tanh")[2]) == pytest.approx(0.4)
    assert float(measured(torch.sigmoid(2 * inputs), "sigmoid")[2]) == pytest.approx(0.4)


def test_mean_and_deviation_of_bf16_are_computed_in_fp32():
    outputs = torch.full((4, 3), 256.0)
    outputs[0] = 258.0
    mean, deviation, share = measured(outputs.bfloat16(), "gelu").tolist()
    assert (mean, share) == (256.5, 0.0)
    assert deviation == pytest.approx(math.sqrt(0.75))


def test_what_is_overwritten_afterwards_is_measured_before(begin):
    layers = OrderedDict(linear=nn.Linear(3, 4), activation=nn.ReLU(inplace=True))
    network = nn.Sequential(layers)
    inputs = torch.randn(6, 3)
    state = State(network, torch.optim.SGD(network.parameters(), lr=0.1))

    def step(batch, number, rate):
        Add()(network(inputs)[..., None, None], torch.full((6, 4, 1, 1), 100.0))
        return StepResult(0.0, 6)

    expected = copy.deepcopy(network)(inputs)
    with torch.no_grad():
        session = begin(epochs=2)
        ExaminedStep(step, state, session.batches)(first_batch(session), 19, 0.1)
    found = epoch_health(state.sums.health)["health"]["activations"]["activation"]
    assert found["mean"] == pytest.approx(float(expected.detach().mean()), rel=1e-3)
    assert found["kind"] == "relu"


def test_a_step_with_a_number_that_is_not_finite_is_left_out(begin):
    network = nn.Sequential(OrderedDict(linear=nn.Linear(3, 4), activation=nn.ReLU()))
    state = State(network, torch.optim.SGD(network.parameters(), lr=0.1))
    inputs = torch.full((6, 3), 1e30)

    def step(batch, number, rate):
        network(inputs)
        return StepResult(0.0, 6)

    session = begin(epochs=2)
    examined = ExaminedStep(step, state, session.batches)
    examined(first_batch(session), 19, 0.1)
    assert epoch_health(state.sums.health) == {}
    inputs.fill_(1.0)
    examined(first_batch(session), 39, 0.1)
    assert epoch_health(state.sums.health)["health"]["steps"] == 1


def test_of_hundreds_of_layers_32_are_kept_the_first_and_the_last_among_them():
    pairs = [(f"linear{number}", nn.Linear(2, 2)) for number in range(200)]
    network = nn.Sequential(
        OrderedDict(pair for each in pairs for pair in (each, (each[0] + "act", nn.ReLU())))
    )
    weights, activations = list(weights_of_layers(network)), list(activations_of(network))
    assert len(weights) == len(activations) == 32
    assert (weights[0], weights[-1]) == ("linear0", "linear199")
    assert (activations[0], activations[-1]) == ("linear0act", "linear199act")


def test_frozen_layers_and_what_stands_before_the_first_that_learns_are_left_out():
    layers = OrderedDict(frozen=nn.Linear(2, 2), before=nn.ReLU(), learns=nn.Linear(2, 2), after=nn.Tanh())
    network = nn.Sequential(layers)
    network.frozen.requires_grad_(False)
    assert list(weights_of_layers(network)) == ["learns"]
    assert list(activations_of(network)) == ["after"]


def test_nothing_hangs_on_the_network_after_a_step_that_failed(begin):
    session = begin(model="mlp", epochs=2)
    examined = ExaminedStep(step_of(session), session.state, session.batches)
    batch = first_batch(session)
    with pytest.raises(DivergedError, match="the loss is nan"):
        examined(Batch(batch.inputs * math.nan, batch.labels, batch.indices), 19, 0.1)
    assert not any(layer._forward_hooks for layer in session.network.modules())
    assert not session.state.optimizer._optimizer_step_pre_hooks
    assert not session.state.optimizer._optimizer_step_post_hooks


def test_the_record_is_plain_json_and_no_epoch_without_a_measured_step_has_one(begin_texts):
    session = begin_texts(model="text-cnn", epochs=4)
    session.run()
    assert json.loads(json.dumps(session.state.history, allow_nan=False)) == session.state.history
    health = [record.get("health") for record in session.state.history]
    assert [each and each["steps"] for each in health] == [None, 1, None, 1]
    assert "dead" in health[1]["activations"]["body.filters.activation"]
