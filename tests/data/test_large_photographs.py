"""JPEGs much larger than wanted: decoded at a fraction of their size, the same in every other way."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from made_images import context, decode_image, encoded
from pellucid.data import decode_all, read_data
from pellucid.data.images import decoding
from pellucid.data.images.decoding import DRAFT_FROM, header_of
from pellucid.data.images.pixels import fit_image
from pellucid.errors import DataError
from pellucid.settings import Settings

WANTED = (64, 64)


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    """A real image of 1,200 x 1,600, with the detail that a lens leaves of it."""
    return Image.fromarray(astronaut()[:384]).resize((1600, 1200), Image.Resampling.BICUBIC)


def fitted(content: bytes, size: tuple[int, int], form: str = "RGB") -> tuple[np.ndarray, np.ndarray]:
    """The image as it is decoded for a size, and as it is decoded whole."""
    reduced, whole = decode_image(content, size), decode_image(content)
    assert reduced.size == whole.size == whole.pixels.shape[:2]
    assert reduced.mode == whole.mode
    assert reduced.pixels.shape < whole.pixels.shape
    channels = whole.pixels.shape[2]
    return fit_image(reduced.pixels, size, channels, reduced.size), fit_image(whole.pixels, size, channels)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((64, 64), (150, 200)),  # an eighth
        ((100, 100), (150, 200)),  # fitted, 75 x 100: an eighth is twice that
        ((101, 101), (300, 400)),
        ((200, 200), (300, 400)),
        ((64, 1000), (150, 200)),
        ((400, 400), (600, 800)),
        ((401, 401), (1200, 1600)),
    ],
)
def test_the_scale_leaves_twice_what_is_wanted(
    photograph: Image.Image, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    decoded = decode_image(encoded(photograph, "JPEG"), size)
    assert decoded.pixels.shape == (*expected, 3)
    assert decoded.size == (1200, 1600)


@pytest.mark.parametrize(
    ("form", "mode", "options"),
    [
        ("JPEG", "RGB", {}),
        ("JPEG", "RGB", {"progressive": True}),
        ("JPEG", "RGB", {"subsampling": 0}),
        ("JPEG", "L", {}),
        ("JPEG", "CMYK", {}),
        ("MPO", "RGB", {"save_all": True, "append_images": [Image.new("RGB", (64, 48))]}),
    ],
)
@pytest.mark.parametrize("side", [64, 150])
def test_every_kind_comes_out_as_if_it_was_decoded_whole(
    photograph: Image.Image, form: str, mode: str, options: dict[str, object], side: int
) -> None:
    content = encoded(photograph.convert(mode), form, quality=90, **options)
    reduced, whole = fitted(content, (side, side))
    difference = np.abs(reduced.astype(int) - whole)
    assert difference.mean() < 1.0
    assert np.percentile(difference, 99) <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photographs_are_reduced_as_much_and_stand_upright(
    photograph: Image.Image, orientation: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    wide = photograph.resize((3200, 600))
    content = encoded(wide, "JPEG", exif=exif, quality=90)
    reduced, whole = fitted(content, (64, 200))
    assert np.abs(reduced.astype(int) - whole).mean() < 1.0
    # Lying it is fitted as 38 x 200, and an eighth has one row less than twice that; standing as 64 x 12.
    expected = (150, 800) if orientation < 5 else (400, 75)
    assert decode_image(content, (64, 200)).pixels.shape[:2] == expected


def test_small_and_other_images_are_decoded_whole(photograph: Image.Image) -> None:
    small = photograph.resize((1000, 999))
    assert small.width * small.height < DRAFT_FROM
    assert decode_image(encoded(small, "JPEG"), WANTED).pixels.shape == (999, 1000, 3)
    assert decode_image(encoded(photograph, "WEBP"), WANTED).pixels.shape == (1200, 1600, 3)
    assert decode_image(encoded(photograph, "PNG"), WANTED).pixels.shape == (1200, 1600, 3)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9, 0.99])
def test_truncated_photographs_are_refused(photograph: Image.Image, progressive: bool, kept: float) -> None:
    content = encoded(photograph, "JPEG", progressive=progressive)
    with pytest.raises(DataError, match=r"^truncated image$"):
        decode_image(content[: int(kept * len(content))], WANTED)


def test_equal_files_are_exact_copies_and_others_are_not(
    photograph: Image.Image, tmp_path: Path, own_cache: Path
) -> None:
    content = encoded(photograph, "JPEG", quality=90)
    other = encoded(Image.fromarray(np.asarray(photograph)[:, ::-1]), "JPEG", quality=90)
    files = {"a/1.jpg": content, "a/2.jpg": other, "b/3.jpeg": content, "b/4.jpg": encoded(context())}
    for name, each in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(each)
    listing = read_data(str(tmp_path), Settings())
    images, preprocessing = decode_all(listing, Settings(threads=2))
    digests = dict(zip((path.name for path in listing.paths or ()), images.digests, strict=True))
    assert digests["1.jpg"].tobytes() == digests["3.jpeg"].tobytes()
    assert len({digest.tobytes() for digest in images.digests}) == 3
    assert images.original_sizes.tolist() == [[1200, 1600]] * 3 + [[24, 32]]
    for index, path in enumerate(listing.paths or ()):
        np.testing.assert_array_equal(images.pixels[index], preprocessing.image_and_warning(path)[0])


def test_a_header_is_read_without_the_pixels(
    photograph: Image.Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photograph.jpg"
    path.write_bytes(encoded(photograph, "JPEG", quality=95, exif=exif))
    assert path.stat().st_size > 200_000
    read = []

    class Counted(io.FileIO):
        def readinto(self, buffer):  # type: ignore[no-untyped-def]
            read.append(super().readinto(buffer))
            return read[-1]

    monkeypatch.setattr(decoding, "open_regular", lambda name: io.BufferedReader(Counted(name)))
    assert header_of(path) == (1600, 1200, "colour")
    assert 0 < sum(read) < 20_000
