"""Histograms of oriented gradients against a case by hand and against scikit-image."""

import numpy as np
import pytest
from skimage.feature import hog
from sklearn.datasets import load_sample_image

from pellucid.classical import extract, feature_length
from pellucid.classical.image_features import CLIP, grid, histograms

SHAPES = [
    (1, 1, 1),
    (1, 9, 3),
    (2, 3, 1),
    (3, 5, 4),
    (28, 28, 1),
    (32, 32, 3),
    (30, 100, 3),
    (1, 300, 1),
    (224, 224, 3),
]


def test_a_ramp_to_the_right_votes_for_the_first_and_last_bin():
    ramp = np.tile(np.arange(4, dtype=np.float32) / 10, (4, 1))[np.newaxis, :, :, np.newaxis]
    # One cell. The gradient points to the right, 0 degrees: half-way between the last bin (centre
    # at 170 degrees) and the first (10 degrees), so each has one half, clipped, and is normalised again.
    expected = np.zeros(9)
    expected[[0, 8]] = np.sqrt(0.5)
    np.testing.assert_allclose(histograms(ramp)[0], expected, atol=1e-4)


def test_a_slope_in_the_middle_of_a_bin_votes_for_it_most():
    whole = (np.mgrid[:6, :6][0] * np.tan(np.deg2rad(30)) + np.mgrid[:6, :6][1]) / 20
    found = histograms(whole.astype(np.float32)[np.newaxis, :, :, np.newaxis])
    assert found[0].argmax() == 1


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["pixels", "hog"])
def test_every_size_gives_a_bounded_number_of_features(kind, shape):
    images = np.random.default_rng(0).integers(0, 256, (3, *shape), np.uint8)
    found = extract(kind, images)
    assert found.shape == (3, feature_length(kind, shape))
    assert found.shape[1] <= 4096
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert extract(kind, images[:0]).shape == (0, found.shape[1])


def test_grid_of_known_sizes():
    assert grid(28, 28) == (4, 7, 7)
    assert grid(64, 64) == (9, 7, 7)
    assert grid(3, 2) == (2, 1, 1)


@pytest.mark.parametrize(("height", "width"), [(30, 30), (30, 28), (28, 30), (31, 29)])
def test_pixels_that_fill_no_cell_are_left_out_in_equal_parts_at_both_borders(height, width):
    """Blocks that touch no border are those of the crop in the middle, 28 x 28 pixels."""
    image = load_sample_image("flower.jpg")[100 : 100 + height, 200 : 200 + width].astype(np.float32) / 255
    top, left = (height - 28) // 2, (width - 28) // 2
    crop = image[top : top + 28, left : left + 28]
    assert grid(height, width) == grid(28, 28) == (4, 7, 7)
    whole, inner = (histograms(each[np.newaxis]).reshape(6, 6, 36)[1:5, 1:5] for each in (image, crop))
    np.testing.assert_array_equal(whole, inner)


def test_light_and_contrast_hardly_matter():
    photograph = load_sample_image("flower.jpg")[100:128, 200:228, :1].astype(np.float32)[np.newaxis] / 255
    np.testing.assert_allclose(histograms(photograph * 0.5 + 0.2), histograms(photograph), atol=0.01)


def test_colour_takes_the_channel_whose_gradient_is_longest():
    grey = load_sample_image("flower.jpg")[100:128, 200:228, :1].astype(np.float32)[np.newaxis] / 255
    flat = np.full_like(grey, 0.5)
    np.testing.assert_array_equal(histograms(np.concatenate([flat, grey], axis=3)), histograms(grey))


def test_hard_votes_are_those_of_scikit_image():
    # A gradient whose orientation lies on the centre of a bin votes for one bin only in both.
    whole = np.mgrid[:28, :28][1].astype(np.float32) * np.float32(np.cos(np.deg2rad(30)))
    whole += np.mgrid[:28, :28][0].astype(np.float32) * np.float32(np.sin(np.deg2rad(30)))
    whole /= 60
    theirs = hog(whole, 9, (4, 4), (2, 2), block_norm="L2-Hys", feature_vector=False)
    ours = histograms(whole[np.newaxis, :, :, np.newaxis]).reshape(6, 6, 4, 9)
    np.testing.assert_allclose(ours[1:5, 1:5], theirs.reshape(6, 6, 4, 9)[1:5, 1:5], atol=1e-3)
    assert CLIP == 0.2
