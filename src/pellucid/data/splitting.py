"""Assignment of examples to splits and folds, by class or by time, some of which must stay together."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.dataset import Dataset
from pellucid.data.labels import read_number
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sibling_sets import together
from pellucid.data.targets import CLASSES_AT_MOST
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.tasks import CLASSIFICATION, REGRESSION, Target

_NAMED_AT_MOST = 20


class Shortage(NamedTuple):
    """A class, or the numbers, of which there are too few."""

    name: str  # of the class; empty where numbers are predicted
    examples: int
    sets: int  # how many sets that must stay together they make up

    @property
    def words(self) -> str:
        """The count, such as `4 examples in 1 set that must stay together`."""
        held = (
            "" if self.sets == self.examples else f" in {count_of(self.sets, 'set')} that must stay together"
        )
        return count_of(self.examples, "example") + held


def too_few_of_classes(
    place: str, names: Sequence[str], short: Sequence[Shortage], missing: Sequence[str]
) -> DataError:
    """The error that names the classes too small for the splits, twenty lines at most, and what is needed.

    `missing` are the splits to be cut, the test first.
    """
    what = f"{_needed(missing)}; add examples or leave the {'class' if len(short) == 1 else 'classes'} out"
    if len(names) > CLASSES_AT_MOST and all(read_number(name) is not None for name in names):
        what += "; if the labels are numbers to predict, give --target number"
    lines = [f"class {quoted(each.name)} has {each.words}" for each in short]
    if len(lines) == 1:
        return DataError(f"{place}: {lines[0]}; {what}")
    if len(lines) > _NAMED_AT_MOST:
        more = len(lines) - _NAMED_AT_MOST + 1
        lines = [*lines[: _NAMED_AT_MOST - 1], f"and {more:,} more classes"]
    listed = "".join(f"\n  {line}" for line in lines)
    return DataError(f"{place}: too few examples; {what}{listed}")


def _needed(missing: Sequence[str]) -> str:
    parts = ", ".join([TRAIN, *reversed(missing)])
    return f"{len(missing) + 1} are needed, one each for {parts}"


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


# Assignment of examples to splits.
#
# The rule:
#
# 1. A split that the user gave is never touched. What the user left undecided, and what the user
#    calls train, is the pool from which missing splits are cut.
# 2. No test split given: 20 % of the pool, at most 10,000 examples.
# 3. No validation split given: 10 % of what is left, at most 5,000 examples, and at least 20 as far as
#    a quarter of what is left reaches: fewer cannot tell any two models apart.
# 4. Every class gives its share to each split, and at least one example. Where numbers are
#    predicted, their deciles take the place of classes (fewer and wider parts below 150 examples),
#    except that a decile that groups hold together may give none.
# 5. Examples that share a group, siblings and exact copies stay together.
# 6. Chance comes from the seed alone; names, folders and locale play no part.
#
# Where groups are large, shares are met as nearly as whole groups allow. With `--time-column` the rule of
# `by_time` stands in place of 2 to 4 and 6.

TEST_SHARE, MOST_TEST = 0.2, 10_000
VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION = 0.1, 5_000, 20
_AMOUNTS = {
    TEST: (TEST_SHARE, MOST_TEST, 0),
    VALIDATION: (VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION),
}


class Division(NamedTuple):
    """Outcome of splitting."""

    # `train`, `validation` or `test` for each example; as the user gave it, or undecided, where the example
    # cannot be used
    splits: np.ndarray
    # classes too small to give to a missing split, all in training. Only where the user gave a part of the
    # division; otherwise that is an error
    whole: tuple[str, ...]


def split(
    listing: Listing,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    seed: int,
    make: Sequence[str] = (VALIDATION, TEST),
) -> Division:
    """Fill the splits that are missing, by the rule at the top of this file.

    The order of the examples counts, their names do not. Those that are not `usable` are left out. `first` is
    the position of the first example that each one stays with, copy or sibling; `make` are the splits to cut
    where the user gave none.

    Raises: `DataError` if a class has too few examples, or too few groups, for the splits to be made.
    """
    splits = np.array(listing.splits, dtype="<U10")
    given = set(np.unique(splits).tolist())
    missing = [part for part in (TEST, VALIDATION) if part in make and part not in given]
    if listing.times is not None:
        shares = [(part, _AMOUNTS[part]) for part in missing]
        return Division(split_by_time(listing, first, usable, shares), ())
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
        taken, without = Carving(units, free, len(names), keep).carve(*_AMOUNTS[part])
        refuses = not given & {VALIDATION, TEST}
        if refuses and without and listing.target is CLASSIFICATION:
            # Examples and sets of a class that is too small.
            short = [
                Shortage(names[code], int((labels == code).sum()), int((units.labels == code).sum()))
                for code in without
            ]
            raise too_few_of_classes(listing.place, names, short, missing)
        if refuses and not taken:
            found = Shortage("", len(pool), len(units.ranks)).words
            raise DataError(f"{listing.place}: {found} cannot be divided; {_needed(missing)}; add examples")
        whole.update(without)
        free[taken] = False
        splits[pool[np.isin(units.of, taken)]] = part
    return Division(splits, tuple(names[code] for code in sorted(whole) if listing.values is None))


def _strata(
    listing: Listing, pool: Int64[np.ndarray, " pool"]
) -> tuple[list[str], Int64[np.ndarray, " pool"]]:
    """Strata of shares: the classes, sorted, or parts of equal size of the range of the numbers."""
    if listing.values is None:
        texts = [listing.labels[index] for index in pool.tolist()]
        names = sorted(set(texts))
        codes = {name: code for code, name in enumerate(names)}
        return names, np.array([codes[text] for text in texts], np.int64)
    labels = REGRESSION.strata(listing.values[pool])
    return [f"part {part}" for part in range(1, int(labels.max()) + 2)], labels


def places_in_strata(
    labels: Int64[np.ndarray, " n"] | Float64[np.ndarray, " n"],
    order: Int64[np.ndarray, " n"],
    target: Target,
) -> Float64[np.ndarray, " n"]:
    """Place of each example among those of its class: a part holds all that stand below its share.

    `order` is drawn by chance; `target` says which parts get their share: classes, or deciles of numbers.
    Places are above 0 and below 1. The examples of the smallest places are a part to which every class gives
    its share, and which lies within each larger part.
    """
    strata = target.strata(labels) if len(labels) else labels
    places = np.empty(len(labels))
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return places


# Cross-validation: what is not for the test, divided into folds that are each judged once.
#
# The rule:
#
# 1. The test split takes no part. Train and validation together are the pool.
# 2. Every class gives its share to each fold, and at least one example. Where numbers are predicted,
#    their deciles take the place of classes (fewer and wider parts where there are few).
# 3. Examples that share a group, siblings and exact copies stay together.
# 4. What is left when a fold is taken out is divided again: as many as `splitting` gives to validation
#    are kept back to choose the epoch or the candidate, the rest is trained on.
# 5. Chance comes from the seed alone.
#
# Where groups are large, shares are met as nearly as whole groups allow.

_ADVICE = "add examples, or divide into fewer folds"


def folds(dataset: Dataset, count: int, seed: int) -> tuple[Dataset, ...]:
    """Divide what is not for the test into `count` folds, 2 or more.

    One data set for each fold, over the same images: its test split is the fold to be judged, its train and
    validation splits are made from all the others.

    Raises: `DataError` if a class has too few examples, or too few sets that must stay together, to stand in
    every fold.
    """
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    together = np.unique(dataset.together[pool], return_inverse=True)[1].reshape(-1).astype(np.int64)
    # Class of each example, numbered without gaps; for numbers, its decile.
    strata = dataset.target.strata(dataset.labels[pool], least=2 * count)
    units = tabulated(together, strata, seed)
    _require_enough(dataset, units, strata, count)
    classes = int(strata.max()) + 1
    free = np.ones(len(units.ranks), bool)
    of_unit = np.zeros(len(units.ranks), np.int64)
    for fold in range(count - 1):
        taken, _ = Carving(units, free, classes, count - 1 - fold).carve(1 / (count - fold), len(pool))
        free[taken] = False
        of_unit[taken] = fold
    of_unit[free] = count - 1
    nothing = np.zeros(0, np.int64)
    found = []
    for fold in range(count):
        others = of_unit != fold
        carving = Carving(units, others, classes, 1)
        kept_back, _ = carving.carve(VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION)
        is_kept_back = np.zeros(len(others), bool)
        is_kept_back[kept_back] = True
        found.append(
            dataclasses.replace(
                dataset,
                train=pool[(others & ~is_kept_back)[units.of]],
                validation=pool[is_kept_back[units.of]],
                test=pool[~others[units.of]],
                leaked=nothing,
                with_sibling=nothing,
            )
        )
    return tuple(found)


def _require_enough(dataset: Dataset, units: Units, strata: Int64[np.ndarray, " pool"], count: int) -> None:
    """Refuse to divide too few numbers, and classes that cannot stand in every fold."""
    if dataset.target is REGRESSION:
        if len(units.ranks) < 2 * count:
            raise DataError(
                f"folds: {count_of(len(units.ranks), 'example')} that may be parted cannot fill "
                f"{count} folds; {_ADVICE}"
            )
        return
    sets = np.bincount(units.labels, minlength=int(strata.max()) + 1)
    short = np.flatnonzero(sets < count)
    if len(short) == 0:
        return
    codes = np.unique(dataset.labels[np.concatenate([dataset.train, dataset.validation])])
    names = [f"{quoted(dataset.classes[codes[stratum]])} ({sets[stratum]})" for stratum in short.tolist()]
    raise DataError(
        f"folds: {count_of(len(names), 'class')} outside the test split "
        f"{'has' if len(names) == 1 else 'have'} fewer than {count} examples that may be parted, "
        f"one for each fold: {some(names, 10)}; {_ADVICE}"
    )
