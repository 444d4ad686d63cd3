"""Exact and near copies of texts.

Exact copies are equal when case, space and ways of encoding the same character do not count. Near
copies are the same text with a few words changed, other punctuation, or marks of quotation before
its lines. They are found in three steps, each passing on few to the next:

1. Every text becomes a set of shingles: pairs of neighbouring words, or three neighbouring
   characters where no spaces part words. Of each set 64 MinHash values are kept, in 16 bands of
   four. Two texts whose shingles overlap by a share $J$ (Jaccard: common ones to all) agree in one
   band or more with probability $1 - (1 - J^4)^{16}$: 95 % at $J = 0.64$, which is one word in ten
   changed, and 2 % at $J = 0.18$.
2. Of texts that agree in a band each goes on with the 15 that follow it, when the shorter of the two
   has at least 80 % as many words as the longer.
3. They are near copies when their words overlap by at least 0.8, both counted as often as they
   occur and counted once each, and their shingles by at least 0.5.

Not compared: texts of fewer than 8 words or 16 characters, which resemble one another by chance, and
what follows after 20,000 characters (fewer where very many texts are long). Not found: a text
inside a much longer one.

Source: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4 (bands).
"""

import hashlib
import unicodedata
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt32, UInt64

from pellucid.arithmetic.draws import chained, mixed
from pellucid.data.image_copies import NearCopies
from pellucid.data.images.preprocessing import DIGEST_BYTES
from pellucid.data.raw_texts import Texts, TextUnits, units_of

WORDS_ALIKE = 0.8
SHINGLES_ALIKE = 0.5
FEWEST_WORDS, FEWEST_CHARACTERS = 8, 16
BANDS, ROWS = 16, 4
NEIGHBOURS = 15
LONGEST = 20_000
RULE = (WORDS_ALIKE, SHINGLES_ALIKE, FEWEST_WORDS, FEWEST_CHARACTERS, BANDS, ROWS, NEIGHBOURS, LONGEST)

MOST_CHARACTERS = 600_000_000
MOST_CANDIDATES = 1_000_000
MOST_COMPARED = 200_000_000

_BLOCK = 1 << 17  # characters; more would fall out of the processor's cache
_COLLECTED = 8
_SHORTEST_CUT = 500
_SEED = 20_011


def text_digests(texts: Texts) -> UInt8[np.ndarray, "n 16"]:
    """Fingerprints, 16 bytes, of texts; equal for copies but for case, space and ways of encoding."""
    digests = bytearray()
    for text in texts:
        folded = text.casefold() if text.isascii() else unicodedata.normalize("NFC", text.casefold())
        content = " ".join(folded.split()).encode()
        digests += hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(bytes(digests), np.uint8).reshape(len(texts), DIGEST_BYTES)


def near_texts(texts: Texts, positions: Int64[np.ndarray, " m"]) -> NearCopies:
    """Find texts, one of each exact content, that are nearly the same, by the steps at the top."""
    # Characters of each text, so that all together stay within the limit.
    sizes, longest = np.diff(texts.offsets)[positions], LONGEST
    while longest > _SHORTEST_CUT and np.minimum(sizes, longest).sum() > MOST_CHARACTERS:
        longest = longest * 4 // 5
    bands = _banded(texts, positions, longest)
    candidates, all_found = _candidates(bands)
    pairs = bands.positions[candidates]
    confirmed, all_compared = confirmed_texts(texts, pairs, longest)
    near = pairs[: len(confirmed)][confirmed]
    return NearCopies(near[np.lexsort((near[:, 1], near[:, 0]))], all_found and all_compared)


class _Bands(NamedTuple):
    """Bands of the signature of each text that is long enough."""

    positions: Int64[np.ndarray, " texts"]  # the texts, ascending
    keys: UInt32[np.ndarray, "bands texts"]  # one number for each band; equal ones bring texts together
    counts: Float64[np.ndarray, " texts"]  # words of each


