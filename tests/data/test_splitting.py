import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.made import listing_of, with_numbers
from pellucid.data.by_target import CLASSES_AT_MOST
from pellucid.data.listing import Listing
from pellucid.data.split_units import tabulated
from pellucid.data.splitting import Shortage, places_in_strata, split, time_sentence, too_few_of_classes
from pellucid.errors import DataError
from pellucid.targets import CLASSIFICATION, REGRESSION


def divide(listing: Listing, seed: int = 0, first=None, usable=None, **more):
    count = len(listing)
    first = np.arange(count) if first is None else np.asarray(first)
    usable = np.ones(count, bool) if usable is None else np.asarray(usable)
    return split(listing, first.astype(np.int64), usable, seed, **more)


def counts(splits) -> dict[str, int]:
    names, numbers = np.unique(splits, return_counts=True)
    return dict(zip(names.tolist(), numbers.tolist(), strict=True))


def test_shares_of_the_stated_rule():
    splits = divide(listing_of(["a", "b"] * 500))
    assert counts(splits) == {"test": 200, "train": 720, "validation": 80}


def test_shares_are_capped():
    splits = divide(listing_of(["a", "b"] * 40_000))
    assert counts(splits) == {"test": 10_000, "train": 65_000, "validation": 5_000}


@given(
    labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=300),
    seed=st.integers(0, 2**32 - 1),
)
def test_singles_every_example_once_every_class_everywhere_shares_exact(labels, seed):
    listing = listing_of([*labels, *"abcdabcdabcd"])
    splits = divide(listing, seed)
    assert set(splits) == {"train", "validation", "test"}
    labels = np.array(listing.labels)
    left = int((splits != "test").sum())
    share = max(round(0.1 * left), min(20, left // 4)) / left
    for name in "abcd":
        mine = counts(splits[labels == name])
        assert set(mine) == {"train", "validation", "test"}
        total = (labels == name).sum()
        assert abs(mine["test"] - 0.2 * total) < 1
        assert abs(mine["validation"] - share * (total - mine["test"])) < 1


@given(
    members=st.lists(
        st.tuples(st.integers(0, 25), st.integers(0, 2), st.integers(0, 30)), min_size=1, max_size=200
    ),
    seed=st.integers(0, 1000),
)
def test_groups_and_copies_stay_whole(members, seed):
    """Three classes; groups and copies freely overlapping, beside a few examples that stand alone."""
    labels = [str(label) for _, label, _ in members] + list("012" * 3)
    groups = ["" if group > 20 else f"g{group}" for group, _, _ in members] + [""] * 9
    contents = [content for _, _, content in members] + list(range(100, 109))
    first = [contents.index(content) for content in contents]
    splits = divide(listing_of(labels, groups=groups), seed, first=first)
    assert set(splits) == {"train", "validation", "test"}
    for group in set(groups) - {""}:
        assert len({split for split, mine in zip(splits, groups, strict=True) if mine == group}) == 1
    for content in set(contents):
        assert len({split for split, mine in zip(splits, contents, strict=True) if mine == content}) == 1
    for label in set(labels):
        assert set(splits[np.array(labels) == label]) == {"train", "validation", "test"}


@given(size=st.integers(2, 12), seed=st.integers(0, 100))
def test_shares_hold_as_nearly_as_whole_groups_allow(size, seed):
    labels = [str(group % 3) for group in range(90) for _ in range(size)]
    groups = [f"patient {group}" for group in range(90) for _ in range(size)]
    splits = divide(listing_of(labels, groups=groups), seed)
    for label in "012":
        mine = counts(splits[np.array(labels) == label])
        assert abs(mine["test"] - 0.2 * 30 * size) <= size
        assert abs(mine["validation"] - 0.1 * 0.8 * 30 * size) <= size


def test_same_seed_same_split_other_seed_another():
    listing = listing_of(["a", "b"] * 100)
    np.testing.assert_array_equal(divide(listing, 3), divide(listing, 3))
    assert (divide(listing, 3) != divide(listing, 4)).any()


@given(seed=st.integers(0, 1000))
def test_names_play_no_part(seed):
    """Class and group names in any alphabet or order give the same division."""
    labels = ["a", "b", "c"] * 20
    groups = [f"g{index // 4}" for index in range(60)]
    renamed = {"a": "Z", "b": "ä", "c": "\u4e2d"}
    one = divide(listing_of(labels, groups=groups), seed)
    other = divide(
        listing_of([renamed[label] for label in labels], groups=[group + "é" for group in groups]), seed
    )
    np.testing.assert_array_equal(one, other)


def test_users_test_is_never_touched_and_validation_comes_out_of_train():
    listing = listing_of(["a", "b"] * 60, splits=["train"] * 100 + ["test"] * 20)
    splits = divide(listing)
    assert (splits[100:] == "test").all()
    assert counts(splits[:100]) == {"train": 80, "validation": 20}


def test_all_three_given_stay_and_undecided_becomes_train():
    given_splits = ["train", "validation", "test", ""] * 3
    splits = divide(listing_of(["a", "b", "a"] * 4, splits=given_splits))
    assert splits.tolist() == ["train", "validation", "test", "train"] * 3


def test_only_the_splits_asked_for():
    listing = listing_of(["a", "b"] * 50)
    assert counts(divide(listing, make=("validation",))) == {"train": 80, "validation": 20}
    assert counts(divide(listing, make=())) == {"train": 100}


@pytest.mark.parametrize(("examples", "kept_back"), [(40, 10), (80, 20), (200, 20), (400, 40)])
def test_few_examples_give_more_of_them_to_validation(examples, kept_back):
    splits = divide(listing_of(["a", "b"] * (examples // 2)), make=("validation",))
    assert counts(splits)["validation"] == kept_back


def test_unusable_examples_get_no_split():
    usable = np.arange(40) % 4 > 0
    splits = divide(listing_of(["a", "b"] * 20), usable=usable)
    assert set(splits[~usable]) == {""}
    assert "" not in splits[usable]


def test_class_too_small_is_refused_with_its_count_and_what_is_needed():
    listing = listing_of(["a", "b"] * 50 + ["rare", "rare"])
    with pytest.raises(
        DataError, match="class 'rare' has 2 examples; 3 are needed, one each for train, validation, test"
    ):
        divide(listing)


def test_every_class_too_small_is_listed():
    listing = listing_of(["a"] * 50 + ["few", "few", "one"])
    with pytest.raises(
        DataError,
        match=r"too few examples; 3 are needed.*\n  class 'few' has 2 examples\n  class 'one' has 1 example",
    ):
        divide(listing)


def test_class_in_too_few_groups_is_refused():
    groups = [f"g{index}" for index in range(50)] + ["one", "two"] * 20
    listing = listing_of(["a"] * 50 + ["b"] * 40, groups=groups)
    with pytest.raises(DataError, match="class 'b' has 40 examples in 2 sets that must stay together"):
        divide(listing)


def test_small_class_in_the_users_own_split_stays_in_train():
    listing = listing_of(["a", "b"] * 30 + ["rare"] + ["a", "b", "rare"], splits=[""] * 61 + ["test"] * 3)
    splits = divide(listing)
    assert splits[60] == "train"


def test_smallest_possible_data():
    splits = divide(listing_of(list("aaabbb")))
    assert counts(splits[:3]) == counts(splits[3:]) == {"train": 1, "validation": 1, "test": 1}


def test_many_examples_are_divided_quickly():
    """Pairs of copies everywhere: the slow way through the code."""
    import time

    listing = listing_of(["abcdefghij"[index % 10] for index in range(70_000)], pixels=np.zeros((0, 1, 1, 1)))
    first = np.arange(70_000) // 20 * 20 + np.arange(70_000) % 10
    started = time.process_time()
    splits = divide(listing, first=first)
    assert time.process_time() - started < 5
    assert counts(splits) == {"test": 10_000, "train": 55_000, "validation": 5_000}


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_order_is_unrelated_to_data_made_with_the_same_seed(seed):
    made = np.random.default_rng(seed).random(2_000)
    ranks = tabulated(np.arange(2_000), np.zeros(2_000, np.int64), seed).ranks
    assert abs(np.corrcoef(made, ranks)[0, 1]) < 0.1


@pytest.mark.parametrize(
    ("count", "lines", "last"), [(20, 21, "class 19' has 2 examples"), (250, 21, "and 231 more classes")]
)
def test_short_classes_are_named_in_twenty_lines(count, lines, last):
    names = [f"class {number}" for number in range(count)]
    short = [Shortage(name, 2, 2) for name in names]
    found = str(too_few_of_classes("data.npz", names, short, ["test", "validation"])).splitlines()
    assert len(found) == lines
    assert found[1] == "  class 'class 0' has 2 examples"
    assert found[-1].endswith(last)


def test_numbers_become_a_hint_only_above_what_classes_may_be():
    for names, hints in (
        ([str(code) for code in range(CLASSES_AT_MOST + 1)], True),
        ([str(code) for code in range(CLASSES_AT_MOST)], False),
        ([*map(str, range(CLASSES_AT_MOST)), "ant"], False),
    ):
        said = str(too_few_of_classes("data.npz", names, [Shortage("3", 2, 1)], ["test", "validation"]))
        assert ("give --target number" in said) is hints
        assert "class '3' has 2 examples in 1 set that must stay together" in said
        assert "add examples or leave the class out" in said


def test_nothing_usable_is_left_as_it_was():
    listing = listing_of(["a", "b"] * 3, splits=["train", "test"] * 3)
    splits = divide(listing, usable=np.zeros(6, bool), make=("validation",))
    assert splits.tolist() == ["train", "test"] * 3


def test_too_few_numbers_or_sets_are_refused_with_what_is_needed():
    with pytest.raises(
        DataError, match="1 example cannot be divided; 3 are needed, one each for train, valid"
    ):
        divide(numbers_of([4.5]))
    with pytest.raises(DataError, match="3 examples in 1 set that must stay together cannot be divided"):
        divide(numbers_of([4.5, 3.0, 1.0]), first=[0, 0, 0])


def numbers_of(values: list[float]) -> Listing:
    return with_numbers(listing_of(list(map(repr, values))), np.array(values))


DAY = 86_400.0


def at_times(days: list[float]) -> Listing:
    """A listing whose examples are of these days."""
    times = DAY * np.array(days)
    return dataclasses.replace(listing_of(["a"] * len(days), pixels=np.zeros((0, 1, 1, 1))), times=times)


@pytest.mark.parametrize(
    ("count", "validation", "test"), [(10, 2, 2), (30, 6, 6), (400, 32, 80), (60_000, 5_000, 10_000)]
)
def test_times_are_cut_at_the_stated_shares(count, validation, test):
    order = np.random.default_rng(1).permutation(count)
    splits = divide(at_times(order.tolist()))
    assert counts(splits[order < count - test]) == {
        "train": count - test - validation,
        "validation": validation,
    }
    assert set(splits[order >= count - test]) == {"test"}
    assert (splits[(order >= count - test - validation) & (order < count - test)] == "validation").all()


def test_examples_of_one_time_are_never_divided_and_the_nearest_cut_is_taken():
    days = [1.0] * 5 + [2.0] * 4 + [3.0] * 6 + [4.0] * 5
    assert divide(at_times(days)).tolist() == ["train"] * 9 + ["validation"] * 6 + ["test"] * 5
    assert divide(at_times(days), make=("test",)).tolist() == ["train"] * 15 + ["test"] * 5
    usable = np.arange(20) != 17
    splits = divide(at_times(days), usable=usable)
    assert splits.tolist() == ["train"] * 9 + ["validation"] * 6 + ["test", "test", "", "test", "test"]


def test_two_times_are_as_few_as_can_be_divided():
    days = [2.0] * 5 + [1.0] * 7
    assert divide(at_times(days), make=("test",)).tolist() == ["test"] * 5 + ["train"] * 7
    with pytest.raises(DataError, match="2 different times of examples that may be parted cannot be divided"):
        divide(at_times(days))


def test_a_set_stands_where_its_latest_example_does():
    days = [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    first = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0]
    listing = at_times(days)
    splits = divide(listing, first=first)
    assert splits[0] == splits[9] == "test"
    parts = {part: np.flatnonzero(splits == part) for part in ("train", "validation", "test")}
    assert time_sentence(listing, parts) == (
        "Split by time: train 1970-01-03 to 1970-01-08, validation 1970-01-09 to 1970-01-10, test 1970-01-02 "
        "to 1970-01-11. 1 test example of earlier times stands with a later one of the same set."
    )
    with pytest.raises(
        DataError, match="1 different time of examples that may be parted cannot be divided into"
    ):
        divide(listing, first=[0] * 10)


def test_stretches_of_time_are_said_with_their_clock_and_of_what_there_is():
    listing = at_times([0.25, 1.0, 3.0, 3.5, 2.5])
    nothing = np.zeros(0, np.int64)
    said = time_sentence(listing, {"train": np.arange(2), "validation": np.arange(2, 5), "test": nothing})
    assert said == (
        "Split by time: train 1970-01-01 06:00:00 to 1970-01-02, "
        "validation 1970-01-03 12:00:00 to 1970-01-04 12:00:00."
    )
    said = time_sentence(
        listing, {"train": np.array([4]), "validation": np.array([0, 1, 2]), "test": nothing}
    )
    assert said.endswith(". 2 test examples of earlier times stand with a later one of the same set.")
    said = time_sentence(listing, {"train": np.array([4]), "validation": nothing, "test": np.array([0, 4])})
    assert said.endswith(". 2 test examples of earlier times stand with a later one of the same set.")
    said = time_sentence(listing, {"train": nothing, "validation": nothing, "test": np.array([0, 4])})
    assert said == "Split by time: test 1970-01-01 06:00:00 to 1970-01-03 12:00:00."


def test_places_below_a_share_are_a_sample_of_every_class():
    labels = np.array([0, 1, 0, 0, 1, 2])
    order = np.array([5, 3, 1, 0, 4, 2])
    places = places_in_strata(labels, order, CLASSIFICATION)
    assert places == pytest.approx([1 / 2, 1 / 4, 5 / 6, 1 / 6, 3 / 4, 1 / 2])
    assert len(places_in_strata(labels[:0], order[:0], CLASSIFICATION)) == 0


def test_places_of_numbers_are_within_parts_of_their_range():
    """Of 32 numbers there are two parts; each stands in the order that was drawn."""
    values, order = np.arange(32)[::-1] ** 1.5, np.random.default_rng(1).permutation(32)
    places = places_in_strata(values, order, REGRESSION)
    for part in (np.arange(16), np.arange(16, 32)):
        expected = np.empty(32)
        members = order[np.isin(order, part)]
        expected[members] = (np.arange(16) + 0.5) / 16
        assert places[part] == pytest.approx(expected[part])
    assert len(places_in_strata(values[:0], order[:0], REGRESSION)) == 0
