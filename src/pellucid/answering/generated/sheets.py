"""Images as lossless PNG files, and many of them on one contact sheet."""

import io
import math

import numpy as np
from jaxtyping import UInt8
from PIL import Image

MOST_ON_SHEET = 100
_GAP, _GROUND = 2, 255


def png(image: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """A lossless file, equal for equal pixels."""
    flat = image[..., 0] if image.shape[2] == 1 else image
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(stream, "PNG")
    return stream.getvalue()


def sheet(
    images: UInt8[np.ndarray, "n height width channels"], columns: int | None = None
) -> UInt8[np.ndarray, "sheet_height sheet_width channels"]:
    """One or more images side by side in rows, thin lines between them; by default about as many as rows."""
    count, height, width, channels = images.shape
    across = min(count, columns or math.ceil(math.sqrt(count)))
    down = -(-count // across)
    found = np.full(
        (down * (height + _GAP) - _GAP, across * (width + _GAP) - _GAP, channels), _GROUND, np.uint8
    )
    for place, image in enumerate(images):
        top, left = place // across * (height + _GAP), place % across * (width + _GAP)
        found[top : top + height, left : left + width] = image
    return found
