"""Synthetic outliers for foreign inputs, and how detectors are judged by them."""

import numpy as np
import pytest

from pellucid.pipeline.judging.novelty_detectors import synthetic_outliers
from small_models import digits

PIXELS = digits()[0][:20]


@pytest.fixture
def made():
    return synthetic_outliers(PIXELS, np.random.default_rng(0))


def test_images_stay_images_of_their_size(made):
    assert {each.shape for each in made.values()} == {PIXELS.shape}
    assert {each.dtype for each in made.values()} == {np.dtype(np.uint8)}


def test_pieces_change_places_and_no_pixel_is_lost(made):
    shuffled = made["shuffled_pieces"]
    assert (shuffled != PIXELS).any(axis=(1, 2, 3)).all()
    np.testing.assert_array_equal(
        np.sort(shuffled.reshape(len(PIXELS), -1)), np.sort(PIXELS.reshape(len(PIXELS), -1))
    )


def test_inverted_twice_is_the_image(made):
    np.testing.assert_array_equal(255 - made["inverted"], PIXELS)


def test_an_image_too_small_for_pieces_stays_as_it_is():
    tiny = np.arange(18, dtype=np.uint8).reshape(2, 3, 3, 1)
    np.testing.assert_array_equal(synthetic_outliers(tiny, np.random.default_rng(0))["shuffled_pieces"], tiny)


def test_texts():
    texts = ["green apples", "a b"]
    made = synthetic_outliers(texts, np.random.default_rng(0))
    assert [sorted(text) for text in made["shuffled_letters"]] == [sorted(text) for text in texts]
    assert [len(text) for text in made["random_letters"]] == [12, 3]
    assert set("".join(made["random_letters"])) <= set("".join(texts))


def test_the_same_seed_makes_the_same(made):
    again = synthetic_outliers(PIXELS, np.random.default_rng(0))
    assert all((again[name] == made[name]).all() for name in made)
