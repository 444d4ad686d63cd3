"""The rule for the training size, and fitting to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_images import context
from pellucid.data.images.pixels import fit_image, inner_size, training_size
from pellucid.settings import Settings

sides = st.integers(1, 90)


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([(28, 28)] * 3, (28, 28)),
        ([(8, 8)], (8, 8)),
        ([(20, 128)] * 2, (20, 128)),
        ([(129, 129)] * 2, (128, 128)),
        ([(480, 640)] * 2, (128, 128)),
        ([(10, 12), (12, 10)], (32, 32)),
        ([(50, 60), (60, 50), (70, 70)], (64, 64)),
        ([(50, 40), (40, 55), (39, 49)], (48, 48)),
        ([(56, 56), (56, 10)], (64, 64)),
        ([(2000, 10), (3000, 20)], (128, 128)),
        ([], (32, 32)),
    ],
)
def test_the_rule(sizes: list[tuple[int, int]], expected: tuple[int, int]) -> None:
    array = np.array(sizes, np.int32).reshape(-1, 2)
    assert training_size(array, Settings()) == expected


def test_image_size_overrides_the_rule() -> None:
    sizes = np.array([[28, 28]], np.int32)
    assert training_size(sizes, Settings(image_size="40")) == (40, 40)
    assert training_size(sizes, Settings(image_size="24x48")) == (24, 48)


@given(sides, sides, sides, sides, st.sampled_from([1, 3]), st.sampled_from([1, 3]))
def test_fitting_gives_the_size_and_invents_no_value(
    height: int, width: int, new_height: int, new_width: int, channels: int, new_channels: int
) -> None:
    pixels = np.full((height, width, channels), 77, np.uint8)
    fitted = fit_image(pixels, (new_height, new_width), new_channels)
    assert fitted.shape == (new_height, new_width, new_channels)
    assert fitted.dtype == np.uint8
    assert (fitted == 77).all()


@pytest.mark.parametrize(
    ("own", "size", "inner"),
    [
        ((3000, 4000), (128, 128), (96, 128)),
        ((4000, 3000), (128, 128), (128, 96)),
        ((538, 671), (128, 128), (103, 128)),
        ((10, 20), (40, 40), (20, 40)),
        ((1, 5000), (64, 32), (1, 32)),
    ],
)
def test_the_size_inside(own: tuple[int, int], size: tuple[int, int], inner: tuple[int, int]) -> None:
    assert inner_size(own, size) == inner


def test_a_reduced_image_is_fitted_by_its_own_aspect() -> None:
    """At a half, 538 x 671 is 269 x 336, and 128 of those 336 columns would go with 102 rows."""
    half = np.full((269, 336, 1), 255, np.uint8)
    half[0] = half[-1] = half[:, 0] = half[:, -1] = 0  # the colour of what is padded
    half[1:-1, 1:-1] = 255
    rows = (fit_image(half, (128, 128), 1)[:, 64, 0] > 0).sum()
    own_rows = (fit_image(half, (128, 128), 1, (538, 671))[:, 64, 0] > 0).sum()
    assert (rows, own_rows) == (102, 103)


@given(st.integers(20, 240), st.integers(20, 240), st.integers(16, 64))
def test_aspect_is_kept(height: int, width: int, side: int) -> None:
    """The image is bright but for its border, so what was padded is dark and can be measured."""
    pixels = np.full((height, width, 1), 255, np.uint8)
    pixels[0] = pixels[-1] = pixels[:, 0] = pixels[:, -1] = 0
    fitted = fit_image(pixels, (side, side), 1)[:, :, 0]
    bright = fitted > 127
    tall, wide = bright.any(axis=1).sum(), bright.any(axis=0).sum()
    scale = side / max(height, width)
    assert abs(tall - (height - 2) * scale) <= 2
    assert abs(wide - (width - 2) * scale) <= 2
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert abs(rows[0] - (side - 1 - rows[-1])) <= 2
    assert abs(columns[0] - (side - 1 - columns[-1])) <= 2


def test_padding_has_the_median_colour_of_the_border() -> None:
    pixels = np.full((10, 40, 3), 200, np.uint8)
    pixels[0] = pixels[-1] = pixels[:, 0] = pixels[:, -1] = (10, 20, 30)
    fitted = fit_image(pixels, (40, 40), 3)
    assert (fitted[:15] == (10, 20, 30)).all()
    assert (fitted[25:] == (10, 20, 30)).all()


def test_reducing_averages_and_does_not_pick() -> None:
    checks = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None]
    fitted = fit_image(checks, (8, 8), 1)
    assert np.abs(fitted[1:-1, 1:-1].astype(int) - 127).max() <= 3


def test_grey_is_repeated_and_colour_weighted() -> None:
    grey = context()[:, :, :1]
    np.testing.assert_array_equal(fit_image(grey, (24, 32), 3), np.repeat(grey, 3, axis=2))
    colour = np.zeros((1, 3, 3), np.uint8)
    colour[0] = np.eye(3) * 255
    np.testing.assert_array_equal(fit_image(colour, (1, 3), 1)[0, :, 0], [76, 150, 29])
