"""Data whose labels are numbers: splitting, the finished data set, the findings and the ledger."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from data.made import images_of, listing_of, with_numbers
from pellucid.data import Check, Dataset, Listing, prepare, write_ledger
from pellucid.data.labels import number_text
from pellucid.data.splitting import split
from pellucid.data.wording import width
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION, deciles

DIGITS = load_digits()
PIXELS = (DIGITS.images * 15).astype(np.uint8)[..., None]
INK = DIGITS.images.mean(axis=(1, 2))


def numbers_listing(values, **more) -> Listing:
    values = np.asarray(values, np.float64)
    listing = listing_of([number_text(value) for value in values.tolist()], **more)
    return with_numbers(listing, values)


def prepared(count: int = 400, **more) -> tuple[Dataset, Check]:
    """Real digits with the mean of their pixels as the number to predict."""
    pixels = more.pop("pixels", PIXELS[:count])
    return prepare(numbers_listing(more.pop("values", INK[:count]), pixels=pixels, **more), Settings())


# --- splitting


def divide(listing: Listing, first=None, **more):
    count = len(listing)
    first = np.arange(count) if first is None else np.asarray(first)
    return split(listing, first.astype(np.int64), np.ones(count, bool), 0, **more)


def test_deciles_by_hand():
    assert deciles(np.arange(30.0)).tolist() == [0] * 15 + [1] * 15
    assert np.bincount(deciles(np.arange(1000.0))).tolist() == [100] * 10
    assert deciles(np.array([5.0, 1.0, 3.0])).tolist() == [0, 0, 0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400))
def test_deciles_keep_order_and_ties_together(values):
    values = np.array(values)
    parts = deciles(values)
    order = np.argsort(values)
    assert (np.diff(parts[order]) >= 0).all()
    for value in np.unique(values):
        assert len(set(parts[values == value].tolist())) == 1
    assert set(parts.tolist()) == set(range(parts.max() + 1))


def test_every_decile_gives_its_share_to_every_split():
    values = np.random.default_rng(0).lognormal(size=1000)
    splits = divide(numbers_listing(values))
    parts = deciles(values)
    for decile in range(10):
        mine = splits[parts == decile]
        assert ((mine == "test").sum(), (mine == "validation").sum()) == (20, 8)


def test_shares_hold_for_few_and_for_tied_numbers():
    few = divide(numbers_listing(np.arange(20.0)))
    assert [(few == part).sum() for part in ("train", "validation", "test")] == [12, 4, 4]
    tied = divide(numbers_listing([0.0] * 900 + list(range(1, 101))))
    assert [(tied == part).sum() for part in ("train", "validation", "test")] == [720, 80, 200]


def test_groups_and_copies_stay_together():
    values = np.random.default_rng(1).normal(size=300)
    groups = [f"g{index // 5}" for index in range(150)] + [""] * 150
    first = np.arange(300)
    first[151::2] = first[150::2]  # pairs of copies
    splits = divide(numbers_listing(values, groups=groups), first)
    for start in range(0, 150, 5):
        assert len(set(splits[start : start + 5])) == 1
    assert (splits[150::2] == splits[151::2]).all()
    assert set(splits) == {"train", "validation", "test"}


def test_too_little_to_divide_is_refused():
    with pytest.raises(
        DataError, match="2 examples cannot be divided; 3 are needed, one each for train, val"
    ):
        divide(numbers_listing([1.0, 2.0]))
    with pytest.raises(DataError, match=r"40 examples in 2 sets that must stay together cannot be divided"):
        divide(numbers_listing(np.arange(40.0), groups=["a", "b"] * 20))


# --- the finished data set


def test_labels_are_the_numbers_themselves_and_there_are_no_classes():
    dataset, _ = prepared()
    assert dataset.target is REGRESSION
    assert dataset.classes == ()
    assert dataset.labels.dtype == np.float64
    assert np.array_equal(dataset.labels, INK[:400])
    assert dataset.label_text(3) == repr(float(INK[3]))
    classes, _ = prepare(listing_of(["a", "b"] * 20), Settings())
    assert classes.target is CLASSIFICATION
    assert classes.label_text(1) == "b"


def test_the_fingerprint_covers_every_bit_of_a_number():
    values = INK[:40].copy()
    before, _ = prepared(40, values=values)
    again, _ = prepared(40, values=values.copy())
    changed = values.copy()
    changed[before.train[0]] = np.nextafter(changed[before.train[0]], np.inf)
    after, _ = prepared(40, values=changed)
    assert before.fingerprint == again.fingerprint
    assert before.fingerprint != after.fingerprint


def test_numbers_and_classes_of_the_same_text_have_different_fingerprints():
    values = np.arange(40) % 2
    classes, _ = prepare(listing_of([str(value) for value in values]), Settings())
    numbers, _ = prepare(numbers_listing(values), Settings())
    assert classes.fingerprint != numbers.fingerprint


# --- the findings


def test_counts_and_spread_of_every_split():
    dataset, check = prepared()
    assert check.metrics()["train"] == len(dataset.train)
    assert check.metrics()["test"] == len(dataset.test) == 80
    train = dataset.labels[dataset.train]
    spread = check.labels.splits["train"]
    assert spread.examples == len(train)
    assert (spread.smallest, spread.largest) == (train.min(), train.max())
    assert (spread.mean, spread.median) == (train.mean(), np.median(train))
    assert (spread.lower_quartile, spread.upper_quartile) == tuple(np.quantile(train, [0.25, 0.75]))
    assert check.labels.distinct == len(np.unique(INK[:400]))


def test_json_gives_quantiles_instead_of_class_counts_and_survives_json():
    _, check = prepared()
    document = json.loads(json.dumps(check.to_json(), allow_nan=False))
    assert document == check.to_json()
    assert (document["classes"], document["counts"], document["look_alikes"]) == ([], {}, [])
    assert document["numbers"]["smallest"] == INK[:400].min()
    assert document["numbers"]["splits"]["validation"]["examples"] == document["validation"]
    assert prepare(listing_of(["a", "b"] * 20), Settings())[1].to_json()["numbers"] is None


def test_sentences_and_table_speak_of_numbers_and_not_of_classes():
    _, check = prepared()
    words = " ".join(check.sentences())
    assert check.sentences()[0] == "400 images, each with a number to predict, from somewhere (a table)."
    assert f"The numbers go from {INK[:400].min():.6g} to {INK[:400].max():.6g} (mean " in words
    assert "class" not in words
    table = check.table()
    assert table[0].split() == ["number", "train", "validation", "test"]
    assert [line.split("  ")[0] for line in table[1:]] == [
        "smallest", "lower quartile", "median", "upper quartile", "largest", "mean", "images",
    ]  # fmt: skip
    assert table[-1].split()[1:] == ["288", "32", "80"]
    assert len({len(line) for line in table}) == 1
    assert all(width(line) <= 80 for line in check.lines())


def test_an_empty_split_has_no_spread():
    listing = numbers_listing(INK[:40], pixels=PIXELS[:40])
    _, check = prepare(listing, Settings(), make=())
    assert check.labels.splits["test"] is None
    assert check.to_json()["numbers"]["splits"]["test"] is None
    assert check.table()[1].split()[0] == "smallest"


def test_test_numbers_beyond_those_of_train_are_said():
    splits = ["train"] * 60 + ["validation"] * 10 + ["test"] * 30
    order = np.argsort(INK[:100])
    _, check = prepared(100, values=INK[:100][order], pixels=PIXELS[:100][order], splits=splits)
    assert check.labels.outside == 30
    assert "go the numbers of 30 test images; models seldom reach further" in " ".join(check.sentences())
    assert "Beyond" not in " ".join(prepared()[1].sentences())


def test_exact_copies_with_different_numbers_are_listed():
    pixels = PIXELS[:60].copy()
    pixels[7] = pixels[2]
    pixels[9] = pixels[4]
    values = INK[:60].copy()
    values[7] = values[2]
    dataset, check = prepared(60, values=values, pixels=pixels)
    assert check.duplicates == 2
    assert [[each.source for each in one] for one in check.conflicts] == [["table.csv:5", "table.csv:10"]]
    words = " ".join(check.sentences())
    assert "Equal images have different numbers, of which one at most is right: 1 set" in words
    assert f"table.csv:5 ({values[4]:g})" in words
    splits = {part: set(positions.tolist()) for part, positions in dataset.split_positions.items()}
    assert any({2, 7} <= members for members in splits.values())
    assert any({4, 9} <= members for members in splits.values())


# --- the ledger


def test_the_ledger_shows_numbers_as_text(tmp_path):
    pixels = PIXELS[:60].copy()
    pixels[9] = pixels[4]
    dataset, check = prepared(60, pixels=pixels)
    path = write_ledger(tmp_path, dataset, check)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [float(row["label"]) for row in rows] == INK[:60].tolist()
    assert rows[9]["reason"].endswith(f", labelled {number_text(float(INK[4]))} there")


def test_skipped_examples_keep_their_number(tmp_path):
    pixels = images_of(40).astype(np.float64)
    pixels[6, 0, 0, 0] = np.nan
    listing = numbers_listing(np.arange(40) / 4, pixels=pixels)
    dataset, check = prepare(listing, Settings(skip_bad=True))
    rows = [json.loads(line) for line in write_ledger(tmp_path, dataset, check).read_text().splitlines()]
    assert (rows[6]["fate"], rows[6]["label"]) == ("skipped", "1.5")
    assert 6 not in np.concatenate(list(dataset.split_positions.values()))
