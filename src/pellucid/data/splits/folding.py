"""Cross-validation: what is not for the test, divided into folds that are each judged once.

The rule:

1. The test split takes no part. Train and validation together are the pool.
2. Every class gives its share to each fold, and at least one example. Where numbers are predicted,
   their deciles take the place of classes (fewer and wider parts where there are few).
3. Examples that share a group, siblings and exact copies stay together.
4. What is left when a fold is taken out is divided again: as many as `splitting` gives to validation
   are kept back to choose the epoch or the candidate, the rest is trained on.
5. Chance comes from the seed alone.

Where groups are large, shares are met as nearly as whole groups allow.
"""

import dataclasses

import numpy as np
from jaxtyping import Bool, Int64

from pellucid.data.dataset import Dataset
from pellucid.data.splits.carving import Carving, Units, tabulated
from pellucid.data.splits.splitting import LEAST_VALIDATION, MOST_VALIDATION, VALIDATION_SHARE
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.tasks import CLASSIFICATION, REGRESSION

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
    strata = _strata(dataset, pool, count)
    units = tabulated(together, strata, seed)
    _REQUIRE_ENOUGH[dataset.target](dataset, units, strata, count)
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
                train=_members(pool, units, others & ~is_kept_back),
                validation=_members(pool, units, is_kept_back),
                test=_members(pool, units, ~others),
                leaked=nothing,
                with_sibling=nothing,
            )
        )
    return tuple(found)


def _members(
    pool: Int64[np.ndarray, " pool"], units: Units, chosen: Bool[np.ndarray, " units"]
) -> Int64[np.ndarray, " positions"]:
    """Positions of the examples of some units, ascending."""
    members: Int64[np.ndarray, " positions"] = pool[chosen[units.of]]
    return members


def _strata(dataset: Dataset, pool: Int64[np.ndarray, " pool"], count: int) -> Int64[np.ndarray, " pool"]:
    """Class of each example, numbered without gaps; for numbers, its decile."""
    return dataset.target.strata(dataset.labels[pool], least=2 * count)


def _require_enough_numbers(
    dataset: Dataset, units: Units, strata: Int64[np.ndarray, " pool"], count: int
) -> None:
    """Refuse to divide too few numbers.

    Raises: `DataError` with how many there are.
    """
    del dataset, strata
    if len(units.ranks) < 2 * count:
        raise DataError(
            f"folds: {count_of(len(units.ranks), 'example')} that may be parted cannot fill "
            f"{count} folds; {_ADVICE}"
        )


def _require_enough_of_classes(
    dataset: Dataset, units: Units, strata: Int64[np.ndarray, " pool"], count: int
) -> None:
    """Refuse to divide classes that cannot stand in every fold.

    Raises: `DataError` naming them.
    """
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


# Needs of every fold, by target.
_REQUIRE_ENOUGH = {CLASSIFICATION: _require_enough_of_classes, REGRESSION: _require_enough_numbers}
