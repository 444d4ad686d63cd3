"""Splits by time: trained on the past, validated on what follows, tested on the end.

The rule:

1. Shares are those of `splitting`: 20 % for the test, 10 % of the rest for validation, by number of examples.
2. Examples of the same time are never parted.
3. Sets that must stay together (groups, siblings, exact copies) stand where their latest example belongs: no
   model then trains on anything later than what it is tested on.

Where many share a time, shares are met as nearly as times allow.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.copies.sets import together
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.wording import count_of
from pellucid.errors import DataError


def split_by_time(
    listing: Listing,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    make: Sequence[tuple[str, tuple[float, int, int]]],
) -> np.ndarray:
    """Assign splits by the rule at the top of this file; those that are not `usable` stay undecided.

    `first` is the position of the first example that each one stays with. `make` are the splits to cut, the
    latest first, each with its share of what is left, and how many examples it holds at most and at least.

    Raises: `DataError` if there are fewer different times than splits.
    """
    assert listing.times is not None
    splits = np.full(len(listing), UNDECIDED, dtype="<U10")
    pool = np.flatnonzero(usable).astype(np.int64)
    splits[pool] = TRAIN
    sets = together(pool, first, listing.groups)
    latest = np.full(int(sets.max()) + 1, -np.inf)
    np.maximum.at(latest, sets, listing.times[pool])
    times = latest[sets]
    left = np.ones(len(pool), bool)
    for part, (share, most, least) in make:
        free = int(left.sum())
        wanted = min(max(round(share * free), min(least, free // 4)), most)
        begin = _begin(times[left], wanted)
        if begin is None:
            raise DataError(
                f"{listing.place}: {count_of(len(np.unique(latest)), 'different time')} of examples that may "
                f"be parted cannot be divided into {', '.join(_names(make))}; give more, or leave "
                "--time-column out"
            )
        splits[pool[left & (times >= begin)]] = part
        left &= times < begin
    return splits


def _names(make: Sequence[tuple[str, tuple[float, int, int]]]) -> list[str]:
    return [TRAIN, *(part for part, _ in reversed(make))]


def _begin(times: Float64[np.ndarray, " left"], wanted: int) -> float | None:
    """Time at which a split of about `wanted` examples begins; `None` where nothing would be left before."""
    distinct, counts = np.unique(times, return_counts=True)
    if len(distinct) < 2:
        return None
    sizes = np.cumsum(counts[::-1])[::-1][1:]
    return float(distinct[1:][int(np.argmin(np.abs(sizes - wanted)))])


def time_sentence(listing: Listing, split_positions: dict[str, Int64[np.ndarray, " part"]]) -> str:
    """Ends of the stretches of time, for people."""
    assert listing.times is not None
    times = listing.times
    stretches = [
        f"{part} {_written(times[positions].min())} to {_written(times[positions].max())}"
        for part, positions in split_positions.items()
        if len(positions)
    ]
    said = f"Split by time: {', '.join(stretches)}."
    train, test = split_positions[TRAIN], split_positions[TEST]
    if not len(test):
        test = split_positions[VALIDATION]
    early = int((times[test] <= times[train].max()).sum()) if len(train) and len(test) else 0
    if early:
        said += (
            f" {count_of(early, 'test example')} of earlier times "
            f"{'stands' if early == 1 else 'stand'} with a later one of the same set."
        )
    return said


def _written(seconds: float) -> str:
    """A time, without its clock at midnight."""
    text = str(np.datetime64(round(seconds), "s"))
    return text.removesuffix("T00:00:00").replace("T", " ")
