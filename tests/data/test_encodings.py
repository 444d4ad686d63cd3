"""Encodings are told by marks and zero bytes; what breaks one is found again in the file."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pellucid.data.tables.text_files import TextFile, count_lines, decode_text, detected_encoding, text_file
from pellucid.errors import DataError

PLAIN = "Plain letters, as in most of the world's tables; für Ämter auch.\n" * 3


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_plain_letters_betray_wide_encodings(encoding: str) -> None:
    assert detected_encoding(PLAIN.encode(encoding)) == encoding
    assert detected_encoding("a,b".encode(encoding)) == encoding
    marked = encoding.rpartition("-")[0]
    assert detected_encoding(("\ufeff" + PLAIN).encode(encoding)) == marked
    assert decode_text(("\ufeff" + PLAIN).encode(encoding), None) == (PLAIN, marked)


@pytest.mark.parametrize(
    "content", [b"", b"a", b"\x00", b"a\x00b\x00\x00", PLAIN.encode(), b"\xff", b"\x00" * 50]
)
def test_everything_else_is_utf8(content: bytes) -> None:
    assert detected_encoding(content) == "utf-8"


@given(st.text(max_size=50), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "gb18030"]))
def test_a_named_encoding_reads_what_it_wrote(text: str, encoding: str) -> None:
    try:
        content = text.encode(encoding)
    except UnicodeEncodeError:
        return
    assert decode_text(content, encoding).text == text.removeprefix("\ufeff")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "gb18030", "shift_jis", "cp1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_the_first_bad_byte_is_found_in_large_files(tmp_path: Path, encoding: str, packed: bool) -> None:
    line = "so, ein Satz\n".encode(encoding)
    wrong = {"utf-16-be": b"\xdc\x00", "cp1252": b"\x81"}.get(encoding, b"\xff")
    content = line * 100_001 + wrong + line
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    file = text_file(path, "t.csv", encoding)
    expected = (
        rf"t.csv: row 100002, byte {len(line) * 100_001}: not {encoding.upper()} \(found {wrong[0]:#04x}\)"
    )
    with pytest.raises(DataError, match=expected), file.lines("", count_lines) as lines:
        list(lines)


def test_a_file_that_changes_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"fine\n" * 10_000 + b"\xff")
    file = text_file(path, "t.csv", None)
    with pytest.raises(DataError, match="changes while it is being read; wait until it is complete"):
        read_while_it_is_mended(file)


def read_while_it_is_mended(file: TextFile) -> None:
    with file.lines("", count_lines) as lines:
        next(lines)
        file.path.write_bytes(b"fine\n" * 10_000)
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "read before the file was fixed")


def test_what_is_no_file_or_no_encoding(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t.csv: cannot be read \(no such file or directory\)"):
        text_file(tmp_path / "gone.csv", "t.csv", None)
    (tmp_path / "t.csv").write_text("a")
    for name in ("klingon", "hex"):
        with pytest.raises(DataError, match=f"--encoding '{name}' is not known; try utf-8, utf-16 or cp1252"):
            text_file(tmp_path / "t.csv", "t.csv", name)
