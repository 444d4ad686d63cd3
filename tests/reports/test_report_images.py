"""Images inside the page: kept exactly or reduced by one rule, each content once, within the budget."""

import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid.reports.album import SIDES, bind


def decoded(uri: str) -> np.ndarray:
    head, body = uri.split(",")
    assert head in ("data:image/png;base64", "data:image/jpeg;base64")
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def noise(count: int, side: int, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, side, side, channels), np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_images_that_fit_are_kept_exactly(channels: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 9, channels), np.uint8)
    album = bind([pixels])
    assert album.side is None
    assert np.array_equal(decoded(album.stored[0].uri).reshape(pixels.shape), pixels)
    assert (album.places[0].width, album.places[0].height, album.places[0].is_small) == (9, 5, True)
    assert not bind(list(noise(1, 97))).places[0].is_small


@given(st.lists(st.integers(0, 3), max_size=12))
def test_equal_images_are_stored_once(order: list[int]) -> None:
    images = noise(4, 3)
    album = bind([images[k].copy() for k in order])
    assert [each.key for each in album.stored] == [f"p{k}" for k in range(len(set(order)))]
    stored = {each.key: decoded(each.uri) for each in album.stored}
    assert len(album.places) == len(order)
    assert all(
        np.array_equal(stored[place.key], images[k]) for place, k in zip(album.places, order, strict=True)
    )


def test_images_of_equal_bytes_and_other_shape_are_different() -> None:
    row = np.arange(12, dtype=np.uint8)
    album = bind([row.reshape(2, 6, 1), row.reshape(6, 2, 1), row.reshape(2, 2, 3)])
    assert len(album.stored) == 3


def test_too_many_bytes_reduce_every_image_by_the_same_rule_and_no_more_than_needed() -> None:
    images, budget = list(noise(24, 96)), 60_000
    album = bind(images, budget)
    assert album.side in SIDES[:-1]
    assert sum(len(each.uri) for each in album.stored) <= budget
    assert {decoded(each.uri).shape for each in album.stored} == {(album.side, album.side, 3)}
    assert all((each.width, each.height) == (96, 96) for each in album.stored)
    kept = bind(images, 3 * budget)
    assert kept.side is not None
    assert kept.side > album.side
    assert sum(len(each.uri) for each in kept.stored) > budget


def test_wide_images_keep_their_proportions() -> None:
    wide = np.random.default_rng(0).integers(0, 256, (10, 50, 150, 3), np.uint8)
    album = bind(list(wide), 20_000)
    height, width, _ = decoded(album.stored[0].uri).shape
    assert width == album.side
    assert width / height == pytest.approx(3, rel=0.1)


def test_the_last_side_is_taken_where_nothing_fits() -> None:
    assert bind(list(noise(3, 64)), 10).side == SIDES[-1]
    assert bind([]).stored == []
