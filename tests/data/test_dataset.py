import dataclasses

import numpy as np
import pytest

from data.made import images_of, listing_of
from pellucid.data import prepare
from pellucid.settings import Settings

LABELS = ["b", "a", "B", "b", "a", "B"] * 8


def test_classes_are_sorted_by_code_point_and_one_map_serves_all_splits():
    dataset, _ = prepare(listing_of(LABELS), Settings())
    assert dataset.classes == ("B", "a", "b")
    assert [dataset.classes[code] for code in dataset.labels] == LABELS


def test_index_arrays_ascend_and_hold_every_example_once():
    dataset, _ = prepare(listing_of(LABELS), Settings())
    positions = list(dataset.split_positions.values())
    assert all((np.diff(each) > 0).all() and each.dtype == np.int64 for each in positions)
    assert sorted(np.concatenate(positions).tolist()) == list(range(48))
    assert list(dataset.split_positions) == ["train", "validation", "test"]


def test_leaked_are_test_examples_whose_content_stands_in_train_or_validation():
    pixels = images_of(48)
    pixels[40] = pixels[3]  # test and train
    pixels[41] = pixels[35]  # test and validation
    pixels[43] = pixels[42]  # test and test
    splits = ["train"] * 30 + ["validation"] * 10 + ["test"] * 8
    dataset, _ = prepare(listing_of(LABELS, splits=splits, pixels=pixels), Settings())
    assert dataset.leaked.tolist() == [40, 41]


def test_fingerprint_is_the_same_for_the_same_data():
    one, _ = prepare(listing_of(LABELS), Settings())
    other, _ = prepare(listing_of(LABELS), Settings())
    assert one.fingerprint == other.fingerprint
    assert len(one.fingerprint) == 64


def _one_pixel():
    pixels = images_of(48)
    pixels[5, 0, 0, 0] ^= 1
    return listing_of(LABELS, pixels=pixels)


def _one_label():
    return listing_of(["a", *LABELS[1:]])


def _renamed_class():
    return listing_of([label.replace("B", "C") for label in LABELS])


def _larger():
    return listing_of([*LABELS, "a"], pixels=images_of(49))


@pytest.mark.parametrize("changed", [_one_pixel, _one_label, _renamed_class, _larger])
def test_fingerprint_notices_a_change(changed):
    before, _ = prepare(listing_of(LABELS), Settings())
    after, _ = prepare(changed(), Settings())
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("settings", [Settings(seed=1), Settings(image_size="10")])
def test_fingerprint_notices_another_split_and_another_size(settings):
    before, _ = prepare(listing_of(LABELS), Settings())
    after, _ = prepare(listing_of(LABELS), settings)
    assert before.fingerprint != after.fingerprint


def test_fingerprint_does_not_depend_on_where_the_data_stands():
    listing = listing_of(LABELS)
    moved = dataclasses.replace(listing, place="elsewhere", sources=[f"elsewhere/{row}" for row in range(48)])
    assert prepare(listing, Settings())[0].fingerprint == prepare(moved, Settings())[0].fingerprint
