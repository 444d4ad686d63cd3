"""Whether labels are classes or numbers, and how numbers are read."""

import gzip
import json
import math
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pyarrow import parquet
from sklearn.datasets import load_digits

from data.made import images_of, listing_of, write_class_folders
from pellucid.data import prepare, read_data
from pellucid.data.by_target import with_target
from pellucid.data.labels import number_text, read_number, require_spread
from pellucid.errors import DataError
from pellucid.settings import Settings
from pellucid.targets import CLASSIFICATION, REGRESSION

DIGITS = load_digits()
INK = DIGITS.images.mean(axis=(1, 2))


def write_table(folder: Path, cells, *, name: str = "ink.csv", separator: str = ",") -> Path:
    """Real digits as PNG files, and a table of their paths and one cell each."""
    (folder / "images").mkdir(exist_ok=True)
    rows = []
    for index, cell in enumerate(cells):
        path = f"images/{index:03}.png"
        Image.fromarray((DIGITS.images[index] * 15).astype(np.uint8)).save(folder / path)
        rows.append((path, cell))
    table = folder / name
    if name.endswith(".csv"):
        lines = [separator.join(("image", "ink")), *(f"{path}{separator}{cell}" for path, cell in rows)]
        table.write_text("\n".join(lines) + "\n")
    elif name.endswith(".jsonl"):
        table.write_text("".join(json.dumps({"image": path, "ink": cell}) + "\n" for path, cell in rows))
    else:
        images, inks = zip(*rows, strict=True)
        parquet.write_table(pa.table({"image": list(images), "ink": list(inks)}), table)
    return table


def read(path: Path, **settings: object):
    return read_data(str(path), Settings(**settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.5", 3.5), ("-2", -2.0), (" 7 ", 7.0), ("9\x1d", 9.0), ("+.5", 0.5), ("5.", 5.0), ("1e3", 1000.0),
        ("1E-3", 0.001), ("-0", 0.0), ("1e30", 1e30),
        ("", None), ("nan", None), ("NaN", None), ("inf", None), ("-Infinity", None), ("3,5", None),
        ("1_000", None), ("٣", None), ("0x10", None), ("1e31", None), ("1e400", None), ("true", None),
        ("3.5 kg", None), (".", None), ("e5", None), ("--1", None), ("1.2.3", None),
    ],
)  # fmt: skip
def test_numbers_are_read_strictly(text, value):
    found = read_number(text)
    assert found == value
    assert found != 0 or math.copysign(1.0, found) == 1.0


@given(st.floats(-1e30, 1e30))
def test_the_text_of_a_number_reads_back_as_the_same_number(value):
    assert read_number(number_text(value)) == value


def test_texts_of_numbers():
    assert list(map(number_text, (3.0, 3.5, 1e-7, 1e22, -2.25))) == ["3", "3.5", "1e-07", "1e+22", "-2.25"]


@pytest.mark.parametrize("name", ["ink.csv", "ink.jsonl", "ink.parquet"])
def test_a_table_of_fractions_is_taken_as_numbers_exactly(tmp_path, name):
    listing = read(write_table(tmp_path, INK[:40].tolist(), name=name))
    assert listing.target is REGRESSION
    assert listing.coded.values.dtype == np.float64
    assert np.array_equal(listing.coded.values, INK[:40])
    assert [float(text) for text in listing.labels] == INK[:40].tolist()
    distinct = len(np.unique(INK[:40]))
    assert listing.warnings[-1].endswith(
        f"the labels are taken as numbers to predict, since they have fractions and {distinct} values; "
        "take them as classes with --target class"
    )


def test_target_class_keeps_classes_and_says_so(tmp_path):
    listing = read(write_table(tmp_path, INK[:40].tolist()), target="class")
    assert listing.target is CLASSIFICATION
    assert listing.labels[0] == repr(float(INK[0]))
    assert listing.warnings[-1].endswith("the labels are numbers, taken as classes as --target class asks")


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (
            list(range(40)),
            "numbers without fractions, taken as classes; predict numbers with --target number",
        ),
        ([1.5, 2.5] * 20, "numbers of only 2 values, taken as classes; predict numbers with --target number"),
    ],
)
def test_few_values_and_whole_numbers_are_classes_unless_asked(tmp_path, cells, words):
    path = write_table(tmp_path, cells)
    listing = read(path)
    assert listing.target is CLASSIFICATION
    assert listing.warnings[-1].endswith(words)
    asked = read(path, target="number")
    assert asked.coded.values.tolist() == cells
    assert asked.warnings[-1].endswith("taken as numbers to predict, as --target number asks")


def test_twenty_values_are_classes_and_twenty_one_are_numbers(tmp_path):
    twenty = [index % 20 + 0.5 for index in range(40)]
    assert read(write_table(tmp_path, twenty)).target is CLASSIFICATION
    assert read(write_table(tmp_path, [*twenty[:-1], 99.5])).target is REGRESSION


def test_plain_class_names_need_no_sentence():
    listing = listing_of(["cat", "dog"] * 10)
    assert with_target(listing, Settings()) is listing


