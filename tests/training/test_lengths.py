"""Texts side by side by length, in batches and in blocks that are scored."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.training import batches as module
from pellucid.training.batches import batches_by_length, blocks_by_length
from pellucid.training.recipe import batches_per_epoch


def _cut(lengths, size, seed=0):
    draws = np.random.default_rng(seed)
    order = draws.permutation(len(lengths))
    return batches_by_length(order, lengths[order], size, batches_per_epoch(len(lengths), size), draws)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=80), st.integers(1, 20))
def test_every_text_stands_in_one_batch_and_batches_are_as_many_as_said(lengths, size):
    batches = _cut(np.array(lengths), size)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert len(batches) == batches_per_epoch(len(lengths), size)
    assert [len(batch) for batch in batches[:-1]] == [size] * (len(batches) - 1)
    assert len(batches[-1]) <= size + 1


def test_most_of_the_padding_is_spared():
    lengths = np.random.default_rng(1).geometric(0.02, size=4000)
    cells = sum(int(lengths[batch].max()) * len(batch) for batch in _cut(lengths, 32))
    unsorted = sum(int(chunk.max()) * 32 for chunk in lengths.reshape(-1, 32))
    assert cells < 1.1 * lengths.sum()
    assert unsorted > 3 * lengths.sum()


def test_batches_do_not_come_from_short_to_long():
    widths = [int(batch.max()) for batch in _cut(np.arange(640), 10)]
    assert widths != sorted(widths)
    assert sum(a < b for a, b in itertools.pairwise(widths)) in range(20, 44)


def test_the_longest_texts_do_not_always_share_the_small_last_batch():
    lengths = np.arange(103)
    last = [set(_cut(lengths, 10, seed)[-1].tolist()) for seed in range(20)]
    assert len(set.union(*last)) > 30
    assert {len(each) for each in last} == {3}


def test_equally_long_texts_are_mixed_anew_by_each_order():
    first, second = (_cut(np.full(64, 5), 8, seed) for seed in (0, 1))
    assert {tuple(sorted(batch)) for batch in first} != {tuple(sorted(batch)) for batch in second}


@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_blocks_hold_every_text_once_within_their_bounds(lengths):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS", 7)
        patch.setattr(module, "IDS", 500)
        blocks = blocks_by_length(np.array(lengths))
    assert sorted(np.concatenate(blocks).tolist()) == list(range(len(lengths)))
    for block in blocks:
        assert len(block) <= 7
        assert len(block) == 1 or len(block) * max(lengths[place] for place in block) <= 500
