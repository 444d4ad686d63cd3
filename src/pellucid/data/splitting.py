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
5. Examples that share a group, siblings and exact copies stay together. Such sets and single examples
   stand in one order (`split_rules`): every split has its part of both.
6. Chance comes from the seed alone; names, folders and locale play no part.
7. Where an example may have several labels, each label gives its share, the rarest first, and the sizes of
   the splits are exact. A label of fewer examples than splits stays in training.

Where groups are large, shares are met as nearly as whole groups allow. With `--time-column` the rule of
`split_by_time` replaces 2 to 4 and 6.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from pellucid.data.by_target import CLASSES_AT_MOST, READERS
from pellucid.data.dataset import Dataset
from pellucid.data.labels import read_number
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sibling_sets import together
from pellucid.data.split_rules import SPLIT_RULE, carve
from pellucid.data.split_units import Units
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence, join
from pellucid.targets import Target

TEST_SHARE = 0.2  # of all examples
MOST_TEST = 10_000  # examples
VALIDATION_SHARE = 0.1  # of all examples
MOST_VALIDATION = 5_000  # examples
LEAST_VALIDATION = 20  # examples
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
        return Sentence("{examples} in {sets} that must stay together", examples, count_of(self.sets, "set"))


def too_few_of_classes(
    place: str, names: Sequence[str], short: Sequence[Shortage], missing: Sequence[str]
) -> DataError:
    """The error that names the classes too small for the splits, twenty lines at most, and what is needed.

    `missing` are the splits to be cut, the test first.
    """
    what: str = Sentence(
        "{missing}; add examples or leave the {word} out",
        _needed(missing),
        "class" if len(short) == 1 else "classes",
    )
    if len(names) > CLASSES_AT_MOST and all(read_number(name) is not None for name in names):
        what += "; if the labels are numbers to predict, give --target number"
    lines = [Sentence("class {name} has {words}", quoted(each.name), each.words) for each in short]
    if len(lines) == 1:
        return DataError("{place}: {lines}; {what}", place, lines[0], what)
    if len(lines) > _NAMED_AT_MOST:
        more = len(lines) - _NAMED_AT_MOST + 1
        lines = [*lines[: _NAMED_AT_MOST - 1], Sentence("and {more:,} more classes", more)]
    listed = "".join(f"\n  {line}" for line in lines)
    return DataError("{place}: too few examples; {what}{listed}", place, what, listed)


def _needed(missing: Sequence[str]) -> str:
    return Sentence(
        "{missing} are needed, one each for {join}", len(missing) + 1, join(", ", [TRAIN, *reversed(missing)])
    )


def split(
    listing: Listing,
    first: Int64[np.ndarray, " n"],
    usable: Bool[np.ndarray, " n"],
    seed: int,
    make: Sequence[str] = (VALIDATION, TEST),
    rule: int = SPLIT_RULE,
) -> np.ndarray:
    """`train`, `validation` or `test` for each example, by the rule at the top of this file.

    The order of the examples counts, their names do not. Those that are not `usable` stay as the user gave
    them. `first` is the position of the first example that each one stays with, copy or sibling; `make` are
    the splits to cut where the user gave none. Classes too small for them are all in training where the user
    gave one of the splits. `rule` is the number of the rule by which units are chosen.

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
    labels = listing.coded.at(pool)
    units = READERS[labels.target].units(together(pool, first, listing.groups), labels, seed)
    free = np.ones(len(units.ranks), bool)
    for part in missing:
        keep = len(missing) - missing.index(part)
        taken, without = carve(rule, units, free, keep, _AMOUNTS[part])
        refuses = not given & {VALIDATION, TEST}
        if refuses and without and labels.exclusive():
            names = [labels.names[code] for code in np.unique(labels.values).tolist()]
            short = [Shortage(names[code], *units.content_of(code)) for code in without]
            raise too_few_of_classes(listing.place, names, short, missing)
        if refuses and not taken:
            found = Shortage("", len(pool), len(units.ranks)).words
            raise DataError(
                "{place}: {found} cannot be divided; {missing}; add examples",
                listing.place,
                found,
                _needed(missing),
            )
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
                "{place}: {latest} of examples that may "
                "be parted cannot be divided into {join}; give more, or "
                "leave --time-column out",
                listing.place,
                count_of(len(np.unique(latest)), "different time"),
                join(", ", [TRAIN, *reversed(missing)]),
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
        Sentence(
            "{part} {min} to {max}", part, written(times[positions].min()), written(times[positions].max())
        )
        for part, positions in split_positions.items()
        if len(positions)
    ]
    sentence: str = Sentence("Split by time: {stretches}.", join(", ", stretches))
    train, test = split_positions[TRAIN], split_positions[TEST]
    if not len(test):
        test = split_positions[VALIDATION]
    early = int((times[test] <= times[train].max()).sum()) if len(train) and len(test) else 0
    if early:
        sentence += Sentence(
            " {early} of earlier times {word} with a later one of the same set.",
            count_of(early, "test example"),
            "stands" if early == 1 else "stand",
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
    units = READERS[dataset.target].units(sets, dataset.labels_at(pool), seed, least=2 * count)
    _require_enough(dataset, units, count)
    free = np.ones(len(units.ranks), bool)
    of_unit = np.full(len(units.ranks), count - 1)
    for fold in range(count - 1):
        # A class keeps a unit for each later fold; a label need not be in every one.
        keep = count - 1 - fold if units.sizes is None else 0
        amount = (1 / (count - fold), len(pool), 0)
        taken, _ = carve(dataset.split_rule, units, free, keep, amount)
        free[taken] = False
        of_unit[taken] = fold
    nothing = np.zeros(0, np.int64)
    found = []
    for fold in range(count):
        others = of_unit != fold
        is_kept_back = np.zeros(len(others), bool)
        kept_back, _ = carve(dataset.split_rule, units, others, 1, _AMOUNTS[VALIDATION])
        is_kept_back[kept_back] = True
        train, validation, test = (
            pool[units_of_split[units.of]]
            for units_of_split in (others & ~is_kept_back, is_kept_back, ~others)
        )
        splits = {"train": train, "validation": validation, "test": test}
        found.append(dataclasses.replace(dataset, leaked=nothing, with_sibling=nothing, **splits))
    return tuple(found)


def _require_enough(dataset: Dataset, units: Units, count: int) -> None:
    """Refuse to divide too few numbers, and classes that cannot be in every fold."""
    if not dataset.exclusive_classes:
        if len(units.ranks) < 2 * count:
            raise DataError(
                "folds: {ranks} that may be parted cannot fill {count} folds; {ADVICE}",
                count_of(len(units.ranks), "example"),
                count,
                _ADVICE,
            )
        return
    sets = np.bincount(units.labels, minlength=units.classes)
    short = np.flatnonzero(sets < count)
    if len(short) == 0:
        return
    codes = np.unique(dataset.labels[np.concatenate([dataset.train, dataset.validation])])
    names = [
        Sentence("{classes} ({sets})", quoted(dataset.classes[codes[stratum]]), sets[stratum])
        for stratum in short.tolist()
    ]
    raise DataError(
        "folds: {names} outside the test split "
        "{word} fewer than {count} examples that may be parted, "
        "one for each fold: {names2}; {ADVICE}",
        count_of(len(names), "class"),
        "has" if len(names) == 1 else "have",
        count,
        some(names, 10),
        _ADVICE,
    )
