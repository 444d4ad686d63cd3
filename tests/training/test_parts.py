"""Parts of a batch, and their sum in one order."""

import dataclasses
from itertools import pairwise

import pytest
import torch
from hypothesis import given as drawn
from hypothesis import strategies as st

from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import DivergedError
from pellucid.settings import Settings
from pellucid.training.hardware import pinned
from pellucid.training.recipe_defaults import most_parts
from pellucid.training.steps import Networks, PartDropout, PartSum, TreeSum, parts_of
from training.sessions import first_batch, same, step_of, weights_of

WHOLE = 178


def by_hand(values):
    """The sum of neighbours, of the sums of neighbours, and so on; the last of an odd number stays alone."""
    while len(values) > 1:
        values = [sum(values[place : place + 2]) for place in range(0, len(values), 2)]
    return values[0]


@drawn(st.permutations(range(13)), st.integers(1, 13))
def test_the_order_in_which_parts_come_decides_nothing(order, parts):
    values = torch.randn(13, generator=torch.Generator().manual_seed(parts)).tolist()[:parts]
    tree = TreeSum(parts, lambda one, other: one + other)
    for place in order:
        if place < parts:
            tree.put(values[place], place)
    assert tree.total == by_hand(values)


@drawn(st.integers(1, 20), st.sets(st.integers(1, 19)))
def test_what_neighbours_have_added_before_decides_nothing(parts, borders):
    """Each adds its own run of parts first; the nodes that are left to it are added to those of others."""
    values = torch.randn(20, generator=torch.Generator().manual_seed(parts)).tolist()[:parts]
    whole, add = TreeSum(parts, lambda one, other: one + other), lambda one, other: one + other
    ends = [0, *sorted(border for border in borders if border < parts), parts]
    for start, end in pairwise(ends):
        own = TreeSum(parts, add)
        for place in range(start, end):
            own.put(values[place], place)
        for (level, place), value in own.nodes.items():
            assert (place << level) >= start
            assert min((place + 1) << level, parts) <= end
            whole.put(value, place, level)
    assert whole.total == by_hand(values)


def test_a_gradient_that_no_part_has_stays_none():
    one = PartSum(torch.ones(2).double(), [torch.ones(3), None], [torch.ones(1)])
    both = one.plus(one)
    assert both.numbers.tolist() == [2, 2]
    assert both.gradients[0].tolist() == [2, 2, 2]
    assert both.gradients[1] is None
    assert [each.tolist() for each in both.running] == [[2]]


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
    """The same training in one part and in two."""
    sessions = [begin(threads=2, parts=parts, batch_size=WHOLE, **given) for parts in (1, 2)]
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
    sessions = [begin(threads=2, parts=parts, optimizer="gd", batch_norm=False) for parts in (1, 2)]
    assert [session.batches.recipe.parts for session in sessions] == [1, 2]
    (one, _), (two, _) = (taught(session, session.batches.per_epoch) for session in sessions)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight, other, atol=1e-4), name


def test_a_number_is_learnt_in_parts_too(begin_numbers):
    (one, alone), (two, shared) = both(begin_numbers, batch_norm=False)
    assert shared[0].loss == pytest.approx(alone[0].loss, rel=1e-4)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight.double(), other.double(), rtol=1e-3, atol=2e-3), name


TEXT_NETWORKS = [
    {"model": "text-cnn"},
    {"model": "rnn"},
    {"model": "transformer", "width": 64},
    {"model": "rnn", "cell": "gru", "depth": 2},
]


@pytest.mark.parametrize("given", TEXT_NETWORKS)
def test_texts_are_learnt_in_parts_too(begin_texts, given):
    (one, alone), (two, shared) = both(begin_texts, steps=3, dropout=0.0, **given)
    for before, after in zip(alone, shared, strict=True):
        assert after.loss == pytest.approx(before.loss, rel=1e-4)
    for (name, weight), other in pairs(one, two):
        assert torch.allclose(weight, other, atol=2e-3), name


@pytest.mark.parametrize("given", [{}, TEXT_NETWORKS[0]])
def test_each_part_draws_what_drops_out_by_itself(begin, begin_texts, given):
    start, weights = begin_texts if given else begin, []
    for seed, threads in ((1, 2), (1, 3), (2, 2)):
        session = start(threads=threads, parts=4, batch_size=WHOLE, dropout=0.5, **given)
        torch.manual_seed(seed)
        with pinned(threads):
            weights.append(taught(session, steps=2)[0].network.state_dict())
    one, again, other = weights
    assert same(one, again)
    assert not same(one, other)


def test_what_is_left_in_a_part_is_scaled_up():
    draws = torch.Generator().manual_seed(0)
    layer, values = PartDropout(0.8, draws), torch.ones(200, 100)
    first, second = layer(values), layer(values)
    assert first.unique().tolist() == pytest.approx([0, 5])
    assert first.mean() == pytest.approx(1, abs=0.05)
    assert not torch.equal(first, second)
    assert torch.equal(layer.eval()(values), values)


