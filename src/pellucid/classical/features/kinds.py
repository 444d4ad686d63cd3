"""Features of an image for classical models: its pixels, or its histograms of oriented gradients.

Pixels are the square roots of the brightness, 0 to 1, which bring out the differences between dark
pixels as much as those between bright ones.

Large images are first made smaller by means of square groups of pixels, so that a feature vector
stays bounded: at most 32 x 32 pixels of each channel, and some two thousand numbers of histograms.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from pellucid.classical.features import hog

LONGEST_OF_PIXELS, LONGEST_OF_HOG = 32, 64
VALUES, HIDDEN = "values", "network"
# Kinds of features that are taken as they come: feature vectors, and a network's hidden layer.
AS_THEY_ARE = (VALUES, HIDDEN)
_BLOCK_VALUES = 1 << 17  # what is computed of so many stays in the cache of a processor


class FeatureKind(NamedTuple):
    """Kind of features of images.

    Attributes:
        title: in words, for tables.
        extract: from uint8 (n, height, width, channels) to float32 (n, d).
        length: from height, width and channels to d.
    """

    title: str
    extract: Callable[[UInt8[np.ndarray, "n height width channels"]], Float32[np.ndarray, "n d"]]
    length: Callable[[int, int, int], int]


def pooled(
    pixels: UInt8[np.ndarray, "n height width channels"], longest: int
) -> Float32[np.ndarray, "n smaller_height smaller_width channels"]:
    """Images (0 to 255) made smaller by the mean of square groups of pixels, until no side exceeds `longest`.

    Small enough images stay as they are; rows and columns left over form smaller groups.
    """
    _, height, width, _ = pixels.shape
    side = group(height, width, longest)
    if side == 1:
        return pixels.astype(np.float32)
    down, across = np.arange(0, height, side), np.arange(0, width, side)
    summed = np.add.reduceat(np.add.reduceat(pixels, down, axis=1, dtype=np.float32), across, axis=2)
    counts = np.outer(np.diff(down, append=height), np.diff(across, append=width))
    smaller: np.ndarray = summed / counts[:, :, np.newaxis].astype(np.float32)
    return smaller


def extract(kind: str, inputs: Shaped[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n d"]:
    """Features of inputs, a row for each, block by block; a memory-mapped array is never copied whole.

    `kind` is a key in `FEATURES` for images, uint8 (n, height, width, channels), or one of `AS_THEY_ARE` for
    vectors, float32 (n, d).

    Raises: `KeyError` if there is no such kind.
    """
    if kind in AS_THEY_ARE:
        return np.asarray(inputs, np.float32)
    described = FEATURES[kind]
    shape = inputs.shape[1:]
    found = np.empty((len(inputs), described.length(*shape)), np.float32)
    rows = max(1, _BLOCK_VALUES // int(np.prod(shape)))
    for at in range(0, len(inputs), rows):
        found[at : at + rows] = described.extract(inputs[at : at + rows])
    return found


def feature_length(kind: str, shape: tuple[int, ...]) -> int:
    """Number of features of an input of `shape` (height, width, channels) or (length,).

    Raises: `KeyError` if there is no such kind.
    """
    return shape[0] if kind in AS_THEY_ARE else FEATURES[kind].length(*shape)


def group(height: int, width: int, longest: int) -> int:
    """Side of the square groups of pixels."""
    return -(-max(height, width) // longest)


def smaller(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width once square groups of pixels are one pixel each."""
    side = group(height, width, longest)
    return -(-height // side), -(-width // side)


def _pixels(pixels: UInt8[np.ndarray, "n height width channels"]) -> Float32[np.ndarray, "n d"]:
    return np.sqrt(pooled(pixels, LONGEST_OF_PIXELS).reshape(len(pixels), -1) / np.float32(255))


def _pixels_length(height: int, width: int, channels: int) -> int:
    rows, columns = smaller(height, width, LONGEST_OF_PIXELS)
    return rows * columns * channels


def _hog(pixels: UInt8[np.ndarray, "n height width channels"]) -> Float32[np.ndarray, "n d"]:
    return hog.histograms(pooled(pixels, LONGEST_OF_HOG) / np.float32(255))


def _hog_length(height: int, width: int, channels: int) -> int:
    return hog.length(*smaller(height, width, LONGEST_OF_HOG))


FEATURES: dict[str, FeatureKind] = {
    "pixels": FeatureKind("pixels", _pixels, _pixels_length),
    "hog": FeatureKind("HOG", _hog, _hog_length),
}