def test_numbers_but_for_a_few_are_classes_and_the_few_are_named(tmp_path):
    cells = [*INK[:38].tolist(), "unknown", "n/a"]
    listing = read(write_table(tmp_path, cells))
    assert listing.target is CLASSIFICATION
    assert "numbers but for 'unknown' at" in listing.warnings[-1]
    assert listing.warnings[-1].endswith("and so taken as classes; fix or remove these to predict numbers")
    asked = read(tmp_path / "ink.csv", target="class")
    assert "taken as" not in " ".join(asked.warnings)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("nan", r"not a finite number: 'nan' at \S*ink.csv:7, 'nan' at \S*ink.csv:9; fix or remove them"),
        ("inf", r"not a finite number: 'inf' at \S*ink.csv:7"),
        ("heavy", r"not a finite number: 'heavy' at \S*ink.csv:7"),
        ("1e40", r"numbers to predict are at most 1e\+30 in size: '1e40' at"),
        ("", r"empty label at row 7, row 9; fill it in or remove the row"),
    ],
)
def test_what_is_no_number_is_refused_with_its_rows(tmp_path, bad, words):
    cells = INK[:40].tolist()
    cells[5] = cells[7] = bad
    with pytest.raises(DataError, match=words):
        read(write_table(tmp_path, cells), target="number")


@pytest.mark.parametrize("target", [None, "number"])
def test_decimal_commas_are_refused_with_what_to_do(tmp_path, target):
    cells = [str(value).replace(".", ",") for value in INK[:40]]
    path = write_table(tmp_path, cells, separator=";")
    with pytest.raises(
        DataError, match=r"a decimal point and without a comma: '\d,\d+' at .* and \d+ more; fix"
    ):
        read(path, target=target)
    assert read(path, target="class").labels == cells


def test_missing_values_of_parquet_are_refused_with_their_rows(tmp_path):
    cells = INK[:40].tolist()
    cells[3], cells[5] = None, float("nan")
    with pytest.raises(DataError, match="empty label at row 4, row 6"):
        read(write_table(tmp_path, cells, name="ink.parquet"), target="number")


def test_the_test_table_counts_for_the_decision(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    train = write_table(tmp_path / "a", INK[:30].tolist())
    test = write_table(tmp_path / "b", [*INK[30:50].tolist(), "lost"])
    listing = read(train, test=str(test))
    assert listing.target is CLASSIFICATION
    assert f"'lost' at {test}:22" in listing.warnings[-1]


def _write_idx(folder: Path) -> Path:
    pixels, labels = (DIGITS.images * 15).astype(np.uint8)[:40], DIGITS.target[:40].astype(np.uint8)
    images = b"\0\0\x08\x03" + struct.pack(">3I", *pixels.shape) + pixels.tobytes()
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(
        b"\0\0\x08\x01" + struct.pack(">I", 40) + labels.tobytes()
    )
    return folder


def test_idx_is_classes_unless_asked(tmp_path):
    folder = _write_idx(tmp_path)
    assert read(folder).target is CLASSIFICATION
    assert read(folder, target="number").coded.values.tolist() == DIGITS.target[:40].tolist()


def test_npz_is_classes_unless_asked(tmp_path):
    path = tmp_path / "ink.npz"
    np.savez(path, x_train=(DIGITS.images * 15).astype(np.uint8)[:40], y_train=INK[:40].astype(np.float32))
    assert read(path).target is CLASSIFICATION
    assert np.array_equal(
        read(path, target="number").coded.values, INK[:40].astype(np.float32).astype(np.float64)
    )
    with pytest.raises(
        DataError, match=r"too few examples.*; if the labels are numbers to predict, give --target"
    ):
        prepare(str(path), Settings())


def test_npz_infinity_is_refused_with_its_row(tmp_path):
    path = tmp_path / "ink.npz"
    labels = INK[:40].copy()
    labels[4] = np.inf
    np.savez(path, x_train=images_of(40), y_train=labels)
    with pytest.raises(DataError, match=r"not a finite number: 'inf' at \S*ink.npz:x_train:5"):
        read(path, target="number")


def test_folders_named_by_numbers(tmp_path):
    folder = write_class_folders(tmp_path / "ages", {"1.5": 12, "2": 12, "30": 12})
    assert read(folder).target is CLASSIFICATION
    assert sorted(set(read(folder, target="number").coded.values.tolist())) == [1.5, 2.0, 30.0]
    (folder / "30").rename(folder / "old")
    with pytest.raises(DataError, match=r"not a finite number: 'old' at \S*old/000.png"):
        read(folder, target="number")


def test_a_constant_leaves_nothing_to_learn():
    listing = with_target(listing_of(["2.50"] * 40), Settings(target="number"))
    with pytest.raises(DataError, match=r"somewhere: every number to predict is 2.5, which leaves nothing"):
        prepare(listing, Settings(target="number"))


def test_a_constant_train_split_is_refused_by_name():
    splits = ["train"] * 20 + ["validation"] * 10 + ["test"] * 10
    listing = with_target(listing_of(["1"] * 20 + ["2", "3"] * 10, splits), Settings(target="number"))
    with pytest.raises(DataError, match="train split: every number to predict is 1, which leaves nothing"):
        prepare(listing, Settings(target="number"))


def test_numbers_too_near_to_each_other_for_their_size_are_refused():
    with pytest.raises(DataError, match=r"from 1700000000 to 1700000001; subtract a constant"):
        require_spread(np.array([1.7e9, 1.7e9 + 1]), "times")
    with pytest.raises(DataError, match=r"from 1e-35 to 2e-35; .* another unit"):
        require_spread(np.array([1e-35, 2e-35]), "lengths")
    require_spread(np.array([1.7e9, 1.8e9]), "times")


def test_names_are_refused_as_names():
    words = (
        r"numbers are to be predicted, but most labels are names: 'cat' at table.csv:1, .* and 10 more; fix"
    )
    with pytest.raises(DataError, match=words):
        with_target(listing_of(["cat", "dog"] * 10), Settings(target="number"))
