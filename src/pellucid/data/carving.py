"""Fair shares carved out of examples of which some must stay together: by class, or by time."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sibling_sets import together
from pellucid.data.wording import count_of
from pellucid.errors import DataError

# Keeps the draws apart from those of `numpy.random.default_rng(seed)`.
#
# Somebody may have made the data with that, and the same stream would put it in order: the test split would
# hold the examples with the smallest of the first numbers drawn.
_OWN = (0xCA12,)


class Units(NamedTuple):
    """Sets that must stay together, as a sparse table of unit and class to number of examples."""

    of: Int64[np.ndarray, " pool"]  # unit of each example of the pool
    # where the rows of each unit begin in `labels` and `counts`, and the end
    starts: Int64[np.ndarray, " units_and_end"]
    labels: Int64[np.ndarray, " rows"]  # class of each row
    counts: Int64[np.ndarray, " rows"]  # examples of that class in the unit
    ranks: Int64[np.ndarray, " units"]  # place of each unit in the order drawn from the seed


def tabulated(of: Int64[np.ndarray, " pool"], labels: Int64[np.ndarray, " pool"], seed: int) -> Units:
    """Tabulate units by class, and draw their order.

    `of` is the unit of each example of the pool, `labels` its class, or the part of the range of its number.
    """
    classes = int(labels.max()) + 1
    cells, counts = np.unique(of * classes + labels, return_counts=True)
    number = int(of.max()) + 1
    starts = np.searchsorted(cells // classes, np.arange(number + 1)).astype(np.int64)
    # The raw stream of a bit generator is the same in every version of numpy; `permutation` is not.
    stream = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=_OWN))
    # One draw an example, of which a unit takes its first: another pair held together moves few others.
    first = np.unique(of, return_index=True)[1]
    order = np.argsort(stream.random_raw(len(of))[first], kind="stable")
    ranks = np.empty(number, np.int64)
    ranks[order] = np.arange(number)
    return Units(of, starts, cells % classes, counts.astype(np.int64), ranks)


class Carving:
    """Takes units out of the free ones until each class has given its share."""

    def __init__(self, units: Units, free: Bool[np.ndarray, " units"], classes: int, keep: int) -> None:
        self.units = units
        self.keep = keep
        self.owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
        self.rows = np.flatnonzero(free[self.owners])
        labels = units.labels[self.rows]
        self.examples = np.bincount(labels, weights=units.counts[self.rows], minlength=classes)
        self.left = np.bincount(labels, minlength=classes).tolist()
        self.have = [0] * classes
        self.target = [0] * classes
        self.taken: dict[int, None] = {}

    def carve(self, share: float, most: int, least: int = 0) -> tuple[list[int], list[int]]:
        """Choose the units of one split; also the classes that could give none.

        `share` is wanted of the free examples, `most` and `least` are in examples; `least` holds as far as a
        quarter of the free ones reaches.
        """
        divisible = np.array([units > self.keep for units in self.left])
        # Examples that a split should hold in all.
        free = float(self.examples.sum())
        # Examples each class should give: its exact share, rounded so that the total is right.
        total = min(max(round(share * free), min(least, int(free) // 4)), most)
        ideal = np.where(divisible, self.examples, 0.0)
        ideal *= total / max(1.0, float(ideal.sum()))
        target = np.floor(ideal).astype(np.int64)
        largest = np.argsort(target - ideal, kind="stable")
        target[largest[: max(0, total - int(target.sum()))]] += 1
        self.target = np.where(divisible, np.maximum(target, 1), 0).tolist()
        sizes = np.add.reduceat(self.units.counts, self.units.starts[:-1])
        order = self.rows[np.argsort(self.units.ranks[self.owners[self.rows]], kind="stable")]
        alone = sizes[self.owners[order]] == 1
        self._give_every_class_one(order, alone)
        for unit in dict.fromkeys(self.owners[order[~alone]].tolist()):
            if self._brings_nearer(unit) and self._may_go(unit):
                self._take(unit)
        self._fill_with_singles(order[alone])
        without = [label for label, have in enumerate(self.have) if not have and self.examples[label]]
        return list(self.taken), without

    def _give_every_class_one(
        self, order: Int64[np.ndarray, " rows"], alone: Bool[np.ndarray, " rows"]
    ) -> None:
        """Take one unit for each class, those found in the fewest units first."""
        by_class = np.argsort(self.units.labels[order], kind="stable")
        ends = np.cumsum(np.bincount(self.units.labels[order], minlength=len(self.have)))
        for label in np.argsort(self.left, kind="stable").tolist():
            if self.have[label] or self.left[label] <= self.keep:
                continue
            mine = by_class[ends[label - 1] if label else 0 : ends[label]]
            singles = mine[alone[mine]]
            if len(singles):
                self._take(int(self.owners[order[singles[0]]]))
                continue
            fitting = [unit for unit in self.owners[order[mine]].tolist() if self._may_go(unit)]
            if fitting:
                self._take(min(fitting, key=self._excess))

    def _fill_with_singles(self, order: Int64[np.ndarray, " rows"]) -> None:
        """Take single examples, in the drawn order, up to each class's share."""
        untaken = order[~np.isin(self.owners[order], list(self.taken))]
        labels = self.units.labels[untaken]
        for label, target in enumerate(self.target):
            wanted = min(target - self.have[label], self.left[label] - self.keep)
            if wanted > 0:
                for row in untaken[np.flatnonzero(labels == label)[:wanted]]:
                    self._take(int(self.owners[row]))

    def _content(self, unit: int) -> list[tuple[int, int]]:
        """Classes of a unit with their numbers of examples."""
        rows = slice(self.units.starts[unit], self.units.starts[unit + 1])
        return list(zip(self.units.labels[rows].tolist(), self.units.counts[rows].tolist(), strict=True))

    def _take(self, unit: int) -> None:
        self.taken[unit] = None
        for label, count in self._content(unit):
            self.have[label] += count
            self.left[label] -= 1

    def _may_go(self, unit: int) -> bool:
        """True where every class of a unit keeps enough others for the splits still to be served."""
        return unit not in self.taken and all(
            self.left[label] > self.keep for label, _ in self._content(unit)
        )

    def _excess(self, unit: int) -> int:
        """Examples by which a unit would overshoot the shares of its classes."""
        return sum(
            max(0, self.have[label] + count - self.target[label]) for label, count in self._content(unit)
        )

    def _brings_nearer(self, unit: int) -> bool:
        """True where a unit lessens the squared distance to the shares, each relative to its share."""
        return 0 > sum(
            count * (2 * (self.have[label] - self.target[label]) + count) / max(1, self.target[label])
            for label, count in self._content(unit)
        )


