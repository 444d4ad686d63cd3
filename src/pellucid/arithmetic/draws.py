"""Draws by seed, purpose and position, and 64-bit names of pieces of text: the same in every process."""

from enum import IntEnum, unique
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt32, UInt64


@unique
class Purpose(IntEnum):
    """Every stream of random draws. A number that has been used is never given to another stream."""

    INITIALISATION = 0
    ORDER = 1
    AUGMENTATION = 2
    DROPOUT = 3
    MIRROR = 4
    PROBE = 5
    WHITENING = 6
    WORDS = 7
    SIMPLE_MODELS = 8
    LEARNING_CURVE = 9
    LABEL_ISSUES = 10
    SEARCH = 11
    HELD_OUT = 12
    DETECTOR_TRAINING = 13
    DETECTOR_CALIBRATION = 14
    REHEARSAL = 15
    NEW_CLASSES = 16
    BACKBONE_SHARE = 17
    SYNTHETIC_OUTLIERS = 18
    BACKBONE_HEAD = 19
    TEMPERATURES = 20
    HELD_OUT_ANSWERS = 21
    LATENT = 22
    GENERATED = 23
    GENERATED_MEASURES = 24
    PRIOR = 25
    BOUND = 26
    COMPONENTS = 27
    GENERATED_SHOWN = 28
    NOISE = 29
    AVERAGE = 30
    THRESHOLDS = 31
    HALVINGS = 32
    LABELLING = 36
    LABEL_SUMS = 37
    TRIALS = 40


def generator(seed: int, purpose: Purpose, position: int = 0) -> np.random.Generator:
    """NumPy generator for one purpose at one position, an epoch or a step."""
    return np.random.default_rng([seed, purpose, position])


def torch_seed(seed: int, purpose: Purpose, position: int = 0) -> int:
    """Seed below 2**63 for a generator of torch, for one purpose at one position."""
    return int(np.random.SeedSequence([seed, purpose, position]).generate_state(1, np.uint64)[0] >> 1)


# 64-bit names of pieces of text, the same on every machine and in every process.
#
# A piece with code points $c_0, \dots, c_{n-1}$ has the name
# $m\bigl(\sum_j (c_j + 1)\,p^j \bmod 2^{64}\bigr)$ with an odd $p$, so that prefix sums over a whole
# array give the names of all its pieces at once; $m$ is the finaliser of SplitMix64.

_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_INVERSE = pow(_BASE, -1, 2**64)
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_ORDER = 0xD6E8FEB86659FD93
_MOST_KEPT = 1 << 21
# Powers of a base, of 8 bytes each, that the longest block of texts so far took.
_kept: dict[int, np.ndarray] = {}


class Prefixes(NamedTuple):
    """Running hashes of an array of code points, from which any piece's name follows.

    `sums` are of the terms before each position; `shifts` take a piece from its position to the beginning.
    """

    sums: UInt64[np.ndarray, " points_and_one"]
    shifts: UInt64[np.ndarray, " points_and_one"]


def prefixes(points: UInt32[np.ndarray, " points"] | UInt64[np.ndarray, " points"]) -> Prefixes:
    """Prepare an array of code points, or of names."""
    terms = points.astype(np.uint64)
    terms += np.uint64(1)
    terms *= _powers(_BASE, len(points))
    sums = np.zeros(len(points) + 1, np.uint64)
    np.cumsum(terms, out=sums[1:])
    return Prefixes(sums, _powers(_INVERSE, len(points) + 1))


def names(
    ready: Prefixes, starts: Int64[np.ndarray, " pieces"], ends: Int64[np.ndarray, " pieces"]
) -> UInt64[np.ndarray, " pieces"]:
    """Name pieces."""
    return mixed((ready.sums[ends] - ready.sums[starts]) * ready.shifts[starts])


def chained(
    first: UInt64[np.ndarray, " pieces"], second: UInt64[np.ndarray, " pieces"]
) -> UInt64[np.ndarray, " pieces"]:
    """Name two pieces together, in this order; no single piece has such a name."""
    return mixed(first * np.uint64(_ORDER) + second)


def mixed(values: UInt64[np.ndarray, " pieces"]) -> UInt64[np.ndarray, " pieces"]:
    """Spread every bit over all bits."""
    values = values ^ (values >> np.uint64(30))
    values *= np.uint64(_MIX[0])
    values ^= values >> np.uint64(27)
    values *= np.uint64(_MIX[1])
    values ^= values >> np.uint64(31)
    return values


def _powers(base: int, count: int) -> UInt64[np.ndarray, " count"]:
    """Powers from 0 on, not to be changed."""
    known = _kept.get(base)
    if known is None or len(known) < count:
        powers = np.full(count, base, np.uint64)
        powers[:1] = 1
        known = np.multiply.accumulate(powers, out=powers)
        if count <= _MOST_KEPT:
            known.setflags(write=False)
            _kept[base] = known
    return known[:count]
