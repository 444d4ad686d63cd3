"""Every kind of image and every kind of damage, made by Pillow."""

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from made_images import context, decode_image, encoded
from pellucid.data.images.decoding import header_of, quiet_pillow
from pellucid.errors import DataError
from pellucid.safety.budgets import PIXELS

LOSSLESS = ("PNG", "BMP", "TIFF", "PPM", "GIF")
NOISE = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)


def require_refused(file: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        decode_image(file)


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png_with_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds no pixels: 57 bytes."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", b"") + png_chunk(b"IEND", b"")


@pytest.mark.parametrize("form", LOSSLESS)
def test_grey_comes_back_as_it_was(form: str) -> None:
    grey = context()[:, :, 0]
    decoded = decode_image(encoded(grey, form))
    np.testing.assert_array_equal(decoded.pixels[:, :, 0], grey)
    assert decoded.warning is None
    assert decoded.size == grey.shape


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_colour_comes_back_as_it_was(form: str, tmp_path: Path) -> None:
    path = tmp_path / "a name with\nnew line, ünïcode"
    path.write_bytes(encoded(context(), form))
    np.testing.assert_array_equal(decode_image(path).pixels, context())
    assert header_of(path) == (24, 32, "colour")


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_are_read(form: str) -> None:
    smooth = context(64, 64)
    smooth[:16, :16] = smooth[20, 20]
    options = {} if form == "JPEG2000" else {"quality": 95}
    decoded = decode_image(encoded(smooth, form, **options))
    assert np.abs(decoded.pixels.astype(int) - smooth).mean() < 4


