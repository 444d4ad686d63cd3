"""What looks like a photograph, and what does not."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from pellucid.data import prepare
from pellucid.data.images.pixels import fit_image
from pellucid.data.images.preprocessing import look_like_photographs
from pellucid.settings import Settings
from photographs import pieces


def photographs(name, count, side):
    """Pieces of 200 pixels made smaller: each holds a whole context, as photographs do."""
    return np.stack([fit_image(piece, (side, side), 3) for piece in pieces(name, count, 200)])


def judged(pixels):
    return look_like_photographs(pixels, np.arange(len(pixels)))


@pytest.mark.parametrize("name", ["china", "flower"])
@pytest.mark.parametrize("side", [32, 128])
def test_photographs_do(name, side):
    assert judged(photographs(name, 30, side))


def test_small_ones_do_not():
    assert not judged(photographs("china", 30, 31))


def test_digits_and_flat_drawings_do_not():
    digits = np.repeat(np.repeat(load_digits().images[:30], 8, axis=1), 8, axis=2)
    assert not judged((16 * digits.clip(0, 15)).astype(np.uint8)[..., None])
    drawing = np.zeros((30, 64, 64, 3), np.uint8)
    drawing[:, 16:48, 16:48] = (200, 30, 30)
    assert not judged(drawing)


def test_garments_do_not():
    dataset, _ = prepare("sample:fashion", Settings())
    assert not look_like_photographs(dataset.inputs, dataset.train)


def test_half_of_them_is_enough():
    drawing = np.zeros((10, 64, 64, 3), np.uint8)
    half = photographs("china", 10, 64)
    assert judged(np.concatenate([half, drawing]))
    assert not judged(np.concatenate([half[:-1], drawing]))


def test_nothing_looks_like_nothing():
    assert not look_like_photographs(photographs("china", 2, 64), np.zeros(0, np.int64))