# Splits by time: trained on the past, validated on what follows, tested on the end.
#
# The rule:
#
# 1. Shares are those of `splitting`: 20 % for the test, 10 % of the rest for validation, by number of
# examples.
# 2. Examples of the same time are never parted.
# 3. Sets that must stay together (groups, siblings, exact copies) stand where their latest example belongs:
# no
#    model then trains on anything later than what it is tested on.
#
# Where many share a time, shares are met as nearly as times allow.


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
            names = ", ".join([TRAIN, *(part for part, _ in reversed(make))])
            raise DataError(
                f"{listing.place}: {count_of(len(np.unique(latest)), 'different time')} of examples that may "
                f"be parted cannot be divided into {names}; give more, or leave --time-column out"
            )
        splits[pool[left & (times >= begin)]] = part
        left &= times < begin
    return splits


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
    sentence = f"Split by time: {', '.join(stretches)}."
    train, test = split_positions[TRAIN], split_positions[TEST]
    if not len(test):
        test = split_positions[VALIDATION]
    early = int((times[test] <= times[train].max()).sum()) if len(train) and len(test) else 0
    if early:
        sentence += (
            f" {count_of(early, 'test example')} of earlier times "
            f"{'stands' if early == 1 else 'stand'} with a later one of the same set."
        )
    return sentence


def _written(seconds: float) -> str:
    """A time, without its clock at midnight."""
    text = str(np.datetime64(round(seconds), "s"))
    return text.removesuffix("T00:00:00").replace("T", " ")
