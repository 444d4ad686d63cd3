"""From what Pillow opened to upright 8-bit pixels at the training size, with time and camera by its EXIF."""

import hashlib
import re
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from pellucid.errors import DataError
from pellucid.settings import Settings, parse_image_size

_EXIF_FOLDER = 0x8769
_MAKE = 0x010F  # tag of Exif: the camera's maker
_MODEL = 0x0110  # tag of Exif: the camera
_SERIAL = 0xA431  # tag of Exif: its number
_TAKEN = 0x9003  # tag of Exif: the moment of the photograph
_FRACTION = 0x9291  # tag of Exif: parts of its second
_TIME = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d) (\d\d):(\d\d):(\d\d)", re.ASCII)


class Taken(NamedTuple):
    """Moment of a photograph."""

    milliseconds: int  # of the camera's own clock since 1970; -1 where the file does not say
    camera: int  # a number for make, model and serial number of the camera


UNKNOWN = Taken(-1, 0)


def taken_of(image: Image.Image) -> Taken:
    """Read the moment from an open image; unknown where EXIF is missing, damaged or says nothing."""
    if "exif" not in image.info:
        return UNKNOWN
    try:
        exif = image.getexif()
        details = exif.get_ifd(_EXIF_FOLDER)
        match = _TIME.match(str(details.get(_TAKEN, "")))
        if match is None:
            return UNKNOWN
        moment = datetime.strptime("".join(match.groups()), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        fraction = re.match(r"\d{1,3}", str(details.get(_FRACTION, "")), re.ASCII)
        milliseconds = 1000 * int(moment.timestamp()) + (int(fraction[0].ljust(3, "0")) if fraction else 0)
        camera = repr([str(exif.get(_MAKE)), str(exif.get(_MODEL)), str(details.get(_SERIAL))]).encode()
    except Exception:  # a damaged EXIF block raises anything, and the pixels are still good
        return UNKNOWN
    if milliseconds <= 0:
        return UNKNOWN
    # Below 2**63, so that it fits into the array of the time.
    return Taken(milliseconds, int.from_bytes(hashlib.blake2b(camera, digest_size=8).digest()) >> 1)


# From what Pillow opened to upright pixels of 8-bit grey or colour, by the rules that `decoding` states.

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_ORIENTATION_TAG = 0x0112


def to_pixels(image: Image.Image) -> UInt8[np.ndarray, "height width channels"]:
    """Pixels of an upright, loaded image of any mode; grey has one channel, everything else three.

    Raises: `DataError` if the colour mode has no conversion, or a float is not finite.
    """
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image)
    if image.mode == "L" and "transparency" not in image.info:
        return np.asarray(image)[:, :, None]
    if image.mode.startswith("I") or image.mode == "F":
        return _scale(np.asarray(image))[:, :, None]
    if image.mode == "LAB":
        raise DataError("colour mode LAB is not supported; save it as RGB")
    if image.has_transparency_data:
        # Lay a transparent image over white, as paper would show it.
        transparent = image.convert("RGBA")
        paper = Image.new("RGB", image.size, "white")
        paper.paste(transparent, mask=transparent.getchannel("A"))
        pixels = np.asarray(paper)
        return pixels[:, :, :1] if image.mode in ("1", "L", "LA", "La") else pixels
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[:, :, None]
    return np.asarray(image.convert("RGB"))


def _scale(values: np.ndarray) -> UInt8[np.ndarray, "height width"]:
    """Scale grey values of more than 8 bits into 0..255 by the rule at the top of this file."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError("holds values that are not numbers (NaN or infinity)")
    low, high = float(values.min()), float(values.max())
    usual = (top for top in ((1.0, 255.0) if values.dtype.kind == "f" else (65535.0,)) if high <= top)
    if low >= 0.0:
        low, high = next(((0.0, top) for top in usual), (low, high))
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8)


def upright(image: Image.Image) -> Image.Image:
    """A loaded image turned as its EXIF orientation says."""
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Height and width as they will be once the image is upright."""
    width, height = image.size
    return (width, height) if lies_on_its_side(image) else (height, width)


