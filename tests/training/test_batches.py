import dataclasses

import numpy as np
import pytest
import torch

from pellucid.data.images.augmentation import Augmentation
from pellucid.training import Batches
from pellucid.training.batches import as_stored, to_tensor


def test_an_epoch_uses_every_example_once_in_an_order_of_its_own(begin, digits):
    batches = begin().batches
    whole, again, other = (list(batches.epoch(epoch)) for epoch in (3, 3, 4))
    assert np.array_equal(np.sort(np.concatenate([batch.indices for batch in whole])), digits.train)
    assert np.array_equal(whole[0].indices, again[0].indices)
    assert not np.array_equal(whole[0].indices, other[0].indices)
    rest = list(batches.epoch(3, start=4))
    assert len(rest) == len(whole) - 4
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(rest, whole[4:], strict=True))


@pytest.fixture
def varied(begin, digits):
    """A function that gives batches of some examples, by default the digits, under one kind of variation."""

    def make(examples=digits, **augmentation):
        changed = dataclasses.replace(begin().batches.recipe, augmentation=Augmentation(**augmentation))
        return Batches(examples, changed)

    return make


def views(batches, epoch):
    """Each image as it is shown in an epoch, by its position."""
    found = {}
    for batch in batches.epoch(epoch):
        found.update(zip(batch.indices.tolist(), batch.inputs, strict=True))
    return found


def test_an_image_is_mirrored_in_every_other_epoch(varied, digits):
    batches = varied(mirror=True)
    shown = [views(batches, epoch) for epoch in (0, 1)]
    for index in digits.train[:50].tolist():
        image = to_tensor(digits.inputs, np.array([index]))[0]
        seen = [torch.equal(each[index], image) for each in shown]
        mirrored = [torch.equal(each[index], image.flip(2)) for each in shown]
        assert sorted(seen) == [False, True] or torch.equal(image, image.flip(2))
        assert all(a or b for a, b in zip(seen, mirrored, strict=True))
    for late in (127, 128):  # counts of 8 bits end here
        again = views(batches, late)
        assert all(torch.equal(image, shown[late % 2][index]) for index, image in again.items())


def test_shifts_are_drawn_anew_in_every_epoch_and_repeat_for_one(varied, digits):
    """Every image is the same one, so that batches differ by their shifts alone."""
    same = dataclasses.replace(digits, inputs=np.repeat(digits.inputs[:1], len(digits.inputs), axis=0))
    batches = varied(same, shift=2)
    first, again, second = ([batch.inputs for batch in batches.epoch(epoch)] for epoch in (0, 0, 1))
    assert len(first) == len(second) == batches.per_epoch > 1
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


def test_images_are_laid_out_channels_last_with_raw_values():
    pixels = np.arange(2 * 4 * 5 * 3, dtype=np.uint8).reshape(2, 4, 5, 3)
    tensor = to_tensor(pixels, np.arange(2))
    assert tensor.shape == (2, 3, 4, 5)
    assert tensor.is_contiguous(memory_format=torch.channels_last)
    assert float(tensor[1, 2, 3, 4]) == pixels[1, 3, 4, 2]
    stored = as_stored(pixels, np.arange(2))
    assert stored.dtype == torch.uint8
    assert torch.equal(stored.float(), tensor)
    assert to_tensor(np.ones((3, 7)), np.array([2, 0])).shape == (2, 7)  # features stay rows


@pytest.mark.parametrize(
    ("examples", "sizes"), [(9, [4, 5]), (10, [4, 4, 2]), (8, [4, 4]), (1, [1]), (3, [3])]
)
def test_a_single_example_left_over_joins_the_batch_before_it(begin, digits, examples, sizes):
    few = dataclasses.replace(digits, train=digits.train[:examples])
    batches = Batches(few, dataclasses.replace(begin().batches.recipe, batch_size=4))
    assert [len(batch.labels) for batch in batches.epoch(0)] == sizes
    assert batches.per_epoch == len(sizes)


def test_the_second_label_is_that_of_the_image_that_was_pasted(varied, digits):
    """Every image is of one grey level, its own, so that a pasted rectangle names the image it came from."""
    grey = np.zeros(len(digits.inputs), np.int64)
    grey[digits.train[:200]] = np.arange(200)
    inputs = np.broadcast_to(grey[:, None, None, None], digits.inputs.shape).astype(np.uint8)
    few = dataclasses.replace(digits, inputs=inputs, train=digits.train[:200])
    pasted = 0
    for batch in varied(few, mix=1.0).epoch(0):
        label_of = dict(zip(grey[batch.indices].tolist(), batch.labels.tolist(), strict=True))
        for row, index in enumerate(batch.indices.tolist()):
            levels, counts = np.unique(batch.inputs[row].numpy().astype(int), return_counts=True)
            others = levels != grey[index]
            if others.any():
                pasted += 1
                (other,) = levels[others].tolist()
                assert int(batch.mixed.labels[row]) == label_of[other]
                share = counts[others].sum() / counts.sum()
                assert float(batch.mixed.shares[row]) == pytest.approx(share)
    assert pasted > 100
