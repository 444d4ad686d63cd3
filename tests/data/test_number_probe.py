"""Whether mirrored and shifted images keep their number, on real images with known answers."""

import numpy as np
import pytest

from pellucid.data import prepare
from pellucid.data.images import augmentation
from pellucid.data.images.augmentation import VariationProbe, probe_variations
from pellucid.settings import Settings

SHIFT = 2


@pytest.fixture(scope="module")
def clothes():
    """Images of the bundled sample, and positions to train on."""
    dataset, _ = prepare("sample:fashion", Settings())
    return dataset.inputs, dataset.train[:2500]


def _centre(pixels, axis):
    ink = pixels[..., 0].astype(np.float64)
    places = np.arange(28.0).reshape((1, -1, 1) if axis == 1 else (1, 1, -1))
    return (ink * places).sum((1, 2)) / ink.sum((1, 2))


NUMBERS = {
    "brightness": lambda pixels: pixels.mean((1, 2, 3), dtype=np.float64),
    "horizontal place": lambda pixels: _centre(pixels, 2),
    "vertical place": lambda pixels: _centre(pixels, 1),
    "chance": lambda pixels: np.random.default_rng(0).normal(size=len(pixels)),
}


@pytest.mark.parametrize(
    ("name", "mirroring", "shifting"),
    [
        ("brightness", True, True),
        ("horizontal place", False, False),
        ("vertical place", True, False),
        ("chance", False, False),
    ],
)
def test_the_data_says_what_keeps_the_number(clothes, name, mirroring, shifting):
    pixels, train = clothes
    numbers = NUMBERS[name](pixels)
    found = probe_variations(pixels, numbers, train, SHIFT, np.random.default_rng(0))
    assert [each.keeps_number for each in found] == [mirroring, shifting]
    assert [each.can_tell for each in found] == [name != "chance"] * 2


def test_how_many_images_are_in_memory_changes_no_verdict(clothes, monkeypatch):
    pixels, train = clothes
    numbers = NUMBERS["horizontal place"](pixels)
    whole = probe_variations(pixels, numbers, train, SHIFT, np.random.default_rng(0))
    monkeypatch.setattr(augmentation, "PROBE_BYTES", 100 * 28 * 28)
    parts = probe_variations(pixels, numbers, train, SHIFT, np.random.default_rng(0))
    assert parts[0] == whole[0]
    assert parts[1].keeps_number == whole[1].keeps_number  # its shifts are drawn part by part


def test_a_few_images_cannot_tell(clothes):
    pixels, train = clothes
    numbers = NUMBERS["brightness"](pixels)
    found = probe_variations(pixels, numbers, train[:20], SHIFT, np.random.default_rng(0))
    assert len(found) == 2
    for each in found:
        assert not each.keeps_number
        assert each.sentence().startswith(
            f"{each.name} off: too little is known to say whether it changes the number (checked on 20 "
        )


@pytest.mark.parametrize(("joint", "keeps"), [(1.0, True), (1.05, True), (1.2, False)])
def test_an_increase_beyond_the_standard_error_counts(joint, keeps):
    probe = VariationProbe("mirroring", 100, 50, 4.0, 1.0, joint, 0.1)
    assert probe.keeps_number == keeps
    assert probe.sentence() == (
        f"mirroring {'on: it does not' if keeps else 'off: it may'} change the number (checked on 100 "
        "training images, whose nearest neighbours err by 1 (root mean square), with such copies among "
        f"them by {joint**0.5:.4g})"
    )
