import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from data.made import images_of
from pellucid.data import image_copies
from pellucid.data.image_copies import first_with_content, near_copies, nearly_equal
from pellucid.data.images.preprocessing import array_digests, difference_hashes
from pellucid.data.sources.samples import FASHION_FOLDER


@pytest.fixture(scope="module")
def garments() -> np.ndarray:
    """2,000 real images of the bundled sample."""
    with gzip.open(FASHION_FOLDER / "train-images-idx3-ubyte.gz") as file:
        content = file.read(16 + 2000 * 28 * 28)
    return np.frombuffer(content, np.uint8, offset=16).reshape(2000, 28, 28, 1)


def found(pixels: np.ndarray) -> image_copies.NearCopies:
    return near_copies(pixels, difference_hashes(pixels), np.arange(len(pixels)))


def resaved(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image[:, :, 0]).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))[:, :, None]


def resized(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    opened = Image.fromarray(image[:, :, 0]).resize((width * 2, height * 2), Image.Resampling.BICUBIC)
    return np.asarray(opened.resize((width, height), Image.Resampling.BICUBIC))[:, :, None]


def brighter(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 1.05 + 0.5, 0, 255).astype(np.uint8)


@given(
    contents=st.lists(st.integers(0, 5), max_size=40),
    usable=st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_first_with_content_agrees_with_the_plain_way(contents, usable):
    usable = np.array(usable[: len(contents)], bool)
    digests = np.zeros((len(contents), 16), np.uint8)
    digests[:, 3] = contents
    expected = [
        index
        if not usable[index]
        else next(at for at in range(len(contents)) if usable[at] and contents[at] == value)
        for index, value in enumerate(contents)
    ]
    assert first_with_content(digests, usable).tolist() == expected


def test_exact_copies_of_real_images():
    pixels = images_of(6)
    pixels[4] = pixels[1]
    assert first_with_content(array_digests(pixels), np.ones(6, bool)).tolist() == [0, 1, 2, 3, 1, 5]


@pytest.mark.parametrize(
    ("change", "recall"),
    [
        (lambda each: resaved(each, 75), 0.95),
        (lambda each: resaved(each, 50), 0.9),
        (resized, 0.95),
        (brighter, 0.98),
    ],
    ids=["JPEG 75", "JPEG 50", "resized", "5 % brighter"],
)
def test_changed_copies_are_found(garments, change, recall):
    originals = garments[:200]
    pairs = found(np.concatenate([originals, np.stack([change(each) for each in originals])])).pairs
    planted = {(index, index + 200) for index in range(200)}
    assert len(planted & set(map(tuple, pairs.tolist()))) >= recall * 200
    assert len(set(map(tuple, pairs.tolist())) - planted) <= 2


def test_innocent_garments_are_left_alone_where_the_hash_alone_accuses_them(garments):
    hashes = difference_hashes(garments)
    differing = np.unpackbits((hashes[:, None] ^ hashes).view(np.uint8).reshape(2000, 2000, 8), axis=2).sum(
        axis=2
    )
    accused = int(np.triu(differing <= 6, k=1).sum())
    assert accused > 1000
    result = found(garments)
    assert len(result.pairs) <= 3
    assert result.complete


def test_search_finds_what_comparing_all_with_all_finds(garments):
    """The windows and projections lose no pair that the stated steps admit."""
    originals = garments[:150]
    pixels = np.concatenate([originals, np.stack([resaved(each, 75) for each in originals])])
    blocks = image_copies._block_means(pixels, np.arange(300))
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    every = np.stack(np.triu_indices(300, k=1), axis=1)
    admitted = image_copies._alike(every, centred, difference_hashes(pixels))
    expected = admitted[nearly_equal(pixels[admitted[:, 0]], pixels[admitted[:, 1]])]
    assert found(pixels).pairs.tolist() == expected.tolist()


def test_pairs_are_sorted_and_speak_of_the_given_positions(garments):
    pixels = garments[:40].copy()
    pixels[30], pixels[5] = brighter(pixels[7]), brighter(pixels[20])
    positions = np.array([5, 7, 20, 30, 33])
    assert near_copies(pixels, difference_hashes(pixels), positions).pairs.tolist() == [[5, 20], [7, 30]]


def test_same_shape_in_another_shade_is_no_copy(garments):
    light = garments[garments.mean(axis=(1, 2, 3)) > 60]
    assert not nearly_equal(light, (light * 0.6).astype(np.uint8)).any()


def test_colour_images_that_differ_in_hue_only_are_no_copies():
    noise = np.kron(np.random.default_rng(0).integers(0, 200, (1, 8, 8, 1)), np.ones((1, 4, 4, 3)))
    tinted = noise + np.array([30, -10, -40]) * np.array([1.0, 1.0, 1.0])
    pixels = np.clip(np.concatenate([noise, tinted]) + 20, 0, 255).astype(np.uint8)
    assert found(pixels).pairs.tolist() == []


@pytest.mark.parametrize("pixels", [np.zeros((0, 9, 9, 1)), np.zeros((1, 9, 9, 1)), np.zeros((9, 4, 4, 1))])
def test_too_little_to_compare(pixels):
    result = found(pixels.astype(np.uint8))
    assert result.pairs.shape == (0, 2)
    assert result.complete


def test_many_flat_images_are_no_copies_and_cost_nothing():
    pixels = np.repeat(np.arange(250, dtype=np.uint8), 80)[:, None, None, None] * np.ones(
        (1, 8, 8, 1), np.uint8
    )
    assert len(found(pixels).pairs) == 0


def test_a_crowd_of_near_copies_stops_at_the_limit_and_says_so(garments, monkeypatch):
    monkeypatch.setattr(image_copies, "MOST_CANDIDATES", 500)
    noise = np.random.default_rng(0).integers(-2, 3, (2000, 28, 28, 1))
    crowd = np.clip(garments[:1] + noise, 0, 255).astype(np.uint8)
    result = found(crowd)
    assert not result.complete
    assert 0 < len(result.pairs) <= 500


def test_search_stops_at_its_limit_of_comparisons(garments, monkeypatch):
    monkeypatch.setattr(image_copies, "MOST_COMPARISONS", 1000)
    assert not found(garments).complete


@pytest.mark.parametrize("shape", [(20, 33), (8, 100), (150, 70)])
def test_block_means_of_any_size(shape):
    """The mean of all blocks is the mean of the image as it is sampled."""
    pixels = np.random.default_rng(0).integers(0, 256, (3, *shape, 3)).astype(np.uint8)
    means = image_copies._block_means(pixels, np.arange(3)).reshape(3, 8, 8)
    sampled = pixels[:, :: max(1, shape[0] // 32), :: max(1, shape[1] // 32)]
    np.testing.assert_allclose(means.mean(axis=(1, 2)), sampled.mean(axis=(1, 2, 3)), rtol=1e-5)


def test_copies_may_be_thirteen_levels_brighter_and_no_more(garments):
    """A pattern at another brightness is another image."""
    first = garments[:5] // 2
    for levels, is_copy in ((0, True), (12, True), (40, False), (90, False)):
        brighter = (first + levels).astype(np.uint8)
        assert (nearly_equal(first, brighter) == is_copy).all(), levels
        assert (nearly_equal(brighter, first) == is_copy).all(), levels
