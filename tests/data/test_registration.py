"""Registration: an image that was moved and scaled is laid over what it was, and tells garments apart."""

import numpy as np
import pytest
from PIL import Image

from pellucid.data.image_siblings import likenesses, of_one_scene, register
from pellucid.data.sources.samples import read_sample

SIDE = 28


def garments(count: int, label: str) -> np.ndarray:
    sample = read_sample("sample:fashion")
    assert sample.load_pixels is not None
    members = np.flatnonzero(np.array(sample.labels) == label)[:count]
    return sample.load_pixels().reshape(-1, SIDE, SIDE)[members]


def cut(image: np.ndarray, share: float, left: float, top: float) -> np.ndarray:
    """A part of an image, at its own size."""
    box = (left, top, left + share * SIDE, top + share * SIDE)
    return np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC, box=box))


def as_cells(images: np.ndarray) -> np.ndarray:
    return images[:, None].astype(np.float32)


@pytest.mark.parametrize(("gain", "offset"), [(1.0, 0.0), (0.5, 40.0)], ids=["as-it-was", "other-brightness"])
def test_scale_and_shift_are_found_whatever_the_brightness(gain: float, offset: float) -> None:
    image = garments(1, "Shirt")[0]
    part = gain * cut(image, 0.92, 1.5, 0.5) + offset
    laid = register(as_cells(part[None]), as_cells(image[None]), np.zeros((1, 3), np.float32), steps=8)
    assert laid.likeness[0] > 0.99
    # The middle of the part lies at (left, top) + share * side / 2 of the image, whose middle is side / 2.
    wanted = [0.92 - 1, (0.5 + (0.92 - 1) * SIDE / 2) / SIDE, (1.5 + (0.92 - 1) * SIDE / 2) / SIDE]
    assert laid.moved[0] == pytest.approx(wanted, abs=0.01)


def test_images_that_have_nothing_to_compare_are_not_alike() -> None:
    plain, image = np.full((1, 1, SIDE, SIDE), 90, np.float32), as_cells(garments(1, "Bag"))
    laid = register(plain, image, np.zeros((1, 3), np.float32), steps=2)
    assert abs(laid.likeness[0]) < 0.01
    assert np.isfinite(laid.moved).all()


def test_frames_of_one_shirt_are_told_from_other_shirts() -> None:
    draws, shirts = np.random.default_rng(0), garments(200, "Shirt")
    frames = []
    for shirt in shirts[:40]:
        for _ in range(2):
            share = draws.uniform(0.9, 1)
            noise = draws.normal(0, 3, (SIDE, SIDE))
            frames.append(cut(shirt, share, *(draws.uniform(0, SIDE * (1 - share), 2))) + noise)
    pixels = np.concatenate([np.clip(np.array(frames), 0, 255).astype(np.uint8), shirts[40:]])[..., None]
    ones = np.arange(0, 80, 2)
    bursts, between = np.stack([ones, ones + 1], axis=1), np.stack([ones[:-1] + 1, ones[1:]], axis=1)
    first, second = draws.integers(80, len(pixels), (2, 4000))
    others = np.stack([first, second], axis=1)[first != second]
    found = of_one_scene(pixels, np.concatenate([bursts, between]), others, 0.002)
    assert found[:40].mean() >= 0.9
    assert found[40:].mean() <= 0.05
    likeness, by_chance = likenesses(pixels, bursts, others)
    assert np.median(likeness) > by_chance.max() - 0.02
    assert ((by_chance == 0) | (by_chance >= 0.6)).all()
