"""Images of every format that is read."""

import io
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from fuzz.mutating import mutate_bytes
from made_images import decode_image
from pellucid.data.images.decoding import FORMATS


@cache
def images(form: str) -> tuple[bytes, ...]:
    """Images of one format, of every mode that it has."""
    found = []
    ramp = np.arange(24 * 20 * 4, dtype=np.uint8).reshape(24, 20, 4)
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16", "CMYK", "LA", "F", "I"):
        for more in ({}, {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"},
                     {"save_all": True, "append_images": [Image.new("L", (20, 24))] * 3},
                     {"progressive": True},
                     {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}):  # fmt: skip
            try:
                image = (
                    Image.fromarray(ramp[..., :3]).convert("L").convert(mode)
                    if mode != "RGBA"
                    else Image.fromarray(ramp)
                )
                sink = io.BytesIO()
                image.save(sink, form, **more)
                found.append(sink.getvalue())
            except (OSError, ValueError, KeyError, RuntimeError, SystemError, TypeError, AttributeError):
                continue
    return tuple(dict.fromkeys(found))


def image_trial(form: str) -> Callable[[random.Random, Path], str]:
    """Trial of images of one format."""
    whole = images(form)

    def trial(draw: random.Random, place: Path) -> str:
        del place
        content = mutate_bytes(draw, draw.choice(whole))
        size = draw.choice((None, (8, 8), (30, 10)))
        pixels = decode_image(content, size).pixels
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] in (1, 3)
        return "decoded"

    return trial


IMAGE_FORMATS = [form for form in FORMATS if form not in ("MPO",)]
