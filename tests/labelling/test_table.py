"""The table of labels: what is answered is on the disk, and nothing is lost whatever is cut off."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from command_line import rows_of
from pellucid.data.tables.table_files import open_table
from pellucid.errors import ChangedFileError, DataError, StorageError, UsageError
from pellucid.labelling.table import LabelTable, Row, require_ending

PRINTABLE = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), min_size=1, max_size=20
)


def row(key="a.png", labels=("cat",), policy="random", text="", **more):
    return Row(
        key, text, labels, policy, **{"seconds": 1.25, "at": "2026-11-29T14:00:00+00:00", "by": "", **more}
    )


@pytest.mark.parametrize("ending", ["csv", "jsonl"])
def test_rows_come_back_as_they_were_given(tmp_path, ending: str) -> None:
    path = tmp_path / f"labels.{ending}"
    table = LabelTable(path, holds_texts=True)
    texts = ['two\nlines, "quoted"', "=SUM(A1)", "结果\r\nend", " blank "]
    rows = [row(f"t.csv:{at}", ("b", "c"), "audit", text, by="Ann") for at, text in enumerate(texts)]
    for each in rows:
        table.append(each)
    again = LabelTable(path, holds_texts=True)
    assert again.rows == table.rows == rows
    found = rows_of(path) if ending == "csv" else [json.loads(line) for line in path.read_text().splitlines()]
    # In CSV no cell becomes a formula.
    assert [each["text"].removeprefix("'") for each in found] == texts
    assert [each["text"].startswith("'=") for each in found] == [False, ending == "csv", False, False]
    assert {(each["label"], each["split"], each["policy"]) for each in found} == {("b;c", "test", "audit")}


@given(st.lists(st.tuples(PRINTABLE, PRINTABLE), min_size=1, max_size=4), st.data())
def test_a_table_cut_anywhere_keeps_every_whole_row(tmp_path_factory, texts, data) -> None:
    path = tmp_path_factory.mktemp("cut") / "labels.csv"
    table = LabelTable(path, holds_texts=True)
    ends = [path.stat().st_size]
    for at, (text, label) in enumerate(texts):
        table.append(row(f"t:{at}", (label.replace(";", "").strip() or "x",), text=text))
        ends.append(path.stat().st_size)
    content = path.read_bytes()
    cut = data.draw(st.integers(ends[0], len(content)))
    path.write_bytes(content[:cut])
    whole = sum(end <= cut for end in ends[1:])
    again = LabelTable(path, holds_texts=True)
    # A row that misses nothing but its end is whole too.
    assert len(again.rows) in (whole, whole + 1)
    assert [each[:4] for each in again.rows] == [each[:4] for each in table.rows[: len(again.rows)]]
    again.append(row("last", text="last"))
    assert len(LabelTable(path, holds_texts=True).rows) == len(again.rows)


def test_only_the_last_row_may_be_torn(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    table = LabelTable(path, holds_texts=False)
    table.append(row("a.png"))
    table.append(row("b.png"))
    whole = path.read_bytes()
    path.write_bytes(whole + b'c.png,cat,train,"ran')
    assert [each.key for each in LabelTable(path, holds_texts=False).rows] == ["a.png", "b.png"]
    assert path.read_bytes() == whole
    path.write_bytes(whole[:-1])  # by an editor that leaves the last line without an end
    assert [each.key for each in LabelTable(path, holds_texts=False).rows] == ["a.png", "b.png"]
    assert path.read_bytes() == whole
    damaged = whole.replace(b"a.png,cat,", b"a.png,")
    path.write_bytes(damaged)
    with pytest.raises(DataError, match=r"labels.csv: no table of labels .*a\.png,train.* is no row"):
        LabelTable(path, holds_texts=False)
    assert path.read_bytes() == damaged


def test_taking_back_leaves_other_rows_and_columns_to_the_byte(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text('note,label,image\r\n"by ""hand""",dog,x.png\r\n')
    before = path.read_bytes()
    table = LabelTable(path, holds_texts=False)
    assert table.rows == [Row("x.png", "", ("dog",), "random", 0.0, "", "")]
    table.append(row("a.png"))
    table.append(row("b.png", ("dog",)))
    assert path.read_bytes() == before + b",cat,a.png\n,dog,b.png\n"
    taken = table.take_back("a.png")
    assert taken is not None
    assert taken.labels == ("cat",)
    assert path.read_bytes() == before + b",dog,b.png\n"
    assert table.take_back("a.png") is None
    assert LabelTable(path, holds_texts=False).rows == [
        table.rows[0],
        table.rows[1]._replace(seconds=0.0, at=""),
    ]


