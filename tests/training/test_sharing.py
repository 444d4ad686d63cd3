"""Threads that take a part of a batch each."""

import dataclasses

import pytest
import torch
from torch import nn

from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import DivergedError
from pellucid.training.steps import FEWEST, DataParallelWorkers, MicroBatchDropout
from training.sessions import first_batch, same, step_of, weights_of

OF_IMAGES = FEWEST["cnn"]
WHOLE = 2 * OF_IMAGES + 50


def taught(session, steps=1, class_weights=None, mix=0.0):
    """The session after some steps, and their results."""
    changed = {"augmentation": Augmentation(mix=mix), "class_weights": class_weights}
    recipe = dataclasses.replace(session.batches.recipe, **changed)
    session.batches.recipe = recipe
    step = step_of(session)
    session.network.train()
    batches = [batch for batch, _ in zip(session.batches.epoch(0), range(steps), strict=False)]
    return session, [step(batch, number, 0.01) for number, batch in enumerate(batches)]


def both(begin, steps=1, class_weights=None, mix=0.0, **given):
    """The same training by one thread and by two that take a part each."""
    sessions = [begin(threads=threads, batch_size=WHOLE, **given) for threads in (1, 2)]
    return [taught(session, steps, class_weights, mix) for session in sessions]


def pairs(one, two):
    """Entries of two sessions' weights beside each other."""
    return zip(one.network.state_dict().items(), two.network.state_dict().values(), strict=True)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"class_weights": tuple(map(float, range(1, 11)))},
        {"loss": "mse"},
        {"optimizer": "momentum"},
        {"mix": 0.5, "class_weights": tuple(map(float, range(1, 11)))},
    ],
)
def test_parts_together_take_the_step_of_the_whole(begin, given):
    (one, alone), (two, shared) = both(begin, steps=3, batch_norm=False, **given)
    for before, after in zip(alone, shared, strict=True):
        assert after.loss == pytest.approx(before.loss, rel=1e-4)
        assert (after.examples, after.correct) == (before.examples, before.correct)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight, other, atol=2e-3), name


def test_parts_of_an_epoch_add_up_where_it_is_one_step(begin):
    sessions = [begin(threads=threads, optimizer="gd", batch_norm=False) for threads in (1, 2)]
    (one, _), (two, _) = (taught(session, session.batches.per_epoch) for session in sessions)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight, other, atol=1e-4), name


def test_a_number_is_learnt_in_parts_too(begin_numbers):
    (one, alone), (two, shared) = both(begin_numbers, batch_norm=False)
    assert shared[0].loss == pytest.approx(alone[0].loss, rel=1e-4)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight.double(), other.double(), rtol=1e-3, atol=2e-3), name


TEXT_NETWORKS = [{"model": "text-cnn"}, {"model": "rnn"}, {"model": "rnn", "cell": "gru", "depth": 2}]


@pytest.mark.parametrize("given", TEXT_NETWORKS)
def test_texts_are_learnt_in_parts_too(begin_texts, given):
    (one, alone), (two, shared) = both(begin_texts, steps=3, dropout=0.0, **given)
    assert DataParallelWorkers(two.network, two.batches.recipe).parts(WHOLE)[1].examples.start == WHOLE // 2
    for before, after in zip(alone, shared, strict=True):
        assert after.loss == pytest.approx(before.loss, rel=1e-4)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight, other, atol=2e-3), name


@pytest.mark.parametrize("given", [{}, TEXT_NETWORKS[0]])
def test_each_part_draws_what_drops_out_by_itself(begin, begin_texts, given):
    start, sessions = begin_texts if given else begin, []
    for seed in (1, 1, 2):
        session = start(threads=2, batch_size=WHOLE, dropout=0.5, **given)
        torch.manual_seed(seed)
        sessions.append(taught(session, steps=2)[0])
    one, again, other = (session.network.state_dict() for session in sessions)
    assert same(one, again)
    assert not same(one, other)


def test_what_is_left_in_a_part_is_scaled_up():
    draws = torch.Generator().manual_seed(0)
    layer, values = MicroBatchDropout(0.8, draws), torch.ones(200, 100)
    first, second = layer(values), layer(values)
    assert first.unique().tolist() == pytest.approx([0, 5])
    assert first.mean() == pytest.approx(1, abs=0.05)
    assert not torch.equal(first, second)
    assert torch.equal(layer.eval()(values), values)


def test_running_means_are_those_of_the_parts(begin):
    session = begin(threads=2, batch_size=WHOLE)
    alone = begin(threads=1, batch_size=WHOLE)
    batch = first_batch(session)
    team = DataParallelWorkers(session.network, session.batches.recipe)
    norm = "body.block1.norm1"
    seen = []
    hook = alone.network.get_submodule(norm).register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach())
    )
    for part in team.parts(WHOLE):
        alone.network.train()(batch.inputs[part.examples])
    hook.remove()
    assert len(seen) == 2
    shares = [len(part) / WHOLE for part in seen]
    means = [part.mean(dim=(0, 2, 3)) for part in seen]
    step = step_of(session)
    session.network.train()
    step(batch, 0, 0.01)
    expected = 0.1 * (shares[0] * means[0] + shares[1] * means[1])
    found = session.network.get_submodule(norm).running_mean
    assert torch.allclose(found, expected, atol=1e-5)


def test_parts_are_alike_in_size_and_none_is_small(begin):
    def sizes(examples, **given):
        session = begin(threads=2, batch_size=WHOLE, **given)
        parts = DataParallelWorkers(session.network, session.batches.recipe).parts(examples)
        assert parts[0].examples.start == 0
        return [part.examples.stop - part.examples.start for part in parts]

    assert sizes(WHOLE) == [89, 89]
    assert sizes(2 * OF_IMAGES) == [64, 64]
    assert sizes(2 * OF_IMAGES - 1) == [127]
    assert sizes(3) == [3]
    assert sizes(WHOLE, model="mlp") == [WHOLE]  # small networks are not shared


def test_the_same_threads_give_the_same_weights_and_torch_has_its_own_as_before(begin):
    before = torch.get_num_threads()
    first, second = (begin(threads=2, batch_size=WHOLE).run().state_dict() for _ in range(2))
    assert same(first, second)
    assert torch.get_num_threads() == before


def test_a_part_that_is_not_finite_stops_before_the_update(begin):
    session = begin(threads=2, batch_size=WHOLE)
    step = step_of(session)
    session.network.train()
    batch = first_batch(session)
    inputs = batch.inputs.clone()
    inputs[-1] = float("nan")
    before = weights_of(session.network.head)
    with pytest.raises(DivergedError, match="the loss is nan"):
        step(batch._replace(inputs=inputs), 3, 0.25)
    assert same(before, session.network.head.state_dict())


def test_a_small_batch_between_others_keeps_running_means_together(begin):
    session = begin(threads=2, batch_size=WHOLE)
    team = DataParallelWorkers(session.network, session.batches.recipe)

    def running(network):
        return next(each for each in network.modules() if isinstance(each, nn.BatchNorm2d)).running_mean

    running(session.network).fill_(5.0)
    found = team.each(team.parts(WHOLE), lambda part: running(part.network).clone())
    assert all(torch.equal(each, torch.full_like(each, 5.0)) for each in found)
