"""Assignment of examples to splits and folds, by class or by time, some of which must stay together.

The rule for splits:

1. A split that the user gave is never touched. What the user left undecided, and what the user
   calls train, is the pool from which missing splits are cut.
2. No test split given: 20 % of the pool, at most 10,000 examples.
3. No validation split given: 10 % of what is left, at most 5,000 examples, and at least 20 as far as
   a quarter of what is left reaches: fewer cannot distinguish any two models.
4. Every class gives its share to each split, and at least one example. Where numbers are
   predicted, their deciles take the place of classes (fewer and wider ranges below 150 examples),
   except that a decile that groups hold together may give none.
5. Examples that share a group, siblings and exact copies stay together.
6. Chance comes from the seed alone; names, folders and locale play no part.
7. Where an example may have several labels, each label gives its share, the rarest first, and the sizes of
   the splits are exact. A label of fewer examples than splits stays in training.

Where groups are large, shares are met as nearly as whole groups allow. With `--time-column` the rule of
`split_by_time` replaces 2 to 4 and 6.
"""

import dataclasses
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int8, Int64, Shaped

from pellucid.data.dataset import Dataset
from pellucid.data.labels import read_number
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sibling_sets import together
from pellucid.data.targets import CLASSES_AT_MOST
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.tasks import CLASSIFICATION, PRESENT, REGRESSION, Target

TEST_SHARE, MOST_TEST = 0.2, 10_000
VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION = 0.1, 5_000, 20
# Share, most and least examples of each split.
_AMOUNTS = {
    TEST: (TEST_SHARE, MOST_TEST, 0),
    VALIDATION: (VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION),
}

_NAMED_AT_MOST = 20


class Shortage(NamedTuple):
    """A class, or the numbers, of which there are too few."""

    name: str  # of the class; empty where numbers are predicted
    examples: int
    sets: int  # how many sets that must stay together they make up

    @property
    def words(self) -> str:
        """The count, such as `4 examples in 1 set that must stay together`."""
        examples = count_of(self.examples, "example")
        if self.sets == self.examples:
            return examples
        return f"{examples} in {count_of(self.sets, 'set')} that must stay together"


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
    return f"{len(missing) + 1} are needed, one each for {', '.join([TRAIN, *reversed(missing)])}"


# Keeps the draws different from those of `numpy.random.default_rng(seed)`: somebody may have made the data
# with that, and the same stream would put it in order, so that the test split held the smallest of the first
# numbers.
_OWN = (0xCA12,)


class Units(NamedTuple):
    """Sets that must stay together, as a sparse table of unit and class to number of examples."""

    of: Int64[np.ndarray, " pool"]  # unit of each example of the pool
    # where the rows of each unit begin in `labels` and `counts`, and the end
    starts: Int64[np.ndarray, " units_and_end"]
    labels: Int64[np.ndarray, " rows"]  # class of each row
    counts: Int64[np.ndarray, " rows"]  # examples of that class in the unit
    ranks: Int64[np.ndarray, " units"]  # place of each unit in the order drawn from the seed
    # examples of each unit, where they may have several labels or none; `None` where each has one class
    sizes: Int64[np.ndarray, " units"] | None = None

    def content(self, unit: int) -> list[tuple[int, int]]:
        """Classes of a unit with their numbers of examples."""
        rows = slice(self.starts[unit], self.starts[unit + 1])
        return list(zip(self.labels[rows].tolist(), self.counts[rows].tolist(), strict=True))


def tabulated(of: Int64[np.ndarray, " pool"], labels: Int64[np.ndarray, " pool"], seed: int) -> Units:
    """Tabulate units (`of` each example) by class, or stratum of numbers, and draw their order."""
    return _tabulated(of, of, labels, int(labels.max()) + 1, seed)


def tabulated_sets(
    of: Int64[np.ndarray, " pool"], states: Int8[np.ndarray, "pool labels"], seed: int
) -> Units:
    """Tabulate units by the labels that are present, of which each example may have several or none."""
    examples, labels = np.nonzero(states == PRESENT)
    units = _tabulated(of, of[examples], labels.astype(np.int64), max(1, states.shape[1]), seed)
    return units._replace(sizes=np.bincount(of).astype(np.int64))


def _tabulated(
    of: Int64[np.ndarray, " pool"],
    owners: Int64[np.ndarray, " labels"],
    labels: Int64[np.ndarray, " labels"],
    classes: int,
    seed: int,
) -> Units:
    """Units of a pool by labels, of which each belongs to the unit in `owners`."""
    cells, counts = np.unique(owners * classes + labels, return_counts=True)
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


