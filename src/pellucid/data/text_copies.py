"""Exact and near copies of texts, and texts of the same words.

Exact copies are equal when case, space and ways of encoding the same character do not count. Texts of the
same words are equal when punctuation does not count either. Only these two are looked for among texts of
fewer than 8 words or 16 characters, which resemble one another by chance. Of texts of the same words one is
compared with others.

Near copies are the same text with a few words changed, other punctuation, or marks of quotation before
its lines. They are found in three steps, each passing on few to the next:

1. Every text becomes a set of shingles: pairs of neighbouring words, or three neighbouring
   characters where no spaces part words. Of each set 64 MinHash values are kept, in 16 bands of
   four. Two texts whose shingles overlap by a share $J$ (Jaccard: common ones to all) agree in one
   band or more with probability $1 - (1 - J^4)^{16}$: 95 % at $J = 0.64$, which is one word in ten
   changed, and 2 % at $J = 0.18$.
2. Of texts that agree in a band each goes on with the 15 that follow it, when the shorter of the two
   has at least 80 % as many words as the longer.
3. They are near copies when their words overlap by at least 0.8, both counted as often as they
   occur and counted once each, and their shingles by at least 0.5. Of texts of fewer than 16 words or 32
   characters the words overlap by at least 0.9: questions that differ in one word of ten are asked about
   different things. Where boilerplate (`contained_texts.py`) that both have lies around four words or eight
   characters or more, the words outside of it have to overlap too: letters of one form are no copies.

Reordered copies have the same words, each as often, and at least a third of their shingles in common, as
sentences in another order have. One text contains another by the rule of `contained_texts.py`.

Not compared: what follows after 20,000 characters (fewer where very many texts are long).

Source: Broder 1997, "On the resemblance and containment of documents"; Leskovec, Rajaraman, Ullman,
"Mining of Massive Datasets", section 3.4 (bands).
"""

import hashlib
import re
import unicodedata
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt8, UInt32, UInt64

from pellucid.arithmetic.draws import chained, mixed, names, prefixes
from pellucid.data import contained_texts
from pellucid.data.contained_texts import (
    NO_WINDOWS,
    Windows,
    are_among,
    are_in,
    boilerplate,
    candidates,
    confirmed_contained,
    covered,
    windows_of,
)
from pellucid.data.image_copies import NearCopies
from pellucid.data.images.preprocessing import DIGEST_BYTES
from pellucid.data.raw_texts import Spool, Texts, TextUnits, sums, units_of
from pellucid.data.sibling_sets import CONTAINED, REORDERED, SAME_WORDS
from pellucid.progress import counted, report

WORDS_ALIKE = 0.8  # overlap of words
SHORT_ALIKE = 0.9  # overlap of the words of short texts
SHINGLES_ALIKE = 0.5  # overlap
REORDERED_ALIKE = 1 / 3  # overlap of shingles
FEWEST_WORDS = 8  # of a text that is compared
FEWEST_CHARACTERS = 16  # of one without spaces between words
SHORT = 2  # times as many words make a text that may differ in more of them
FILLING_WORDS = 4  # around boilerplate, that have to overlap too
FILLING_CHARACTERS = 8  # where no spaces part words
BANDS = 16  # of MinHash values
ROWS = 4  # values of a band
NEIGHBOURS = 15
LONGEST = 20_000
RULE = (
    WORDS_ALIKE, SHORT_ALIKE, SHINGLES_ALIKE, REORDERED_ALIKE, FEWEST_WORDS, FEWEST_CHARACTERS, SHORT,
    FILLING_WORDS, FILLING_CHARACTERS, BANDS, ROWS, NEIGHBOURS, LONGEST, contained_texts.RULE,
)  # fmt: skip

MOST_CHARACTERS = 600_000_000
MOST_CANDIDATES = 1_000_000
MOST_COMPARED = 200_000_000

# Signs that tell short texts of the same words apart, such as `C++` and `C#`, or 5 and -5.
_TELLING = re.compile(r"[+=#%&@°÷±≤≥≠$€£¥₹]|(?:(?<=\S)\s?[<>]|-)(?=\s?\d)")

_BLOCK = 1 << 17  # characters; more would fall out of the processor's cache
_COLLECTED = 8
_SHORTEST_CUT = 500
_SEED = 20_011


def text_digests(texts: Texts) -> UInt8[np.ndarray, "n 16"]:
    """Fingerprints, 16 bytes, of texts; equal for copies but for case, space and ways of encoding."""
    digests = bytearray()
    for text in counted(texts, "searching for exact copies of texts", len(texts)):
        folded = text.casefold() if text.isascii() else unicodedata.normalize("NFC", text.casefold())
        content = " ".join(folded.split()).encode()
        digests += hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(bytes(digests), np.uint8).reshape(len(texts), DIGEST_BYTES)


