r"""Scenes: which pairs of images show the same one, judged against pairs that do not.

The likeness of two images is their correlation, each channel about its own mean: at 16 x 16 cells the
largest over shifts of up to two cells, and, of pairs that are rather alike by that, at 32 x 32 cells where
one lies best over the other (`registration.py`). Before white two shirts differ by less than two frames of
one shirt that lie a little aside of each other, so only what is left when they lie over each other tells
them apart.

How alike two images of one scene must be depends on the data: two photographs of cats differ more than two
shirts. So suspected pairs are set against pairs of the same label that the suspicion says nothing about, and
a pair is confirmed where its likeness is at least the smallest $t$ for which

$$\frac{P(\text{likeness of the others} \ge t)}{P(\text{likeness of the suspected} \ge t)} \le 0.01,$$

which is the share of false ones among the confirmed (false discovery rate) or less; no more than a stated
share of the others may reach $t$, and below 0.75 no two images are one scene. Where names or times say
nothing, as in shuffled data, both shares are equal, and nothing is confirmed.

Source: Storey and Tibshirani 2003, "Statistical significance for genomewide studies"; Elias and Gygi 2007,
"Target-decoy search strategy" (decoys in place of a formula for chance).
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from pellucid.data.siblings.registration import Laid, register

FALSE_AMONG_CONFIRMED = 0.01
LEAST_LIKENESS = 0.75
SIDE, REACH, FINE_SIDE, STEPS = 16, 2, 32, 2
# Shares of the others that are rather alike, of the most alike, which are looked at more closely.
ON_TO_REGISTER, ON_TO_FINE = 0.5, 0.2

RULE = (FALSE_AMONG_CONFIRMED, LEAST_LIKENESS, SIDE, REACH, FINE_SIDE, STEPS, ON_TO_REGISTER, ON_TO_FINE)

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
    found, by_chance = likenesses(pixels, suspected, others)
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


def likenesses(
    pixels: UInt8[np.ndarray, "n height width channels"],
    suspected: Int64[np.ndarray, "pairs 2"],
    others: Int64[np.ndarray, "others 2"],
) -> tuple[Float32[np.ndarray, " pairs"], Float32[np.ndarray, " others"]]:
    """Likeness of suspected pairs and of others, at most 1; 0 of those that are less alike than most others.

    Each look is closer than the one before and is taken at fewer pairs, so whoever is not looked at closely
    must not stand above those who are.
    """
    pairs = np.concatenate([suspected, others])
    found, moved = np.ones(len(pairs), np.float32), np.zeros((len(pairs), 3), np.float32)
    for look in _LOOKS:
        kept = np.flatnonzero(found)
        for start in range(0, len(kept), _TOGETHER):
            part = kept[start : start + _TOGETHER]
            positions, places = np.unique(pairs[part], return_inverse=True)
            cells = _cells(pixels[positions], look.side)
            one, other = places.reshape(-1, 2).T
            found[part], moved[part] = look.at(cells[one], cells[other], moved[part])
        least = float(np.quantile(found[len(suspected) :], 1 - look.share, method="lower"))
        found[found < max(_COARSE_LEAST, least)] = 0.0
    return found[: len(suspected)], found[len(suspected) :]


class _Look(NamedTuple):
    """A look at pairs of images.

    Attributes:
        side: cells along each side that it sees.
        reach: cells by which one image is shifted each way; `None` where it is laid over the other.
        share: of the others, of the most alike, which are looked at again.
    """

    side: int
    reach: int | None
    share: float

    def at(
        self,
        one: Float32[np.ndarray, "m channels side side"],
        other: Float32[np.ndarray, "m channels side side"],
        moved: Float32[np.ndarray, "m 3"],
    ) -> Laid:
        """Likeness of pairs, and how the second image lies then; `moved` is how it lay before."""
        if self.reach is None:
            return register(one, other, moved, STEPS)
        return _best_shift(one, other, self.reach)


_LOOKS = (
    _Look(_COARSE_SIDE, _COARSE_REACH, 1.0),
    _Look(SIDE, REACH, ON_TO_REGISTER),
    _Look(SIDE, None, ON_TO_FINE),
    _Look(FINE_SIDE, None, 1.0),
)


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
) -> Laid:
    """Largest correlation over all shifts, in what the two then have in common."""
    side = one.shape[-1]
    best, moved = np.full(len(one), -1.0, np.float32), np.zeros((len(one), 3), np.float32)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            rows, columns = side - abs(down), side - abs(across)
            top, left = max(down, 0), max(across, 0)
            first = one[:, :, top : top + rows, left : left + columns]
            top, left = max(-down, 0), max(-across, 0)
            second = other[:, :, top : top + rows, left : left + columns]
            found = _correlation(first, second)
            moved[found > best] = (0.0, -down / side, -across / side)
            np.maximum(best, found, out=best)
    return Laid(best, moved)


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