class _Selection:
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

    def take_best(self, units: Sequence[int], target: Sequence[int]) -> None:
        """Take, of the units that may be taken, the one that overshoots shares least."""
        fitting = [unit for unit in units if self.may_take(unit)]
        if fitting:
            self.take(min(fitting, key=lambda unit: self.excess(unit, target)))


def _carve(
    units: Units, free: Bool[np.ndarray, " units"], classes: int, keep: int, amount: tuple[float, int, int]
) -> tuple[list[int], list[int]]:
    """Choose units of one split out of the free ones; also the classes that could give none.

    Every class keeps `keep` units for the splits still to be cut. `amount` is the share of the free examples
    that is wanted, and the most and least examples; the least holds as far as a quarter of the free ones
    reaches.
    """
    share, most, least = amount
    if units.sizes is not None:
        return _carve_labels(units, free, classes, keep, amount), []
    owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
    rows = np.flatnonzero(free[owners])
    chosen = _Selection(units, rows, classes, keep)
    left, have = chosen.left, chosen.have
    # Examples each class should give: its exact share, rounded so that the total is right.
    examples = np.bincount(units.labels[rows], weights=units.counts[rows], minlength=classes)
    divisible = np.array([number > keep for number in left])
    number = float(examples.sum())
    total = min(max(round(share * number), min(least, int(number) // 4)), most)
    ideal = np.where(divisible, examples, 0.0)
    ideal *= total / max(1.0, float(ideal.sum()))
    floor = np.floor(ideal).astype(np.int64)
    floor[np.argsort(floor - ideal, kind="stable")[: max(0, total - int(floor.sum()))]] += 1
    target = np.where(divisible, np.maximum(floor, 1), 0).tolist()
    order = rows[np.argsort(units.ranks[owners[rows]], kind="stable")]
    labels = units.labels[order]
    is_single = np.add.reduceat(units.counts, units.starts[:-1])[owners[order]] == 1
    # One unit for each class, those in the fewest units first.
    by_class = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=classes))
    for label in np.argsort(left, kind="stable").tolist():
        if not have[label] and left[label] > keep:
            mine = by_class[ends[label - 1] if label else 0 : ends[label]]
            singles = order[mine[is_single[mine]]]
            if len(singles):
                chosen.take(int(owners[singles[0]]))
            else:
                chosen.take_best(owners[order[mine]].tolist(), target)
    # Then sets that lessen the squared distance to the shares, each relative to its share.
    for unit in dict.fromkeys(owners[order[~is_single]].tolist()):
        change = sum(
            count * (2 * (have[label] - target[label]) + count) / max(1, target[label])
            for label, count in chosen.content(unit)
        )
        if change < 0 and chosen.may_take(unit):
            chosen.take(unit)
    # Last single examples, in the drawn order, up to each class's share.
    singles = order[is_single]
    singles = singles[~np.isin(owners[singles], list(chosen.taken))]
    for label in range(classes):
        wanted = max(0, min(target[label] - have[label], left[label] - keep))
        for row in singles[units.labels[singles] == label][:wanted]:
            chosen.take(int(owners[row]))
    return list(chosen.taken), [label for label in range(classes) if not have[label] and examples[label]]


# Units that are compared for the one that overshoots shares least.
_COMPARED = 32


def _carve_labels(
    units: Units, free: Bool[np.ndarray, " units"], labels: int, keep: int, amount: tuple[float, int, int]
) -> list[int]:
    """Choose units of one split whose examples may have several labels; the arguments are those of `_carve`.

    Label by label, the rarest first, units are taken until the label has its share; then others, so that the
    split has its size.

    Source: Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data", algorithm 1;
    here the size of the split is fixed, and units may be of several examples.
    """
    assert units.sizes is not None
    share, most, least = amount
    owners = np.repeat(np.arange(len(units.ranks)), np.diff(units.starts))
    rows = np.flatnonzero(free[owners])
    rows = rows[np.argsort(units.ranks[owners[rows]], kind="stable")]
    chosen = _Selection(units, rows, labels, keep)
    number, sizes = int(units.sizes[free].sum()), units.sizes
    total = min(max(round(share * number), min(least, number // 4)), most)
    examples = np.bincount(units.labels[rows], weights=units.counts[rows], minlength=labels)
    wanted = np.floor(examples * total / max(1, number) + 0.5).astype(np.int64)
    target = np.where(np.array(chosen.left) > keep, np.maximum(wanted, min(1, keep)), 0).tolist()
    room = total

    def may_take(unit: int) -> bool:
        return int(sizes[unit]) <= room and chosen.may_take(unit)

    by_label = np.argsort(units.labels[rows], kind="stable")
    ends = np.cumsum(np.bincount(units.labels[rows], minlength=labels))
    for label in np.argsort(examples, kind="stable").tolist():
        mine = owners[rows[by_label[ends[label - 1] if label else 0 : ends[label]]]].tolist()
        mine = [unit for unit in mine if unit not in chosen.taken]
        while chosen.have[label] < target[label]:
            fitting = list(islice(filter(may_take, mine), _COMPARED))
            if not fitting:
                break
            best = min(fitting, key=lambda unit: chosen.excess(unit, target) - chosen.gain(unit, target))
            mine.remove(best)
            chosen.take(best)
            room -= int(sizes[best])
    order = np.flatnonzero(free)[np.argsort(units.ranks[free], kind="stable")].tolist()
    for unit in (*(each for each in order if not chosen.excess(each, target)), *order):
        if may_take(unit):  # first what exceeded no share, then any
            chosen.take(unit)
            room -= int(sizes[unit])
    return list(chosen.taken)


def split(
    listing: Listing,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    seed: int,
    make: Sequence[str] = (VALIDATION, TEST),
) -> np.ndarray:
    """`train`, `validation` or `test` for each example, by the rule at the top of this file.

    The order of the examples counts, their names do not. Those that are not `usable` stay as the user gave
    them. `first` is the position of the first example that each one stays with, copy or sibling; `make` are
    the splits to cut where the user gave none. Classes too small for them are all in training where the user
    gave one of the splits.

    Raises: `DataError` if a class has too few examples, or too few groups, for the splits to be made.
    """
    splits = np.array(listing.splits, dtype="<U10")
    given = set(np.unique(splits).tolist())
    missing = [part for part in (TEST, VALIDATION) if part in make and part not in given]
    if listing.times is not None:
        return split_by_time(listing, first, usable, missing)
    pool = np.flatnonzero(usable & ((splits == UNDECIDED) | (splits == TRAIN)))
    splits[pool] = TRAIN
    if not missing or len(pool) == 0:
        return splits
    # Strata of shares: the classes, sorted, or parts of equal size of the range of the numbers.
    units_of = together(pool, first, listing.groups)
    if listing.label_sets is not None:
        names = list(listing.label_sets.names)
        units = tabulated_sets(units_of, listing.label_sets.states[pool], seed)
    elif listing.values is None:
        texts = [listing.labels[index] for index in pool.tolist()]
        names = sorted(set(texts))
        codes = {name: code for code, name in enumerate(names)}
        labels = np.array([codes[text] for text in texts], np.int64)
        units = tabulated(units_of, labels, seed)
    else:
        labels = REGRESSION.strata(listing.values[pool])
        names = [""] * (int(labels.max()) + 1)
        units = tabulated(units_of, labels, seed)
    free = np.ones(len(units.ranks), bool)
    for part in missing:
        keep = len(missing) - missing.index(part)
        taken, without = _carve(units, free, len(names), keep, _AMOUNTS[part])
        refuses = not given & {VALIDATION, TEST}
        if refuses and without and listing.target is CLASSIFICATION:
            short = [
                Shortage(names[code], int((labels == code).sum()), int((units.labels == code).sum()))
                for code in without
            ]
            raise too_few_of_classes(listing.place, names, short, missing)
        if refuses and not taken:
            found = Shortage("", len(pool), len(units.ranks)).words
            raise DataError(f"{listing.place}: {found} cannot be divided; {_needed(missing)}; add examples")
        free[taken] = False
        splits[pool[np.isin(units.of, taken)]] = part
    return splits


def split_by_time(
    listing: Listing, first: Int64[np.ndarray, " n"], usable: Bool[np.ndarray, " n"], missing: Sequence[str]
) -> np.ndarray:
    """Assign splits by time: trained on the past, validated on what follows, tested on the end.

    Shares are those of other splits, met as nearly as times allow: examples of one time are never divided.
    Sets that must stay together are placed where their latest example belongs: no model then trains on
    anything later than what it is tested on. `missing` are the splits to cut, the latest first.

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
    for part in missing:
        (share, most, least), free = _AMOUNTS[part], int(left.sum())
        wanted = min(max(round(share * free), min(least, free // 4)), most)
        distinct, counts = np.unique(times[left], return_counts=True)
        if len(distinct) < 2:  # nothing would be left before
            raise DataError(
                f"{listing.place}: {count_of(len(np.unique(latest)), 'different time')} of examples that may "
                f"be parted cannot be divided into {', '.join([TRAIN, *reversed(missing)])}; give more, or "
                "leave --time-column out"
            )
        sizes = np.cumsum(counts[::-1])[::-1][1:]
        begin = float(distinct[1:][int(np.argmin(np.abs(sizes - wanted)))])
        splits[pool[left & (times >= begin)]] = part
        left &= times < begin
    return splits


def time_sentence(listing: Listing, split_positions: dict[str, Int64[np.ndarray, " part"]]) -> str:
    """Ends of the stretches of time, for people."""
    assert listing.times is not None
    times = listing.times

    def written(seconds: float) -> str:
        """A time, without its clock at midnight."""
        text = str(np.datetime64(round(seconds), "s"))
        return text.removesuffix("T00:00:00").replace("T", " ")

    stretches = [
        f"{part} {written(times[positions].min())} to {written(times[positions].max())}"
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


def places_in_strata(
    labels: Shaped[np.ndarray, "n ..."],
    order: Int64[np.ndarray, " n"],
    target: Target,
) -> Float64[np.ndarray, " n"]:
    """Place of each example among those of its class, rarest label or decile of numbers, above 0, below 1.

    `order` is drawn by chance. The examples below a share are a sample to which every class gives that share,
    and which lies within each larger one.
    """
    strata = target.strata(labels) if len(labels) else labels
    places = np.empty(len(labels))
    for stratum in np.unique(strata):
        members = order[strata[order] == stratum]
        places[members] = (np.arange(len(members)) + 0.5) / len(members)
    return places


_ADVICE = "add examples, or divide into fewer folds"


def folds(dataset: Dataset, count: int, seed: int) -> tuple[Dataset, ...]:
    """Divide what is not for the test into `count` folds, 2 or more, each of which is judged once.

    One data set for each fold, over the same images: its test split is the fold to be judged. All other
    examples are divided again: as many as for other splits are kept back for validation, the rest is trained
    on. Every class gives its share to each fold, and at least one example; sets stay together.

    Raises: `DataError` if a class has too few examples, or too few sets that must stay together, to be in
    every fold.
    """
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    sets = np.unique(dataset.together[pool], return_inverse=True)[1].reshape(-1).astype(np.int64)
    if dataset.target.is_exclusive:
        # Class of each example, numbered without gaps; for numbers, its decile.
        strata = dataset.target.strata(dataset.labels[pool], least=2 * count)
        units, classes = tabulated(sets, strata, seed), int(strata.max()) + 1
    else:
        strata, classes = np.zeros(len(pool), np.int64), len(dataset.classes)
        units = tabulated_sets(sets, dataset.labels[pool], seed)
    _require_enough(dataset, units, strata, count)
    free = np.ones(len(units.ranks), bool)
    of_unit = np.full(len(units.ranks), count - 1)
    for fold in range(count - 1):
        # A class keeps a unit for each later fold; a label need not be in every one.
        keep = count - 1 - fold if units.sizes is None else 0
        taken, _ = _carve(units, free, classes, keep, (1 / (count - fold), len(pool), 0))
        free[taken] = False
        of_unit[taken] = fold
    nothing = np.zeros(0, np.int64)
    found = []
    for fold in range(count):
        others = of_unit != fold
        is_kept_back = np.zeros(len(others), bool)
        is_kept_back[_carve(units, others, classes, 1, _AMOUNTS[VALIDATION])[0]] = True
        train, validation, test = (
            pool[units_of_split[units.of]]
            for units_of_split in (others & ~is_kept_back, is_kept_back, ~others)
        )
        splits = {"train": train, "validation": validation, "test": test}
        found.append(dataclasses.replace(dataset, leaked=nothing, with_sibling=nothing, **splits))
    return tuple(found)


def _require_enough(dataset: Dataset, units: Units, strata: Int64[np.ndarray, " pool"], count: int) -> None:
    """Refuse to divide too few numbers, and classes that cannot be in every fold."""
    if dataset.target is not CLASSIFICATION:
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
