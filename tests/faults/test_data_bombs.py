"""FAULTS 35, 39, 41: small files that stand for gigabytes, tables of absurd forms, by the real command."""

import datetime
import gzip
import io
import json
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from fuzz.harness import try_all
from limited import within_limits
from pellucid.data.sources.labelled import read_data
from pellucid.errors import DataError
from pellucid.settings import Settings

_STARTING = 1.5
"""Seconds of processor time that the command needs for its imports alone, on the machine that tests it."""


def refused(path, reason, *, within=5.0):
    """Refuse with exit code 3 and a short message, within the seconds and one gigabyte.

    The same file takes 1.0 to 4.3 s of processor time on one machine: in virtual machines the kernel needs
    that differently long to hand out half a gigabyte of memory.
    """
    assert path.stat().st_size < 20_000_000
    ended = within_limits("inspect", path)
    assert ended.code == 3, ended
    *progress, said = ended.errors.splitlines()  # a line about reading comes after two seconds
    assert all(" per second" in line for line in progress), ended.errors
    assert said.startswith(f"error: {path}"), ended.errors
    assert reason in said, ended.errors
    assert len(said) < 2_100
    assert ended.seconds < within + _STARTING, f"{ended.seconds:.1f} s"


def many(letter):
    """A gigabyte of one letter as gzip packs it, part by part."""
    return gzip.compress(letter * (32 << 20)) * 32


def write_parquet(path, columns, **given):
    parquet.write_table(pa.table(columns), path, **given)
    return path


@pytest.mark.slow
def test_a_dictionary_that_stands_for_gigabytes(tmp_path):
    """Sixteen megabytes of one letter, said a thousand times: 2 kB that once took 16 GB."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), pa.array(["a" * (16 << 20)]))
    table = {"text": text, "label": ["a", "b"] * 500}
    path = write_parquet(tmp_path / "t.parquet", table, compression="zstd")
    refused(path, "unpacks to more than", within=14.0)  # 5 to 11 on one machine


@pytest.mark.slow
def test_a_page_that_unpacks_to_a_gigabyte(tmp_path):
    column = pa.array(["a" * (300 << 20), "b"], pa.large_string())
    path = write_parquet(
        tmp_path / "t.parquet",
        {"text": column, "label": ["a", "b"]},
        compression="zstd",
        use_dictionary=False,
    )
    del column
    refused(path, "row 1 holds more than 48 MB; cut its texts")


@pytest.mark.slow
def test_run_lengths_that_stand_for_billions_of_rows(tmp_path):
    number = pa.repeat(pa.scalar(1, pa.int8()), 12_000_000)
    path = write_parquet(tmp_path / "t.parquet", {"text": number, "label": number}, compression="zstd")
    refused(path, "claims 12,000,000 rows")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv.gz", "t.jsonl.gz"])
def test_one_packed_line_of_gigabytes(name, tmp_path):
    path = tmp_path / name
    start = gzip.compress(b'text,label\n"' if "csv" in name else b'{"text": "')
    path.write_bytes(start + many(b"a"))
    refused(path, "unpacks to more than")


@pytest.mark.slow
def test_packed_empty_lines_without_end(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\na,b\n") + many(b"\n"))
    refused(path, "unpacks to more than")


def test_one_line_of_megabytes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"text,label\n" + b"a" * (18 << 20))
    refused(path, "holds a line of more than 16 MB")


@pytest.mark.slow
def test_a_row_of_millions_of_commas(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"," * (15 << 20))
    refused(path, "more than 100,000 columns")


def test_a_line_of_json_with_millions_of_lists(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"text": "a", "label": [' + b"[]," * 4_000_000 + b"[]]}\n")
    refused(path, "row 1 is not JSON (more than 4,000,000 values)")


def test_a_line_of_json_nested_without_end(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'{"text": "a", "label": ' + b"[" * 200_000 + b"]" * 200_000 + b"}\n")
    refused(path, "row 1 is not JSON (nested too deeply)")


@pytest.mark.slow
def test_idx_files_of_zeros(tmp_path):
    for part, shape in (("images-idx3", (100_000, 100, 100)), ("labels-idx1", (100_000,))):
        head = struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape)
        content = gzip.compress(bytes(100_000)) if len(shape) == 1 else many(b"\0")
        (tmp_path / f"train-{part}-ubyte.gz").write_bytes(gzip.compress(head) + content)
    ended = within_limits("inspect", tmp_path)
    assert ended.code == 3, ended
    assert "train-images-idx3-ubyte.gz: unpacks to more than" in ended.errors
    assert ended.seconds < 2 + _STARTING


@pytest.mark.slow
def test_an_npz_of_zeros(tmp_path):
    path = tmp_path / "t.npz"
    labels = np.arange(60_000) % 2
    np.savez_compressed(path, x_train=np.zeros((60_000, 100, 100), np.uint8), y_train=labels)
    refused(path, "unpacks to more than")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["t.csv.gz", "t.parquet"])
def test_rows_without_end(name, tmp_path):
    """140 kB of 12 million rows took 3.4 GB."""
    path = tmp_path / name
    if name == "t.parquet":
        column = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 5_000_000, pa.int8()), ["a b c", "d e"])
        write_parquet(path, {"text": column, "label": column}, compression="zstd")
    else:
        path.write_bytes(gzip.compress(b"text,label\n") + gzip.compress(b"a b,x\nc d,y\n" * 1_000_000) * 6)
    ended = within_limits("inspect", path, memory=400 << 20)
    assert ended.code == 3, ended
    assert "rows or more, each of which takes some 250 bytes of memory, over the limit of 4,0" in ended.errors
    assert "raise PELLUCID_MEMORY_GB" in ended.errors
    assert ended.seconds < 25


@pytest.mark.slow
def test_a_gzip_header_of_megabytes(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(b"\x1f\x8b\x08\x08" + bytes(6) + b"a" * (18 << 20))
    refused(path, "more than a megabyte of headers without content")


# Odd members and values


def npz(path, **members):
    """Write members as they are: arrays, or bytes that should be one."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            if isinstance(content, np.ndarray):
                buffer = io.BytesIO()
                np.save(buffer, content)
                content = buffer.getvalue()
            archive.writestr(f"{name}.npy", content)
    return path


