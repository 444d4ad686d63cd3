"""Bursts: numbered names and the camera's clock raise a suspicion that the images confirm."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from made_images import decode_image
from pellucid.data.image_siblings import _following, by_names
from pellucid.data.images.cache import decode_all
from pellucid.data.images.pixels import UNKNOWN
from pellucid.data.preparing import prepare
from pellucid.data.sibling_sets import BURSTS
from pellucid.data.sources.labelled import read_data
from pellucid.data.sources.samples import read_sample
from pellucid.progress import reporting_to
from pellucid.settings import Settings

SCENES, FRAMES, OTHERS = 20, 4, 240


def garments(count: int) -> np.ndarray:
    """Scenes of four garments each: one alone looks much like the next."""
    sample = read_sample("sample:fashion")
    assert sample.load_pixels is not None
    parts = sample.load_pixels()[: 4 * count].reshape(count, 2, 2, 28, 28)
    return parts.transpose(0, 1, 3, 2, 4).reshape(count, 56, 56)


def moved(image: np.ndarray, draws: np.random.Generator) -> np.ndarray:
    """The same scene a little aside, with the noise of a sensor."""
    shifted = np.roll(image, draws.integers(-3, 4, 2), axis=(0, 1))
    return np.clip(shifted + draws.normal(0, 3, shifted.shape), 0, 255).astype(np.uint8)


def photographs(*, shuffled: bool) -> list[tuple[np.ndarray, int]]:
    """Bursts of some garments among single ones, each with the number of its scene."""
    draws = np.random.default_rng(0)
    images = garments(SCENES + OTHERS)
    scenes = [
        [(moved(image, draws), index) for _ in range(FRAMES if index < SCENES else 1)]
        for index, image in enumerate(images)
    ]
    found = [each for place in draws.permutation(len(scenes)) for each in scenes[place]]
    return [found[place] for place in draws.permutation(len(found))] if shuffled else found


def exif_of(seconds: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Maker", "Model 1"
    exif.get_ifd(0x8769)[0x9003] = (
        f"2024:05:01 {10 + seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    )
    return exif


def write(folder: Path, images: list[tuple[np.ndarray, int]], *, by_clock: bool = False) -> list[int]:
    """Write photographs under numbers, or with times and names that say nothing; scenes in DATA's order."""
    scene_of, seconds, last = {}, 0, -1
    for number, (image, scene) in enumerate(images):
        # The label says nothing of the garment, so that all kinds stand beside each other.
        seconds, last = seconds + (1 if scene == last else 20), scene
        name = f"{number * 7919 % 10007:05}x{number}y" if by_clock else f"IMG_{number:04}"
        path = (
            folder / ("a" if scene % 2 else "b") / f"{name if not by_clock else name.translate(LETTERS)}.jpg"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        exif = exif_of(seconds) if by_clock else Image.Exif()
        Image.fromarray(image).save(path, quality=95, exif=exif)
        scene_of[str(path)] = scene
    return [scene_of[source] for source in read_data(str(folder), Settings()).sources]


LETTERS = str.maketrans("0123456789", "abcdefghij")


def found_and_merged(folder: Path, scenes: list[int]) -> tuple[float, float]:
    """Share of the frames that stand with the others of their scene, and of single images merged."""
    dataset, _ = prepare(str(folder), Settings())
    sets = dataset.together
    of = np.array(scenes)
    burst = of < SCENES
    frames = [np.bincount(sets[of == scene]).max() for scene in range(SCENES)]
    alone = np.bincount(sets)[sets[~burst]] == 1
    return sum(frames) / burst.sum(), float(1 - alone.mean())


@pytest.mark.parametrize("by_clock", [False, True], ids=["numbered-names", "camera-clock"])
def test_planted_bursts_stay_together_and_others_do_not(tmp_path, own_cache, by_clock: bool) -> None:
    scenes = write(tmp_path / "photos", photographs(shuffled=False), by_clock=by_clock)
    found, merged = found_and_merged(tmp_path / "photos", scenes)
    assert found >= 0.9
    assert merged <= 0.02


def test_plain_numbering_of_shuffled_data_says_nothing(tmp_path, own_cache) -> None:
    write(tmp_path / "photos", photographs(shuffled=True))
    _, check = prepare(str(tmp_path / "photos"), Settings())
    assert check.siblings.found[BURSTS].examples <= 2


def test_the_last_number_of_a_name_counts_and_folders_of_splits_are_one() -> None:
    paths = ["d/train/cat/IMG_0412.jpg", "d/test/cat/img_0413.JPG", "v/video3_frame_0012.png",
             "v/video4_frame_0012.png", "v/plain.png", "d/train/dog/IMG_0414.jpg"]  # fmt: skip
    order = by_names(paths)
    assert order[:, 1].tolist() == [412, 413, 12, 12, -1, 414]
    sequences = order[:, 0].tolist()
    assert sequences[0] == sequences[1]
    assert sequences[4] == -1
    assert len({sequences[index] for index in (0, 2, 3, 5)}) == 4


def test_the_moment_of_a_photograph_is_read_and_kept_for_a_second_start(tmp_path, own_cache) -> None:
    scenes = write(tmp_path / "photos", photographs(shuffled=False)[:12], by_clock=True)
    assert len(scenes) == 12
    listing = read_data(str(tmp_path / "photos"), Settings())
    first, _ = decode_all(listing, Settings())
    assert first.taken is not None
    assert (first.taken[:, 0] > 0).all()
    assert len(np.unique(first.taken[:, 1])) == 1
    with reporting_to(lambda *_: pytest.fail("decoded again")):
        second, _ = decode_all(listing, Settings())
    assert second.taken is not None
    assert (second.taken == first.taken).all()


@pytest.mark.parametrize("written", ["2024:13:01 10:00:00", "soon", "0000:00:00 00:00:00"])
def test_a_moment_that_is_none_is_unknown(written: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = written
    file = io.BytesIO()
    Image.fromarray(garments(1)[0]).save(file, "JPEG", exif=exif)
    assert decode_image(file.getvalue()).taken == UNKNOWN


def test_the_fraction_of_a_second_counts() -> None:
    exif = exif_of(3)
    exif.get_ifd(0x8769)[0x9291] = "25"
    file = io.BytesIO()
    Image.fromarray(garments(1)[0]).save(file, "JPEG", exif=exif)
    assert decode_image(file.getvalue()).taken.milliseconds % 60_000 == 3250


def test_the_next_but_one_may_be_twice_as_far() -> None:
    """Of 0, 3, 6 and 10 with steps of 3: the frame after the next counts from where it is, 10 from none."""
    order = np.array([[0, 0], [0, 3], [0, 6], [0, 10], [1, 11]])
    pairs = _following(order, np.array([3, 3]), np.arange(5))
    assert sorted(map(tuple, pairs.tolist())) == [(0, 1), (0, 2), (1, 2)]