def near_texts(texts: Texts, positions: Int64[np.ndarray, " m"]) -> NearCopies:
    """Find texts, one of each exact content, that are nearly the same, by the rules at the top."""
    # Characters of each text, so that all together stay within the limit.
    sizes, longest = np.diff(texts.offsets)[positions], LONGEST
    while longest > _SHORTEST_CUT and np.minimum(sizes, longest).sum() > MOST_CHARACTERS:
        longest = longest * 4 // 5
    signed = _signed(texts, positions, longest)
    common = boilerplate(signed.windows.values)
    pairs, all_found = _candidates(signed)
    pairs = signed.positions[pairs]
    is_near, all_compared = confirmed_texts(texts, pairs, longest, common=common)
    near = pairs[: len(is_near)][is_near]
    again = signed.positions[_equal(signed.in_any_order)]
    is_reordered, all_reordered = _overlapping(texts, again, longest, REORDERED_ALIKE)
    reordered = again[: len(is_reordered)][is_reordered]
    found = np.concatenate([near, reordered])
    held, all_looked_up = candidates(signed.windows, common)
    held = signed.positions[held]
    held = held[~_are_of(np.sort(held, axis=1), found, len(texts))]
    is_held, all_held = confirmed_contained(texts, held, common, longest)
    contained = np.sort(held[: len(is_held)][is_held], axis=1)
    return NearCopies(
        _sorted(near[~_are_of(near, reordered, len(texts))]),
        all_found and all_compared and all_reordered and all_looked_up and all_held,
        {SAME_WORDS: signed.same_words, REORDERED: _sorted(reordered), CONTAINED: _sorted(contained)},
    )


def _sorted(pairs: Int64[np.ndarray, "pairs 2"]) -> Int64[np.ndarray, "pairs 2"]:
    return pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]


def _are_of(
    pairs: Int64[np.ndarray, "pairs 2"], others: Int64[np.ndarray, "others 2"], count: int
) -> Bool[np.ndarray, " pairs"]:
    """True for each pair that is among others of `count` examples."""
    return np.isin(pairs[:, 0] * count + pairs[:, 1], others[:, 0] * count + others[:, 1])


class _Signed(NamedTuple):
    """What texts are compared by; one of all that have the same words, if it is long enough."""

    same_words: Int64[np.ndarray, "pairs 2"]  # first text of each set with the same words, and another
    positions: Int64[np.ndarray, " texts"]  # the texts, ascending
    keys: UInt32[np.ndarray, "bands texts"]  # one number for each band; equal ones bring texts together
    counts: Float64[np.ndarray, " texts"]  # words of each
    in_any_order: Int64[np.ndarray, " texts"]  # equal where words are, each as often
    windows: Windows


class _Block(NamedTuple):
    """The same of neighbouring texts, but for the windows."""

    positions: Int64[np.ndarray, " texts"]
    keys: UInt32[np.ndarray, "bands texts"]
    counts: Float64[np.ndarray, " texts"]
    in_any_order: Int64[np.ndarray, " texts"]


def _signed(texts: Texts, positions: Int64[np.ndarray, " m"], longest: int) -> _Signed:
    """Read all texts, once."""
    seen: dict[tuple[int, str], int] = {}
    same_words: list[tuple[int, int]] = []
    kept = [_Block(positions[:0], np.zeros((BANDS, 0), np.uint32), np.zeros(0), np.zeros(0, np.int64))]
    spool, sizes = Spool(), [np.zeros(1, np.int64)]
    # Parts of about as many characters, few enough to stay in the processor's cache.
    lengths = np.minimum(np.diff(texts.offsets)[positions], longest)
    part = (np.cumsum(lengths) - lengths) // _BLOCK
    read = 0
    for block in np.split(positions, np.flatnonzero(np.diff(part)) + 1) if len(positions) else []:
        read += len(block)
        report("searching for near copies of texts", read, len(positions))
        contents = texts[block]
        units = units_of(contents, longest)
        counts = units.counts
        has_enough = counts >= np.where(units.by_characters, FEWEST_CHARACTERS, FEWEST_WORDS)
        in_order = names(prefixes(units.hashes), units.offsets[:-1], units.offsets[1:])
        is_first = np.zeros(len(block), bool)
        for place in np.flatnonzero(counts).tolist():
            text = contents[place]
            signs = "" if has_enough[place] else " ".join(_TELLING.findall(text))
            if len(text) > longest:
                signs = hashlib.sha256(text[longest:].encode()).hexdigest()
            position = int(block[place])
            first = seen.setdefault((int(in_order[place]), signs), position)
            is_first[place] = first == position
            if first != position:
                same_words.append((first, position))
        whole = np.array([max(1.0, len(text) / longest) for text in contents])
        chosen = is_first & has_enough
        values = windows_of(units).values[np.repeat(chosen, units.counts)]
        spool.write(values.tobytes())
        sizes.append(units.counts[chosen])
        # Of a text that is cut nobody knows what words follow.
        any_order = sums(mixed(units.hashes).view(np.int64), units.offsets) ^ np.where(whole > 1, block, 0)
        kept.append(
            _Block(block[chosen], _keys(units, chosen), (units.counts * whole)[chosen], any_order[chosen])
        )
    return _Signed(
        np.array(same_words, np.int64).reshape(-1, 2),
        np.concatenate([each.positions for each in kept]),
        np.concatenate([each.keys for each in kept], axis=1),
        np.concatenate([each.counts for each in kept]),
        np.concatenate([each.in_any_order for each in kept]),
        Windows(spool.finish(np.dtype(np.uint32)), np.cumsum(np.concatenate(sizes))),
    )


