"""Units of splits: sets that must stay together, by class, in an order drawn from the seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

# Keeps the draws different from those of `numpy.random.default_rng(seed)`: somebody may have made the data
# with that, and the same stream would put it in order, so that the test split held the smallest of the first
# numbers.
_OWN = (0xCA12,)


# Share of the free examples that a split is to have, and the most and least examples; the least holds as far
# as a quarter of the free ones reaches.
Amount = tuple[float, int, int]


class Units(NamedTuple):
    """Sets that must stay together, as a sparse table of unit and class to number of examples."""

    of: Int64[np.ndarray, " pool"]  # unit of each example of the pool
    # where the rows of each unit begin in `labels` and `counts`, and the end
    starts: Int64[np.ndarray, " units_and_end"]
    labels: Int64[np.ndarray, " rows"]  # class of each row
    counts: Int64[np.ndarray, " rows"]  # examples of that class in the unit
    ranks: Int64[np.ndarray, " units"]  # place of each unit in the order drawn from the seed
    # a point within each unit, from 0 to 1, drawn: the unit belongs to the split in which this point lies
    points: Float64[np.ndarray, " units"]
    # examples of each unit, where they may have several labels or none; `None` where each has one class
    sizes: Int64[np.ndarray, " units"] | None = None
    classes: int = 1  # or labels, or strata of numbers

    def content(self, unit: int) -> list[tuple[int, int]]:
        """Classes of a unit with their numbers of examples."""
        rows = slice(self.starts[unit], self.starts[unit + 1])
        return list(zip(self.labels[rows].tolist(), self.counts[rows].tolist(), strict=True))

    def content_of(self, label: int) -> tuple[int, int]:
        """Examples of a class, and units that have some."""
        counts = self.counts[self.labels == label]
        return int(counts.sum()), len(counts)


def tabulated(of: Int64[np.ndarray, " pool"], labels: Int64[np.ndarray, " pool"], seed: int) -> Units:
    """Tabulate units (`of` each example) by class, or stratum of numbers, and draw their order."""
    return _tabulated(of, of, labels, int(labels.max()) + 1, seed)


def tabulated_sets(
    of: Int64[np.ndarray, " pool"], is_present: Bool[np.ndarray, "pool labels"], seed: int
) -> Units:
    """Tabulate units by the labels that are present, of which each example may have several or none."""
    examples, labels = np.nonzero(is_present)
    units = _tabulated(of, of[examples], labels.astype(np.int64), is_present.shape[1], seed)
    return units._replace(sizes=np.bincount(of).astype(np.int64))


def _tabulated(
    of: Int64[np.ndarray, " pool"],
    owners: Int64[np.ndarray, " labels"],
    labels: Int64[np.ndarray, " labels"],
    classes: int,
    seed: int,
) -> Units:
    """Units of a pool by labels, of which each belongs to the unit in `owners`."""
    width = max(1, classes)
    cells, counts = np.unique(owners * width + labels, return_counts=True)
    number = int(of.max()) + 1
    starts = np.searchsorted(cells // width, np.arange(number + 1)).astype(np.int64)
    # The raw stream of a bit generator is the same in every version of numpy; `permutation` is not.
    stream = np.random.PCG64(np.random.SeedSequence(seed, spawn_key=_OWN))
    # One draw an example, of which a unit takes its first as its rank: another pair held together moves few
    # others. The second one is its point; a single example has none and needs none.
    draws, members = stream.random_raw(len(of)), np.argsort(of, kind="stable")
    sizes = np.bincount(of, minlength=number)
    first = np.cumsum(sizes) - sizes
    order = np.argsort(draws[members[first]], kind="stable")
    ranks = np.empty(number, np.int64)
    ranks[order] = np.arange(number)
    points = draws[members[first + (sizes > 1)]] / 2.0**64
    return Units(of, starts, cells % width, counts.astype(np.int64), ranks, points, classes=classes)


class Shares(NamedTuple):
    """Examples of each class that one split is to have."""

    target: list[int]  # of each class; 0 where it has too few units to give any
    examples: Int64[np.ndarray, " classes"]  # free ones of each class


def class_shares(
    units: Units, rows: Int64[np.ndarray, " rows"], left: Sequence[int], keep: int, amount: Amount
) -> Shares:
    """Examples that each class should give: its exact share, rounded so that the total is right.

    `left` are the free units of each class; classes of no more than `keep` give none.
    """
    share, most, least = amount
    examples = np.bincount(units.labels[rows], weights=units.counts[rows], minlength=len(left))
    divisible = np.array([number > keep for number in left])
    number = float(examples.sum())
    total = min(max(round(share * number), min(least, int(number) // 4)), most)
    ideal = np.where(divisible, examples, 0.0)
    ideal *= total / max(1.0, float(ideal.sum()))
    floor = np.floor(ideal).astype(np.int64)
    floor[np.argsort(floor - ideal, kind="stable")[: max(0, total - int(floor.sum()))]] += 1
    return Shares(np.where(divisible, np.maximum(floor, 1), 0).tolist(), examples.astype(np.int64))


class Selection:
    """Units of one split: those taken so far, and examples and units of each class."""

    def __init__(self, units: Units, rows: Int64[np.ndarray, " rows"], classes: int, keep: int) -> None:
        self._units, self._keep = units, keep
        self.left: list[int] = np.bincount(units.labels[rows], minlength=classes).tolist()  # units not taken
        self.have = [0] * classes  # examples taken
        self.taken: dict[int, None] = {}

    def content(self, unit: int) -> list[tuple[int, int]]:
        """Classes of a unit with their numbers of examples."""
        return self._units.content(unit)

    def take(self, unit: int) -> None:
        """Take a unit."""
        self.taken[unit] = None
        for label, count in self.content(unit):
            self.have[label] += count
            self.left[label] -= 1

    def may_take(self, unit: int) -> bool:
        """True where every class of a unit keeps enough others for the splits still to be served."""
        is_left = (self.left[label] > self._keep for label, _ in self.content(unit))
        return unit not in self.taken and all(is_left)

    def excess(self, unit: int, target: Sequence[int]) -> int:
        """Examples of a unit by which shares would be overshot."""
        counts = ((self.have[label] + count, target[label]) for label, count in self.content(unit))
        return sum(max(0, have - wanted) for have, wanted in counts)

    def gain(self, unit: int, target: Sequence[int]) -> int:
        """Examples of a unit of classes that still lack their share."""
        lacking = ((target[label] - self.have[label], count) for label, count in self.content(unit))
        return sum(min(count, max(0, lack)) for lack, count in lacking)

    def change(self, unit: int, target: Sequence[int]) -> float:
        """Change of the squared distance to the shares, each relative to its share, where a unit is taken."""
        return sum(
            count * (2 * (self.have[label] - target[label]) + count) / max(1, target[label])
            for label, count in self.content(unit)
        )

    def take_best(self, units: Sequence[int], target: Sequence[int]) -> None:
        """Take, of the units that may be taken, the one that overshoots shares least."""
        fitting = [unit for unit in units if self.may_take(unit)]
        if fitting:
            self.take(min(fitting, key=lambda unit: self.excess(unit, target)))