def test_skipped_ones_are_beside_the_table(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    table = LabelTable(path, holds_texts=False)
    table.skip("a.png", "now", "")
    table.skip("b.png", "now", "")
    table.skip("a.png", "now", "", is_taken_back=True)
    beside = tmp_path / "labels.csv.skipped.jsonl"
    beside.write_bytes(beside.read_bytes() + b'{"skipped": "c.p')
    assert LabelTable(path, holds_texts=False).skipped == table.skipped == {"b.png"}
    assert rows_of(path) == []


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "labels.csv"
    table = LabelTable(path, holds_texts=False)
    table.append(row("a.png"))
    before, write = path.read_bytes(), __import__("os").write
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda descriptor, content: write(descriptor, content[:5]))
        with pytest.raises(StorageError, match=r"labels.csv: cannot write: no space left"):
            table.append(row("b.png"))
    assert path.read_bytes() == before
    assert [each.key for each in table.rows] == ["a.png"]
    table.append(row("b.png"))
    assert [each["image"] for each in rows_of(path)] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "content", ["text,label\nhello,a\n", "image\na.png\n", "no end", "image,label\n,cat\n"]
)
def test_what_is_no_table_of_labels_is_refused_and_left(tmp_path, content: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=r"labels.csv: no table of labels of these examples"):
        LabelTable(path, holds_texts=False)
    assert path.read_text() == content


def test_long_texts_and_empty_files(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    path.touch()
    limit = csv.field_size_limit()
    LabelTable(path, holds_texts=True).append(row("t", text="x" * 500_000))
    assert len(LabelTable(path, holds_texts=True).rows[0].text) == 500_000
    assert csv.field_size_limit() == limit


def test_other_endings_are_refused(tmp_path) -> None:
    require_ending(tmp_path / "labels.CSV")
    with pytest.raises(
        UsageError, match=r"--out: .*labels.xlsx: a table of labels ends in .csv or .jsonl; give"
    ):
        require_ending(tmp_path / "labels.xlsx")


FORMULAS = st.text("'=+-@\t\r\nab,\"", min_size=1, max_size=6).filter(str.strip)


@given(FORMULAS, st.text("'=+-@ab", min_size=1, max_size=4), FORMULAS)
def test_no_cell_is_a_formula_and_every_text_comes_back(tmp_path_factory, text, label, by) -> None:
    """By `label`, and by the reader of tables, from which `train` has them."""
    path = tmp_path_factory.mktemp("formulas") / "labels.csv"
    given_row = row("=t.csv:1", (label,), text=text, by=by)
    LabelTable(path, holds_texts=True).append(given_row)
    for cell in next(iter(rows_of(path))).values():
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))
    assert LabelTable(path, holds_texts=True).rows == [given_row]
    names = ["id", "text", "label", "by"]
    (block,) = open_table(path, str(path)).read(names)
    assert [block.columns[name] for name in names] == [["=t.csv:1"], [text], [label], [by]]


def test_of_two_answers_about_an_example_the_last_is_taken_back(tmp_path) -> None:
    path = tmp_path / "labels.csv"
    table = LabelTable(path, holds_texts=False)
    for key, label in (("a.png", "cat"), ("b.png", "cat"), ("a.png", "dog")):
        table.append(row(key, (label,)))
    taken = table.take_back("a.png")
    assert taken is not None
    assert taken.labels == ("dog",)
    assert [(each["image"], each["label"]) for each in rows_of(path)] == [("a.png", "cat"), ("b.png", "cat")]


