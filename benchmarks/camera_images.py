"""Photographs of 12 megapixels, made from real images: cut out, enlarged, with the noise of a sensor."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops

WIDTH, HEIGHT = 4000, 3000
_MARGIN = 400
_NOISE = 9.0
_QUALITY = 88
_SOURCES = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry", "retina", "rocket")


def make_photographs(folder: Path, count: int) -> int:
    """Make JPEG files of quality 88, each of other content, in one sub-folder per real image.

    A cut-out of 45 to 90 % of one of scikit-image's images becomes 4000 x 3000 pixels. The noise makes
    the files as large as those of a camera, about 3 MB, and its place differs from file to file. The first
    are the same whatever the count. Bytes of all files.
    """
    import skimage.data

    sources = [Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in _SOURCES]
    for name in _SOURCES:
        (folder / name).mkdir()
    grain = np.random.default_rng(0).normal(128.0, _NOISE, (HEIGHT + _MARGIN, WIDTH + _MARGIN, 3))
    noise = Image.fromarray(np.clip(np.rint(grain), 0, 255).astype(np.uint8))
    del grain

    def make(number: int) -> int:
        kind = number % len(sources)
        path = folder / _SOURCES[kind] / f"IMG_{number:05}.jpg"
        _photograph(sources[kind], noise, np.random.default_rng([0, number])).save(
            path, quality=_QUALITY, exif=_exif()
        )
        return path.stat().st_size

    with ThreadPoolExecutor(os.cpu_count()) as executor:
        return sum(executor.map(make, range(count)))


def _photograph(source: Image.Image, noise: Image.Image, draws: np.random.Generator) -> Image.Image:
    width = draws.uniform(0.45, 0.9) * min(source.width, source.height * WIDTH / HEIGHT)
    height = width * HEIGHT / WIDTH
    left, top = draws.uniform(0, source.width - width), draws.uniform(0, source.height - height)
    box = (left, top, left + width, top + height)
    image = source.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC, box=box)
    if draws.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    right, down = (int(place) for place in draws.integers(0, _MARGIN, 2))
    return ImageChops.add(image, noise.crop((right, down, right + WIDTH, down + HEIGHT)), offset=-128)


def _exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 1
    return exif