def test_running_means_are_those_of_the_parts(begin):
    session = begin(threads=2, parts=2, batch_size=WHOLE)
    alone = begin(threads=1, parts=1, batch_size=WHOLE)
    batch = first_batch(session)
    norm = "body.block1.norm1"
    seen = []
    hook = alone.network.get_submodule(norm).register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach())
    )
    for part in parts_of(WHOLE, session.batches.recipe):
        alone.network.train()(batch.inputs[part.examples])
    hook.remove()
    assert len(seen) == 2
    shares = [len(part) / WHOLE for part in seen]
    means = [part.mean(dim=(0, 2, 3)) for part in seen]
    step = step_of(session)
    session.network.train()
    step(batch, 0, 0.01)
    expected = 0.1 * (shares[0] * means[0] + shares[1] * means[1])
    found = session.network.get_submodule(norm)
    assert torch.allclose(found.running_mean, expected, atol=1e-5)
    assert found.num_batches_tracked == 1


def test_every_part_begins_with_the_running_means_before_the_step(begin):
    """One copy has several parts after another here, and none may see what the one before it has left."""
    session = begin(threads=1, parts=3, batch_size=WHOLE)
    networks, seen = Networks(session.network, session.batches.recipe), []
    norm = session.network.get_submodule("body.block1.norm1")
    norm.running_mean.fill_(5.0)

    def work(part, network):
        own = network.get_submodule("body.block1.norm1").running_mean
        seen.append((part.number, own.unique().tolist()))
        own.fill_(part.number)
        return PartSum(torch.zeros(1).double(), [])

    networks.sum(parts_of(WHOLE, session.batches.recipe), work)
    assert sorted(seen) == [(0, [5.0]), (1, [5.0]), (2, [5.0])]
    assert norm.running_mean[0] == pytest.approx(1.0, rel=0.05)


def test_parts_are_alike_in_size_and_none_is_small(begin):
    def sizes(examples, **given):
        recipe = begin(batch_size=WHOLE, **given).batches.recipe
        parts = parts_of(examples, recipe)
        assert [part.number for part in parts] == [*range(len(parts))]
        assert [part.examples.start for part in parts[1:]] == [part.examples.stop for part in parts[:-1]]
        return [part.examples.stop - part.examples.start for part in parts]

    assert sizes(WHOLE) == [89, 89]  # by rule
    assert sizes(WHOLE + 1) == [89, 90]
    assert sizes(100) == [100]
    assert sizes(3) == [3]
    assert sizes(WHOLE, parts=3) == [59, 59, 60]
    assert sizes(120, parts=3) == [60, 60]
    assert sizes(WHOLE, parts=1) == [WHOLE]


@pytest.mark.parametrize(
    ("given", "parts", "reason"),
    [
        ({}, 22, "a batch has 178 examples and batch norm needs 8 examples in each part"),
        ({"batch_norm": False}, 178, "a batch has 178 examples"),
        ({"model": "bag"}, 1, "bag learns from each batch as a whole"),
    ],
)
def test_a_batch_has_no_more_parts_than_it_can_fill(begin, begin_texts, given, parts, reason):
    start = begin_texts if given.get("model") == "bag" else begin
    recipe = start(batch_size=WHOLE, parts=1000, **given).batches.recipe
    assert recipe.parts == parts
    assert most_parts(Settings(**given), given.get("model", "cnn"), WHOLE) == (parts, reason)


def test_statistics_that_a_network_keeps_stay_as_they_are_to_the_bit(begin):
    session = begin(threads=2, parts=3, batch_size=WHOLE)
    recipe, network = session.batches.recipe, session.network
    norm = network.get_submodule("body.block1.norm1")
    norm.running_mean.uniform_(), norm.eval()
    before = norm.running_mean.clone()
    Networks(network, recipe).sum(
        parts_of(WHOLE, recipe), lambda part, lent: PartSum(torch.zeros(1).double(), [])
    )
    assert torch.equal(norm.running_mean, before)


def test_torch_has_its_own_threads_as_before(begin):
    before = torch.get_num_threads()
    begin(threads=2, batch_size=WHOLE).run()
    assert torch.get_num_threads() == before


def test_a_part_that_is_not_finite_stops_before_the_update(begin):
    session = begin(threads=2, parts=2, batch_size=WHOLE)
    step = step_of(session)
    session.network.train()
    batch = first_batch(session)
    inputs = batch.inputs.clone()
    inputs[-1] = float("nan")
    before = weights_of(session.network.head)
    with pytest.raises(DivergedError, match="the loss is nan"):
        step(batch._replace(inputs=inputs), 3, 0.25)
    assert same(before, session.network.head.state_dict())
