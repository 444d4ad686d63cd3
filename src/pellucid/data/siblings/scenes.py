r"""Scenes: which pairs of images show the same one, judged against pairs that do not.

The likeness of two images is their correlation at 16 x 16 cells, each channel about its own mean, the largest
over shifts of up to two cells. How alike two images of one scene must be depends on the data: two photographs
of cats differ more than two shirts before white. So suspected pairs are set against pairs of the same
label that the suspicion says nothing about, and a pair is confirmed where its likeness is at least the
smallest $t$ for which

$$\frac{P(\text{likeness of the others} \ge t)}{P(\text{likeness of the suspected} \ge t)} \le 0.01,$$

which is the share of false ones among the confirmed (false discovery rate) or less; no more than a stated
share of the others may reach $t$, and below 0.75 no two images are one scene. Where names or times say
nothing, as in shuffled data, both shares are equal, and nothing is confirmed.

Source: Storey and Tibshirani 2003, "Statistical significance for genomewide studies"; Elias and Gygi 2007,
"Target-decoy search strategy" (decoys in place of a formula for chance).
"""

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

FALSE_AMONG_CONFIRMED = 0.01
LEAST_LIKENESS = 0.75
SIDE, REACH = 16, 2
RULE = (FALSE_AMONG_CONFIRMED, LEAST_LIKENESS, SIDE, REACH)

_COARSE_SIDE, _COARSE_REACH, _COARSE_LEAST = 8, 1, 0.6
_TOGETHER = 256


def of_one_scene(
    pixels: UInt8[np.ndarray, "n height width channels"],
    suspected: Int64[np.ndarray, "pairs 2"],
    others: Int64[np.ndarray, "others 2"],
    most_false: float,
) -> Bool[np.ndarray, " pairs"]:
    """Confirm the suspected pairs that are more alike than chance allows, by the rule at the top.

    `others` are pairs of the same labels that nothing speaks for; `most_false` is the share of them that may
    reach what is confirmed.
    """
    if len(suspected) == 0 or len(others) == 0 or min(pixels.shape[1:3]) < _COARSE_SIDE:
        return np.zeros(len(suspected), bool)
    found, by_chance = likeness(pixels, suspected), likeness(pixels, others)
    in_order = np.sort(found)
    levels = in_order[in_order >= LEAST_LIKENESS]
    reached = len(by_chance) - np.searchsorted(np.sort(by_chance), levels)
    confirmed = len(found) - np.searchsorted(in_order, levels)
    # One is added to what chance reached, so that few other pairs cannot look like none.
    is_enough = (reached + 1) / len(by_chance) <= FALSE_AMONG_CONFIRMED * confirmed / len(found)
    is_enough &= reached <= most_false * len(by_chance)
    if not is_enough.any():
        return np.zeros(len(suspected), bool)
    return found >= levels[is_enough][0]  # type: ignore[no-any-return]


def likeness(
    pixels: UInt8[np.ndarray, "n height width channels"], pairs: Int64[np.ndarray, "pairs 2"]
) -> Float32[np.ndarray, " pairs"]:
    """Likeness of pairs of images, at most 1; that of pairs which differ even coarsely stays coarse."""
    found = _correlations(pixels, pairs, _COARSE_SIDE, _COARSE_REACH)
    alike = np.flatnonzero(found >= _COARSE_LEAST)
    found[alike] = _correlations(pixels, pairs[alike], SIDE, REACH)
    # Whoever is not looked at closely must not stand above those who are.
    found[found < _COARSE_LEAST] = 0.0
    return found


def _correlations(
    pixels: UInt8[np.ndarray, "n height width channels"],
    pairs: Int64[np.ndarray, "pairs 2"],
    side: int,
    reach: int,
) -> Float32[np.ndarray, " pairs"]:
    found = np.zeros(len(pairs), np.float32)
    for start in range(0, len(pairs), _TOGETHER):
        part = pairs[start : start + _TOGETHER]
        positions, places = np.unique(part, return_inverse=True)
        cells = _cells(pixels[positions], side)
        one, other = places.reshape(-1, 2).T
        found[start : start + _TOGETHER] = _best_shift(cells[one], cells[other], reach)
    return found


def _cells(
    images: UInt8[np.ndarray, "m height width channels"], side: int
) -> Float32[np.ndarray, "m channels side side"]:
    """Means of equal cells; of large images some pixels stand for all."""
    steps = [max(1, length // (4 * side)) for length in images.shape[1:3]]
    sampled = images[:, :: steps[0], :: steps[1]].astype(np.float32).transpose(0, 3, 1, 2)
    down, across = (_averaging(length, side) for length in sampled.shape[2:])
    cells: Float32[np.ndarray, "m channels side side"] = down @ sampled @ across.T
    return cells


def _averaging(length: int, side: int) -> Float32[np.ndarray, "side length"]:
    """Matrix that takes the mean of equal stretches of a line, which may be shorter than a pixel."""
    edges, pixel = np.linspace(0, length, side + 1), np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    weights: Float32[np.ndarray, "side length"] = np.maximum(overlap, 0).astype(np.float32)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _best_shift(
    one: Float32[np.ndarray, "m channels side side"],
    other: Float32[np.ndarray, "m channels side side"],
    reach: int,
) -> Float32[np.ndarray, " m"]:
    """Largest correlation over all shifts, in what the two then have in common."""
    side = one.shape[-1]
    best = np.full(len(one), -1.0, np.float32)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            rows, columns = side - abs(down), side - abs(across)
            top, left = max(down, 0), max(across, 0)
            first = one[:, :, top : top + rows, left : left + columns]
            top, left = max(-down, 0), max(-across, 0)
            second = other[:, :, top : top + rows, left : left + columns]
            np.maximum(best, _correlation(first, second), out=best)
    return best


def _correlation(
    first: Float32[np.ndarray, "m channels rows columns"],
    second: Float32[np.ndarray, "m channels rows columns"],
) -> Float32[np.ndarray, " m"]:
    first = first - first.mean(axis=(2, 3), keepdims=True)
    second = second - second.mean(axis=(2, 3), keepdims=True)
    product, *powers = (
        np.einsum("mcij,mcij->m", left, right)
        for left, right in ((first, second), (first, first), (second, second))
    )
    # Images of one brightness all over have nothing to compare.
    found: Float32[np.ndarray, " m"] = product / np.sqrt(powers[0] * powers[1] + 1.0)
    return found