def header(text):
    """A member with such a header and no content."""
    padded = text.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded


IMAGES = np.zeros((4, 8, 8), np.uint8)
MEMBERS = {
    "nested": header("[" * 90),
    "no dict": header("'text'"),
    "negative": header("{'descr': '|u1', 'fortran_order': False, 'shape': (-4, 8, 8), }"),
    "huge": header("{'descr': '|u1', 'fortran_order': False, 'shape': (4, 99999999999999999999), }"),
    "truth values as sides": header("{'descr': '|u1', 'fortran_order': False, 'shape': (True, True), }"),
    "structure": np.zeros(4, [("a", "u1"), ("b", "f4")]),
    "dates": np.zeros((4, 8, 8), "M8[s]"),
    "complex": np.zeros((4, 8, 8), np.complex64),
    "texts": np.full((4, 8, 8), "a"),
    "nothing at all": b"",
    "unknown kind": header("{'descr': 'rubbish', 'fortran_order': False, 'shape': (4,), }"),
    "no sides": np.zeros((), np.uint8),
    "seven sides": np.zeros((4, 1, 1, 1, 1, 1, 1), np.uint8),
}


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("part", ["x_train", "y_train"])
def test_crafted_members(name, part, tmp_path):
    members = {"x_train": IMAGES, "y_train": np.array([0, 0, 1, 1]), part: MEMBERS[name]}
    path = npz(tmp_path / "t.npz", **members)
    with pytest.raises(DataError, match=r"t\.npz"):
        read_data(str(path), Settings()).load_pixels()


def test_a_code_point_beyond_unicode(tmp_path):
    labels = np.array(["a", "b", "a", "b"])
    labels.view(np.uint32)[2] = 0x110000
    path = npz(tmp_path / "t.npz", x_train=IMAGES, y_train=labels)
    with pytest.raises(DataError, match=r"t\.npz: .*y_train row 3.*no text"):
        read_data(str(path), Settings())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name(tmp_path):
    path = tmp_path / "t.npz"
    with zipfile.ZipFile(path, "w") as archive:
        for content in (IMAGES, IMAGES, np.array([0, 0, 1, 1])):
            buffer = io.BytesIO()
            np.save(buffer, content)
            archive.writestr("x_train.npy" if content.ndim == 3 else "y_train.npy", buffer.getvalue())
    with pytest.raises(DataError, match=r"t\.npz: holds 'x_train\.npy' twice"):
        read_data(str(path), Settings())


def table(path, rows, labels):
    lines = (json.dumps({"text": f"text number {row}", "label": 0}) for row in range(rows))
    content = "\n".join(line.replace('"label": 0', f'"label": {labels[row % len(labels)]}')
                        for row, line in enumerate(lines))  # fmt: skip
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("1e400", "row 2 is not JSON (1e400 is too large)"),
        ("-1e400", "row 2 is not JSON (-1e400 is too large)"),
        ("9" * 400, "row 2 is not JSON (99999999999999999999... has more than 300 digits)"),
        ("9" * 10_000, "row 2 is not JSON (99999999999999999999... has more than 300 digits)"),
        ("Infinity", "row 2 is not JSON (Infinity is not a number)"),
        ("NaN", "empty label at row 2"),
    ],
)
def test_numbers_that_are_none(label, reason, tmp_path):
    path = table(tmp_path / "t.jsonl", 40, ["1.5", label])
    with pytest.raises(DataError) as caught:
        read_data(str(path), Settings())
    assert f"{path}: {reason}" in str(caught.value)