def _keys(units: TextUnits, chosen: Bool[np.ndarray, " texts"]) -> UInt32[np.ndarray, "bands chosen"]:
    """Step 1: the keys of the chosen texts."""
    draws = np.random.PCG64(_SEED).random_raw(2 * BANDS * ROWS).astype(np.uint32)
    factors, terms = draws[: BANDS * ROWS] | np.uint32(1), draws[BANDS * ROWS :]
    shingles, offsets = _shingles(units)
    sizes = np.diff(offsets)
    starts = np.cumsum(sizes[chosen]) - sizes[chosen]
    short = (shingles[np.repeat(chosen, sizes)] >> np.uint64(32)).astype(np.uint32)
    keys = np.zeros((BANDS, len(starts)), np.uint32)
    for band in range(BANDS if len(starts) else 0):
        key = np.zeros(len(starts), np.uint64)
        for row in range(band * ROWS, band * ROWS + ROWS):
            key = mixed(key + np.minimum.reduceat(short * factors[row] + terms[row], starts))
        keys[band] = key >> np.uint64(32)
    return keys


def _equal(values: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs of equal values, of which the first is the first of all, as their places."""
    _, first, of = np.unique(values, return_index=True, return_inverse=True)
    pairs = np.stack([first[of], np.arange(len(values))], axis=1)
    return pairs[pairs[:, 0] != pairs[:, 1]]  # type: ignore[no-any-return]


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


def _candidates(signed: _Signed) -> tuple[Int64[np.ndarray, "pairs 2"], bool]:
    """Step 2: pairs, as places in `signed`, the earlier one first; and whether these are all.

    Those that agree in the most bands come first; where there are too many, the others are left out.
    """
    number = len(signed.positions)
    found = np.zeros(0, np.int64)
    for keys in signed.keys:
        order = np.argsort(keys, kind="stable")
        values = keys[order]
        fresh = [found]
        for step in range(1, NEIGHBOURS + 1):
            at = np.flatnonzero(values[step:] == values[:-step])
            if len(at) == 0:
                break
            # A stable order has the earlier of two texts first.
            first, second = order[at], order[at + step]
            shorter = np.minimum(signed.counts[first], signed.counts[second])
            longer = np.maximum(signed.counts[first], signed.counts[second])
            is_alike = shorter >= WORDS_ALIKE * longer
            fresh.append(first[is_alike] * number + second[is_alike])
        in_order = np.sort(np.concatenate(fresh))
        found = in_order[np.concatenate([[True], in_order[1:] != in_order[:-1]])[: len(in_order)]]
        if len(found) > _COLLECTED * MOST_CANDIDATES:
            break
    pairs = np.stack(np.divmod(found, max(number, 1)), axis=1)
    agreements = np.zeros(len(pairs), np.int64)
    for keys in signed.keys:
        agreements += keys[pairs[:, 0]] == keys[pairs[:, 1]]
    order = np.argsort(-agreements, kind="stable")[:MOST_CANDIDATES]
    return pairs[order], len(order) == len(pairs)


def confirmed_texts(
    texts: Texts,
    pairs: Int64[np.ndarray, "pairs 2"],
    longest: int = LONGEST,
    steps: int = 1,
    common: UInt32[np.ndarray, " common"] = NO_WINDOWS,
) -> tuple[Bool[np.ndarray, " compared"], bool]:
    """Step 3: which of the pairs are near copies on their words, and whether all were compared.

    With two or more `steps` they may differ as much as copies of copies do. Of each text no more than the
    `longest` characters count. `common` are windows of boilerplate.
    """
    confirmed = [np.zeros(0, bool)]
    for block in _in_blocks(texts, pairs, longest):
        distinct, places = np.unique(block, return_inverse=True)
        units = units_of(texts[distinct], longest)
        one, other = places.reshape(-1, 2).T
        often, once = overlaps(units.hashes, units.offsets, one, other)
        in_order, _ = overlaps(*_shingles(units), one, other)
        enough = np.where(units.by_characters, FEWEST_CHARACTERS, FEWEST_WORDS)
        is_short = (units.counts < SHORT * enough)[places.reshape(-1, 2)].any(axis=1)
        needed = np.where(is_short, SHORT_ALIKE, WORDS_ALIKE) ** steps
        is_near = (np.minimum(often, once) >= needed) & (in_order >= SHINGLES_ALIKE**steps)
        near = np.flatnonzero(is_near)
        if len(common) and len(near):
            own, starts, is_filled = _outside(units, one[near], other[near], common)
            first = 2 * np.arange(len(near))
            often, once = overlaps(own, starts, first, first + 1)
            is_alike = np.minimum(often, once) >= needed[near]
            is_near[near] = is_alike | ~(is_filled[first] | is_filled[first + 1])
        confirmed.append(is_near)
    found = np.concatenate(confirmed)
    return found, len(found) == len(pairs)


def _outside(
    units: TextUnits,
    one: Int64[np.ndarray, " pairs"],
    other: Int64[np.ndarray, " pairs"],
    common: UInt32[np.ndarray, " common"],
) -> tuple[UInt64[np.ndarray, " own"], Int64[np.ndarray, " starts"], Bool[np.ndarray, " texts"]]:
    """Units of both texts of each pair outside of the boilerplate that both have.

    And where those of each text start, and whether as many as a filling are neighbours.
    """
    texts = np.stack([one, other], axis=1).reshape(-1)
    sizes = units.counts[texts]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    places = np.arange(offsets[-1]) + np.repeat(units.offsets[texts] - offsets[:-1], sizes)
    text = np.repeat(np.arange(len(texts)), sizes)
    windows = Windows(windows_of(units).values[places], offsets)
    at = np.flatnonzero(are_among(windows.values, common))
    keys = (text[at] // 2 << 32) | windows.values[at].astype(np.int64)
    of_one = text[at] % 2 == 0
    in_both = np.where(of_one, are_in(keys, keys[~of_one]), are_in(keys, keys[of_one]))
    is_covered = covered(windows, at[in_both])
    numbers = np.arange(len(places))
    before = np.maximum.accumulate(np.where(is_covered, numbers, -1))
    run = numbers - np.maximum(before, offsets[text] - 1)
    most = np.where(units.by_characters, FILLING_CHARACTERS, FILLING_WORDS)[texts]
    is_filled = sums((run == most[text]).astype(np.int64), offsets) > 0
    starts = np.concatenate([[0], np.cumsum(~is_covered)])[offsets].astype(np.int64)
    return units.hashes[places[~is_covered]], starts, is_filled


def _overlapping(
    texts: Texts, pairs: Int64[np.ndarray, "pairs 2"], longest: int, least: float
) -> tuple[Bool[np.ndarray, " compared"], bool]:
    """Which of the pairs have at least a share of their shingles in common, and whether all were compared."""
    confirmed = [np.zeros(0, bool)]
    for block in _in_blocks(texts, pairs, longest):
        distinct, places = np.unique(block, return_inverse=True)
        in_order, _ = overlaps(*_shingles(units_of(texts[distinct], longest)), *places.reshape(-1, 2).T)
        confirmed.append(in_order >= least)
    found = np.concatenate(confirmed)
    return found, len(found) == len(pairs)


def _in_blocks(
    texts: Texts, pairs: Int64[np.ndarray, "pairs 2"], longest: int
) -> list[Int64[np.ndarray, "some 2"]]:
    """Pairs in parts of about as many characters, up to as many as are compared."""
    sizes = np.minimum(np.diff(texts.offsets), longest)[pairs].sum(axis=1)
    running = np.cumsum(sizes)
    within = int(np.searchsorted(running, MOST_COMPARED, side="right"))
    part = (running - sizes)[:within] // (4 * _BLOCK)
    return np.split(pairs[:within], np.flatnonzero(np.diff(part)) + 1)


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