def _banded(texts: Texts, positions: Int64[np.ndarray, " m"], longest: int) -> _Bands:
    """Step 1: the keys of every text that is long enough."""
    draws = np.random.PCG64(_SEED).random_raw(2 * BANDS * ROWS).astype(np.uint32)
    factors, terms = draws[: BANDS * ROWS] | np.uint32(1), draws[BANDS * ROWS :]
    kept: list[_Bands] = []
    # Parts of about as many characters, few enough to stay in the processor's cache.
    lengths = np.minimum(np.diff(texts.offsets)[positions], longest)
    part = (np.cumsum(lengths) - lengths) // _BLOCK
    for block in np.split(positions, np.flatnonzero(np.diff(part)) + 1) if len(positions) else []:
        contents = texts[block]
        units = units_of(contents, longest)
        has_enough = units.counts >= np.where(units.by_characters, FEWEST_CHARACTERS, FEWEST_WORDS)
        shingles, offsets = _shingles(units)
        sizes = np.diff(offsets)
        starts = np.cumsum(sizes[has_enough]) - sizes[has_enough]
        short = (shingles[np.repeat(has_enough, sizes)] >> np.uint64(32)).astype(np.uint32)
        whole = np.array([max(1.0, len(text) / longest) for text in contents])
        keys = np.zeros((BANDS, len(starts)), np.uint32)
        for band in range(BANDS if len(starts) else 0):
            key = np.zeros(len(starts), np.uint64)
            for row in range(band * ROWS, band * ROWS + ROWS):
                key = mixed(key + np.minimum.reduceat(short * factors[row] + terms[row], starts))
            keys[band] = key >> np.uint64(32)
        kept.append(_Bands(block[has_enough], keys, (units.counts * whole)[has_enough]))
    if not kept:
        return _Bands(positions[:0], np.zeros((BANDS, 0), np.uint32), np.zeros(0))
    return _Bands(
        np.concatenate([each.positions for each in kept]),
        np.concatenate([each.keys for each in kept], axis=1),
        np.concatenate([each.counts for each in kept]),
    )


def _shingles(units: TextUnits) -> tuple[UInt64[np.ndarray, " shingles"], Int64[np.ndarray, " starts"]]:
    """Two neighbouring words, or three characters, as 64 bits; and where those of each text start."""
    hashes, counts = units.hashes, units.counts
    pairs = chained(hashes, np.roll(hashes, -1))
    triples = chained(pairs, np.roll(hashes, -2))
    by_characters = np.repeat(units.by_characters, counts)
    to_the_end = np.repeat(units.offsets[1:], counts) - np.arange(len(hashes))
    is_whole = to_the_end >= np.where(by_characters, 3, 2)
    offsets = np.concatenate([[0], np.cumsum(is_whole)])[units.offsets].astype(np.int64)
    return np.where(by_characters, triples, pairs)[is_whole], offsets


def _candidates(bands: _Bands) -> tuple[Int64[np.ndarray, "pairs 2"], bool]:
    """Step 2: pairs, as places in `bands`, the earlier one first; and whether these are all.

    Those that agree in the most bands come first; where there are too many, the others are left out.
    """
    number = len(bands.positions)
    found = np.zeros(0, np.int64)
    for keys in bands.keys:
        order = np.argsort(keys, kind="stable")
        values = keys[order]
        fresh = [found]
        for step in range(1, NEIGHBOURS + 1):
            at = np.flatnonzero(values[step:] == values[:-step])
            if len(at) == 0:
                break
            # A stable order has the earlier of two texts first.
            first, second = order[at], order[at + step]
            shorter = np.minimum(bands.counts[first], bands.counts[second])
            longer = np.maximum(bands.counts[first], bands.counts[second])
            is_alike = shorter >= WORDS_ALIKE * longer
            fresh.append(first[is_alike] * number + second[is_alike])
        in_order = np.sort(np.concatenate(fresh))
        found = in_order[np.concatenate([[True], in_order[1:] != in_order[:-1]])[: len(in_order)]]
        if len(found) > _COLLECTED * MOST_CANDIDATES:
            break
    pairs = np.stack(np.divmod(found, max(number, 1)), axis=1)
    agreements = np.zeros(len(pairs), np.int64)
    for keys in bands.keys:
        agreements += keys[pairs[:, 0]] == keys[pairs[:, 1]]
    order = np.argsort(-agreements, kind="stable")[:MOST_CANDIDATES]
    return pairs[order], len(order) == len(pairs)


