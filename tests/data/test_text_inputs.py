"""INPUT of texts: files, folders, tables and samples; one bad text never stops the rest."""

import json
import os
from pathlib import Path

import pytest

from made_images import context, encoded
from pellucid.data import read_data
from pellucid.data.sources.blocks import TextInputs, texts_of
from pellucid.data.sources.places import open_places
from pellucid.errors import DataError
from pellucid.input_kinds import TEXTS
from pellucid.settings import Settings


def listed(*places: Path | str, **settings: object) -> TextInputs:
    asked = Settings(**settings)  # type: ignore[arg-type]
    return texts_of(open_places([str(place) for place in places], asked, TEXTS), asked.encoding)


def write(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_files_folders_and_tables_in_the_order_given(tmp_path: Path) -> None:
    table = write(tmp_path / "t.csv", "id,text\n1,first row\n2,second row\n")
    folder = tmp_path / "mails"
    write(folder / "b.txt", "of b")
    write(folder / "a" / "c.txt", "of c")
    write(folder / "a" / "notes.md", "left out")
    single = write(tmp_path / "one.txt", "a single\r\ntext")
    inputs = listed(single, folder, table)
    assert list(inputs.texts) == ["a single\ntext", "of c", "of b", "first row", "second row"]
    assert list(inputs.names) == [
        str(single),
        f"{folder}/a/c.txt",
        f"{folder}/b.txt",
        f"{table}:2",
        f"{table}:3",
    ]
    assert list(inputs.errors) == [""] * 5
    assert inputs.warnings == (
        f"{folder}: 1 file left out, not ending in .txt",
        f"{table}: texts from column 'text'",
    )


def test_labels_may_stand_beside_the_texts(tmp_path: Path) -> None:
    table = write(tmp_path / "t.jsonl", json.dumps({"label": "some longer name of a class", "v": "short"}))
    assert list(listed(table).texts) == ["short"]
    assert list(listed(table, input_column="label").texts) == ["some longer name of a class"]


def test_a_single_column_holds_the_texts_whatever_they_are(tmp_path: Path) -> None:
    for name in ("words", "label"):
        table = write(tmp_path / "t.csv", f"{name}\n" + "yes\nno\n" * 30)
        assert list(listed(table).texts) == ["yes", "no"] * 30
    with pytest.raises(DataError, match="no column holds texts; columns are 'number'; name one with"):
        listed(write(tmp_path / "t.csv", "number\n1\n2\n"))


def test_bad_rows_carry_their_reason(tmp_path: Path) -> None:
    values = ["fine", "  ", "half \ud800", None, 7, ["a"]]
    table = write(tmp_path / "t.jsonl", "\n".join(json.dumps({"text": value}) for value in values))
    inputs = listed(table)
    assert list(inputs.errors) == [
        "", "holds no text", "holds a lone surrogate (\\ud800, character 6), which is no text",
        "holds no text", "", "is a list and no text",
    ]  # fmt: skip
    assert list(inputs.texts) == ["fine", "", "", "", "7", ""]


def test_bad_files_carry_their_reason(tmp_path: Path) -> None:
    files = [
        write(tmp_path / "1.txt", "fine"),
        write(tmp_path / "2.txt", b"caf\xe9"),
        write(tmp_path / "3.png", encoded(context())),
        write(tmp_path / "4", "no ending"),
        write(tmp_path / "5.txt", ""),
    ]
    inputs = listed(*files)
    assert list(inputs.errors) == [
        "",
        "byte 3: not UTF-8 (found 0xe9); name the encoding, such as --encoding cp1252",
        "is an image and no text",
        "",
        "holds no text",
    ]
    assert inputs.texts[3] == "no ending"
    assert listed(*files, encoding="cp1252").texts[1] == "café"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    assert list(listed(tmp_path / "pipe.txt").errors) == ["is no file of bytes"]


def test_a_table_of_paths(tmp_path: Path) -> None:
    write(tmp_path / "in" / "1.txt", "fine")
    write(tmp_path / "out.txt", "secret")
    values = ["1.txt", "../out.txt", "gone.txt", "1.txt", None]
    table = write(tmp_path / "in" / "t.jsonl", "\n".join(json.dumps({"path": value}) for value in values))
    inputs = listed(table)
    assert list(inputs.texts) == ["fine", "", "", "fine", ""]
    assert list(inputs.errors) == [
        "",
        "the path leaves the table's folder; give an absolute path",
        "no such file (gone.txt)",
        "",
        "no path of a text in this row",
    ]
    assert inputs.warnings == (f"{table}: text files from column 'path'",)


def test_places_that_cannot_be_read_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: no such file or folder"):
        listed(write(tmp_path / "1.txt", "fine"), tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty: no \.txt file in this folder; choose another INPUT"):
        listed(tmp_path / "empty")
    with pytest.raises(DataError, match="sample:fashion: holds images; give texts to a model of texts"):
        listed("sample:fashion")
    with pytest.raises(DataError, match=r"a.npz: holds images; give texts"):
        listed(write(tmp_path / "a.npz", b"PK"))
    with pytest.raises(DataError, match="--encoding 'klingon' is not known"):
        listed(tmp_path / "1.txt", encoding="klingon")


def test_the_sample(tmp_path: Path) -> None:
    inputs = listed("sample:spam")
    listing = read_data("sample:spam", Settings())
    assert listing.texts is not None
    assert list(inputs.names) == list(listing.sources)
    assert inputs.texts[7] == listing.texts[7]
    assert not any(inputs.errors)


def test_a_chinese_table_of_excel_is_refused_with_the_encoding_that_reads_it(
    tmp_path: Path,
) -> None:
    texts = [f"第{n}次入住的房间很干净而且服务员也很热情" for n in range(40)]
    rows = "评论,类别\n" + "".join(f"{text},{'好评' if n % 2 else '差评'}\n" for n, text in enumerate(texts))
    table = write(tmp_path / "评论.csv", rows.encode("gb18030"))
    columns = {"input_column": "评论", "label_column": "类别"}
    with pytest.raises(DataError, match=r"not UTF-8 .* such as --encoding gb18030"):
        read_data(str(table), Settings(**columns))
    listing = read_data(str(table), Settings(**columns, encoding="gb18030"))
    assert listing.texts is not None
    assert (listing.texts[0], listing.labels[0]) == (texts[0], "差评")
