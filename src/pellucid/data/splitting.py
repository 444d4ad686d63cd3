"""Which example goes into which split.

The rule:

1. A split that the user gave is never touched. What the user left undecided, and what the user
   calls train, is the pool from which missing splits are cut.
2. No test split given: 20 % of the pool, at most 10,000 examples.
3. No validation split given: 10 % of what is left, at most 5,000 examples.
4. Every class gives its share to each split, and at least one example. Where numbers are
   predicted, their deciles take the place of classes (fewer and wider parts below 150 examples),
   except that a decile that groups hold together may give none.
5. Examples that share a group, and exact copies, stay together.
6. Chance comes from the seed alone; names, folders and locale play no part.

Where groups are large, shares are met as nearly as whole groups allow.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.shortages import Shortage, too_few_numbers, too_few_of_classes

_MOST_STRATA, _EXAMPLES_A_STRATUM = 10, 15
TEST_SHARE, MOST_TEST = 0.2, 10_000
VALIDATION_SHARE, MOST_VALIDATION = 0.1, 5_000


class Division(NamedTuple):
    """The outcome of splitting.

    Attributes:
        splits: `train`, `validation` or `test` for each example; as the user gave it, or
            undecided, where the example cannot be used.
        whole: classes too small to give to a missing split, all in training. Only where the user
            gave a part of the division; otherwise that is an error.
    """

    splits: np.ndarray
    whole: tuple[str, ...]


class Units(NamedTuple):
    """What must stay together, as a sparse table of unit and class to number of examples.

    Attributes:
        of: unit of each example of the pool.
        starts: where the rows of each unit begin in `labels` and `counts`, and the end.
        labels: class of each row.
        counts: examples of that class in the unit.
        ranks: place of each unit in the order drawn from the seed.
    """

    of: Int64[np.ndarray, " pool"]
    starts: Int64[np.ndarray, " units_and_end"]
    labels: Int64[np.ndarray, " rows"]
    counts: Int64[np.ndarray, " rows"]
    ranks: Int64[np.ndarray, " units"]


def split(
    listing: Listing,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    seed: int,
    make: Sequence[str] = (VALIDATION, TEST),
) -> Division:
    """Fill the splits that are missing, by the rule at the top of this file.

    Args:
        listing: the examples; their order counts, their names do not.
        first: position of the first example with the same content.
        usable: false where an example is left out.
        seed: decides every draw.
        make: the splits to cut where the user gave none.

    Returns:
        The splits.

    Raises:
        DataError: a class has too few examples, or too few groups, for the splits to be made.
    """
    splits = np.array(listing.splits, dtype="<U10")
    given = set(np.unique(splits).tolist())
    missing = [part for part in (TEST, VALIDATION) if part in make and part not in given]
    pool = np.flatnonzero(usable & ((splits == UNDECIDED) | (splits == TRAIN)))
    splits[pool] = TRAIN
    if not missing or len(pool) == 0:
        return Division(splits, ())
    names, labels = _strata(listing, pool)
    units = tabulated(together(pool, first, listing.groups), labels, seed)
    free = np.ones(len(units.ranks), bool)
    whole: set[int] = set()
    for part in missing:
        keep = len(missing) - missing.index(part)
        share, most = (TEST_SHARE, MOST_TEST) if part == TEST else (VALIDATION_SHARE, MOST_VALIDATION)
        taken, without = Carving(units, free, len(names), keep).carve(share, most)
        refuses = not given & {VALIDATION, TEST}
        if refuses and without and not listing.is_numbers:
            short = [_shortage(names, code, labels, units) for code in without]
            raise too_few_of_classes(listing.place, names, short, missing)
        if refuses and not taken:
            raise too_few_numbers(listing.place, Shortage("", len(pool), len(units.ranks)), missing)
        whole.update(without)
        free[taken] = False
        splits[pool[np.isin(units.of, taken)]] = part
    return Division(splits, () if listing.is_numbers else tuple(names[code] for code in sorted(whole)))


def _shortage(names: list[str], code: int, labels: Int64[np.ndarray, " pool"], units: Units) -> Shortage:
    """How much there is of a class that is too small."""
    return Shortage(names[code], int((labels == code).sum()), int((units.labels == code).sum()))


def _strata(
    listing: Listing, pool: Int64[np.ndarray, " pool"]
) -> tuple[list[str], Int64[np.ndarray, " pool"]]:
    """What shares are met in: the classes, sorted, or parts of equal size of the range of the numbers."""
    if listing.values is None:
        texts = [listing.labels[index] for index in pool.tolist()]
        names = sorted(set(texts))
        codes = {name: code for code, name in enumerate(names)}
        return names, np.array([codes[text] for text in texts], np.int64)
    labels = deciles(listing.values[pool])
    return [f"part {part}" for part in range(1, int(labels.max()) + 2)], labels


def deciles(values: Float64[np.ndarray, " pool"]) -> Int64[np.ndarray, " pool"]:
    """Cut numbers into parts of about equal size; equal numbers never stand in two of them.

    Args:
        values: at least one number.

    Returns:
        Part of each, from 0: ten parts, or one for every 15 examples where there are few.
    """
    number = max(1, min(_MOST_STRATA, len(values) // _EXAMPLES_A_STRATUM))
    cuts = np.unique(np.sort(values)[np.arange(1, number) * len(values) // number])
    parts = np.searchsorted(cuts, values, side="right")
    return np.unique(parts, return_inverse=True)[1].reshape(-1).astype(np.int64)


def together(
    pool: Int64[np.ndarray, " pool"], first: Int64[np.ndarray, " n"], groups: Sequence[str]
) -> Int64[np.ndarray, " pool"]:
    """Number the sets of examples that copies and groups hold together, by first appearance.

    Args:
        pool: positions of the examples to be numbered.
        first: position of the first example with the same content.
        groups: group of each example; empty text is none.

    Returns:
        Number of the set of each example of the pool.
    """
    parents = list(range(len(pool)))

    def root(member: int) -> int:
        while parents[member] != member:
            parents[member] = parents[parents[member]]
            member = parents[member]
        return member

    seen: dict[int | str, int] = {}
    for member, index in enumerate(pool.tolist()):
        for key in (int(first[index]), groups[index]):
            if key == "":
                continue
            earlier = seen.setdefault(key, member)
            if earlier != member:
                one, other = sorted((root(earlier), root(member)))
                parents[other] = one
    roots = np.array([root(member) for member in range(len(pool))], np.int64)
    return np.unique(roots, return_inverse=True)[1].reshape(-1).astype(np.int64)


def tabulated(of: Int64[np.ndarray, " pool"], labels: Int64[np.ndarray, " pool"], seed: int) -> Units:
    """Tabulate units by class, and draw their order.

    Args:
        of: unit of each example of the pool.
        labels: class of each, or part of the range of its number.
        seed: decides the order.

    Returns:
        The table.
    """
    classes = int(labels.max()) + 1
    cells, counts = np.unique(of * classes + labels, return_counts=True)
    number = int(of.max()) + 1
    starts = np.searchsorted(cells // classes, np.arange(number + 1)).astype(np.int64)
    # The raw stream of a bit generator is the same in every version of numpy; `permutation` is not.
    order = np.argsort(np.random.PCG64(seed).random_raw(number), kind="stable")
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

    def carve(self, share: float, most: int) -> tuple[list[int], list[int]]:
        """Choose the units of one split.

        Args:
            share: wanted share of the free examples.
            most: most examples wanted.

        Returns:
            The units, and the classes that could give none.
        """
        divisible = np.array([units > self.keep for units in self.left])
        self.target = _targets(self.examples, divisible, share, most)
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
        """Whether every class of a unit keeps enough others for the splits still to be served."""
        return unit not in self.taken and all(
            self.left[label] > self.keep for label, _ in self._content(unit)
        )

    def _excess(self, unit: int) -> int:
        """Examples by which a unit would overshoot the shares of its classes."""
        return sum(
            max(0, self.have[label] + count - self.target[label]) for label, count in self._content(unit)
        )

    def _brings_nearer(self, unit: int) -> bool:
        """Whether a unit lessens the squared distance to the shares, each relative to its share."""
        return 0 > sum(
            count * (2 * (self.have[label] - self.target[label]) + count) / max(1, self.target[label])
            for label, count in self._content(unit)
        )


def _targets(
    examples: Float64[np.ndarray, " classes"],
    divisible: Bool[np.ndarray, " classes"],
    share: float,
    most: int,
) -> list[int]:
    """Examples each class should give: its exact share, rounded so that the total is right.

    The largest remainders round up; a class that can give at all gives at least one.
    """
    total = min(round(share * float(examples.sum())), most)
    ideal = np.where(divisible, examples, 0.0)
    ideal *= total / max(1.0, float(ideal.sum()))
    target = np.floor(ideal).astype(np.int64)
    largest = np.argsort(target - ideal, kind="stable")
    target[largest[: max(0, total - int(target.sum()))]] += 1
    return np.where(divisible, np.maximum(target, 1), 0).tolist()  # type: ignore[no-any-return]
