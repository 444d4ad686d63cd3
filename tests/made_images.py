"""Real images, made by Pillow where a test needs them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pellucid.data.images.decoding import Decoded, decode_content, quiet_pillow, read_content


def context(height: int = 24, width: int = 32, seed: int = 0) -> np.ndarray:
    """A smooth colour image with a bright corner, unlike itself in every orientation."""
    rows, columns = np.mgrid[0:height, 0:width]
    image = np.stack([rows * 200 // height, columns * 200 // width, (rows + columns) * 2 + seed], axis=2)
    image[: height // 4, : width // 4] = 250
    return image.astype(np.uint8)


def encoded(pixels: np.ndarray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def decode_image(source: Path | bytes, size: tuple[int, int] | None = None) -> Decoded:
    """Decode one image, a file or its content."""
    with quiet_pillow():
        return decode_content(read_content(source), size, lambda image: image)