@pytest.mark.parametrize("form", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_over_white(form: str) -> None:
    colour = context()
    alpha = np.full((24, 32, 1), 255, np.uint8)
    alpha[:8] = 0
    alpha[8:16] = 51
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    decoded = decode_image(encoded(np.concatenate([colour, alpha], axis=2), form, **options))
    expected = np.where(alpha == 255, colour, np.where(alpha == 0, 255, np.rint(colour * 0.2 + 255 * 0.8)))
    np.testing.assert_allclose(decoded.pixels, expected, atol=1)
    assert decoded.mode == "colour with transparency"


def test_grey_with_transparency_stays_grey_and_does_not_turn_black() -> None:
    grey = context()[:, :, 0]
    alpha = np.zeros_like(grey)
    alpha[12:] = 255
    decoded = decode_image(encoded(np.stack([grey, alpha], axis=2)))
    assert decoded.pixels.shape == (24, 32, 1)
    assert (decoded.pixels[:12] == 255).all()
    np.testing.assert_array_equal(decoded.pixels[12:, :, 0], grey[12:])
    assert decoded.mode == "grey with transparency"


@pytest.mark.parametrize("form", ["PNG", "GIF"])
def test_palette_with_a_transparent_colour(form: str) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.paste(1, (0, 4, 8, 8))
    decoded = decode_image(encoded(image, form, transparency=0))
    assert decoded.mode == "palette"
    assert (decoded.pixels[:4] == 255).all()
    assert (decoded.pixels[4:] == (0, 0, 255)).all()


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_one_transparent_value_without_an_alpha_channel(mode: str, channels: int) -> None:
    image = Image.new(mode, (4, 4), 7 if mode == "L" else (7, 7, 7))
    image.paste(90 if mode == "L" else (90, 90, 90), (0, 2, 4, 4))
    content = encoded(image, transparency=7 if mode == "L" else (7, 7, 7))
    pixels = decode_image(content).pixels
    assert pixels.shape[2] == channels
    assert (pixels[:2] == 255).all()
    assert (pixels[2:] == 90).all()


def test_one_bit_images_become_black_and_white() -> None:
    image = Image.fromarray(context()).convert("1")
    decoded = decode_image(encoded(image))
    assert decoded.mode == "black and white"
    np.testing.assert_array_equal(decoded.pixels[:, :, 0] == 255, np.asarray(image))
    assert set(np.unique(decoded.pixels)) == {0, 255}


def test_cmyk_is_converted() -> None:
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for form in ("JPEG", "TIFF"):
        decoded = decode_image(encoded(image, form))
        assert decoded.mode == "CMYK"
        assert np.abs(decoded.pixels.astype(int) - (255, 0, 0)).max() <= 3


def test_lab_is_refused_plainly() -> None:
    require_refused(
        encoded(Image.new("LAB", (4, 4)), "TIFF"), "colour mode LAB is not supported; save it as RGB"
    )


@pytest.mark.parametrize("form", ["PNG", "TIFF", "PPM"])
def test_sixteen_bits_are_scaled_and_not_clipped(form: str) -> None:
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    decoded = decode_image(encoded(values, form))
    np.testing.assert_array_equal(decoded.pixels[:, :, 0], np.rint(values / 257))
    assert decoded.mode in ("16-bit grey", "32-bit grey")
    # The range is that of 16 bits, also where no value is above what 8 bits hold.
    dark = decode_image(encoded((values // 328).astype(np.uint16), form)).pixels[:, :, 0]
    np.testing.assert_array_equal(dark, values // 328 > 128)


def test_sixteen_bits_of_the_other_byte_order() -> None:
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    image = Image.frombytes("I;16B", (8, 8), values.astype(">u2").tobytes())
    np.testing.assert_array_equal(decode_image(encoded(image, "TIFF")).pixels[:, :, 0], np.rint(values / 257))


def test_integers_beyond_sixteen_bits_are_stretched() -> None:
    values = np.array([[-1000, 0], [99000, 49000]], np.int32)
    decoded = decode_image(encoded(values, "TIFF"))
    np.testing.assert_array_equal(decoded.pixels[:, :, 0], [[0, 3], [255, 128]])


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([[0.0, 0.5], [0.25, 1.0]], [[0, 128], [64, 255]]),
        ([[10.0, 20.0], [30.0, 200.0]], [[10, 20], [30, 200]]),
        ([[-1.0, 0.0], [1.0, 3.0]], [[0, 64], [128, 255]]),
        ([[500.0, 500.0], [500.0, 500.0]], [[0, 0], [0, 0]]),
    ],
)
def test_floats_are_scaled_by_their_range(values: list[list[float]], expected: list[list[int]]) -> None:
    decoded = decode_image(encoded(np.array(values, np.float32), "TIFF"))
    np.testing.assert_array_equal(decoded.pixels[:, :, 0], expected)
    assert decoded.mode == "float grey"


def test_floats_that_are_not_numbers_are_refused() -> None:
    values = np.array([[0.0, np.nan]], np.float32)
    require_refused(encoded(values, "TIFF"), r"holds values that are not numbers \(NaN or infinity\)")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_gives_the_upright_image(form: str, orientation: int, tmp_path: Path) -> None:
    undo = {
        1: None, 2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM",
        5: "TRANSPOSE", 6: "ROTATE_90", 7: "TRANSVERSE", 8: "ROTATE_270",
    }[orientation]  # fmt: skip
    upright = Image.fromarray(context(32, 48))
    stored = upright if undo is None else upright.transpose(Image.Transpose[undo])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}.get(form, {})
    path = tmp_path / "image"
    path.write_bytes(encoded(stored, form, exif=exif, **options))
    decoded = decode_image(path)
    np.testing.assert_allclose(decoded.pixels, context(32, 48), atol=8)
    assert decoded.size == (32, 48)
    assert header_of(path)[:2] == (32, 48)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03"])
def test_damaged_exif_leaves_the_image_readable(exif: bytes) -> None:
    decoded = decode_image(encoded(context(), "JPEG", exif=exif, quality=95))
    assert decoded.pixels.shape == (24, 32, 3)


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animations_give_their_first_frame_and_a_warning(form: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    content = encoded(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
    decoded = decode_image(content)
    assert decoded.warning == "animated, 3 frames; the first is used"
    assert np.abs(decoded.pixels.astype(int) - (255, 0, 0)).max() <= 4


def test_pages_are_counted() -> None:
    content = encoded(context(), "TIFF", save_all=True, append_images=[Image.fromarray(context(seed=9))])
    decoded = decode_image(content)
    np.testing.assert_array_equal(decoded.pixels, context())
    assert decoded.warning == "2 pages; the first is used"


def test_phone_photographs_with_a_second_image_draw_no_warning() -> None:
    content = encoded(context(), "MPO", save_all=True, append_images=[Image.fromarray(context(seed=9))])
    assert decode_image(content).warning is None


def test_57_byte_bombs_are_refused_from_their_headers(tmp_path: Path) -> None:
    for size, words in (
        ((13400, 13400), "^179,560,000"),
        ((PIXELS.value() // 1000 + 1, 1000), "^1,000 x 100,001"),
    ):
        content = png_with_header(*size)
        assert len(content) == 57
        (tmp_path / "bomb.png").write_bytes(content)
        for source in (content, tmp_path / "bomb.png"):
            require_refused(source, f"{words} pixels is over the limit of 100,000,000 pixels")
            with pytest.raises(DataError, match="over the limit"):
                header_of(source)


def test_few_bytes_for_many_pixels_are_refused(tmp_path: Path) -> None:
    """A mutant of 200 bytes in WebP was 90 million pixels, and took 1.2 GB."""
    content = encoded(np.zeros((4001, 4000, 3), np.uint8), "WEBP", lossless=True)
    (tmp_path / "bomb.webp").write_bytes(content)
    for ask, source in (
        (decode_image, content),
        (header_of, content),
        (header_of, tmp_path / "bomb.webp"),
    ):
        with pytest.raises(
            DataError, match=rf"^4,001 x 4,000 pixels are more than {len(content)} bytes can hold"
        ):
            ask(source)
    page = encoded(np.zeros((3508, 2480), bool), "TIFF", compression="group4")
    assert header_of(page) == (3508, 2480, "black and white")


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "JPEG2000"])
@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_truncated_images_are_refused(form: str, kept: float) -> None:
    content = encoded(NOISE, form)
    words = r"^truncated image$" if form in ("PNG", "JPEG", "BMP") and kept == 0.5 else r"truncated|corrupt"
    require_refused(content[: int(len(content) * kept)], words)


@pytest.mark.parametrize("position", [40, 60, 200])
def test_flipped_bytes_in_a_png_are_found(position: int) -> None:
    content = bytearray(encoded(NOISE))
    content[position] ^= 0xFF
    require_refused(bytes(content), r"corrupt image|truncated image")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"empty file \(zero bytes\)"),
        (b"<!DOCTYPE html><html><body>404</body></html>", r"not an image \(HTML\)"),
        (b"\n  <html><head></head></html>", r"not an image \(HTML\)"),
        (b"<?xml version='1.0'?><a/>", r"not an image \(XML\)"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", r"not an image of dots \(SVG\)"),
        (b"%PDF-1.7 ...", r"not an image \(PDF\)"),
        (b"PK\x03\x04" + bytes(40), r"not an image \(ZIP archive\)"),
        (b"just some words\n", r"not an image \(text\)"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "HEIC or video is not read"),
        (bytes(range(1, 200)), "^not an image$"),
        (b"\x89PNG\r\n\x1a\n\0\0", "truncated or corrupt image"),
        (b"\xff\xd8\xff\xe0nonsense" * 20, "^truncated image$"),
    ],
)
def test_what_is_no_image_is_named(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    path.write_bytes(content)
    require_refused(path, reason)
    with pytest.raises(DataError, match=reason):
        header_of(path)


@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF", "JPEG2000"]),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_bytes_give_an_image_or_a_reason(form: str, changes: list[tuple[int, int]]) -> None:
    content = bytearray(encoded(context(), form))
    for position, value in changes:
        content[position % len(content)] = value
    for read in (decode_image, header_of):
        try:
            said = read(bytes(content))
        except DataError as refused:
            said = str(refused)
        assert said


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    require_refused(tmp_path / "gone.png", r"^no such file$")
    require_refused(tmp_path, r"cannot be read \(is a directory\)")


def test_formats_off_the_list_are_not_tried() -> None:
    require_refused(encoded(context(), "TGA"), "not an image")
    require_refused(encoded(context(), "ICO"), "not an image")


def test_pillows_warnings_do_not_leak_and_filters_come_back() -> None:
    before = list(warnings.filters)
    large = png_with_header(9500, 9500) + bytes(10_000)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(io.BytesIO(large)).close()
    assert header_of(large) == (9500, 9500, "grey")
    assert warnings.filters == before


def test_quiet_survives_overlapping_threads() -> None:
    before = list(warnings.filters)
    entered, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with quiet_pillow():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=hold)
    with quiet_pillow():
        thread.start()
        entered.wait()
    assert warnings.filters != before
    leave.set()
    thread.join()
    assert warnings.filters == before
