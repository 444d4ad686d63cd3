"""Texts as the world sends them: every fault is made with real bytes and read through the front door."""

import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from data.made import read, require_refused, texts_of, written
from pellucid.data import Listing

STRANGE = {
    "NUL bytes": "a\x00b c",
    "right to left": "שלום עולם \u202eabc",
    "emoji": "so good 👩‍👩‍👧 🎉",
    "zero width": "zero\u200bwidth\ufeff",
    "combining": "e\u0301\u0301\u0301",
    "control": "bell\x07 and escape \x1b[31m",
    "html": "<script>alert(1)</script>",
    "formula": "=1+1",
    "last character": "\U0010ffff",
}


def reasons(listing: Listing) -> list[tuple[str, str]]:
    return [(problem.source.rpartition(":")[2], problem.reason) for problem in listing.problems]


# --- row 16: strange characters


@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_strange_characters_are_kept(tmp_path: Path, text: str) -> None:
    listing = read(written(tmp_path / "t.csv", f"text,label\n{text},a\nplain,b\n"))
    assert texts_of(listing) == [text, "plain"]
    lines = [json.dumps({"text": value, "label": "a"}) for value in (text, "plain")]
    assert texts_of(read(written(tmp_path / "t.jsonl", "\n".join(lines)))) == [text, "plain"]
    folder = tmp_path / "folder"
    for name in ("a", "b"):
        (folder / name).mkdir(parents=True)
        written(folder / name / "1.txt", text)
    assert texts_of(read(folder)) == [text, text]


def test_lone_surrogates_are_refused_with_their_row(tmp_path: Path) -> None:
    lines = ['{"text": "fine \\ud83d\\ude00", "label": "a"}', '{"text": "half \\ud800", "label": "b"}']
    listing = read(written(tmp_path / "t.jsonl", "\n".join(lines)))
    assert texts_of(listing) == ["fine 😀", ""]
    assert reasons(listing) == [("2", "holds a lone surrogate (\\ud800, character 6), which is no text")]


# --- row 15: blank texts, long texts


@pytest.mark.parametrize("blank", ["", "   ", "\t", "\u3000", "\u200b\ufeff", "\xa0", "\x00\x00"])
def test_blank_texts_are_problems_with_their_rows(tmp_path: Path, blank: str) -> None:
    content = f'text,label\nfine,a\n"{blank}",b\n\n"{blank}",a\n'
    listing = read(written(tmp_path / "t.csv", content))
    assert reasons(listing) == [("3", "holds no text"), ("5", "holds no text")]
    assert texts_of(listing) == ["fine", "", ""]


def test_values_that_are_no_texts(tmp_path: Path) -> None:
    values = [None, True, 3, 2.5, ["a"], {"b": 1}, float("nan"), "words"]
    lines = [json.dumps({"text": value, "label": "a"}) for value in ["first words", "more words", *values]]
    listing = read(written(tmp_path / "t.jsonl", "\n".join(lines)), input_column="text")
    assert texts_of(listing) == ["first words", "more words", "", "", "3", "2.5", "", "", "", "words"]
    assert reasons(listing) == [
        ("3", "holds no text"),
        ("4", "is a truth value and no text"),
        ("7", "is a list and no text"),
        ("8", "is an object and no text"),
        ("9", "holds no text"),
    ]


def test_one_line_of_a_megabyte(tmp_path: Path) -> None:
    long = "word " * 200_000
    for name, content in (
        ("t.csv", f"text,label\n{long},a\nshort,b\n"),
        ("t.jsonl", f'{{"text": "{long}", "label": "a"}}\n{{"text": "short", "label": "b"}}'),
    ):
        assert texts_of(read(written(tmp_path / name, content))) == [long, "short"]


# --- rows 12 to 14: the form of the file


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_marks_separators_and_line_ends(tmp_path: Path, mark: bytes, separator: str, line_end: str) -> None:
    lines = [("text", "label"), ("hübsch", "NA"), ("hässlich", "null"), ("hm", "nan")]
    content = line_end.join(separator.join(line) for line in lines)
    listing = read(written(tmp_path / "t.csv", mark + content.encode()))
    assert texts_of(listing) == ["hübsch", "hässlich", "hm"]
    assert listing.labels == ["NA", "null", "nan"]
    assert any("separated by" in warning for warning in listing.warnings) == (separator != ",")


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("t.csv", "utf-16"), ("t.tsv", "utf-16-le"), ("t.jsonl", "utf-16-be"),
        ("t.jsonl", "utf-32"), ("t.csv", "utf-32-le"), ("t.tsv", "utf-32-be"),
    ],
)  # fmt: skip
def test_wide_encodings_are_detected_and_reported(tmp_path: Path, name: str, encoding: str) -> None:
    rows = [{"text": "hübsch und 文", "label": "chât"}, {"text": "so plain as that", "label": "b"}]
    if name == "t.jsonl":
        content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    else:
        separator = "\t" if name == "t.tsv" else ","
        content = "\n".join(separator.join(line) for line in (rows[0], *(row.values() for row in rows)))
    path = written(tmp_path / name, content.encode(encoding))
    listing = read(path)
    assert texts_of(listing) == ["hübsch und 文", "so plain as that"]
    assert f"{path}: read as {encoding.upper()}" in listing.warnings
    assert read(path, encoding=encoding).warnings == listing.warnings[1:]


