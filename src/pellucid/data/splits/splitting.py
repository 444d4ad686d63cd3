"""Assignment of examples to splits.

The rule:

1. A split that the user gave is never touched. What the user left undecided, and what the user
   calls train, is the pool from which missing splits are cut.
2. No test split given: 20 % of the pool, at most 10,000 examples.
3. No validation split given: 10 % of what is left, at most 5,000 examples, and at least 20 as far as
   a quarter of what is left reaches: fewer cannot tell any two models apart.
4. Every class gives its share to each split, and at least one example. Where numbers are
   predicted, their deciles take the place of classes (fewer and wider parts below 150 examples),
   except that a decile that groups hold together may give none.
5. Examples that share a group, siblings and exact copies stay together.
6. Chance comes from the seed alone; names, folders and locale play no part.

Where groups are large, shares are met as nearly as whole groups allow. With `--time-column` the rule of
`by_time` stands in place of 2 to 4 and 6.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int64

from pellucid.data.copies.sets import together
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.splits.by_time import split_by_time
from pellucid.data.splits.carving import Carving, Units, tabulated
from pellucid.data.splits.shortages import Shortage, too_few_numbers, too_few_of_classes
from pellucid.tasks import CLASSIFICATION, REGRESSION, Target

TEST_SHARE, MOST_TEST = 0.2, 10_000
VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION = 0.1, 5_000, 20
_AMOUNTS = {
    TEST: (TEST_SHARE, MOST_TEST, 0),
    VALIDATION: (VALIDATION_SHARE, MOST_VALIDATION, LEAST_VALIDATION),
}


class Division(NamedTuple):
    """Outcome of splitting.

    Attributes:
        splits: `train`, `validation` or `test` for each example; as the user gave it, or
            undecided, where the example cannot be used.
        whole: classes too small to give to a missing split, all in training. Only where the user
            gave a part of the division; otherwise that is an error.
    """

    splits: np.ndarray
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
            short = [_shortage(names, code, labels, units) for code in without]
            raise too_few_of_classes(listing.place, names, short, missing)
        if refuses and not taken:
            raise too_few_numbers(listing.place, Shortage("", len(pool), len(units.ranks)), missing)
        whole.update(without)
        free[taken] = False
        splits[pool[np.isin(units.of, taken)]] = part
    return Division(splits, tuple(names[code] for code in sorted(whole) if listing.values is None))


def _shortage(names: list[str], code: int, labels: Int64[np.ndarray, " pool"], units: Units) -> Shortage:
    """Examples and sets of a class that is too small."""
    return Shortage(names[code], int((labels == code).sum()), int((units.labels == code).sum()))


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
