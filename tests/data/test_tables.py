"""Tables as they come: CSV, TSV, JSONL, Parquet, in every encoding, with every fault."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from data.made import read, require_refused
from pellucid.data import Listing
from pellucid.data.tables.table_files import open_table

Write = Callable[[str, bytes | str], Path]

CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"), max_size=8)


def file_names(listing: Listing) -> list[str]:
    assert listing.paths is not None
    return [path.name for path in listing.paths]


def whole(path: Path) -> tuple[dict[str, list[object]], list[int]]:
    """Every column of a table, and the numbers of its rows."""
    table = open_table(path, path.name)
    blocks = list(table.read(table.names))
    columns = {name: [value for block in blocks for value in block.columns[name]] for name in table.names}
    return columns, [number for block in blocks for number in block.numbers]


# --- parsing


@given(st.lists(st.dictionaries(st.sampled_from("abc"), CELL | st.integers() | st.none()), min_size=1))
def test_jsonl_round_trip(tmp_path_factory: pytest.TempPathFactory, objects: list[dict[str, object]]) -> None:
    path = tmp_path_factory.mktemp("jsonl") / "t.jsonl"
    path.write_text("\n\n".join(json.dumps(value) for value in objects), encoding="utf-8")
    columns, numbers = whole(path)
    for name, values in columns.items():
        assert values == [value.get(name) for value in objects]
    assert numbers == list(range(1, 2 * len(objects), 2))


def test_fields_beyond_the_limit_of_pythons_module(write_table: Write) -> None:
    limit = csv.field_size_limit()
    long = "x" * 200_000
    listing = read(write_table("t.csv", f"path,label,notes\nphotos/cat/0.png,cat,{long}\n"))
    assert listing.labels == ["cat"]
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "the table is empty"),
        ("t.csv", "path,label\n", "the table has no rows"),
        ("t.csv", "path,path\na,b\n", "two columns are named 'path'; rename one"),
        ("t.csv", "path,label,split\nphotos/cat/0.png,a,exercise\nphotos/cat/1.png,a,exercise\n",
         "column 'split' holds 'exercise' at row 2, row 3; a split is train"),
        ("t.jsonl", "[1, 2]\n", "no column holds paths of images or texts; columns are .column 1., .col"),
        ("t.parquet", "no parquet", "not a readable Parquet file"),
        ("t.csv.gz", "not packed", "cannot be read"),
    ],
)  # fmt: skip
def test_tables_that_are_refused(write_table: Write, name: str, content: str, message: str) -> None:
    require_refused(write_table(name, content), message)


# --- columns


def test_columns_are_told_by_content_and_name(write_table: Write) -> None:
    listing = read(write_table("t.csv", "species,id,where\ncat,7,photos/cat/0.png\ndog,8,photos/dog/0.png\n"))
    assert listing.labels == ["cat", "dog"]
    assert "images from column 'where'; labels from column 'species'" in listing.warnings[-1]


def test_columns_can_be_named(write_table: Write) -> None:
    rows = ["photos/cat/0.png,photos/dog/0.png,x,g,train", "photos/cat/1.png,photos/dog/1.png,y,g,val"]
    path = write_table("t.csv", "\n".join(["a,b,c,d,e", *rows]))
    require_refused(
        path, r"which column holds the labels, 'b', 'c', 'd', 'e'\? Columns are 'a', 'b'.*--label-column"
    )
    listing = read(path, input_column="b", label_column="c", group_column="d", split_column="e")
    assert listing.paths is not None
    assert [path.parent.name for path in listing.paths] == ["dog", "dog"]
    assert listing.groups == ["g", "g"]
    assert listing.splits == ["", "validation"]
    require_refused(
        path, "--label-column 'nope' is not there; columns are 'a', 'b', 'c', 'd', 'e'", label_column="nope"
    )


def test_a_table_without_images(write_table: Write) -> None:
    require_refused(
        write_table("t.csv", "words,kind\nhello,a\nthere,b\n"),
        "no column holds paths of images; columns are 'words', 'kind'",
        task="image",
    )


def test_a_table_without_a_header(write_table: Write) -> None:
    listing = read(write_table("t.csv", "photos/cat/0.png,cat\nphotos/dog/0.png,dog\n"))
    assert listing.labels == ["cat", "dog"]
    assert listing.sources[0].endswith("t.csv:1")
    assert any(
        "the first row names an image, so the table has no header" in text for text in listing.warnings
    )


# --- labels


def test_labels_in_parquet_that_are_not_numbers(write_table: Write) -> None:
    buffer = io.BytesIO()
    columns = {"path": ["photos/cat/0.png"] * 3, "label": [1.0, float("nan"), None]}
    parquet.write_table(pa.table(columns), buffer)
    require_refused(
        write_table("t.parquet", buffer.getvalue()),
        "empty label at row 2, row 3; fill it in or remove the row",
    )


# --- paths


def test_missing_images_are_named_or_left_for_later(write_table: Write) -> None:
    path = write_table("t.csv", "path,label\nphotos/cat/0.png,a\nphotos/cat/99.png,b\n")
    require_refused(path, r"no such image at row 3 \('photos/cat/99.png'\); fix the paths")
    assert len(read(path, skip_bad=True)) == 2


@pytest.mark.parametrize(
    "value", ["../secret.png", "photos/../../secret.png", "photos/link/secret.png", "photos/s.png"]
)
def test_paths_that_leave_the_folder_are_refused(write_table: Write, tmp_path: Path, value: str) -> None:
    inner = tmp_path / "inner"
    (inner / "photos").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes((tmp_path / "photos/cat/0.png").read_bytes())
    (inner / "photos" / "link").symlink_to(tmp_path)
    (inner / "photos" / "s.png").symlink_to(tmp_path / "secret.png")
    table = inner / "t.csv"
    table.write_text(f"path,label\n{value},a\n")
    for skip_bad in (False, True):
        require_refused(
            table,
            "the path leaves the table's folder at row 2; move the images",
            skip_bad=skip_bad,
            input_column="path",
        )


def test_paths_may_wander_inside_and_be_absolute(write_table: Write, tmp_path: Path) -> None:
    absolute = tmp_path / "photos" / "dog" / "0.png"
    link = tmp_path / "photos" / "link.png"
    link.symlink_to(absolute)
    listing = read(
        write_table("t.csv", f"path,label\nphotos/cat/../dog/1.png,a\n{absolute},b\nphotos/link.png,c\n")
    )
    assert file_names(listing) == ["1.png", "0.png", "link.png"]


@pytest.mark.parametrize("value", ["", 7, None, "a\x00.png", "\ud800.png"])
def test_values_that_are_no_paths(write_table: Write, value: object) -> None:
    lines = [{"path": "photos/cat/0.png", "label": "a"}, {"path": value, "label": "b"}]
    require_refused(
        write_table("t.jsonl", "\n".join(map(json.dumps, lines))),
        "row 2 has no path of an image in column 'path'",
    )