def lies_on_its_side(image: Image.Image) -> bool:
    """True of an image whose rows become columns once it is upright."""
    return _orientation(image) >= 5


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 (upright) when it is missing or damaged."""
    if not {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & image.info.keys():
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block raises anything, and the pixels are still good
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1


# The one rule for the size at which images are trained, and the way they are fitted to it.
#
# The rule, unless `--image-size` says otherwise:
#
# 1. All images have one size and its longer side is at most 128: that size.
# 2. Otherwise: a square. Its side is the median of the images' longer sides, rounded to a multiple
#    of 16, at least 32 and at most 128.
#
# Where `--backbone` names a pretrained network, which was trained on larger images, the limit of 128 pixels
# becomes 160, with the preset `best` 224.
#
# An image of another size is fitted inside with its aspect kept (Lanczos, antialiased) and centred;
# what is left over is filled with the median colour of the image's own border, so that no edge
# appears that was not in the image. With `--resize stretch` it fills the whole size instead.
#
# Channels: 1 when every image is grey as it is stored, otherwise 3.

LARGEST_SIDE = 128
_LARGEST_OF_BACKBONE = {"quick": 128, "standard": 160, "best": 224}
SMALLEST_SQUARE = 32
_STEP = 16


def training_size(original_sizes: Int[np.ndarray, "n 2"], settings: Settings) -> tuple[int, int]:
    """Decide the height and width of images in training by the rule above, unless the settings state one."""
    chosen = parse_image_size(settings.image_size)
    if chosen is not None:
        return chosen
    if len(original_sizes) == 0:
        return SMALLEST_SQUARE, SMALLEST_SQUARE
    largest = largest_side(settings)
    height, width = (int(side) for side in original_sizes[0])
    if (original_sizes == original_sizes[0]).all() and max(height, width) <= largest:
        return height, width
    median = float(np.median(original_sizes.max(axis=1)))
    side = _STEP * int(median / _STEP + 0.5)
    side = min(max(side, SMALLEST_SQUARE), largest)
    return side, side


def largest_side(settings: Settings) -> int:
    """Longest side, in pixels, of an image in training, where no size was asked for."""
    return _LARGEST_OF_BACKBONE[settings.preset] if settings.builds_on_backbone else LARGEST_SIDE


def inner_size(own: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Height and width, at least 1, of an image once it is fitted inside another with its aspect kept."""
    scale = min(size[0] / own[0], size[1] / own[1])
    height, width = (min(most, max(1, round(side * scale))) for side, most in zip(own, size, strict=True))
    return height, width


def fit_image(
    pixels: UInt8[np.ndarray, "height width channels"],
    size: tuple[int, int],
    channels: int,
    own: tuple[int, int] | None = None,
    *,
    stretch: bool = False,
) -> UInt8[np.ndarray, "new_height new_width new_channels"]:
    """Fit one image to a size and number of channels.

    Sizes are height and width. For 1 channel colour becomes grey by the weights of ITU-R 601; for 3 grey is
    repeated. `own` is the size of the image where `pixels` is a reduced decoding of it, whose rounded sides
    have another aspect. With `stretch` the aspect is not kept. The very same array comes back when nothing is
    to do.
    """
    if pixels.shape[2] < channels:
        pixels = np.repeat(pixels, 3, axis=2)
    elif pixels.shape[2] > channels:
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[:, :, None]
    height, width = pixels.shape[:2]
    if (height, width) == size:
        return pixels
    inner_height, inner_width = size if stretch else inner_size(own or (height, width), size)
    image = Image.fromarray(pixels[:, :, 0] if channels == 1 else pixels)
    resized = image.resize((inner_width, inner_height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    inner = np.asarray(resized).reshape(inner_height, inner_width, channels)
    if inner.shape[:2] == size:
        return inner
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    fitted = np.empty((*size, channels), np.uint8)
    fitted[:] = np.median(border, axis=0).astype(np.uint8)
    top, left = (size[0] - inner_height) // 2, (size[1] - inner_width) // 2
    fitted[top : top + inner_height, left : left + inner_width] = inner
    return fitted
