import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from pellucid.data.images import augmentation as augmentation_module
from pellucid.data.images.augmentation import (
    Augmentation,
    MirrorProbe,
    augmented_batch,
    mix,
    probe_mirroring,
    small_images,
)


def _images(count=6, height=5, width=7, channels=3):
    return np.random.default_rng(1).integers(0, 256, (count, height, width, channels), dtype=np.uint8)


def _batch(pixels, augmentation, mirrored=None, seed=0):
    indices = np.arange(len(pixels))
    mirrored = np.zeros(len(pixels), dtype=bool) if mirrored is None else mirrored
    return augmented_batch(pixels, indices, mirrored, augmentation, np.random.default_rng(seed))


def test_off_gives_the_images_themselves():
    pixels = _images()
    assert np.array_equal(_batch(pixels, Augmentation()), pixels)


def test_mirrored_images_are_flipped_left_to_right():
    pixels = _images()
    mirrored = np.arange(6) % 2 == 0
    batch = _batch(pixels, Augmentation(mirror=True), mirrored)
    assert np.array_equal(batch[::2], pixels[::2, :, ::-1])
    assert np.array_equal(batch[1::2], pixels[1::2])


@given(shift=st.integers(1, 3), seed=st.integers(0, 1000), channels=st.sampled_from([1, 3]))
def test_a_shifted_image_is_a_window_of_its_reflection(shift, seed, channels):
    pixels = _images(3, 6, 8, channels)
    for image, shifted in zip(pixels, _batch(pixels, Augmentation(shift=shift), seed=seed), strict=True):
        padded = np.pad(image, ((shift, shift), (shift, shift), (0, 0)), mode="reflect")
        windows = [
            padded[top : top + 6, left : left + 8]
            for top in range(2 * shift + 1)
            for left in range(2 * shift + 1)
        ]
        assert any(np.array_equal(shifted, window) for window in windows)


def test_shifting_an_image_of_one_pixel_leaves_it():
    pixels = _images(2, 1, 1)
    assert np.array_equal(_batch(pixels, Augmentation(shift=1)), pixels)


def test_erasing_replaces_one_rectangle_and_nothing_else():
    pixels = np.full((200, 20, 20, 1), 7, dtype=np.uint8)
    batch = _batch(pixels, Augmentation(erase=0.5))
    changed = [np.argwhere(image[..., 0] != 7) for image in batch]
    touched = [places for places in changed if len(places)]
    assert 60 < len(touched) < 140
    for places in touched:
        (top, left), (bottom, right) = places.min(0), places.max(0)
        assert len(places) >= 0.9 * (bottom - top + 1) * (right - left + 1) - 2


def test_mixing_takes_one_rectangle_of_the_image_before():
    pixels = (
        np.full((200, 20, 24, 2), 0, dtype=np.uint8) + np.arange(200, dtype=np.uint8)[:, None, None, None]
    )
    batch = pixels.copy()
    shares = mix(batch, 0.5, np.random.default_rng(3))
    assert 60 < np.count_nonzero(shares) < 140
    assert 0 <= shares.min() < 0.05
    assert 0.4 < shares.max() < 0.55
    for number, (image, share) in enumerate(zip(batch, shares, strict=True)):
        before = (number - 1) % 200
        taken = image == before
        assert np.array_equal(taken | (image == number), np.ones(image.shape, bool))
        assert taken.mean() == pytest.approx(share)
        if share:
            places = np.argwhere(taken[..., 0])
            tall, wide = places.max(0) - places.min(0) + 1
            assert len(places) == tall * wide
            assert 0.4 < tall / wide < 2.5 or len(places) < 40


def test_the_store_is_never_written_to():
    pixels = _images()
    pixels.setflags(write=False)
    before = pixels.copy()
    _batch(pixels, Augmentation(mirror=True, shift=2, erase=1.0))
    assert np.array_equal(pixels, before)


def test_mirroring_is_refused_for_digits_and_allowed_for_symmetric_images():
    bunch = load_digits()
    pixels = (bunch.images * 15).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    every = np.arange(len(labels))
    probe = probe_mirroring(pixels, labels, every, np.random.default_rng(0))
    assert not probe.keeps_class
    assert "flipping may change the class" in probe.sentence()
    symmetric = np.concatenate([pixels, pixels[:, :, ::-1]], axis=2)
    allowed = probe_mirroring(symmetric, labels, every, np.random.default_rng(0))
    assert allowed.keeps_class
    assert allowed.lost <= 2 * allowed.gained


def test_small_images_are_the_means_of_blocks():
    pixels = _images(2, 41, 50)  # blocks of 3 x 3; two rows and two columns are left over
    expected = [
        pixels[:, 3 * row : 3 * row + 3, 3 * column : 3 * column + 3].mean(axis=(1, 2)) - 127.5
        for row in range(13)
        for column in range(16)
    ]
    small = small_images(pixels)
    assert small.shape == (2, 13, 16, 3)
    np.testing.assert_allclose(small.reshape(2, -1, 3), np.stack(expected, axis=1), rtol=1e-5, atol=1e-4)


def test_how_many_images_are_in_memory_changes_no_verdict(monkeypatch):
    bunch = load_digits()
    pixels = (bunch.images * 15).astype(np.uint8)[..., None].repeat(4, axis=1).repeat(4, axis=2)
    labels, every = bunch.target.astype(np.int64), np.arange(len(bunch.target))
    whole = probe_mirroring(pixels, labels, every, np.random.default_rng(0))
    monkeypatch.setattr(augmentation_module, "PROBE_BYTES", 100 * 32 * 32)
    assert probe_mirroring(pixels, labels, every, np.random.default_rng(0)) == whole


@pytest.mark.parametrize("count", [0, 1])
def test_mirroring_stays_off_without_a_neighbour_to_ask(count):
    pixels = _images(2, 4, 4, 1)
    probe = probe_mirroring(pixels, np.zeros(2, np.int64), np.arange(count), np.random.default_rng(0))
    assert not probe.keeps_class


def test_mirroring_is_refused_where_mirrored_images_are_not_recognised():
    # Sweeps: they rise or fall in time, and none of them is near the mirror image of another class.
    draws = np.random.default_rng(0)
    labels, times, rows = np.arange(200) % 4, np.arange(24), np.arange(24)[:, None]
    tracks = 4 + 3 * labels[:, None] + np.where(labels[:, None] % 2, times, times / 3) * 0.3
    loud = np.exp(-times / 8)[None, None]  # a sound that dies away
    images = 200 * loud * np.exp(-((rows - tracks[:, None]) ** 2)) + 20 * draws.random((200, 24, 24))
    pixels = images.astype(np.uint8)[..., None]
    probe = probe_mirroring(pixels, labels, np.arange(200), draws)
    assert probe.lost <= 2 * probe.gained
    assert probe.unknown > 20 * max(1, probe.known)
    assert not probe.keeps_class
    assert MirrorProbe(500, lost=30, gained=30, unknown=100, known=10).keeps_class  # they help all the same
    assert MirrorProbe(500, lost=3, gained=3, unknown=10, known=8).keeps_class


def test_the_sentence_on_mirroring_says_what_it_does_and_what_was_checked():
    said = MirrorProbe(5000, lost=44, gained=67, unknown=259, known=1236).sentence()
    assert said == "mirroring on: flipping does not change the class (checked on 5,000 training images)"
    said = MirrorProbe(5000, lost=440, gained=6, unknown=259, known=12).sentence()
    assert said == "mirroring off: flipping may change the class (checked on 5,000 training images)"