class TestSomebodyElse:
    """What becomes of the table while somebody else has it."""

    @pytest.fixture
    def table(self, tmp_path):
        table = LabelTable(tmp_path / "labels.csv", holds_texts=False)
        table.append(row("a.png"))
        table.append(row("b.png", ("dog",)))
        return table

    def refused(self, table, match: str) -> None:
        """Nothing is written, whatever is asked."""
        before = table.path.read_bytes() if table.path.exists() else None
        for write in (
            lambda: table.append(row("c.png")),
            lambda: table.take_back("b.png"),
            lambda: table.take_back("b.png"),
        ):
            with pytest.raises(ChangedFileError, match=match):
                write()
            assert (table.path.read_bytes() if table.path.exists() else None) == before
        assert [each.key for each in table.rows] == ["a.png", "b.png"]

    def test_a_row_that_was_added_by_hand_is_kept(self, table) -> None:
        with table.path.open("a") as file:
            file.write("hand.png,cat,train,random,0,,me\n")
        self.refused(
            table, r"labels.csv: was changed by somebody else \(\d+ bytes, \d+ expected\); nothing was"
        )
        assert [each.key for each in LabelTable(table.path, holds_texts=False).rows][-1] == "hand.png"
        assert not table.path.with_name("labels.csv.kept.csv").exists()

    def test_sorted_rows_are_left_as_they_are(self, table) -> None:
        header, *lines = table.path.read_bytes().splitlines(keepends=True)
        table.path.write_bytes(b"".join([header, *reversed(lines)]))  # of the same size
        self.refused(table, "was changed by somebody else")
        assert not table.path.with_name("labels.csv.kept.csv").exists()

    def test_answers_that_an_editor_saved_over_are_kept_beside(self, table, tmp_path) -> None:
        old = tmp_path / "old.csv"
        old.write_text('image,label,note\r\n\'-x.png,"cat",by hand\r\na.png,cat,\r\n')
        old.replace(table.path)
        self.refused(table, r"1 answer of this session that it lacks, saved in labels.csv.kept.csv")
        (kept,) = rows_of(tmp_path / "labels.csv.kept.csv")
        assert (kept["image"], kept["label"]) == ("b.png", "dog")
        assert [each.key for each in LabelTable(table.path, holds_texts=False).rows] == ["-x.png", "a.png"]

    def test_a_table_that_was_renamed_is_not_begun_anew(self, table, tmp_path) -> None:
        table.path.rename(tmp_path / "other.csv")
        self.refused(
            table, r"labels.csv: is no longer there, renamed or removed by somebody else; .*put it back"
        )
        assert not table.path.exists()
        (tmp_path / "other.csv").rename(table.path)
        table.append(row("c.png"))
        assert [each["image"] for each in rows_of(table.path)] == ["a.png", "b.png", "c.png"]

    def test_a_table_saved_with_the_same_content_goes_on(self, table) -> None:
        content = table.path.read_bytes()
        table.path.unlink()
        table.path.write_bytes(content)
        table.append(row("c.png"))
        assert table.take_back("a.png") is not None
        assert [each["image"] for each in rows_of(table.path)] == ["b.png", "c.png"]

    def test_what_is_skipped_likewise(self, table, tmp_path) -> None:
        table.skip("c.png", "now", "")
        beside = tmp_path / "labels.csv.skipped.jsonl"
        beside.write_bytes(beside.read_bytes() + b'{"skipped": "d.png"}')
        with pytest.raises(ChangedFileError, match=r"skipped.jsonl: was changed by somebody else"):
            table.skip("e.png", "now", "")
        assert beside.read_bytes().endswith(b'{"skipped": "d.png"}')
