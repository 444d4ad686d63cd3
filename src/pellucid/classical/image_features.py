"""Features of an image for classical models: its pixels, or its histograms of oriented gradients."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Shaped, UInt8

# Histograms of oriented gradients: which edges an image has, and where.
#
# The gradient of every pixel votes for the orientation it has (0 to 180 degrees), with its length
# as weight, shared between the two nearest bins. Votes are added up in square cells; every block of
# two by two cells is normalised by its own length, clipped and normalised again (L2-Hys), so that
# lighting and contrast hardly matter.
#
# Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection" (2005), section 6.

ORIENTATIONS = 9
CLIP = 0.2
BLOCK = 2
EPSILON = 1e-5
_CELLS = 7  # along a side of a square image
_SMALLEST_CELL = 4  # pixels a side


class Grid(NamedTuple):
    """Division of an image into rows and columns of cells, each of `cell` pixels a side."""

    cell: int
    rows: int
    columns: int

    @property
    def blocks(self) -> tuple[int, int, int]:
        """Blocks from top to bottom, from left to right, and cells in one of them."""
        high, wide = min(BLOCK, self.rows), min(BLOCK, self.columns)
        return self.rows - high + 1, self.columns - wide + 1, high * wide


def grid(height: int, width: int) -> Grid:
    """Grid of cells with a seventh of the root of the image's area, but at least 4 pixels, a side.

    An image smaller than a cell is one cell; 28 x 28 pixels give 7 x 7 cells of 4 pixels. Pixels that fill no
    cell are left out at the borders, half of them on either side.
    """
    cell = min(max(_SMALLEST_CELL, round(math.sqrt(height * width) / _CELLS)), height, width)
    return Grid(cell, height // cell, width // cell)


def length(height: int, width: int) -> int:
    """Number of features of an image: blocks times cells of a block times orientations."""
    down, across, cells = grid(height, width).blocks
    return down * across * cells * ORIENTATIONS


def histograms(pixels: Float32[np.ndarray, "n height width channels"]) -> Float32[np.ndarray, "n features"]:
    """Histograms of oriented gradients of images with values from 0 to 1.

    Of several channels each pixel takes the one whose gradient is longest. A row, from 0 to 1, holds block by
    block from the top left, in each block cell by cell, in each cell the orientations from 0 to 180 degrees.
    """
    count, height, width, _ = pixels.shape
    down, across = _gradients(pixels)
    cells = _votes(down, across, grid(height, width))
    return _normalised(cells).reshape(count, -1)


def _gradients(
    pixels: Float32[np.ndarray, "n height width channels"],
) -> tuple[Float32[np.ndarray, "n height width"], Float32[np.ndarray, "n height width"]]:
    """Differences of the two neighbours, 0 at the border, of the channel where they are longest."""
    down, across = np.zeros_like(pixels), np.zeros_like(pixels)
    np.subtract(pixels[:, 2:], pixels[:, :-2], out=down[:, 1:-1])
    np.subtract(pixels[:, :, 2:], pixels[:, :, :-2], out=across[:, :, 1:-1])
    if pixels.shape[3] == 1:
        return down[..., 0], across[..., 0]
    longest = (down**2 + across**2).argmax(axis=3)[..., np.newaxis]
    down, across = (np.take_along_axis(each, longest, axis=3)[..., 0] for each in (down, across))
    return down, across


def _votes(
    down: Float32[np.ndarray, "n height width"], across: Float32[np.ndarray, "n height width"], division: Grid
) -> Float32[np.ndarray, "n rows columns orientations"]:
    """Add up the gradients of each cell by orientation, each shared by the two nearest bins."""
    count, height, width = down.shape
    rows, columns, cell = division.rows, division.columns, division.cell
    top, left = (height - rows * cell) // 2, (width - columns * cell) // 2
    down = down[:, top : top + rows * cell, left : left + columns * cell]
    across = across[:, top : top + rows * cell, left : left + columns * cell]
    strength = np.sqrt(down * down + across * across)
    turn = np.arctan2(down, across) * np.float32(ORIENTATIONS / np.pi)  # -9 to 9 bins; halves are one
    turn += np.where(turn < 0, np.float32(ORIENTATIONS + 0.5), np.float32(0.5))
    lower = turn.astype(np.int32)  # counted from one before the first, which is the last bin again
    turn -= lower
    for_upper = strength * turn
    for_lower = strength - for_upper
    bins = ORIENTATIONS + 2
    place = lower.reshape(count, rows, cell, columns, cell)
    place += (np.arange(count * rows, dtype=np.int32) * (columns * bins)).reshape(count, rows, 1, 1, 1)
    place += (np.arange(columns, dtype=np.int32) * bins)[:, np.newaxis]
    size = count * rows * columns * bins
    votes = np.bincount(place.ravel(), for_lower.ravel(), size)
    votes[1:] += np.bincount(place.ravel(), for_upper.ravel(), size)[:-1]
    votes = votes.reshape(count, rows, columns, bins)
    votes[..., 1] += votes[..., -1]
    votes[..., -2] += votes[..., 0]
    return votes[..., 1:-1].astype(np.float32) / np.float32(cell * cell)


def _normalised(
    cells: Float32[np.ndarray, "n rows columns orientations"],
) -> Float32[np.ndarray, "n down across values"]:
    r"""Blocks of neighbouring cells: $v / \sqrt{\lVert v\rVert^2 + \epsilon^2}$, clipped, and again."""
    count, rows, columns, _ = cells.shape
    down, across, _ = Grid(1, rows, columns).blocks
    parts = [
        cells[:, row : row + down, column : column + across]
        for row in range(rows - down + 1)
        for column in range(columns - across + 1)
    ]
    blocks = np.concatenate(parts, axis=3).reshape(count, down, across, -1)
    for clip in (CLIP, None):
        blocks /= np.sqrt((blocks**2).sum(axis=3, keepdims=True) + np.float32(EPSILON**2))
        if clip is not None:
            np.minimum(blocks, np.float32(clip), out=blocks)
    return blocks


LONGEST_OF_PIXELS = 32  # pixels of the longer side
LONGEST_OF_HOG = 64  # pixels of the longer side
VALUES = "values"
HIDDEN = "network"
# Kinds of features that are taken as they come: feature vectors, and a network's hidden layer.
AS_THEY_ARE = (VALUES, HIDDEN)
_BLOCK_VALUES = 1 << 17  # what is computed of so many stays in the cache of a processor


class ImageFeatureKind(NamedTuple):
    """Kind of features of images: how they are computed, and their number by height, width, channels."""

    title: str
    extract: Callable[[UInt8[np.ndarray, "n height width channels"]], Float32[np.ndarray, "n d"]]
    length: Callable[[int, int, int], int]


def pooled(
    pixels: UInt8[np.ndarray, "n height width channels"], longest: int
) -> Float32[np.ndarray, "n smaller_height smaller_width channels"]:
    """Images made smaller by the mean of square groups of pixels, until no side exceeds `longest`."""
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
    """Features, a row for each input, block by block; a memory-mapped array is never copied whole."""
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
    """Number of features of an input of `shape` (height, width, channels) or (length,)."""
    return shape[0] if kind in AS_THEY_ARE else FEATURES[kind].length(*shape)


def group(height: int, width: int, longest: int) -> int:
    """Side of the square groups of pixels."""
    return -(-max(height, width) // longest)


def smaller(height: int, width: int, longest: int) -> tuple[int, int]:
    """Height and width once square groups of pixels are one pixel each."""
    side = group(height, width, longest)
    return -(-height // side), -(-width // side)


def _pixels(pixels: UInt8[np.ndarray, "n height width channels"]) -> Float32[np.ndarray, "n d"]:
    # The root spreads dark values, of which images have most.
    return np.sqrt(pooled(pixels, LONGEST_OF_PIXELS).reshape(len(pixels), -1) / np.float32(255))


FEATURES: dict[str, ImageFeatureKind] = {
    "pixels": ImageFeatureKind(
        "pixels",
        _pixels,
        lambda height, width, channels: math.prod(smaller(height, width, LONGEST_OF_PIXELS)) * channels,
    ),
    "hog": ImageFeatureKind(
        "HOG",
        lambda pixels: histograms(pooled(pixels, LONGEST_OF_HOG) / np.float32(255)),
        lambda height, width, channels: length(*smaller(height, width, LONGEST_OF_HOG)),
    ),
}