def test_an_encoding_that_wants_a_mark_is_read_without_one(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,label\n字文,a\n文字,b\n".encode("utf-16-le"))
    assert texts_of(read(path, encoding="utf-16")) == ["字文", "文字"]


@pytest.mark.parametrize(("row", "packed"), [(2, False), (900, True), (30_000, False)])
def test_invalid_utf8_is_named_by_row_and_byte(tmp_path: Path, row: int, packed: bool) -> None:
    lines = [b"text;label", *[b'"two\nlines";a'] * 40_000]
    lines[row - 1] = b"caf\xe9;b"
    byte = len(b"\n".join(lines[: row - 1])) + 4
    content = b"\n".join(lines)
    path = written(
        tmp_path / ("t.csv.gz" if packed else "t.csv"), gzip.compress(content) if packed else content
    )
    require_refused(path, rf"row {row}, byte {byte}: not UTF-8 \(found 0xe9\); .*cp1252")
    assert texts_of(read(path, encoding="cp1252"))[row - 2] == "café"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.jsonl", b'{"text": "fine", "label": "a"}\n' * 5_000 + b'{"text": "caf\xe9"}',
         rf"row 5001, byte {31 * 5_000 + 13}: not UTF-8 \(found 0xe9\)"),
        ("t.csv", b"text,label\nfine,a\n\xe6\x96", r"row 3, byte 18: not UTF-8 \(found 0xe6\)"),
        ("t.csv", "text,label\nfine,a\n".encode("utf-16") + b"x",
         r"row 3, byte 38: not UTF-16 \(found 0x78\)"),
        ("t.csv", "text,label\n" + "fine,a\n" * 20_000 + "one, two,b",
         "row 20002 has 3 fields, the first row 2; fix the row"),
        ("t.csv", "text,label\n" + "fine,a\n" * 12_344 + "fine,\n\nfine,\n",
         "empty label at row 12346, row 12348; fill it in"),
        ("t.jsonl", '{"text": "fine", "label": "a"}\n' * 3_000 + "{", "row 3001 is not JSON"),
        ("t.csv.gz", gzip.compress(b"text,label\n" + b"fine,a\n" * 1_000, mtime=0)[:-9],
         r"t.csv.gz: cannot be read \(compressed file ended before"),
        ("t.parquet.gz", gzip.compress(b"fine,a\n" * 1_000)[:-9], r"t.parquet.gz: cannot be read"),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_faults_are_named_wherever_they_are(
    tmp_path: Path, name: str, content: bytes | str, message: str
) -> None:
    require_refused(written(tmp_path / name, content), message)


@pytest.mark.parametrize("rows", [1, 999, 1_000, 1_001, 11_000])
def test_a_quote_that_never_closes_is_named(tmp_path: Path, rows: int) -> None:
    lines = ["text,label", *["fine,a"] * rows, '"open,a']
    require_refused(
        written(tmp_path / "t.csv", "\n".join(lines)),
        f"quote opened at row {rows + 2} never closes; close or remove it",
    )
    assert len(read(written(tmp_path / "t.csv", "\n".join(lines[:-1])))) == rows
    lines[1] = 'fine,"a'
    require_refused(written(tmp_path / "t.csv", "\n".join(lines[:-1])), "quote opened at row 2 never closes")


def test_a_field_beyond_all_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.tables.dialects.LINE_BYTES", 200_000)
    lines = ["text,label", "fine,a", "x" * 199_999 + ",b"]
    assert len(read(written(tmp_path / "t.csv", "\n".join(lines)))) == 2
    lines[2] = "x" * 200_001 + ",b"
    require_refused(
        written(tmp_path / "t.csv", "\n".join(lines)),
        r"row 3 cannot be read \(field larger than field limit \(200000\)\)",
    )


def test_bytes_in_parquet_that_are_no_utf8(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    texts = pa.array([b"fine words", b"caf\xe9", "schön".encode()], pa.binary())
    parquet.write_table(pa.table({"text": texts, "label": ["a", "b", "b"]}), buffer)
    listing = read(written(tmp_path / "t.parquet", buffer.getvalue()), input_column="text")
    assert texts_of(listing) == ["fine words", "", "schön"]
    assert reasons(listing)[0][1].startswith("byte 3: not UTF-8 (found 0xe9)")


def test_parquet_with_categories_and_several_row_groups(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    labels = pa.array(["a", "b"] * 1_500).dictionary_encode()
    table = pa.table({"text": [f"text {number}" for number in range(3_000)], "label": labels})
    parquet.write_table(table, buffer, row_group_size=700)
    listing = read(written(tmp_path / "t.parquet", buffer.getvalue()))
    assert listing.labels == ["a", "b"] * 1_500
    assert texts_of(listing)[2_999] == "text 2999"
