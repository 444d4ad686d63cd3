"""How many innocent images are called near copies, and how many planted copies are found.

    python benchmarks/near_duplicates.py [DATA]

DATA is any data that `pellucid train` takes; default: `sample:fashion`. Each of a thousand
images is changed in eight ways; a change counts as found when the search, over all of DATA and
the thousand changed images, names the pair.

Takes: half a minute for `sample:fashion`, two to five minutes for the full Fashion-MNIST.
"""

import io
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from pellucid.data import decode_all, image_copies, read_data
from pellucid.data.images.preprocessing import difference_hashes
from pellucid.settings import Settings

PLANTED = 1000


def main() -> None:
    """Print both tables."""
    place = sys.argv[1] if len(sys.argv) > 1 else "sample:fashion"
    settings = Settings(skip_bad=True)
    images, _ = decode_all(read_data(place, settings), settings)
    usable = np.ones(len(images.digests), bool)
    usable[[problem.index for problem in images.problems]] = False
    first = image_copies.first_with_content(images.digests, usable)
    alone = np.flatnonzero(usable & (first == np.arange(len(first))))
    pixels = np.array(images.pixels[alone])
    hashes = images.perceptual_hashes[alone]
    print(f"{place}: {len(pixels):,} different images of {' x '.join(map(str, pixels.shape[1:]))}\n")
    for bits in (0, 3, 6):
        print(f"pairs whose hashes differ in at most {bits} bits: {pairs_by_hash(hashes, bits):>12,}")
    started = time.process_time()
    result = image_copies.near_copies(pixels, hashes, np.arange(len(pixels)))
    seconds = time.process_time() - started
    print(f"pairs confirmed as near copies: {len(result.pairs):>25,}   ({seconds:.1f} s of processor time)\n")
    print("planted change               found")
    chosen = np.random.default_rng(0).permutation(len(pixels))[:PLANTED]
    for name, change in CHANGES.items():
        print(f"{name:<26} {100 * recall(pixels, hashes, chosen, change):>5.1f} %")


def pairs_by_hash(hashes: np.ndarray, bits: int) -> int:
    """Pairs of images that a hash alone would call copies."""
    number = 0
    for start in range(0, len(hashes), 256):
        differing = np.bitwise_count(hashes[start : start + 256, None] ^ hashes[None, start:])
        number += int(np.triu(differing <= bits, k=1).sum())
    return number


def recall(pixels: np.ndarray, hashes: np.ndarray, chosen: np.ndarray, change: Callable) -> float:
    """Share of the changed images that are found as near copies of what they were."""
    changed = np.stack([change(image) for image in pixels[chosen]])
    count = len(pixels)
    pairs = image_copies.near_copies(
        np.concatenate([pixels, changed]),
        np.concatenate([hashes, difference_hashes(changed)]),
        np.arange(count + len(changed)),
    ).pairs
    planted = set(zip(chosen.tolist(), range(count, count + len(changed)), strict=True))
    return len(planted & set(map(tuple, pairs.tolist()))) / len(changed)


def _image(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)


def _array(image: Image.Image) -> np.ndarray:
    return np.asarray(image).reshape(image.height, image.width, -1)


def saved_as_jpeg(quality: int) -> Callable:
    """Save as JPEG and open again."""

    def change(image: np.ndarray) -> np.ndarray:
        file = io.BytesIO()
        _image(image).save(file, "JPEG", quality=quality)
        return _array(Image.open(file))

    return change


def resized_by(factor: float) -> Callable:
    """Resize and resize back."""

    def change(image: np.ndarray) -> np.ndarray:
        opened = _image(image)
        between = (round(opened.width * factor), round(opened.height * factor))
        there = opened.resize(between, Image.Resampling.BICUBIC)
        return _array(there.resize(opened.size, Image.Resampling.BICUBIC))

    return change


def brighter(image: np.ndarray) -> np.ndarray:
    """Five per cent brighter."""
    return np.clip(image * 1.05 + 0.5, 0, 255).astype(np.uint8)


def watermarked(image: np.ndarray) -> np.ndarray:
    """A small light mark in the lower right corner, about 2 % of the area."""
    marked = image.copy()
    side = max(2, image.shape[0] // 9)
    corner = (slice(-side - 1, -1), slice(-side - 3, -1))
    marked[corner] = marked[corner] // 2 + 110
    return marked


def shifted(image: np.ndarray) -> np.ndarray:
    """One pixel to the left."""
    return np.concatenate([image[:, 1:], image[:, -1:]], axis=1)


def cropped(image: np.ndarray) -> np.ndarray:
    """One pixel off each side, enlarged to the old size."""
    size = (image.shape[1], image.shape[0])
    return _array(_image(image[1:-1, 1:-1]).resize(size, Image.Resampling.BICUBIC))


CHANGES = {
    "JPEG, quality 75": saved_as_jpeg(75),
    "JPEG, quality 50": saved_as_jpeg(50),
    "resized x 2 and back": resized_by(2),
    "resized x 0.75 and back": resized_by(0.75),
    "5 % brighter": brighter,
    "small watermark": watermarked,
    "shifted by one pixel": shifted,
    "cropped by one pixel": cropped,
}

if __name__ == "__main__":
    main()