def confirmed_texts(
    texts: Texts, pairs: Int64[np.ndarray, "pairs 2"], longest: int = LONGEST, steps: int = 1
) -> tuple[Bool[np.ndarray, " compared"], bool]:
    """Step 3: which of the pairs are near copies on their words, and whether all were compared.

    With two or more `steps` they may differ as much as copies of copies do. Of each text no more than the
    `longest` characters count.
    """
    sizes = np.minimum(np.diff(texts.offsets), longest)[pairs].sum(axis=1)
    running = np.cumsum(sizes)
    within = int(np.searchsorted(running, MOST_COMPARED, side="right"))
    part = (running - sizes)[:within] // (4 * _BLOCK)
    confirmed = [np.zeros(0, bool)]
    for block in np.split(pairs[:within], np.flatnonzero(np.diff(part)) + 1):
        distinct, places = np.unique(block, return_inverse=True)
        units = units_of(texts[distinct], longest)
        one, other = places.reshape(-1, 2).T
        often, once = overlaps(units.hashes, units.offsets, one, other)
        in_order, _ = overlaps(*_shingles(units), one, other)
        confirmed.append(
            (np.minimum(often, once) >= WORDS_ALIKE**steps) & (in_order >= SHINGLES_ALIKE**steps)
        )
    return np.concatenate(confirmed), within == len(pairs)


def overlaps(
    values: UInt64[np.ndarray, " n"],
    offsets: Int64[np.ndarray, " starts"],
    one: Int64[np.ndarray, " pairs"],
    other: Int64[np.ndarray, " pairs"],
) -> tuple[Float64[np.ndarray, " pairs"], Float64[np.ndarray, " pairs"]]:
    r"""Jaccard overlap of pairs of parts of an array.

    With $a_v$ and $b_v$, how often a value $v$ occurs in either part,

    $$J = \frac{\sum_v \min(a_v, b_v)}{\sum_v \max(a_v, b_v)},$$

    and the same with every value counted once.

    `values` are those of all parts, one after the other; `offsets` say where each part starts, and where the
    last one ends; `one` and `other` number the parts of each pair. Both overlaps are 0 to 1, and 0 where both
    parts are empty.
    """
    sizes = np.stack([np.diff(offsets)[one], np.diff(offsets)[other]], axis=1).reshape(-1)
    starts = np.stack([offsets[one], offsets[other]], axis=1).reshape(-1)
    places = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    side = np.repeat(np.arange(len(sizes)), sizes)
    pair, drawn = side // 2, values[places]
    order = np.lexsort((drawn, pair))
    pair, drawn, is_one = pair[order], drawn[order], (side % 2 == 0)[order]
    if len(order) == 0:
        return np.zeros(len(one)), np.zeros(len(one))
    runs = np.flatnonzero(np.concatenate([[True], (pair[1:] != pair[:-1]) | (drawn[1:] != drawn[:-1])]))
    in_one = np.add.reduceat(is_one.astype(np.int64), runs)
    in_other = np.diff(np.append(runs, len(order))) - in_one
    least, most = np.minimum(in_one, in_other), np.maximum(in_one, in_other)

    def share(common: np.ndarray, every: np.ndarray) -> Float64[np.ndarray, " pairs"]:
        summed = [np.bincount(pair[runs], weights=each, minlength=len(one)) for each in (common, every)]
        return np.divide(summed[0], summed[1], out=np.zeros(len(one)), where=summed[1] > 0)

    return share(least, most), share(least > 0, np.ones(len(runs)))
