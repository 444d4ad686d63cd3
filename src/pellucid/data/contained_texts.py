"""Texts that contain another one whole: with a header, a footer or more around it.

Texts are compared by windows of five neighbouring words, or of eight characters from one on that stands alone
where no spaces part words.

1. A window that occurs more than ten times among all texts is boilerplate: a signature, a notice, a template.
   What lies in boilerplate says nothing about a text; the words left are its own.
2. Of the windows of each text that hold its own words alone, four at even distances are looked up among
   the windows of all texts. A text with two of them goes on.
3. One contains the other when it has at least 80 % of the other's own windows. Of a text of fewer than 20
   windows, or 40 of characters, they must stand there as whole sentences or lines, because questions are
   often a part of longer ones by chance.

A text of common phrases, which leave it too few words of its own, is looked up by its rare windows; a text
that contains it has all of its windows, as whole sentences or lines.

Not found: texts of which each has more around the same words that no other has.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt32

from pellucid.arithmetic.draws import names, prefixes
from pellucid.data.raw_texts import Texts, TextUnits, sentence_starts, units_of
from pellucid.progress import report

WORDS_OF_WINDOW = 5  # neighbours
CHARACTERS_OF_WINDOW = 8  # where no spaces part words
MANY = 10
# Own windows of a text of the fewest words, 8, and of the fewest characters, 16, that is compared.
FEWEST_OF_WORDS = 4
FEWEST_OF_CHARACTERS = 9
PROBES = 4  # windows of a text that are looked up
FOUND = 2  # of these, with which a text goes on
WHOLE = 0.8
LONG_WORDS = 20  # windows of words, below which whole sentences must agree
LONG_CHARACTERS = 40  # windows of characters, likewise
RULE = (WORDS_OF_WINDOW, CHARACTERS_OF_WINDOW, MANY, PROBES, FOUND, WHOLE, LONG_WORDS, LONG_CHARACTERS)

MOST_PAIRS = 200_000
MOST_COMPARED = 200_000_000

_TOGETHER = 1 << 19  # windows or characters
_SORTED = 1 << 25
_LOW = np.uint32(12)  # bits that the filter of `_are_among` leaves out
NO_WINDOWS = np.zeros(0, np.uint32)


class Windows(NamedTuple):
    """Windows of some texts."""

    # one for each unit, of the window that begins there; odd for windows of characters, 0 where the text ends
    # within the window
    values: UInt32[np.ndarray, " units"]
    offsets: Int64[np.ndarray, " starts"]  # where those of each text start, and where the last ones end

    def text_of(self, places: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
        """Number of the text that each place lies in."""
        return np.searchsorted(self.offsets, places, side="right") - 1

    def part(self, first: int, end: int) -> "Windows":
        """Those of neighbouring texts."""
        offsets = self.offsets[first : end + 1]
        return Windows(self.values[offsets[0] : offsets[-1]], offsets - offsets[0])

    def blocks(self) -> list[tuple[int, int]]:
        """Neighbouring texts of about as many windows, as the first one and the one behind the last."""
        edges = np.flatnonzero(np.diff(self.offsets[:-1] // _TOGETHER, prepend=-1)).tolist()
        return list(pairwise([*edges, len(self.offsets) - 1]))


def windows_of(units: TextUnits) -> Windows:
    """Windows of units."""
    places = np.arange(len(units.hashes))
    ends = places + _lengths(units.alone)
    is_whole = ends <= np.repeat(units.offsets[1:], units.counts)
    found = names(prefixes(units.hashes), places, np.where(is_whole, ends, places)) >> np.uint64(32)
    values = (found.astype(np.uint32) & ~np.uint32(1)) | units.alone
    values[~is_whole] = 0
    return Windows(values, units.offsets)


def _lengths(are_of_characters: Bool[np.ndarray, " n"]) -> Int64[np.ndarray, " n"]:
    return np.where(are_of_characters, CHARACTERS_OF_WINDOW, WORDS_OF_WINDOW)


def boilerplate(values: UInt32[np.ndarray, " n"]) -> UInt32[np.ndarray, " common"]:
    """Windows that occur too often to say anything about a text, sorted."""
    found = [NO_WINDOWS]
    # By their highest bits, so that a sorted copy of all never lies in memory.
    parts = 1 << max(0, (len(values) // _SORTED).bit_length())
    width = (1 << 32) // parts
    for part in range(parts):
        own = values if parts == 1 else values[values // np.uint32(width) == part]
        in_order = np.sort(own)
        repeated = in_order[MANY:][in_order[MANY:] == in_order[:-MANY]]
        found.append(np.unique(repeated[repeated != 0]))
    return np.concatenate(found)


def covered(windows: Windows, starts: Int64[np.ndarray, " some"]) -> Bool[np.ndarray, " units"]:
    """True for each unit that lies in one of the windows at some places."""
    count = len(windows.values)
    ends = starts + _lengths(windows.values[starts] % 2 == 1)
    depth = np.bincount(starts, minlength=count + 1) - np.bincount(ends, minlength=count + 1)
    return (np.cumsum(depth) > 0)[:count]


class _Own(NamedTuple):
    """Windows that say something about their texts."""

    places: Int64[np.ndarray, " own"]
    has_enough: Bool[np.ndarray, " texts"]  # texts of which these hold their own words alone


def _own_windows(windows: Windows, common: UInt32[np.ndarray, " common"]) -> _Own:
    """Windows that no boilerplate touches, of texts that have enough of them; of others all that are rare."""
    count = len(windows.offsets) - 1
    is_common = are_among(windows.values, common)
    running = np.concatenate([[0], np.cumsum(covered(windows, np.flatnonzero(is_common)))])
    is_long = windows.values % 2 == 1
    rare = np.flatnonzero((windows.values != 0) & ~is_common)
    is_own = running[rare + _lengths(is_long[rare])] == running[rare]
    text = windows.text_of(rare)
    every = np.bincount(text[is_own], minlength=count)
    of_characters = np.bincount(text[is_own], is_long[rare[is_own]], minlength=count)
    has_enough = every >= np.where(2 * of_characters > every, FEWEST_OF_CHARACTERS, FEWEST_OF_WORDS)
    return _Own(rare[is_own | ~has_enough[text]], has_enough)


def candidates(
    windows: Windows, common: UInt32[np.ndarray, " common"]
) -> tuple[Int64[np.ndarray, "pairs 2"], bool]:
    """Step 2: pairs of texts, as places, of which the first may be in the second; and if these are all."""
    count = len(windows.offsets) - 1
    probes: list[UInt32[np.ndarray, " some"]] = [NO_WINDOWS]
    owners = [np.zeros(0, np.int64)]
    for first, end in windows.blocks():
        report("searching for texts contained in others", first, count)
        block = windows.part(first, end)
        own = _own_windows(block, common).places
        texts, begins, each = np.unique(block.text_of(own), return_index=True, return_counts=True)
        for probe in range(PROBES):
            probes.append(block.values[own[begins + (2 * probe + 1) * each // (2 * PROBES)]])
            owners.append(texts + first)
    asked, owner = np.concatenate(probes), np.concatenate(owners)
    order = np.lexsort((owner, asked))
    asked, owner = asked[order], owner[order]
    once = np.ones(len(asked), bool)
    once[1:] = (asked[1:] != asked[:-1]) | (owner[1:] != owner[:-1])
    asked, owner = asked[once], owner[once]
    wanted = np.minimum(FOUND, np.bincount(owner, minlength=count))
    different, starts, counts = np.unique(asked, return_index=True, return_counts=True)
    pairs = [np.zeros(0, np.int64)]
    for first, end in windows.blocks():
        report("searching for texts contained in others", first, count)
        block = windows.part(first, end)
        at = np.flatnonzero(are_among(block.values, different))
        at = at[np.unique(block.text_of(at) << 32 | block.values[at].astype(np.int64), return_index=True)[1]]
        holding = block.text_of(at) + first
        probes_at = np.searchsorted(different, block.values[at])
        times = counts[probes_at]
        offsets = np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times)
        asking, holder = owner[np.repeat(starts[probes_at], times) + offsets], np.repeat(holding, times)
        agreeing = asking[asking != holder] * count + holder[asking != holder]
        found, agreements = np.unique(agreeing, return_counts=True)
        pairs.append(found[agreements >= wanted[found // count]])
    # A shorter text in a longer one; of two as long the earlier one in the later one.
    asking, holder = np.divmod(np.concatenate(pairs), max(count, 1))
    sizes = np.diff(windows.offsets)
    is_shorter = (sizes[asking] < sizes[holder]) | ((sizes[asking] == sizes[holder]) & (asking < holder))
    ordered = np.where(is_shorter, asking * count + holder, holder * count + asking)
    both = np.unique(ordered)[:MOST_PAIRS]
    return np.stack(np.divmod(both, max(count, 1)), axis=1), len(both) < MOST_PAIRS


def confirmed_contained(
    texts: Texts, pairs: Int64[np.ndarray, "pairs 2"], common: UInt32[np.ndarray, " common"], longest: int
) -> tuple[Bool[np.ndarray, " compared"], bool]:
    """Step 3: whether the second text of each pair contains the first, and whether all were compared."""
    sizes = np.minimum(np.diff(texts.offsets), longest)[pairs].sum(axis=1)
    running = np.cumsum(sizes)
    within = int(np.searchsorted(running, MOST_COMPARED, side="right"))
    part = (running - sizes)[:within] // _TOGETHER
    confirmed = [np.zeros(0, bool)]
    for block in np.split(pairs[:within], np.flatnonzero(np.diff(part)) + 1):
        distinct, places = np.unique(block, return_inverse=True)
        contents = texts[distinct]
        units = units_of(contents, longest)
        windows = windows_of(units)
        own = _own_windows(windows, common)
        texts_of = windows.text_of(np.arange(len(windows.values)))
        is_own = np.zeros(len(windows.values), bool)
        is_own[own.places] = True
        is_own &= own.has_enough[texts_of]
        most = np.where(units.by_characters, LONG_CHARACTERS, LONG_WORDS)
        is_short = np.bincount(texts_of[is_own], minlength=len(distinct)) < most
        begins = sentence_starts(contents, longest)
        one, other = places.reshape(-1, 2).T
        # Its own windows; or of a short text, whose own may lie amid common phrases, all of them.
        is_whole = _held(windows, is_own, begins, is_short, one, other, WHOLE)
        is_whole |= _held(windows, is_short[texts_of], begins, is_short, one, other, 1.0)
        # Of a text that was cut the end is unknown.
        is_whole &= np.array([len(text) <= longest for text in contents], bool)[one]
        confirmed.append(is_whole)
    return np.concatenate(confirmed), within == len(pairs)


def _held(
    windows: Windows,
    is_asked: Bool[np.ndarray, " units"],
    begins: Bool[np.ndarray, " units"],
    is_short: Bool[np.ndarray, " texts"],
    one: Int64[np.ndarray, " pairs"],
    other: Int64[np.ndarray, " pairs"],
    least: float,
) -> Bool[np.ndarray, " pairs"]:
    """Whether the other text of each pair has at least a share of the windows that are asked for of the one.

    Those of a short text as whole sentences or lines; `begins` marks the units that begin some.
    """
    needed, pair = _of_texts(windows, one)
    needed, pair = needed[is_asked[needed]], pair[is_asked[needed]]
    there, holder = _of_texts(windows, other)
    is_there = are_in(_keys(windows, needed, pair), _keys(windows, there, holder))
    asked = np.bincount(pair, minlength=len(one))
    found = (np.bincount(pair, is_there, minlength=len(one)) >= least * asked) & (asked > 0)
    ends = np.cumsum(asked)
    for at in np.flatnonzero(found & is_short[one]).tolist():
        start, end = windows.offsets[other[at] : other[at] + 2].tolist()
        wanted = windows.values[needed[[ends[at] - asked[at], ends[at] - 1]]]
        found[at] = _stand_alone(windows.values[start:end], begins[start:end], wanted)
    return found


def _of_texts(
    windows: Windows, texts: Int64[np.ndarray, " pairs"]
) -> tuple[Int64[np.ndarray, " found"], Int64[np.ndarray, " found"]]:
    """Places of the windows of some texts, one after the other, and the number of the text among them."""
    sizes = np.diff(windows.offsets)[texts]
    starts = windows.offsets[texts]
    places = np.arange(sizes.sum()) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    pair = np.repeat(np.arange(len(texts)), sizes)
    is_whole = windows.values[places] != 0
    return places[is_whole], pair[is_whole]


def are_in(values: Int64[np.ndarray, " n"], others: Int64[np.ndarray, " others"]) -> Bool[np.ndarray, " n"]:
    """True for each value that is among others; several times faster here than `isin`."""
    in_order = np.sort(others)
    places = np.searchsorted(in_order, values)
    is_among: Bool[np.ndarray, " n"] = np.append(in_order, -1)[places] == values
    return is_among


def _keys(
    windows: Windows, places: Int64[np.ndarray, " n"], pair: Int64[np.ndarray, " n"]
) -> Int64[np.ndarray, " n"]:
    """One number for each window of each pair."""
    keys: Int64[np.ndarray, " n"] = (pair << 32) | windows.values[places].astype(np.int64)
    return keys


def _stand_alone(
    values: UInt32[np.ndarray, " units"],
    begins: Bool[np.ndarray, " units"],
    wanted: UInt32[np.ndarray, " two"],
) -> bool:
    """Whether what lies from the first to the second of two windows of a text begins and ends sentences."""
    first, last = (np.flatnonzero(values == each) for each in wanted)
    if not len(first) or not len(last):
        return False
    ends = last + _lengths(values[last] % 2 == 1)
    return bool(
        begins[first].any() and ((ends == len(values)) | begins[np.minimum(ends, len(values) - 1)]).any()
    )


def are_among(
    values: UInt32[np.ndarray, " n"], wanted: UInt32[np.ndarray, " wanted"]
) -> Bool[np.ndarray, " n"]:
    """True for each value that is among sorted ones."""
    found = np.zeros(len(values), bool)
    if not len(wanted):
        return found
    # Most values fail at a table that fits the processor's cache.
    table = np.zeros(1 << (32 - int(_LOW)), bool)
    table[wanted >> _LOW] = True
    at = np.flatnonzero(table[values >> _LOW])
    places = np.minimum(np.searchsorted(wanted, values[at]), len(wanted) - 1)
    found[at[wanted[places] == values[at]]] = True
    return found
