"""One preparation of images for training and for use."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from made_images import context, encoded
from pellucid.data.images.preprocessing import Preprocessing, scale_values, value_range
from pellucid.errors import DataError

GOOD = {"height": 28, "width": 32, "channels": 1, "low": -1.0, "high": 16.0}


def all_rows(pixels: np.ndarray) -> np.ndarray:
    return np.ones(len(pixels), bool)


def test_file_bytes_and_array_give_the_same_pixels(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(encoded(context(50, 30)))
    preprocessing = Preprocessing(32, 32, 3)
    from_file = preprocessing.image_and_warning(path)[0]
    np.testing.assert_array_equal(from_file, preprocessing.image_and_warning(path.read_bytes())[0])
    np.testing.assert_array_equal(from_file, preprocessing.arrays(context(50, 30)[None])[0])


def test_arrays_of_the_right_form_are_not_copied() -> None:
    pixels = np.zeros((5, 28, 28, 1), np.uint8)
    assert np.shares_memory(Preprocessing(28, 28, 1).arrays(pixels), pixels)
    assert np.shares_memory(Preprocessing(28, 28, 1).arrays(pixels[..., 0]), pixels)


def test_values_outside_the_range_saturate() -> None:
    pixels = np.array([[[-5.0, 0.0, 8.0, 16.0, 99.0]]])
    scaled = Preprocessing(1, 5, 1, 0.0, 16.0).arrays(pixels)
    np.testing.assert_array_equal(scaled[0, 0, :, 0], [0, 0, 128, 255, 255])


@given(
    st.lists(st.floats(-1e6, 1e6, width=32), min_size=2, max_size=40),
    st.sampled_from([np.float32, np.float64, np.int32]),
)
def test_scaling_keeps_the_order_and_uses_the_whole_range(values: list[float], kind: type) -> None:
    pixels = np.array(values).astype(kind).reshape(1, 1, -1, 1)
    low, high = value_range(pixels, all_rows(pixels))
    scaled = scale_values(pixels, low, high)[0, 0, :, 0]
    order = np.argsort(pixels[0, 0, :, 0])
    assert (np.diff(scaled[order].astype(int)) >= 0).all()
    if low < high and (low, high) != (0.0, 1.0):
        assert scaled.min() == 0
        assert scaled.max() == 255


@pytest.mark.parametrize(
    ("pixels", "expected"),
    [
        (np.array([[0.2, 0.7]]), (0.0, 1.0)),
        (np.array([[0, 1]]), (0.0, 1.0)),
        (np.array([[True, False]]), (0.0, 1.0)),
        (np.array([[0.0, 16.0]]), (0.0, 16.0)),
        (np.array([[-2.0, 16.0]]), (-2.0, 16.0)),
        (np.array([[np.nan, 16.0], [1.0, 3.0]]), (1.0, 3.0)),
        (np.array([[np.nan, 16.0]]), (0.0, 1.0)),
        (np.array([[100, 60000]], np.uint16), (100.0, 60000.0)),
        (np.array([[3, 9]], np.uint8), (0.0, 255.0)),
    ],
)
def test_the_range_of_values(pixels: np.ndarray, expected: tuple[float, float]) -> None:
    assert value_range(pixels, all_rows(pixels)) == expected


def test_only_training_images_decide_the_range() -> None:
    pixels = np.array([[0.0, 5.0], [-9.0, 99.0]])
    assert value_range(pixels, np.array([True, False])) == (0.0, 5.0)


def test_constant_images_become_zero() -> None:
    assert (scale_values(np.full((2, 2), 7.0), 7.0, 7.0) == 0).all()


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((3, 4)), r"images have the shape .* but the array has \(3, 4\)"),
        (np.zeros((3, 1, 8, 8)), "channels come last"),
        (np.zeros((3, 0, 8)), r"but the array has \(3, 0, 8, 1\)"),
        (np.zeros((3, 8, 8, 4)), r"but the array has \(3, 8, 8, 4\)"),
        (np.array([[["a"]]]), "images are numbers, but the array holds <U1"),
        (np.zeros((1, 2, 2), complex), "images are numbers, but the array holds complex128"),
        (np.array([[[0.0]], [[np.inf]]]), r"image 2 holds values that are not numbers \(NaN or infinity\)"),
    ],
)
def test_arrays_that_are_no_images(pixels: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        Preprocessing(8, 8, 1).arrays(pixels)


def test_json_round_trip() -> None:
    preprocessing = Preprocessing(**GOOD)
    assert Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json()))) == preprocessing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 0}, "height: 0 is no whole number from 1 to 4096"),
        ({"height": 5000}, "height: 5000 is no whole number from 1 to 4096"),
        ({"channels": 2}, "channels: 2 is not one of 1, 3"),
        ({"low": float("nan")}, "low: nan is no number"),
        ({"low": 20.0}, "low is above high"),
    ],
)
def test_json_from_elsewhere_is_not_trusted(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Preprocessing.from_json({**GOOD, **change})
