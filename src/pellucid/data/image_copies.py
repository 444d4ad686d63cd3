"""Exact and near copies of images.

Exact copies have equal digests of their decoded content. Near copies are the same image saved
again, resized, or made a little brighter or darker. They are found in three steps, each passing on
few to the next:

1. Every image shrinks to 8 x 8 block means in grey. Two images go on when these correlate by at
   least 0.985, which a search along the first principal component finds without comparing all with
   all, when at most 16 of 64 bits of their difference hashes differ, and when at most 5 % of the
   block means (brightness set aside) differ by more than 12 of 255 levels.
2. Both are smoothed (3 x 3 binomial), so that the noise of JPEG does not count, and the second is
   matched in brightness to the first: gain 0.9 to 1.11, offset at most 13 levels.
3. They are near copies when at most 5 % of the values differ by more than 9 levels and the
   correlation is at least 0.985.

The numbers are measured, by `benchmarks/near_duplicates.py`: on Fashion-MNIST the hash alone calls
millions of pairs of innocent garments copies, the three steps fewer than a hundred.

Not found here: cropped, turned or mirrored copies (`image_symmetries`); shifted ones; images of one
brightness all over, which have nothing to compare; images with a side below 8 pixels.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8, UInt64

from pellucid.progress import report

Pixels = UInt8[np.ndarray, "n height width channels"]
Pairs = Int64[np.ndarray, "pairs 2"]
Rows = Int64[np.ndarray, "rows columns"]

CORRELATION = 0.985
HASH_BITS = 16
BLOCK_LEVELS = 12.0
PIXEL_LEVELS = 9.0
GAIN = 0.9
OFFSET = 13.0
SHARE_BEYOND = 0.05
FLAT = 3.0
RULE = (CORRELATION, HASH_BITS, BLOCK_LEVELS, PIXEL_LEVELS, GAIN, OFFSET, SHARE_BEYOND, FLAT)

MOST_COMPARISONS = 4_000_000_000
MOST_CANDIDATES = 100_000

_SIDE = 8
_CELLS = 2_000_000
_MOST_ROWS = 256
_COMPONENTS = 32
_BITS_SET = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


class NearCopies(NamedTuple):
    """Pairs of images that are nearly the same."""

    pairs: Pairs  # positions, the earlier one first, sorted
    complete: bool  # false where the search stopped at its limit; there may be more pairs then
    # pairs that are copies in another way, the earlier one first, by the name of its rule for siblings
    others: Mapping[str, Pairs] = MappingProxyType({})
    crops: bool = False  # whether cropped copies were searched; they are not among very many images
    flat: int = 0  # images that were not compared, having no detail


def first_with_content(
    digests: UInt8[np.ndarray, "n bytes"], usable: Bool[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """For each image the position of the first with exactly its content; its own for unusable ones."""
    first = np.arange(len(digests), dtype=np.int64)
    positions = np.flatnonzero(usable)
    if len(positions) == 0:
        return first
    keys = digests[positions]
    if keys.shape[1] == 16:  # as two numbers, far faster than byte by byte
        halves = np.ascontiguousarray(keys).view(np.uint64)
        order = np.lexsort((halves[:, 1], halves[:, 0]))
    else:
        order = np.lexsort(keys.T[::-1])
    in_order = keys[order]
    starts = np.ones(len(order), bool)
    starts[1:] = (in_order[1:] != in_order[:-1]).any(axis=1)
    leaders = positions[order[starts]]
    first[positions[order]] = leaders[np.cumsum(starts) - 1]
    return first


def near_copies(
    pixels: Pixels, hashes: UInt64[np.ndarray, " n"], positions: Int64[np.ndarray, " m"]
) -> NearCopies:
    """Find images, one of each exact content, that are nearly the same, by the steps at the top."""
    if len(positions) < 2 or min(pixels.shape[1:3]) < _SIDE:
        return NearCopies(np.empty((0, 2), np.int64), True)
    blocks = _block_means(pixels, positions)
    textured = blocks.std(axis=1) >= FLAT
    positions, blocks = positions[textured], blocks[textured]
    candidates, complete = _candidates(blocks, hashes[positions])
    pairs = np.sort(positions[candidates], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    return NearCopies(pairs[confirmed_images(pixels, pairs)], complete)


def _block_means(pixels: Pixels, positions: Int64[np.ndarray, " m"]) -> Float32[np.ndarray, "m 64"]:
    """Grey means of 8 x 8 blocks; large images are sampled, at least 32 pixels a side."""
    steps = [max(1, side // 32) for side in pixels.shape[1:3]]
    sampled = pixels[:, :: steps[0], :: steps[1]]
    down, across = (averaging(side, _SIDE) for side in sampled.shape[1:3])
    means = np.empty((len(positions), _SIDE, _SIDE), np.float32)
    rows = max(1, _CELLS // sampled[0].size)
    for start in range(0, len(positions), rows):
        block = sampled[positions[start : start + rows]]
        grey = block[..., 0] if block.shape[3] == 1 else block.mean(axis=3, dtype=np.float32)
        means[start : start + rows] = down @ grey.astype(np.float32, copy=False) @ across.T
    return means.reshape(len(positions), _SIDE * _SIDE)


def averaging(length: int, parts: int) -> Float32[np.ndarray, "parts length"]:
    """Matrix that takes the mean of equal stretches of a line, which may be shorter than a pixel."""
    edges, pixel = np.linspace(0, length, parts + 1), np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: Float32[np.ndarray, "parts length"] = np.maximum(overlap, 0).astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _candidates(blocks: Float32[np.ndarray, "m 64"], hashes: UInt64[np.ndarray, " m"]) -> tuple[Pairs, bool]:
    """Step 1: pairs whose block means and hashes are alike, and whether all were found."""
    centred = blocks - blocks.mean(axis=1, keepdims=True)
    unit = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    # The distance of unit vectors of correlation r is sqrt(2 - 2r).
    reach = float(np.sqrt(2 - 2 * CORRELATION))
    return near_by(unit, reach, lambda pairs: _alike(pairs, centred, hashes))


def near_by(
    vectors: Float32[np.ndarray, "m values"], reach: float, admitted: Callable[[Pairs], Rows]
) -> tuple[Rows, bool]:
    """What is admitted of the pairs of vectors at most `reach` apart, and whether all were compared.

    A few pairs that are farther apart are asked, too: projections are compared, which are no farther apart
    than the vectors.
    """
    found = [admitted(np.empty((0, 2), np.int64))]
    if len(vectors) < 2:
        return found[0], True
    around = vectors - vectors.mean(axis=0)
    components = around @ np.linalg.eigh(around.T @ around)[1][:, : -_COMPONENTS - 1 : -1]
    order = np.argsort(components[:, 0], kind="stable")
    components = components[order]
    within = np.float32(reach + 1e-4)
    ends = np.searchsorted(components[:, 0], components[:, 0] + within, side="right")
    half_norm = (components**2).sum(axis=1, keepdims=True) / 2
    one = np.ones_like(half_norm)
    left, right = np.hstack([components, -half_norm, one]), np.hstack([components, one, -half_norm]).T
    compared = candidates = start = 0
    while start < len(vectors):
        farthest = ends[min(start + _MOST_ROWS, len(vectors)) - 1]
        rows = min(_MOST_ROWS, max(1, _CELLS // int(farthest - start)))
        stop = min(start + rows, len(vectors))
        end = int(ends[stop - 1])
        # The product is minus half the squared distance between the projections.
        near = np.flatnonzero(left[start:stop] @ right[:, start:end] >= -(within**2) / 2)
        first, second = np.divmod(near, end - start)
        pairs = np.stack([first, second], axis=1)[second > first] + start
        found.append(admitted(order[pairs]))
        compared += (stop - start) * (end - start)
        candidates += len(found[-1])
        start = stop
        report("searching for near copies of images", start, len(vectors))
        if candidates > MOST_CANDIDATES or compared > MOST_COMPARISONS:
            break
    complete = start >= len(vectors) and candidates <= MOST_CANDIDATES
    return np.concatenate(found)[:MOST_CANDIDATES], complete


def _alike(
    pairs: Pairs, centred: Float32[np.ndarray, "m 64"], hashes: UInt64[np.ndarray, " m"]
) -> Int64[np.ndarray, "kept 2"]:
    """Keep the pairs whose hashes and block means differ little."""
    differing = (hashes[pairs[:, 0]] ^ hashes[pairs[:, 1]]).view(np.uint8).reshape(-1, 8)
    pairs = pairs[_BITS_SET[differing].sum(axis=1) <= HASH_BITS]
    kept = [pairs[:0]]
    for start in range(0, len(pairs), _CELLS // 64):
        part = pairs[start : start + _CELLS // 64]
        first, second = centred[part[:, 0]], centred[part[:, 1]]
        few_beyond = (np.abs(first - second) > BLOCK_LEVELS).mean(axis=1) <= SHARE_BEYOND
        power = np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1))
        kept.append(part[few_beyond & ((first * second).sum(axis=1) >= CORRELATION * power)])
    return np.concatenate(kept)


def confirmed_images(pixels: Pixels, pairs: Pairs, steps: int = 1) -> Bool[np.ndarray, " pairs"]:
    """Steps 2 and 3: which pairs are near copies on their pixels, or so many steps of one away."""
    confirmed = np.zeros(len(pairs), bool)
    rows = max(1, _CELLS // pixels[0].size)
    for start in range(0, len(pairs), rows):
        part = pairs[start : start + rows]
        confirmed[start : start + rows] = nearly_equal(pixels[part[:, 0]], pixels[part[:, 1]], steps)
    return confirmed


def nearly_equal(
    first: UInt8[np.ndarray, "pairs height width channels"],
    second: UInt8[np.ndarray, "pairs height width channels"],
    steps: int = 1,
) -> Bool[np.ndarray, " pairs"]:
    """Steps 2 and 3: true where the two images of a pair are near copies, or `steps` of one away."""
    smooth_first, smooth_second = _smoothed(first), _smoothed(second)
    mean_first = smooth_first.mean(axis=1, keepdims=True)
    mean_second = smooth_second.mean(axis=1, keepdims=True)
    centred_first, centred_second = smooth_first - mean_first, smooth_second - mean_second
    power_first = (centred_first**2).sum(axis=1, keepdims=True) + 1e-6
    power_second = (centred_second**2).sum(axis=1, keepdims=True) + 1e-6
    product = (centred_first * centred_second).sum(axis=1, keepdims=True)
    correlation = product / np.sqrt(power_first * power_second)
    least_gain, most_offset = GAIN**steps, OFFSET * steps
    gain = np.clip(np.sqrt(power_second / power_first), least_gain, 1 / least_gain)
    offset = np.clip(mean_second - gain * mean_first, -most_offset, most_offset)
    beyond = np.abs(gain * smooth_first + offset - smooth_second) > PIXEL_LEVELS * steps
    confirmed: Bool[np.ndarray, " pairs"] = beyond.mean(axis=1) <= SHARE_BEYOND
    confirmed &= correlation[:, 0] >= 1 - (1 - CORRELATION) * steps
    return confirmed


def _smoothed(images: UInt8[np.ndarray, "m height width channels"]) -> Float32[np.ndarray, "m values"]:
    """Smooth by the 3 x 3 binomial, without the outermost pixels; one row per image."""
    values: np.ndarray = images.astype(np.float32)
    for _ in range(2):
        values = (values[:, 1:] + values[:, :-1]) / 2
        values = (values[:, :, 1:] + values[:, :, :-1]) / 2
    return values.reshape(len(values), -1)
