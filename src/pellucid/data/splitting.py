"""Assignment of examples to splits and to folds, and the refusal of data too small to be divided."""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.carving import Carving, Units, split_by_time, tabulated
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
