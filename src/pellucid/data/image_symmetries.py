r"""Turned, mirrored, cropped and brighter copies of images.

An image can stand in eight ways: four quarter turns, each mirrored or not. Copies in any of them are
found without trying all eight for every pair. With the cosine transform $c_{pq}$ of 8 x 8 block means,
mirroring changes signs alone, $c_{pq} \to (-1)^q c_{pq}$, and turning over the diagonal swaps $c_{pq}$
with $c_{qp}$. So

$$\max(|c_{pq}|, |c_{qp}|), \quad \min(|c_{pq}|, |c_{qp}|), \qquad p \le q,$$

are the same for all eight, and by them no two images are farther apart than in the way in which they fit
best. Pairs that are near by these numbers are compared in all eight ways, and confirmed on the pixels:

1. Both are cut to the image itself, without the border that fitting it to a square adds, and averaged to
   at most 32 x 32 cells in colour. Their heights and widths must be in proportion, up to a slight crop.
2. Copies with the same cells, up to rounding, are turned or mirrored copies.
3. Else, if they correlate at 16 x 16 cells in grey, one is laid over the other (scales and shifts down and
   across, brightness and contrast, by Gauss and Newton). They are near copies where at most 5 % of the
   values in grey then differ, nowhere much, the correlation is high, and so is that of the detail: what is
   left without a blurred version. Two round blobs correlate, and share no detail.

Cropped copies are searched by the block means of the middle of each image against those of whole images,
among the nearest alone, and only where there are not too many images.

The numbers are measured on planted copies of photographs, and on garments, photographs, signs and emoji
without any.

Not found: copies turned by other angles, cropped by more than about 5 % a side, or without detail.

Source: Lucas and Kanade 1981, "An Iterative Image Registration Technique".
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, Integer, UInt64

from pellucid.data.image_copies import FLAT, NearCopies, Pairs, Pixels, Rows, near_by, near_copies
from pellucid.data.images.pixels import inner_size
from pellucid.data.sibling_sets import NEAR_TURNED_COPIES, TURNED_COPIES
from pellucid.progress import counted

Sizes = Integer[np.ndarray, "n 2"]
Positions = Int64[np.ndarray, " m"]
Cells = Float32[np.ndarray, "m _ side side"]
Units = Float32[np.ndarray, "m 64"]
# Two positions and the way in which the first fits the second: 1 mirrors columns, 2 rows, and 4, before them,
# swaps rows and columns.
Ways = Int64[np.ndarray, "pairs 3"]

REACH = 0.1
CROP_REACH = 0.3  # distance of the middle of one to the whole of the other
CROPPED = 0.025  # share of each side that is cut off
MOST_CROPPED = 10_000  # images, beyond which cropped copies are not searched
NEAREST = 8  # whole images that a middle is compared with
LEAST_CORRELATION = 0.985  # of 8 x 8 block means
LEAST_CORRELATION_CROPPED = 0.93  # of the middle with the whole of another
LEAST_CONTRAST = 0.72
MOST_APART = 4.5  # distance of block means
MOST_WAYS = 20_000  # pairs of crops that are confirmed
MOST_OUT_OF_PROPORTION = 1.13
COARSE_SIDE = 16  # cells
SIDE = 32  # cells
PIXEL_LEVELS = 9.0  # of 256: beyond them a value differs
STEPS = 4  # of Gauss and Newton
LITTLE_ROUNDED = 2.0  # levels
MOST_ROUNDED = 6.0  # levels, of pairs with equal hashes
LEAST_COARSE = 0.95  # correlation at 16 x 16 cells
LEAST_COARSE_DETAIL = 0.8  # correlation of what is left without a blurred version
MOST_COARSE = 0.15  # share of values that differ
LEAST_LAID = 0.97  # correlation once one is laid over the other
LEAST_DETAIL = 0.94  # correlation of the detail
MOST_BEYOND = 0.05  # share of grey values that differ
MOST_BEYOND_IN_COLOUR = 0.25  # share of values
MOST_LOCAL = 18.0  # levels, at the place that differs most
SYMMETRY_RULE = (
    REACH, CROP_REACH, CROPPED, MOST_CROPPED, NEAREST, LEAST_CORRELATION, LEAST_CORRELATION_CROPPED,
    LEAST_CONTRAST, MOST_APART, MOST_WAYS, MOST_OUT_OF_PROPORTION, COARSE_SIDE, SIDE, PIXEL_LEVELS, STEPS,
    LITTLE_ROUNDED, MOST_ROUNDED, LEAST_COARSE, LEAST_COARSE_DETAIL, MOST_COARSE, LEAST_LAID, LEAST_DETAIL,
    MOST_BEYOND, MOST_BEYOND_IN_COLOUR, MOST_LOCAL,
)  # fmt: skip

_MOST_SCALE = 0.16  # beside 1
_MOST_SHIFT = 0.08  # share of the side
_SIDE = 8
_TOGETHER = 16_384  # pairs
_PAIRS_TOGETHER = 256  # pairs of pixels
_SWAPPED = np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE).T.reshape(-1)


def averaged(
    pixels: Pixels, sizes: Sizes, positions: Positions, side: int, cropped: float = 0.0, *, grey: bool = True
) -> Cells:
    """Means of equal cells of images without the border of fitting, less a share `cropped` of each side.

    `sizes` are their own heights and widths.
    """
    frame, channels = pixels.shape[1:3], pixels.shape[3]
    found = np.empty((len(positions), 1 if grey else channels, side, side), np.float32)
    own, of = np.unique(sizes[positions], axis=0, return_inverse=True)
    rows = max(1, 2_000_000 // pixels[0].size)
    for place, size in enumerate(own.tolist()):
        height, width = inner_size((size[0], size[1]), (frame[0], frame[1]))
        top, left = (frame[0] - height) // 2, (frame[1] - width) // 2
        down, across = (_averaging(length, side, cropped) for length in (height, width))
        # Columns and channels at once; a mean over channels on its own would cost more than all else.
        colours = np.eye(channels, dtype=np.float32) if not grey else np.full((channels, 1), 1 / channels)
        both = np.kron(across.T, colours).astype(np.float32)
        members = np.flatnonzero(of.reshape(-1) == place)
        for start in range(0, len(members), rows):
            part = members[start : start + rows]
            block = pixels[positions[part], top : top + height, left : left + width].astype(np.float32)
            # One product of two matrices: a product for each image costs several times as much.
            rows_averaged = block.reshape(len(part) * height, -1) @ both
            means = down @ rows_averaged.reshape(len(part), height, -1)
            found[part] = means.reshape(len(part), side, side, -1).transpose(0, 3, 1, 2)
    return found


def _averaging(length: int, parts: int, cropped: float) -> Float32[np.ndarray, "parts length"]:
    edges = np.linspace(length * cropped, length * (1 - cropped), parts + 1)
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights = np.maximum(overlap, 0)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)  # type: ignore[no-any-return]


def in_way(images: np.ndarray, way: int) -> np.ndarray:
    """Square images, in the last two axes, turned and mirrored in one of the eight ways."""
    if way & 4:
        images = np.swapaxes(images, -1, -2)
    if way & 2:
        images = images[..., ::-1, :]
    return images[..., ::-1] if way & 1 else images


def _units(blocks: Float32[np.ndarray, "m 8 8"]) -> Units:
    """Cosine transforms of block means without their mean, at length 1."""
    order = np.arange(_SIDE)
    waves = np.cos(np.pi * order[:, None] * (order + 0.5) / _SIDE) * np.sqrt(2 / _SIDE)
    waves[0] /= np.sqrt(2)
    waves = waves.astype(np.float32)
    found = waves @ blocks @ waves.T
    found[:, 0, 0] = 0
    found = found.reshape(len(found), _SIDE * _SIDE)
    units: Units = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-3)
    return units


def _invariants(units: Units) -> Float32[np.ndarray, "m 63"]:
    """The numbers that are the same in all eight ways."""
    size = np.abs(units.reshape(-1, _SIDE, _SIDE))
    swapped = size.transpose(0, 2, 1)
    rows, columns = np.triu_indices(_SIDE, 1)
    diagonal = np.arange(1, _SIDE)
    parts = (
        np.maximum(size, swapped)[:, rows, columns],
        np.minimum(size, swapped)[:, rows, columns],
        size[:, diagonal, diagonal],
    )
    return np.concatenate(parts, axis=1)


def _correlations(first: Units, second: Units) -> Float32[np.ndarray, "pairs 8"]:
    """Correlation of block means in each of the eight ways."""
    parity = np.arange(_SIDE) % 2
    kind = (2 * parity[:, None] + parity).reshape(-1)
    of_kind = np.eye(4, dtype=np.float32)[kind]
    signs = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32)
    found = [((each * second) @ of_kind) @ signs for each in (first, first[:, _SWAPPED])]
    return np.concatenate(found, axis=1)


class Candidates(NamedTuple):
    """Pairs of images that may be copies in some way."""

    ways: Ways  # the earlier image first, sorted
    complete: bool  # false where there were more of them than are looked at
    crops: bool  # whether cropped copies were searched, too
    flat: int  # images that were left out for having no detail


def candidates(pixels: Pixels, sizes: Sizes, positions: Positions) -> Candidates:
    """Find pairs whose block means fit in one of the eight ways."""
    blocks = averaged(pixels, sizes, positions, _SIDE)[:, 0]
    is_textured = blocks.std(axis=(1, 2)) >= FLAT
    positions, blocks, flat = positions[is_textured], blocks[is_textured], int((~is_textured).sum())
    units, aspects, contrasts = (
        _units(blocks),
        np.log(sizes[positions, 0] / sizes[positions, 1]),
        blocks.std((1, 2)),
    )

    def fitting(pairs: Pairs, others: Units, least: float, most_apart: float) -> Rows:
        """Ways that may fit, each with its correlation in millionths."""
        found = [np.empty((0, 4), np.int64)]
        for start in range(0, len(pairs), _TOGETHER):
            part = pairs[start : start + _TOGETHER]
            contrast = contrasts[part[:, 1]] / contrasts[part[:, 0]]
            part = part[(contrast > LEAST_CONTRAST) & (contrast < 1 / LEAST_CONTRAST)]
            correlation = _correlations(others[part[:, 0]], units[part[:, 1]])
            one, other = aspects[part].T
            for swaps, off in enumerate((other - one, other + one)):
                far = np.abs(off) > np.log(MOST_OUT_OF_PROPORTION)
                correlation[far, 4 * swaps : 4 * swaps + 4] = -1
            # What is left of the block means, in levels, once both have the lower contrast of the two.
            levels = contrasts[part].min(axis=1)[:, None] * np.sqrt(np.maximum(2 - 2 * correlation, 0))
            row, way = np.nonzero((correlation >= least) & (levels <= most_apart))
            millionths = np.rint(1e6 * correlation[row, way]).astype(np.int64)
            found.append(np.column_stack([part[row], way, millionths]))
        return np.concatenate(found)

    found, complete = near_by(
        _invariants(units), REACH, lambda pairs: fitting(pairs, units, LEAST_CORRELATION, MOST_APART)
    )
    crops = len(positions) <= MOST_CROPPED
    if crops and len(positions) > 1:
        middle = _units(averaged(pixels, sizes, positions, _SIDE, CROPPED)[:, 0])
        pairs = _nearest(_invariants(middle), _invariants(units))
        cropped = fitting(pairs, middle, LEAST_CORRELATION_CROPPED, np.inf)
        best = np.argsort(-cropped[:, 3], kind="stable")[:MOST_WAYS]
        complete &= len(cropped) <= MOST_WAYS
        found = np.concatenate([found, cropped[best]])
    # The earlier image first; back from the second to the first, turns go the other way round.
    found[:, :2] = positions[found[:, :2]]
    is_later = found[:, 0] > found[:, 1]
    back = np.array([0, 1, 2, 3, 4, 6, 5, 7])
    found[is_later] = np.column_stack(
        [found[is_later, 1], found[is_later, 0], back[found[is_later, 2]], found[is_later, 3]]
    )
    return Candidates(np.unique(found[:, :3], axis=0), complete, crops, flat)


def _nearest(queries: Float32[np.ndarray, "m values"], vectors: Float32[np.ndarray, "m values"]) -> Pairs:
    """Of each query the nearest vectors of other images, at most so far away."""
    found = [np.empty((0, 2), np.int64)]
    square = (vectors**2).sum(axis=1)
    for start in counted(range(0, len(queries), 256), "searching for cropped images", len(queries), 256):
        part = queries[start : start + 256]
        apart = (part**2).sum(axis=1)[:, None] + square - 2 * (part @ vectors.T)
        row, column = np.nonzero(apart <= CROP_REACH**2)
        distance = apart[row, column]
        is_other = column != row + start
        row, column, distance = row[is_other], column[is_other], distance[is_other]
        order = np.lexsort((column, distance, row))
        row, column = row[order], column[order]
        rank = np.arange(len(row)) - np.searchsorted(row, row)
        found.append(np.column_stack([row + start, column])[rank < NEAREST])
    return np.concatenate(found)


class Laid(NamedTuple):
    """How two images differ once one is laid over the other."""

    largest: Float32[np.ndarray, " pairs"]  # largest difference of a value as they are, in levels
    # share of the values that differ by more than so many levels, and of those in grey
    beyond: Float32[np.ndarray, " pairs"]
    beyond_grey: Float32[np.ndarray, " pairs"]
    local: Float32[np.ndarray, " pairs"]  # largest mean difference of one of 8 x 8 blocks, in levels
    correlation: Float32[np.ndarray, " pairs"]
    detail: Float32[np.ndarray, " pairs"]  # correlation of what is left without a blurred version
    contrast: Float32[np.ndarray, " pairs"]  # factor from the first to the second


class _View(NamedTuple):
    """Where scaled and shifted cells lie in those of another image."""

    down: Float32[np.ndarray, "m 1 side side"]
    across: Float32[np.ndarray, "m 1 side side"]
    within: Float32[np.ndarray, "m 1 side side"]  # 1 where there is something to see

    @classmethod
    def at(cls, moved: Float32[np.ndarray, "m 4"], side: int) -> "_View":
        """The view at scales and shifts."""
        middle, cells = np.float32((side - 1) / 2), np.arange(side, dtype=np.float32)
        weights, inside = [], []
        for at in (0, 1):
            places = (1 + moved[:, at, None]) * (cells - middle) + middle + side * moved[:, at + 2, None]
            inside.append(((places >= -0.01) & (places <= side - 0.99)).astype(np.float32))
            weights.append(np.maximum(0, 1 - np.abs(places[:, :, None] - cells)))
        down, across = (each[:, None] for each in weights)
        return cls(down, across.swapaxes(2, 3), (inside[0][:, :, None] * inside[1][:, None])[:, None])

    def of(self, cells: Cells) -> Cells:
        """Values that the view shows, interpolated between cells."""
        shown: Cells = self.down @ cells @ self.across
        return shown


def laid(first: Cells, second: Cells) -> Laid:
    """Lay the first images over the second ones, and compare."""
    count, channels, side = first.shape[:3]
    largest = np.abs(first - second).max(axis=(1, 2, 3))
    moved = np.zeros((count, 4), np.float32)
    axis = (np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)) / side
    smooth = _smoothing(side, 1)
    grey = smooth @ first.mean(axis=1, keepdims=True) @ smooth.T
    target = smooth @ second.mean(axis=1, keepdims=True) @ smooth.T
    slopes = [side * np.gradient(grey, axis=at).astype(np.float32) for at in (2, 3)]
    for _ in range(STEPS):
        view = _View.at(moved, side)
        shown, down, across = (view.of(each) for each in (grey, *slopes))
        columns = [shown, np.ones_like(shown), down * axis[:, None], across * axis, down, across]
        design = np.stack([(each * view.within).reshape(count, -1) for each in columns], axis=1)
        square = design @ design.swapaxes(1, 2)
        rest = design @ (target * view.within).reshape(count, -1, 1)
        size = np.trace(square, axis1=1, axis2=2)[:, None, None] / 6
        solved = np.linalg.solve(square + 1e-5 * size * np.eye(6, dtype=np.float32), rest)[:, :, 0]
        gain = np.where(np.abs(solved[:, :1]) < 0.3, 0.3, solved[:, :1])
        change = np.clip(solved[:, 2:] / gain, -0.06, 0.06)
        most = np.array([_MOST_SCALE, _MOST_SCALE, _MOST_SHIFT, _MOST_SHIFT], np.float32)
        moved = np.clip(moved + change, -most, most).astype(np.float32)
    view = _View.at(moved, side)
    shown, target = smooth @ view.of(first) @ smooth.T, smooth @ second @ smooth.T
    within = np.broadcast_to(view.within, shown.shape)
    # Saturated values say nothing about brightness and contrast.
    fits = within * ((target > 4) & (target < 251) & (shown > 4) & (shown < 251))
    fits = np.where(fits.sum(axis=(1, 2, 3), keepdims=True) < 0.2 * fits[0].size, within, fits)
    total = fits.sum(axis=(1, 2, 3))
    mean_first, mean_second = ((each * fits).sum(axis=(1, 2, 3)) / total for each in (shown, target))
    one = (shown - mean_first[:, None, None, None]) * fits
    other = (target - mean_second[:, None, None, None]) * fits
    power = [np.einsum("mcij,mcij->m", each, each) + 1e-3 for each in (one, other)]
    product = np.einsum("mcij,mcij->m", one, other)
    contrast = np.sqrt(power[1] / power[0])
    expected = contrast[:, None, None, None] * (shown - mean_first[:, None, None, None])
    expected = np.clip(expected + mean_second[:, None, None, None], 0, 255)
    count_within = within.sum(axis=(1, 2, 3))
    off = (expected - target) * within
    down_to_blocks = _averaging(side, _SIDE, 0.0)
    local = np.abs(down_to_blocks @ off @ down_to_blocks.T).max(axis=(1, 2, 3))
    beyond = (np.abs(off) > PIXEL_LEVELS).sum(axis=(1, 2, 3)) / count_within
    beyond_grey = channels * (np.abs(off.mean(axis=1)) > PIXEL_LEVELS).sum(axis=(1, 2)) / count_within
    blur = _smoothing(side, 4)
    inner = view.within * (blur @ view.within @ blur.T > 0.99)
    detail = [(each - blur @ each @ blur.T) * inner for each in (shown, target)]
    detail_power = [np.einsum("mcij,mcij->m", each, each) + 1e-3 for each in detail]
    detail_product = np.einsum("mcij,mcij->m", *detail)
    return Laid(
        largest=largest,
        beyond=beyond.astype(np.float32),
        beyond_grey=beyond_grey.astype(np.float32),
        local=local.astype(np.float32),
        correlation=(product / np.sqrt(power[0] * power[1])).astype(np.float32),
        detail=(detail_product / np.sqrt(detail_power[0] * detail_power[1])).astype(np.float32),
        contrast=contrast.astype(np.float32),
    )


def _smoothing(side: int, times: int) -> Float32[np.ndarray, "side side"]:
    """Matrix that weights neighbours by 1, 2, 1 so many times; the outermost count twice."""
    padded = np.pad(np.eye(side, dtype=np.float32), [(1, 1), (0, 0)], mode="edge")
    once = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    return np.linalg.matrix_power(once, times)


def all_copies(
    pixels: Pixels, hashes: UInt64[np.ndarray, " n"], sizes: Sizes, positions: Positions
) -> NearCopies:
    """Find near copies of images, one of each exact content, in any of the eight ways."""
    near = near_copies(pixels, hashes, positions)
    if len(positions) < 2 or min(pixels.shape[1:3]) < _SIDE:
        return near
    sizes = sizes.astype(np.int64)
    found = candidates(pixels, sizes, positions)
    ways = found.ways
    known = ways[:, 2] == 0
    known[known] = np.isin(ways[known, :2] @ [len(pixels), 1], near.pairs @ [len(pixels), 1])
    ways = ways[~known]
    alike = [
        (each.correlation > LEAST_COARSE) & (each.detail > LEAST_COARSE_DETAIL) & (each.beyond < MOST_COARSE)
        for each in _compared(pixels, sizes, ways, COARSE_SIDE, grey=True)
    ]
    ways = ways[np.concatenate(alike)] if alike else ways
    same = []
    for each in _compared(pixels, sizes, ways, min(SIDE, *pixels.shape[1:3]), grey=False):
        is_copy = are_copies(each)
        # Fitting a turned image rounds otherwise; without detail, little rounding says that it is the same.
        is_equal = (each.largest <= LITTLE_ROUNDED) | (is_copy & (each.largest <= MOST_ROUNDED))
        same.append(np.stack([is_copy, is_equal]))
    is_copy, is_equal = np.concatenate(same, axis=1) if same else np.zeros((2, 0), bool)
    # Each pair once: as it stands before turned, and the same before nearly the same.
    upright = _distinct(near.pairs, ways[is_copy & (ways[:, 2] == 0), :2])
    turned = _without(ways[is_equal & (ways[:, 2] > 0), :2], upright)
    nearly = _without(ways[is_copy & (ways[:, 2] > 0), :2], np.concatenate([upright, turned]))
    complete = near.complete and found.complete
    others = {TURNED_COPIES: turned, NEAR_TURNED_COPIES: nearly}
    return NearCopies(upright, complete, others, found.crops, found.flat)


def are_copies(pairs: Laid, steps: int = 1) -> Bool[np.ndarray, " pairs"]:
    """Which pairs are near copies, or so many steps of one away."""
    found: Bool[np.ndarray, " pairs"] = pairs.correlation >= 1 - (1 - LEAST_LAID) * steps
    found &= pairs.detail >= 1 - (1 - LEAST_DETAIL) * steps
    found &= (pairs.beyond_grey <= MOST_BEYOND * steps) & (pairs.beyond <= MOST_BEYOND_IN_COLOUR * steps)
    found &= pairs.local <= MOST_LOCAL * steps
    found &= np.abs(np.log(pairs.contrast)) <= -np.log(LEAST_CONTRAST) * steps
    return found


def alike_in_any_way(pixels: Pixels, sizes: Sizes, pairs: Pairs, steps: int) -> Bool[np.ndarray, " pairs"]:
    """Which pairs are at most so many steps of a near copy apart, in the best of the eight ways."""
    side = min(SIDE, *pixels.shape[1:3])
    alike = np.zeros(len(pairs), bool)
    for way in range(8):
        ways = np.column_stack([pairs, np.full(len(pairs), way)])
        for block, each in enumerate(_compared(pixels, sizes.astype(np.int64), ways, side, grey=False)):
            start = block * _PAIRS_TOGETHER
            alike[start : start + _PAIRS_TOGETHER] |= are_copies(each, steps)
    return alike


def _distinct(*pairs: Int64[np.ndarray, "_ 2"]) -> Int64[np.ndarray, "_ 2"]:
    found: Int64[np.ndarray, "distinct 2"] = np.unique(np.concatenate(pairs), axis=0)
    return found


def _without(pairs: Int64[np.ndarray, "_ 2"], others: Int64[np.ndarray, "_ 2"]) -> Int64[np.ndarray, "_ 2"]:
    """Sorted distinct pairs that are not among others."""
    known = set(map(tuple, others.tolist()))
    kept = [pair for pair in _distinct(pairs).tolist() if tuple(pair) not in known]
    return np.array(kept, np.int64).reshape(-1, 2)


def _compared(pixels: Pixels, sizes: Sizes, ways: Ways, side: int, *, grey: bool) -> Iterator[Laid]:
    """How the pairs differ in their ways, block by block."""
    starts = range(0, len(ways), _PAIRS_TOGETHER)
    for start in counted(starts, "comparing turned and mirrored images", len(ways), _PAIRS_TOGETHER):
        part = ways[start : start + _PAIRS_TOGETHER]
        positions, places = np.unique(part[:, :2], return_inverse=True)
        cells = averaged(pixels, sizes, positions, side, grey=grey)
        first, second = (cells[each] for each in places.reshape(-1, 2).T)
        turned = np.empty_like(first)
        for way in range(8):
            turned[part[:, 2] == way] = in_way(first[part[:, 2] == way], way)
        yield laid(turned, second)
