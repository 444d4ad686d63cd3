"""Turned, mirrored, cropped and brighter copies of photographs are found; what only looks alike is not."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_images

from pellucid.data.image_symmetries import _correlations, _invariants, _units, all_copies, in_way
from pellucid.data.images.pixels import fit_image
from pellucid.data.images.preprocessing import difference_hashes
from pellucid.data.preparing import prepare
from pellucid.data.sibling_sets import NEAR_TURNED_COPIES, TURNED_COPIES
from pellucid.settings import Settings

SIDE = 64


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    """Parts of two real photographs, of several sizes and aspects, that show some detail."""
    parts = []
    for photograph in load_sample_images().images:
        for row in range(4):
            for column in range(5):
                height, width = 80 + 6 * (row % 3), 90 + 8 * column
                top, left = row * 106, column * 128
                part = photograph[top : top + height, left : left + width]
                if np.abs(np.diff(part[::8, ::8].mean(axis=2), axis=1)).mean() > 6:
                    parts.append(Image.fromarray(part))
    return parts


def turned(image: Image.Image, way: int) -> Image.Image:
    pixels = np.asarray(image).transpose(2, 0, 1)
    return Image.fromarray(np.ascontiguousarray(in_way(pixels, way).transpose(1, 2, 0)))


def copies_of(images: list[Image.Image]) -> tuple[set, set, set, int]:
    """Pairs found among images that are fitted as they are in training: upright, turned, nearly turned."""
    pixels = np.stack([fit_image(np.asarray(image), (SIDE, SIDE), 3) for image in images])
    sizes = np.array([(image.height, image.width) for image in images], np.int32)
    found = all_copies(pixels, difference_hashes(pixels), sizes, np.arange(len(images)))
    pairs = (found.pairs, found.others[TURNED_COPIES], found.others[NEAR_TURNED_COPIES])
    upright, exactly, nearly = (set(map(tuple, each.tolist())) for each in pairs)
    return upright, exactly, nearly, found.flat


def resaved(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=60)
    return Image.open(file).convert("RGB")


def rescaled(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.BICUBIC)


def cropped(image: Image.Image) -> Image.Image:
    return image.crop(
        (image.width // 25, 0, image.width - image.width // 33, image.height - image.height // 22)
    )


def darker(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * 0.82 + 0.5).astype(np.uint8))


def test_invariants_are_the_same_in_all_eight_ways_and_correlations_name_the_way() -> None:
    blocks = np.random.default_rng(0).normal(size=(5, 8, 8)).astype(np.float32)
    expected = _invariants(_units(blocks))
    for way in range(8):
        there = _units(np.ascontiguousarray(in_way(blocks, way)))
        np.testing.assert_allclose(_invariants(there), expected, atol=1e-5)
        correlations = _correlations(_units(blocks), there)
        assert (correlations.argmax(axis=1) == way).all()
        np.testing.assert_allclose(correlations[:, way], 1, atol=1e-5)


@pytest.mark.parametrize("way", range(1, 8))
def test_photographs_that_are_not_square_are_found_in_every_way(photographs, way) -> None:
    count = len(photographs)
    _, exactly, nearly, _ = copies_of([*photographs, *(turned(each, way) for each in photographs)])
    assert exactly | nearly == {(at, at + count) for at in range(count)}
    assert len(exactly) >= 0.9 * count


@pytest.mark.parametrize("change", [resaved, rescaled, cropped, darker])
def test_near_copies_are_found_upright_and_turned(photographs, change) -> None:
    count = len(photographs)
    copies = [change(turned(each, at % 8)) for at, each in enumerate(photographs)]
    upright, exactly, nearly, _ = copies_of([*photographs, *copies])
    planted = {(at, at + count) for at in range(count)}
    found = upright | exactly | nearly
    assert len(planted & found) >= 0.95 * count
    assert found <= planted
    assert {first % 8 for first, _ in upright} <= {0}


def test_drawings_that_differ_in_one_part_and_blobs_are_no_copies() -> None:
    """Clocks of different hours, and round blobs, which correlate in every way."""
    images = []
    for hour in range(12):
        clock = Image.new("RGB", (64, 64), "white")
        draw = ImageDraw.Draw(clock)
        draw.ellipse((6, 6, 58, 58), outline="black", width=3)
        angle = np.pi * (hour + 0.4) / 6
        draw.line((32, 32, 32 + 20 * np.sin(angle), 32 - 20 * np.cos(angle)), fill="black", width=4)
        images.append(clock)
    rows, columns = np.mgrid[:64, :64] / 64 - 0.5
    for width in np.linspace(0.08, 0.3, 12):
        blob = 220 * np.exp(-(rows**2 + (1.1 * columns) ** 2) / width**2)
        images.append(Image.fromarray(np.repeat(blob[..., None], 3, 2).astype(np.uint8)))
    _, exactly, nearly, _ = copies_of(images)
    of_clocks = {pair for pair in exactly | nearly if pair[1] < 12}
    # A hand at h + 0.4 is the mirror image of none, and a quarter turn moves it by three hours: true copies.
    assert all((second - first) % 3 == 0 for first, second in of_clocks)


def test_flat_images_are_counted_and_not_compared(photographs) -> None:
    grey = [Image.new("RGB", (64, 64), (level, level, level)) for level in (10, 11, 200)]
    upright, exactly, nearly, flat = copies_of([*photographs[:5], *grey])
    assert (upright, exactly, nearly, flat) == (set(), set(), set(), 3)


def test_published_copies_that_are_turned_do_not_lie_on_both_sides_of_a_split(
    photographs, tmp_path: Path
) -> None:
    """As published: each photograph with some turned copies, all saved as JPEG, under shuffled names."""
    names = np.random.default_rng(1).permutation(10_000)
    sets: dict[str, int] = {}
    for at, photograph in enumerate(photographs):
        for way in (0, 1 + at % 3, 4 + at % 4):
            folder = tmp_path / "leaves" / "ab"[at % 2]
            folder.mkdir(parents=True, exist_ok=True)
            name = f"{names[len(sets)]}.jpg"
            turned(photograph, way).save(folder / name, "JPEG", quality=80)
            sets[name] = at
    dataset, check = prepare(str(tmp_path / "leaves"), Settings())
    split_of = {}
    for part, positions in dataset.split_positions.items():
        for position in positions.tolist():
            split_of[Path(dataset.sources[position]).name] = part
    across = [
        at for at in range(len(photographs)) if len({split_of[name] for name in sets if sets[name] == at}) > 1
    ]
    assert across == []
    found = check.siblings.found
    assert found[TURNED_COPIES].examples + found[NEAR_TURNED_COPIES].examples >= len(sets)
    assert not check.conflicts
    assert not check.leaked
    said = " ".join(check.sentences())
    assert "once turned by quarter turns or mirrored" in said
    assert "Searched and not found among images: exact copies, near duplicates" in said


def test_mirrored_copies_of_other_classes_are_no_conflict_and_given_splits_report_them(
    photographs, tmp_path: Path
) -> None:
    for at, photograph in enumerate(photographs):
        part = "test" if at % 4 == 0 else "train"
        for label, way in (("left", 0), ("right", 1)):
            folder = tmp_path / part / label
            folder.mkdir(parents=True, exist_ok=True)
            turned(photograph, way).save(folder / f"{at}.png")
    turned(photographs[1], 4).save(tmp_path / "test" / "left" / "100.png")
    _, check = prepare(str(tmp_path), Settings())
    assert not check.conflicts
    assert not check.leaked
    row = next(each for each in check.related if each.kind == TURNED_COPIES)
    assert row.in_test == 1
    assert check.metrics()["test_siblings"] == 1
