import dataclasses

import numpy as np
import pytest
import torch

from pellucid.data.images.augmentation import Augmentation
from pellucid.training import Batches
from pellucid.training.batches import as_stored, to_tensor


def test_an_epoch_uses_every_training_example_once(begin, digits):
    batches = begin().batches
    seen = np.concatenate([batch.indices for batch in batches.epoch(0)])
    assert np.array_equal(np.sort(seen), digits.train)


def test_order_differs_between_epochs_and_repeats_for_one(begin):
    batches = begin().batches
    first, again, second = (next(iter(batches.epoch(epoch))).indices for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_starting_inside_an_epoch_gives_the_same_batches(begin):
    batches = begin().batches
    whole = list(batches.epoch(3))
    rest = list(batches.epoch(3, start=4))
    assert len(rest) == len(whole) - 4
    assert all(torch.equal(a.inputs, b.inputs) for a, b in zip(rest, whole[4:], strict=True))


def test_an_image_is_mirrored_in_every_other_epoch(begin, digits):
    recipe = dataclasses.replace(begin().batches.recipe, augmentation=Augmentation(mirror=True))
    batches = Batches(digits, recipe)
    shown = []
    for epoch in (0, 1):
        shown.append(
            {int(i): x for b in batches.epoch(epoch) for i, x in zip(b.indices, b.inputs, strict=True)}
        )
    for index in digits.train[:50]:
        image = to_tensor(digits.inputs, np.array([index]))[0]
        seen = [torch.equal(views[int(index)], image) for views in shown]
        mirrored = [torch.equal(views[int(index)], image.flip(2)) for views in shown]
        assert sorted(seen) == [False, True] or torch.equal(image, image.flip(2))
        assert all(a or b for a, b in zip(seen, mirrored, strict=True))


@pytest.mark.parametrize("epoch", [127, 128, 255, 319])
def test_late_epochs_mirror_as_the_early_ones_do(begin, digits, epoch):
    recipe = dataclasses.replace(begin().batches.recipe, augmentation=Augmentation(mirror=True))
    batches = Batches(digits, recipe)
    late, early = ({}, {})
    for views, number in ((late, epoch), (early, epoch % 2)):
        for batch in batches.epoch(number):
            views.update(zip(batch.indices.tolist(), batch.inputs, strict=True))
    assert all(torch.equal(late[index], early[index]) for index in digits.train.tolist())


def test_shifts_are_drawn_anew_in_every_epoch_and_repeat_for_one(begin, digits):
    """Every image is the same one, so that batches differ by their shifts alone."""
    same = dataclasses.replace(digits, inputs=np.repeat(digits.inputs[:1], len(digits.inputs), axis=0))
    recipe = dataclasses.replace(begin().batches.recipe, augmentation=Augmentation(shift=2))
    batches = Batches(same, recipe)
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


def test_features_stay_rows():
    assert to_tensor(np.ones((3, 7)), np.array([2, 0])).shape == (2, 7)


@pytest.mark.parametrize(
    ("examples", "sizes"), [(9, [4, 5]), (10, [4, 4, 2]), (8, [4, 4]), (1, [1]), (3, [3])]
)
def test_a_single_example_left_over_joins_the_batch_before_it(begin, digits, examples, sizes):
    few = dataclasses.replace(digits, train=digits.train[:examples])
    batches = Batches(few, dataclasses.replace(begin().batches.recipe, batch_size=4))
    assert [len(batch.labels) for batch in batches.epoch(0)] == sizes
    assert batches.per_epoch == len(sizes)


def test_stored_images_stay_in_8_bits(digits):
    positions = np.array([3, 1, 2])
    stored = as_stored(digits.inputs, positions)
    assert stored.dtype == torch.uint8
    assert torch.equal(stored.float(), to_tensor(digits.inputs, positions))


def test_the_second_label_is_that_of_the_image_that_was_pasted(begin, digits):
    """Every image is of one grey level, its own, so that a pasted rectangle names the image it came from."""
    grey = np.zeros(len(digits.inputs), np.int64)
    grey[digits.train[:200]] = np.arange(200)
    inputs = np.broadcast_to(grey[:, None, None, None], digits.inputs.shape).astype(np.uint8)
    few = dataclasses.replace(digits, inputs=inputs, train=digits.train[:200])
    recipe = dataclasses.replace(begin().batches.recipe, augmentation=Augmentation(mix=1.0))
    pasted = 0
    for batch in Batches(few, recipe).epoch(0):
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
