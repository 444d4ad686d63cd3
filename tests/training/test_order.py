import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pellucid.arithmetic.draws import Purpose, generator
from pellucid.data.images.augmentation import Augmentation
from pellucid.errors import StorageError
from pellucid.training import Batches, batches
from pellucid.training.batches import ReadAhead, place_in_file, shuffled_windows

# 3,000 rows of 1,000 bytes: blocks of 4 rows, windows of 16 blocks.
_ROWS, _SIZE = 3_000, 1_000


@pytest.fixture
def tiny_windows(monkeypatch):
    """Any array counts as large, with small windows of small blocks."""
    monkeypatch.setattr(batches, "LARGE", 0)
    monkeypatch.setattr(batches, "_BLOCK", 4 * _SIZE)
    monkeypatch.setattr(batches, "_WINDOW", 64 * _SIZE)


@pytest.fixture
def stored(tmp_path):
    """Rows of bytes in a file behind a header, mapped into memory."""
    rows = np.random.default_rng(0).integers(0, 256, (_ROWS, _SIZE), np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    return np.load(tmp_path / "rows.npy", mmap_mode="r")


def draws(epoch=0):
    return generator(1, Purpose.ORDER, epoch)


def test_what_fits_into_memory_is_shuffled_whole(stored):
    positions = np.arange(0, _ROWS, 3)
    (window,) = shuffled_windows(positions, stored, draws())
    assert np.array_equal(window, draws().permutation(positions))


def test_a_large_set_is_shuffled_in_windows_of_random_blocks(tiny_windows, stored):
    positions = np.flatnonzero(np.random.default_rng(1).random(_ROWS) < 0.8)[: 2_400 - 32]
    windows = shuffled_windows(positions, stored, draws())
    assert [len(window) for window in windows[:-1]] == [64] * (len(windows) - 1)
    assert np.array_equal(np.sort(np.concatenate(windows)), positions)
    first = np.searchsorted(positions, windows[0])
    assert sorted(np.bincount(first // 4)[np.unique(first // 4)].tolist()) == [4] * 16  # whole blocks
    assert np.ptp(first) > 0.5 * len(positions)  # from everywhere
    assert np.count_nonzero(np.diff(first) == 1) < 10  # shuffled inside
    again = shuffled_windows(positions, stored, draws())
    other = shuffled_windows(positions, stored, draws(1))
    assert all(np.array_equal(a, b) for a, b in zip(windows, again, strict=True))
    assert not np.array_equal(windows[0], other[0])


def test_each_class_is_in_each_window_of_a_set_sorted_by_class(monkeypatch):
    """As many blocks to a window as by default; smaller rows."""
    monkeypatch.setattr(batches, "LARGE", 0)
    monkeypatch.setattr(batches, "_BLOCK", 20)
    monkeypatch.setattr(batches, "_WINDOW", 20 * 256)
    inputs, labels = np.zeros((50_000, 1), np.uint8), np.arange(50_000) // 5_000
    for window in shuffled_windows(np.arange(50_000), inputs, draws())[:-1]:
        shares = np.bincount(labels[window], minlength=10) / len(window)
        assert 0.03 < shares.min()
        assert shares.max() < 0.18


def test_batches_of_windows_begin_anywhere_alike(tiny_windows, begin, digits):
    recipe = dataclasses.replace(begin().batches.recipe, batch_size=48)
    batches = Batches(digits, recipe)
    whole = [batch.indices for batch in batches.epoch(1)]
    assert np.array_equal(np.sort(np.concatenate(whole)), digits.train)
    for position, batch in enumerate(Batches(digits, recipe).epoch(1, start=7), start=7):
        assert np.array_equal(batch.indices, whole[position])
    asked = Batches(digits, recipe)
    assert np.array_equal(asked.numbered(batches.per_epoch + 5).indices, whole[5])


def test_the_place_of_a_mapped_array_is_found(stored, tmp_path):
    path, offset = place_in_file(stored[10:])
    with Path(path).open("rb") as file:
        file.seek(offset)
        assert file.read(_SIZE) == stored[10].tobytes()
    assert place_in_file(stored[:, ::2]) is None
    assert place_in_file(np.asarray(stored).copy()) is None


def test_batches_are_read_from_the_file_window_by_window(tiny_windows, stored):
    """Also a batch that begins in one window and ends in another, and what a resumed epoch begins with."""
    positions = np.flatnonzero(np.random.default_rng(1).random(_ROWS) < 0.8)
    windows = shuffled_windows(positions, stored, draws())
    taken = np.concatenate(windows)
    for begin in (0, 1_000):
        ahead = ReadAhead(stored, windows)
        for start in range(begin, len(taken), 50):
            indices = taken[start : start + 50]
            rows, places = ahead.rows(indices, start)
            assert np.array_equal(rows[places], stored[indices])
            assert len(rows) <= 2 * max(map(len, windows))


def test_the_next_window_is_read_beside_the_present_one(tiny_windows, stored):
    windows = shuffled_windows(np.arange(_ROWS), stored, draws())
    ahead = ReadAhead(stored, windows)
    ahead.rows(windows[0][:10], 0)
    assert [*ahead._readers] == [0, 1]
    ahead.rows(windows[1][:10], len(windows[0]))
    assert [*ahead._readers] == [1, 2]


def test_arrays_in_memory_are_used_as_they_are(tiny_windows, stored):
    inputs = np.array(stored)
    windows = shuffled_windows(np.arange(_ROWS), inputs, draws())
    rows, places = ReadAhead(inputs, windows).rows(windows[0][:7], 0)
    assert rows is inputs
    assert np.array_equal(places, windows[0][:7])


@pytest.mark.parametrize("is_gone", [False, True])
def test_a_file_that_is_gone_or_cut_short_is_named(tiny_windows, stored, tmp_path, is_gone):
    windows = shuffled_windows(np.arange(_ROWS), stored, draws())
    ahead = ReadAhead(stored, windows)
    path = tmp_path / "rows.npy"
    if is_gone:
        path.unlink()
    else:
        os.truncate(path, _SIZE)
    with pytest.raises(
        StorageError, match="rows.npy: cannot be read: " + ("no such" if is_gone else "the file")
    ):
        ahead.rows(windows[0][:10], 0)


def test_training_from_windows_of_a_file_is_that_from_memory(tiny_windows, begin, digits, tmp_path):
    """The same batches, varied in the same way, whoever reads them."""
    np.save(tmp_path / "digits.npy", digits.inputs)
    mapped = dataclasses.replace(digits, inputs=np.load(tmp_path / "digits.npy", mmap_mode="r"))
    recipe = dataclasses.replace(
        begin().batches.recipe, batch_size=48, augmentation=Augmentation(shift=2, mirror=True, mix=0.5)
    )
    pairs = zip(Batches(digits, recipe).epoch(1), Batches(mapped, recipe).epoch(1), strict=True)
    for one, other in pairs:
        assert torch.equal(one.inputs, other.inputs)
        assert np.array_equal(one.indices, other.indices)
