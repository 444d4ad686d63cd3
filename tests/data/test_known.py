"""Data for a model that goes on: its classes stay, its size, channels and range are kept."""

import numpy as np
import pytest
from PIL import Image

from data.made import images_of, listing_of, with_numbers, write_class_folders
from pellucid.data import Preprocessing, decode_all, prepare
from pellucid.data.dataset import EarlierConstraints
from pellucid.data.sources.labelled import read_data
from pellucid.errors import DataError
from pellucid.settings import Settings

OLD = EarlierConstraints(("b", "z"), Preprocessing(8, 8, 1))


def test_old_and_new_classes_make_one_sorted_map():
    dataset, check = prepare(listing_of(["a", "b"] * 20), Settings(), known=OLD)
    assert dataset.classes == check.classes == ("a", "b", "z")
    assert dataset.label_text(0) == "a"
    assert dataset.label_text(1) == "b"
    assert check.counts["train"][2] == 0
    assert check.sentences()[0].startswith("40 images in 2 classes")


def test_without_an_earlier_model_nothing_changes():
    listing = listing_of(["a", "b"] * 20)
    assert (
        prepare(listing, Settings())[0].fingerprint
        == prepare(listing, Settings(), known=EarlierConstraints())[0].fingerprint
    )


def test_old_classes_are_not_missed():
    listing = listing_of(["a", "b"] * 20)
    assert not [said for said in prepare(listing, Settings(), known=OLD)[1].warnings if "no example" in said]


def test_an_old_class_may_be_tested_without_being_trained():
    splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    labels = ["a", "b"] * 15 + ["z"] * 10
    with pytest.raises(DataError, match="1 class of the test split never stands in train: 'z'"):
        prepare(listing_of(labels, splits), Settings())
    dataset, _ = prepare(listing_of(labels, splits), Settings(), known=OLD)
    assert set(dataset.labels[dataset.test].tolist()) == {2}


def test_a_new_class_may_come_alone():
    listing = listing_of(["a"] * 20)
    with pytest.raises(DataError, match="only one class, 'a'"):
        prepare(listing, Settings())
    with pytest.raises(DataError, match="only one class, 'a'"):
        prepare(listing, Settings(), known=EarlierConstraints(("a",)))
    assert prepare(listing, Settings(), known=OLD)[0].classes == ("a", "b", "z")


def test_files_are_fitted_to_the_old_size_and_channels(tmp_path):
    folder = write_class_folders(tmp_path, {"a": 10, "b": 10})
    Image.fromarray(np.full((16, 16, 3), (200, 0, 0), np.uint8)).save(folder / "a" / "red.png")
    assert prepare(str(folder), Settings())[0].preprocessing == Preprocessing(16, 16, 3)
    dataset, _ = prepare(str(folder), Settings(), known=OLD)
    assert dataset.preprocessing == Preprocessing(8, 8, 1)
    assert dataset.inputs.shape == (21, 8, 8, 1)
    red = list(dataset.sources).index(str(folder / "a" / "red.png"))
    assert set(dataset.inputs[red].ravel().tolist()) == {60}  # 0.299 of 200


def test_arrays_are_scaled_by_the_old_range():
    pixels = images_of(40).astype(np.float32) / 510  # from 0 to 0.5
    listing = listing_of(["a", "b"] * 20, pixels=pixels)
    fixed = Preprocessing(12, 12, 1, 0.0, 0.5)
    dataset, _ = prepare(listing, Settings(), known=EarlierConstraints(("a", "b"), fixed))
    assert dataset.preprocessing == fixed
    np.testing.assert_array_equal(dataset.inputs, images_of(40))


def test_the_cache_keeps_both_ways_of_fitting_apart(tmp_path):
    listing = read_data(str(write_class_folders(tmp_path, {"a": 5, "b": 5})), Settings())
    plain, _ = decode_all(listing, Settings())
    small, _ = decode_all(listing, Settings(), fixed=Preprocessing(8, 8, 1))
    coloured, _ = decode_all(listing, Settings(), fixed=Preprocessing(8, 8, 3))
    assert [each.pixels.shape[1:] for each in (plain, small, coloured)] == [(16, 16, 1), (8, 8, 1), (8, 8, 3)]
    np.testing.assert_array_equal(decode_all(listing, Settings())[0].pixels, plain.pixels)


def test_numbers_have_no_classes_to_keep():
    listing = with_numbers(listing_of([str(row) for row in range(40)]), np.arange(40.0))
    dataset, _ = prepare(listing, Settings(), known=EarlierConstraints((), Preprocessing(12, 12, 1)))
    assert dataset.classes == ()