@pytest.mark.parametrize("used", [True, False])
def test_dates_that_python_cannot_hold(used, tmp_path):
    """In a column of no account they do not matter; as times they are refused with their row."""
    far = pa.array([1 << 62, 0] * 20, pa.timestamp("us"))
    texts = [f"a text about the number {row}" for row in range(40)]
    path = write_parquet(tmp_path / "t.parquet", {"text": texts, "label": ["a", "b"] * 20, "when": far})
    if not used:
        assert len(read_data(str(path), Settings(label_column="label"))) == 40
        return
    with pytest.raises(DataError, match=r"column 'when': no time: .*out of range.* at row 1"):
        read_data(str(path), Settings(label_column="label", time_column="when"))
    with pytest.raises(DataError, match=r"labels of mixed kinds|is a datetime"):
        read_data(str(path), Settings(label_column="when"))


def test_columns_of_lists_are_left_alone(tmp_path):
    path = write_parquet(
        tmp_path / "t.parquet",
        {"text": [f"number {row}" for row in range(40)], "label": ["a", "b"] * 20,
         "vector": [[float(row)] * 3 for row in range(40)], "inner": [{"a": 1}] * 40},
    )  # fmt: skip
    found = read_data(str(path), Settings())
    assert len(found) == 40
    with pytest.raises(DataError, match="no label at all; labels in lists are texts or whole numbers"):
        read_data(str(path), Settings(label_column="vector"))


@pytest.mark.parametrize(
    "form",
    ["jsonl", *(pytest.param(form, marks=pytest.mark.slow) for form in ("csv", "parquet"))],
)
def test_forty_thousand_columns_take_linear_time_and_a_short_message(form, tmp_path):
    names = [f"column number {number}" for number in range(40_000)]
    for number in range(20):  # in which values could name images
        (tmp_path / f"folder-{number}").mkdir()
    path = tmp_path / f"t.{form}"
    if form == "csv":
        path.write_text("\n".join(",".join(row) for row in (names, ["a"] * 40_000, ["b"] * 40_000)))
    elif form == "jsonl":
        path.write_text(json.dumps(dict.fromkeys(names, "a")))
    else:
        write_parquet(path, {name: pa.array(["a", "b"]) for name in names}, compression="none")
    ended = within_limits("inspect", path)
    assert ended.code == 3, ended
    assert len(ended.errors) < 1_000, len(ended.errors)
    assert "and 39,990 more" in ended.errors
    assert ended.seconds < 15 + _STARTING


def test_a_date_is_no_label(tmp_path):
    days = [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)] * 20
    path = write_parquet(
        tmp_path / "t.parquet", {"text": [f"number {row}" for row in range(40)], "label": days}
    )
    with pytest.raises(DataError, match="is a date; use text or a number"):
        read_data(str(path), Settings())


# What the fuzzer found


def test_a_footer_that_contradicts_itself_does_not_end_the_process(tmp_path):
    """Arrow does that where it is asked to describe a column that counts levels which it lacks."""
    parquet.write_table(pa.table({"text": ["a", "b"], "label": ["c", "d"]}), tmp_path / "t.parquet")
    content = (tmp_path / "t.parquet").read_bytes()
    footer = content.rindex(b"\x15\x0c\x25\x02")  # a column of texts that may be missing: now it may not
    (tmp_path / "t.parquet").write_bytes(content[: footer + 3] + b"\x00" + content[footer + 4 :])

    def trial(draw, place):
        read_data(str(tmp_path / "t.parquet"), Settings())
        return "read"

    tally = try_all("parquet", trial, [0], tmp_path)
    assert dict(tally.outcomes) == {"refused with 3": 1}, tally.finds


def test_a_member_of_an_archive_with_two_names(tmp_path):
    np.savez(tmp_path / "t.npz", x_train=np.zeros((4, 8, 8), np.uint8), y_train=np.arange(4))
    content = bytearray((tmp_path / "t.npz").read_bytes())
    content[7] |= 8  # the name in front of the array is UTF-8, which it is not
    content[30] = 0x80
    (tmp_path / "t.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"t\.npz: .*'x_train\.npy'.* has two names; use an undamaged copy"):
        read_data(str(tmp_path / "t.npz"), Settings())
