"""How many innocent images are called near copies, and how many planted copies are found.

    python benchmarks/near_duplicates.py [DATA]

DATA is any data that `pellucid train` takes; default: `sample:fashion`. Each of a thousand
images is changed in eight ways; a change counts as found when the search, over all of DATA and
the thousand changed images, names the pair.

Takes: half a minute for `sample:fashion`, two to five minutes for the full Fashion-MNIST.
"""

import io
import time
from collections.abc import Callable

import numpy as np
from measuring import command_line, heading, print_table, write_json
from PIL import Image

from pellucid.data import decode_all, image_copies, read_data
from pellucid.data.images.preprocessing import difference_hashes
from pellucid.settings import Settings

PLANTED = 1000


def main() -> None:
    parser = command_line(__doc__)
    parser.add_argument("data", nargs="?", default="sample:fashion", help="default: sample:fashion")
    given = parser.parse_args()
    facts, settings = heading("pellucid", "numpy", "pillow"), Settings(skip_bad=True)
    images, _ = decode_all(read_data(given.data, settings), settings)
    usable = np.ones(len(images.digests), bool)
    usable[[problem.index for problem in images.problems]] = False
    first = image_copies.first_with_content(images.digests, usable)
    alone = np.flatnonzero(usable & (first == np.arange(len(first))))
    pixels, hashes = np.array(images.pixels[alone]), images.perceptual_hashes[alone]
    shape = " x ".join(map(str, pixels.shape[1:]))
    print(f"{given.data}: {len(pixels):,} different images of {shape}; pairs")
    pairs = {f"whose hashes differ in at most {n} bits": pairs_by_hash(hashes, n) for n in (0, 3, 6)}
    started = time.process_time()
    result = image_copies.near_copies(pixels, hashes, np.arange(len(pixels)))
    seconds = time.process_time() - started
    pairs[f"confirmed as near copies in {seconds:.1f} s of the processor"] = len(result.pairs)
    print_table(["", "pairs"], [[words, f"{count:,}"] for words, count in pairs.items()])
    chosen = np.random.default_rng(0).permutation(len(pixels))[:PLANTED]
    found = {name: recall(pixels, hashes, chosen, change) for name, change in CHANGES.items()}
    print_table(["planted change", "found"], [[name, f"{100 * each:.1f} %"] for name, each in found.items()])
    write_json(given.json, {**facts, "pairs": pairs, "found": found})


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


def saved_as_jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    file = io.BytesIO()
    _image(image).save(file, "JPEG", quality=quality)
    return _array(Image.open(file))


def resized_by(image: np.ndarray, factor: float) -> np.ndarray:
    """Resized and resized back."""
    opened = _image(image)
    between = opened.resize([round(side * factor) for side in opened.size], Image.Resampling.BICUBIC)
    return _array(between.resize(opened.size, Image.Resampling.BICUBIC))


def watermarked(image: np.ndarray) -> np.ndarray:
    """A small light mark in the lower right corner, about 2 % of the area."""
    marked, side = image.copy(), max(2, image.shape[0] // 9)
    corner = (slice(-side - 1, -1), slice(-side - 3, -1))
    marked[corner] = marked[corner] // 2 + 110
    return marked


def cropped(image: np.ndarray) -> np.ndarray:
    """One pixel off each side, enlarged to the old size."""
    return _array(_image(image[1:-1, 1:-1]).resize(image.shape[1::-1], Image.Resampling.BICUBIC))


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "JPEG, quality 75": lambda image: saved_as_jpeg(image, 75),
    "JPEG, quality 50": lambda image: saved_as_jpeg(image, 50),
    "resized x 2 and back": lambda image: resized_by(image, 2),
    "resized x 0.75 and back": lambda image: resized_by(image, 0.75),
    "5 % brighter": lambda image: np.clip(image * 1.05 + 0.5, 0, 255).astype(np.uint8),
    "small watermark": watermarked,
    "shifted by one pixel": lambda image: np.concatenate([image[:, 1:], image[:, -1:]], axis=1),
    "cropped by one pixel": cropped,
}

if __name__ == "__main__":
    main()
