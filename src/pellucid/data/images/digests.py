"""Two fingerprints of an image: one for exact copies, one for copies that were changed a little."""

import functools
import hashlib

import numpy as np
from jaxtyping import Shaped, UInt8, UInt64

from pellucid.data.images.preprocessing import block_rows, blocks

DIGEST_BYTES = 16
_HASH_ROWS, _HASH_COLUMNS = 8, 9
_GREY_WEIGHTS = np.array([299.0, 587.0, 114.0])  # ITU-R 601, in thousandths


def image_digest(pixels: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Fingerprint of a decoded image at its own size; equal for exact copies only.

    A colour image whose three channels are equal counts as grey, so that a grey image saved as
    colour is still found.

    16 bytes: BLAKE2b over shape and pixels.
    """
    if pixels.shape[2] == 3:
        red = pixels[:, :, 0]
        if np.array_equal(red, pixels[:, :, 1]) and np.array_equal(red, pixels[:, :, 2]):
            pixels = pixels[:, :, :1]
    return _digest(pixels)


def array_digests(pixels: Shaped[np.ndarray, "n height width channels"]) -> UInt8[np.ndarray, "n 16"]:
    """Fingerprints, 16 bytes each, of images that came as an array.

    8-bit images get the same fingerprint as files of the same content; others are compared by
    their own values, not by what is left of them after scaling.
    """
    make = image_digest if pixels.dtype == np.uint8 else _digest
    joined = b"".join(make(image) for image in pixels)
    return np.frombuffer(joined, np.uint8).reshape(len(pixels), DIGEST_BYTES)


def _digest(image: Shaped[np.ndarray, "height width channels"]) -> bytes:
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=DIGEST_BYTES)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def difference_hashes(pixels: UInt8[np.ndarray, "n height width channels"]) -> UInt64[np.ndarray, " n"]:
    """Perceptual hash: whether brightness falls from each ninth of a row to the next, in eight rows.

    The image is averaged over 8 x 9 areas with whole-number weights, so that equal areas compare
    as equal on every machine and flat regions always give the same bits.

    Few differing bits of 64 make two images candidates for near copies.
    """
    down = _area_weights(pixels.shape[1], _HASH_ROWS)
    across = _area_weights(pixels.shape[2], _HASH_COLUMNS)
    hashes = [np.empty(0, np.uint64)]
    for block in blocks(pixels, block_rows(pixels, 1 << 22)):
        grey = block[..., 0].astype(np.float64) if block.shape[3] == 1 else block @ _GREY_WEIGHTS
        areas = down.T @ grey @ across
        bits = areas[:, :, :-1] > areas[:, :, 1:]
        packed = np.packbits(bits.reshape(len(block), 64), axis=1)
        hashes.append(packed.view(">u8")[:, 0].astype(np.uint64))
    return np.concatenate(hashes)


@functools.cache
def _area_weights(pixels: int, areas: int) -> np.ndarray:
    """Overlap of each pixel with each of some equal areas, in whole numbers of 1/areas pixel."""
    starts = np.arange(pixels)[:, None] * areas
    edges = np.arange(areas)[None, :] * pixels
    overlap = np.minimum(starts + areas, edges + pixels) - np.maximum(starts, edges)
    weights: np.ndarray = np.maximum(overlap, 0).astype(np.float64)
    return weights
