"""Sets of several and single examples in one drawn order, and the rule of earlier versions beside it."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.made import listing_of
from pellucid.data.listing import Listing
from pellucid.data.split_rules import FIRST_SPLIT_RULE, SPLIT_RULE
from pellucid.data.splitting import split
from pellucid.targets import labels_of_states

PARTS = ("train", "validation", "test")
NO_PIXELS = np.zeros((0, 1, 1, 1), np.uint8)


def divide(listing: Listing, first: np.ndarray, seed: int = 0, rule: int = SPLIT_RULE) -> np.ndarray:
    return split(listing, first.astype(np.int64), np.ones(len(first), bool), seed, rule=rule)


def of_several(first: np.ndarray) -> np.ndarray:
    """Whether each example has another in its set."""
    found: np.ndarray = np.bincount(first, minlength=len(first))[first] > 1
    return found


def sets_of(sizes: list[int]) -> np.ndarray:
    """The first example of the set of each, for sets of these sizes."""
    return np.repeat(np.cumsum(sizes) - sizes, sizes)


def shares(listing: Listing, first: np.ndarray, rule: int, seeds: int = 50) -> np.ndarray:
    """Share of all examples, and of those in sets of several, in each split, over seeds."""
    is_of_several = of_several(first)
    found = []
    for seed in range(seeds):
        splits = divide(listing, first, seed, rule)
        masks = [splits == part for part in PARTS]
        found.append([[mask.mean(), is_of_several[mask].sum() / is_of_several.sum()] for mask in masks])
    return np.array(found)


def mixed(classes: int = 5) -> tuple[Listing, np.ndarray]:
    """Four fifths single examples, and sets of 2 to 5 examples of one class."""
    sizes = [1] * 400 + [2, 3, 4, 5] * 8
    first = sets_of(sizes)
    labels = [f"c{first_of % classes}" for first_of in first.tolist()]
    return listing_of(labels, pixels=NO_PIXELS), first


def test_each_split_has_its_share_of_sets_of_several_within_chance():
    found = shares(*mixed(), SPLIT_RULE)
    means, deviations = found.mean(axis=0), found.std(axis=0)
    whole, several = means.T
    # Over 50 draws, the mean lies within three standard errors, and a tenth of the share for rounding.
    assert (np.abs(several - whole) < 3 * deviations[:, 1] / np.sqrt(50) + 0.1 * whole).all()
    before = shares(*mixed(), FIRST_SPLIT_RULE).mean(axis=0)[:, 1]
    assert before[0] < 0.25 < 0.5 < before[2]  # the fault: training hardly had any


@pytest.mark.parametrize("seed", range(5))
def test_shares_of_classes_are_exact_beside_sets(seed):
    listing, first = mixed()
    splits, labels = divide(listing, first, seed), np.array(listing.labels)
    for name in set(labels):
        total = int((labels == name).sum())
        assert abs(((splits == "test") & (labels == name)).sum() - 0.2 * total) < 1


def test_sets_of_several_classes_have_their_share_too():
    generator = np.random.default_rng(0)
    first = sets_of([1] * 300 + [int(size) for size in generator.integers(2, 7, 60)])
    listing = listing_of([f"c{code}" for code in generator.integers(0, 4, len(first))], pixels=NO_PIXELS)
    whole, several = shares(listing, first, SPLIT_RULE).mean(axis=0).T
    np.testing.assert_allclose(several, whole, atol=0.025)


def test_small_classes_give_pairs_to_every_split():
    """Two of ten examples go to the test: a pair fits exactly, and must do so now and then."""
    first = np.concatenate([10 * code + sets_of([1] * 6 + [2, 2]) for code in range(40)])
    listing = listing_of([f"c{place // 10}" for place in range(400)], pixels=NO_PIXELS)
    _, several = shares(listing, first, SPLIT_RULE, 20).mean(axis=0).T
    assert several[2] > 0.12
    assert several[1] > 0.05


def labelled(states: np.ndarray) -> Listing:
    names = tuple(f"l{code}" for code in range(states.shape[1]))
    return dataclasses.replace(
        listing_of([""] * len(states), pixels=NO_PIXELS),
        decided=labels_of_states(states.astype(np.int8), names),
    )


def test_several_labels_have_their_share_of_sets_and_exact_sizes():
    generator = np.random.default_rng(1)
    first = sets_of([1] * 300 + [2, 3, 4] * 12)
    states = generator.random((len(first), 5)) < (0.05, 0.1, 0.2, 0.3, 0.5)
    states[:, :] = states[first]
    listing = labelled(states)
    found = shares(listing, first, SPLIT_RULE, 30)
    assert (found[:, 2, 0] == round(0.2 * len(first)) / len(first)).all()
    whole, several = found.mean(axis=0).T
    np.testing.assert_allclose(several, whole, atol=0.03)
    splits = divide(listing, first)
    for code in range(5):
        has = states[:, code]
        assert abs((has & (splits == "test")).sum() - 0.2 * has.sum()) <= 2


@given(
    labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=120),
    seed=st.integers(0, 2**32 - 1),
)
def test_without_sets_both_rules_split_alike(labels, seed):
    labels = [*labels, *"abcdabcdabcd"]
    first = np.arange(len(labels))
    states = np.array([[label == name for name in "abcd"] for label in labels])
    for listing in (listing_of(labels, pixels=NO_PIXELS), labelled(states)):
        np.testing.assert_array_equal(
            divide(listing, first, seed), divide(listing, first, seed, FIRST_SPLIT_RULE)
        )


def test_the_first_rule_is_as_it_was():
    """Splits that the version before this rule made, stored as the positions of its test and validation."""
    first = sets_of([1] * 12 + [2, 2, 3])
    listing = listing_of([f"c{first_of % 2}" for first_of in first.tolist()], pixels=NO_PIXELS)
    splits = divide(listing, first, 3, FIRST_SPLIT_RULE)
    assert np.flatnonzero(splits == "test").tolist() == [0, 7, 12, 13]
    assert np.flatnonzero(splits == "validation").tolist() == [2, 5, 10]


def test_many_examples_in_sets_are_divided_quickly():
    import time

    first = np.arange(60_000) // 2 * 2
    first[:48_000] = np.arange(48_000)
    listing = listing_of([f"c{place // 2 % 10}" for place in range(60_000)], pixels=NO_PIXELS)
    began = time.process_time()
    divide(listing, first)
    assert time.process_time() - began < 3
