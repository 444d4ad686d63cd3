"""Folds: every example outside the test is judged once, and nothing that belongs together is parted."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.made import with_numbers
from pellucid.data import folds, prepare
from pellucid.data.dataset import Dataset
from pellucid.data.listing import TEST, UNDECIDED, Listing
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import MULTILABEL


def dataset_of(
    labels: list[str] | None = None, *, groups=None, copies=(), values=None, count=None, splits=None
) -> Dataset:
    """A data set of random images; `copies` are pairs (of, from) that get equal pixels."""
    number = len(labels) if labels is not None else count
    pixels = np.random.default_rng(1).integers(0, 256, (number, 4, 4, 1)).astype(np.uint8)
    for target, origin in copies:
        pixels[target] = pixels[origin]
    listing = Listing(
        place="made",
        form="arrays",
        sources=[f"made:{row}" for row in range(number)],
        labels=labels if labels is not None else [repr(value) for value in values],
        splits=splits or [UNDECIDED] * number,
        groups=groups or [""] * number,
        pixels=pixels,
    )
    listing = with_numbers(listing, None if values is None else np.asarray(values, np.float64))
    return prepare(listing, Settings(seed=3))[0]


def parts_of(fold: Dataset) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return fold.train, fold.validation, fold.test


@pytest.mark.parametrize("count", [2, 3, 5, 10])
def test_every_example_outside_the_test_is_judged_once(count: int) -> None:
    dataset = dataset_of(["cat", "dog", "owl"] * 80)
    some = dataset.test[:3]
    dataset = dataclasses.replace(dataset, leaked=some, with_sibling=some + 0)
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    divided = folds(dataset, count, seed=0)
    assert np.array_equal(np.sort(np.concatenate([fold.test for fold in divided])), pool)
    for fold in divided:
        together = np.sort(np.concatenate(parts_of(fold)))
        assert np.array_equal(together, pool)
        assert not np.isin(together, dataset.test).any()
        counts = np.bincount(fold.labels[fold.test], minlength=3)
        assert counts.max() - counts.min() <= 1
        assert abs(len(fold.test) - len(pool) / count) <= 3
        wanted = max(20, 0.1 * (len(pool) - len(fold.test)))
        assert len(fold.validation) == pytest.approx(wanted, abs=3)
        assert len(fold.leaked) == len(fold.with_sibling) == 0


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_groups_and_copies_are_never_parted(seed: int) -> None:
    draws = np.random.default_rng(seed)
    numbers = draws.integers(0, 40, size=120)
    copies = draws.integers(0, 120, size=(8, 2)).tolist()
    labels = draws.permutation(["cat"] * 70 + ["dog"] * 50).tolist()
    groups = [f"group {number}" if number < 12 else "" for number in numbers]
    dataset = dataset_of(labels, groups=groups, copies=copies)
    first = {}
    for place in range(len(labels)):
        first.setdefault(dataset.inputs[place].tobytes(), place)
    divided = folds(dataset, 3, seed)
    assert len(divided) == 3
    for fold in divided:
        part_of = {int(place): part for part, members in enumerate(parts_of(fold)) for place in members}
        of_group: dict[str, set[int]] = {}
        of_content: dict[int, set[int]] = {}
        for place, part in part_of.items():
            if groups[place]:
                of_group.setdefault(groups[place], set()).add(part)
            of_content.setdefault(first[dataset.inputs[place].tobytes()], set()).add(part)
        assert of_group
        assert of_content
        assert all(len(parts) == 1 for parts in of_group.values())
        assert all(len(parts) == 1 for parts in of_content.values())


def test_the_seed_decides_and_the_test_split_does_not() -> None:
    dataset = dataset_of(["cat", "dog"] * 60)
    same = [
        np.array_equal(a.test, b.test)
        for a, b in zip(folds(dataset, 3, 1), folds(dataset, 3, 1), strict=True)
    ]
    other = [
        np.array_equal(a.test, b.test)
        for a, b in zip(folds(dataset, 3, 1), folds(dataset, 3, 2), strict=True)
    ]
    assert all(same)
    assert not any(other)
    labels = dataset.labels.copy()
    labels[dataset.test] = 1 - labels[dataset.test]
    without = dataclasses.replace(dataset, labels=labels)
    for fold, again in zip(folds(dataset, 3, 1), folds(without, 3, 1), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(parts_of(fold), parts_of(again), strict=True))


def test_every_class_stands_in_every_fold_even_the_rarest() -> None:
    dataset = dataset_of(["cat"] * 100 + ["dog"] * 6)
    divided = folds(dataset, 4, seed=0)
    assert len(divided) == 4
    for fold in divided:
        assert set(fold.labels[fold.test]) == {0, 1}
        assert set(fold.labels[fold.train]) == {0, 1}


def test_a_class_that_cannot_stand_in_every_fold_is_named() -> None:
    dataset = dataset_of(["cat"] * 60 + ["dog"] * 5)
    with pytest.raises(
        DataError, match=r"folds: 1 class outside the test split has fewer than 5 .*'dog' \(4\)"
    ):
        folds(dataset, 5, seed=0)


def test_groups_count_once_for_a_class() -> None:
    labels = ["cat"] * 60 + ["dog"] * 30
    groups = [""] * 60 + ["herd"] * 28 + ["", ""]
    splits = [TEST] * 10 + [UNDECIDED] * 79 + [TEST]
    dataset = dataset_of(labels, groups=groups, splits=splits)
    with pytest.raises(DataError, match=r"fewer than 3 examples that may be parted.*'dog' \(2\)"):
        folds(dataset, 3, seed=0)


def test_numbers_are_divided_by_tenths_of_their_range() -> None:
    values = np.sort(np.random.default_rng(0).exponential(size=400))
    dataset = dataset_of(values=values, count=400)
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    tenth = {int(place): rank * 10 // len(pool) for rank, place in enumerate(pool)}
    divided = folds(dataset, 4, seed=0)
    assert len(divided) == 4
    for fold in divided:
        counts = np.bincount([tenth[int(place)] for place in fold.test], minlength=10)
        assert counts.tolist() == [8] * 10


def test_few_numbers_are_divided_by_tenths_too() -> None:
    """Of eight each, which are twice as many as folds."""
    dataset = dataset_of(values=np.arange(100) ** 1.5, count=100)
    pool = np.sort(np.concatenate([dataset.train, dataset.validation]))
    assert len(pool) == 80
    for fold in folds(dataset, 4, seed=0):
        assert np.bincount(np.searchsorted(pool, fold.test) // 8).tolist() == [2] * 10


@pytest.mark.parametrize("seed", range(4))
def test_a_class_of_as_many_sets_as_folds_keeps_one_for_each(seed: int) -> None:
    """Two that stand alone and one of seven: a third of the examples would be more than one of the former."""
    labels = ["cat"] * 33 + ["dog"] * 9 + ["cat", "dog"]
    groups = [""] * 35 + ["pack"] * 7 + ["", ""]
    dataset = dataset_of(labels, groups=groups, splits=[UNDECIDED] * 42 + [TEST] * 2)
    for fold in folds(dataset, 3, seed):
        assert (fold.labels[fold.test] == 1).sum() in {1, 7}
        assert 1 in fold.labels[fold.validation]
        assert 1 in fold.labels[fold.train]


def test_a_label_of_one_example_need_not_be_in_every_fold() -> None:
    """It is judged where half of what is left is a whole example, not kept for the last fold."""
    states = np.zeros((60, 2), np.int8)
    states[::2, 0] = 1
    dataset = dataset_of(["cat", "dog"] * 30)
    states[dataset.train[8], 1] = 1
    dataset = dataclasses.replace(dataset, labels=states, target=MULTILABEL)
    assert [int(states[fold.test, 1].sum()) for fold in folds(dataset, 3, 5)] == [0, 1, 0]


def test_too_few_numbers_are_refused() -> None:
    dataset = dataset_of(values=np.arange(12.0) + 0.5, count=12)
    with pytest.raises(DataError, match=r"folds: 10 examples that may be parted cannot fill 8 folds"):
        folds(dataset, 8, seed=0)
    assert sorted(len(fold.test) for fold in folds(dataset, 5, seed=0)) == [2] * 5
