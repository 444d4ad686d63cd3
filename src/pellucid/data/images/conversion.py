"""From what Pillow opened to upright pixels of 8-bit grey or colour, by the rules that `decoding` states."""

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from pellucid.errors import DataError

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_TURNS_ON_THE_SIDE = (5, 6, 7, 8)

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
        return _over_white(image)
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))[:, :, None]
    return np.asarray(image.convert("RGB"))


def _over_white(image: Image.Image) -> UInt8[np.ndarray, "height width channels"]:
    """Lay a transparent image over white, as paper would show it."""
    transparent = image.convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(transparent, mask=transparent.getchannel("A"))
    pixels = np.asarray(paper)
    return pixels[:, :, :1] if image.mode in ("1", "L", "LA", "La") else pixels


def _scale(values: np.ndarray) -> UInt8[np.ndarray, "height width"]:
    """Scale grey values of more than 8 bits into 0..255 by the rule at the top of this file.

    Raises: `DataError` if a value is not finite.
    """
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise DataError("holds values that are not numbers (NaN or infinity)")
    low, high = float(values.min()), float(values.max())
    ranges = (1.0, 255.0) if values.dtype.kind == "f" else (65535.0,)
    for top in ranges:
        if low >= 0.0 and high <= top:
            low, high = 0.0, top
            break
    if high <= low:
        return np.zeros(values.shape, np.uint8)
    scaled = (values.astype(np.float64) - low) * (255.0 / (high - low))
    return np.rint(scaled).astype(np.uint8)


def upright(image: Image.Image) -> Image.Image:
    """A loaded image turned as its EXIF orientation says."""
    turn = _TURNS.get(_orientation(image))
    return image if turn is None else image.transpose(turn)


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Height and width as they will be once the image stands upright."""
    width, height = image.size
    return (width, height) if lies_on_its_side(image) else (height, width)


def lies_on_its_side(image: Image.Image) -> bool:
    """True of an image whose rows become columns once it stands upright."""
    return _orientation(image) in _TURNS_ON_THE_SIDE


def _orientation(image: Image.Image) -> int:
    """EXIF orientation 1 to 8; 1 (upright) when it is missing or damaged."""
    if not {"exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif"} & image.info.keys():
        return 1
    try:
        value = image.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block raises anything, and the pixels are still good
        return 1
    return value if isinstance(value, int) and value in _TURNS else 1
