"""Tables of texts: every form, which columns are read, and texts of every kind."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from data.made import read, require_refused, texts_of, written
from pellucid.data import read_data
from pellucid.data.sources.values import is_blank
from pellucid.errors import UsageError
from pellucid.settings import Settings

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
ROWS = [('good, even "great"', "yes"), ("bad;\tworse", "no"), ("zwei\nZeilen", "yes"), ("文字も", "no")]


def as_csv(
    rows: Sequence[Sequence[str]], header: Sequence[str] = ("text", "label"), **dialect: object
) -> str:
    content = io.StringIO(newline="")
    csv.writer(content, **dialect).writerows([header, *rows])  # type: ignore[arg-type]
    return content.getvalue()


def as_parquet(columns: dict[str, object]) -> bytes:
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


COLUMNS = {
    "text": [text for text, _ in ROWS],
    "label": [label for _, label in ROWS],
    "split": ["Training", "dev", "test", "train"],
    "group": ["g1", "", "g2", "g1"],
}
LINES = list(zip(*COLUMNS.values(), strict=True))
FORMS: dict[str, Callable[[], bytes]] = {
    "csv": lambda: as_csv(LINES, tuple(COLUMNS)).encode(),
    "tsv": lambda: as_csv(LINES, tuple(COLUMNS), delimiter="\t").encode(),
    "jsonl": lambda: "\n".join(json.dumps(dict(zip(COLUMNS, line, strict=True))) for line in LINES).encode(),
    "parquet": lambda: as_parquet({**COLUMNS}),
}


# --- forms


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_texts(tmp_path: Path, form: str, packed: bool) -> None:
    content = FORMS[form]()
    name = f"t.{form}.gz" if packed else f"t.{form}"
    path = written(tmp_path / name, gzip.compress(content) if packed else content)
    listing = read(path)
    assert listing.form == "table"
    assert listing.noun == "text"
    assert list(zip(texts_of(listing), listing.labels, strict=True)) == ROWS
    assert listing.splits == ["train", "validation", "test", "train"]
    assert listing.groups == COLUMNS["group"]
    first = 2 if form in ("csv", "tsv") else 1
    assert listing.sources == [f"{path}:{first + index}" for index in range(4)]
    assert listing.warnings[-1].endswith(
        "texts from column 'text'; labels from column 'label'; "
        "splits from column 'split'; groups from column 'group'"
    )
    assert listing.problems == ()
    assert listing.paths is listing.pixels is listing.load_pixels is None


@given(
    st.lists(st.tuples(ANY_TEXT, st.sampled_from(["NA", "null", "chât", "a,b", 'say "so"', "x\ny"]))),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[tuple[str, str]],
    separator: str,
    line_end: str,
    quoting: int,
    encoding: str,
) -> None:
    rows = [*rows, ("the last", "NA")]
    content = as_csv(rows, delimiter=separator, lineterminator=line_end, quoting=quoting)
    listing = read(written(tmp_path_factory.mktemp("t") / "t.csv", content.encode(encoding)))
    assert texts_of(listing) == ["" if is_blank(text) else text for text, _ in rows]
    assert listing.labels == [label for _, label in rows]
    assert [problem.index for problem in listing.problems] == [
        index for index, (text, _) in enumerate(rows) if is_blank(text)
    ]


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        ('text,label\n"one, two",a\n', ["one, two"]),
        ('text,label\n"say ""hi""",a\n', ['say "hi"']),
        ('text,label\r\n"line\r\nbreak",a\r\n', ["line\r\nbreak"]),
        ('text,label\n"{""type"": ""Point"", ""at"": [1.5, 2]}",a\n', ['{"type": "Point", "at": [1.5, 2]}']),
        ("text,label\nʤ,a\n文,b", ["ʤ", "文"]),
        ('text,label\n"""\nquoted ""line""\n""",a\n', ['"\nquoted "line"\n"']),
        ("\ufefftext,label\rone,a\rtwo,b\r", ["one", "two"]),
        ("text,label\n\n\none,a\n\n", ["one"]),
    ],
)
def test_forms_that_trip_readers(tmp_path: Path, content: str, texts: list[str]) -> None:
    assert texts_of(read(written(tmp_path / "t.csv", content))) == texts


def test_rows_beyond_those_that_columns_are_chosen_from(tmp_path: Path) -> None:
    rows = [(f"text number {number}", f"class {number % 7}") for number in range(11_234)]
    texts, labels = zip(*rows, strict=True)
    lines = [json.dumps({"text": text, "label": label}) for text, label in rows]
    for name, content in {
        "t.csv": as_csv(rows),
        "t.jsonl": "\n".join(lines),
        "t.parquet": as_parquet({"text": texts, "label": labels}),
    }.items():
        path = written(tmp_path / name, content)
        listing = read(path)
        assert list(zip(texts_of(listing), listing.labels, strict=True)) == rows
        assert listing.sources[-1] == f"{path}:{11_235 if name == 't.csv' else 11_234}"
        assert len({id(label) for label in listing.labels}) == 7


# --- columns


MICE, CATS = "Mice are small and quick and eat cheese", "Cats eat what eats cheese"


@pytest.mark.parametrize(
    ("header", "rows", "column", "reason"),
    [
        (("Review", "notes", "label"), [("short", MICE, "a"), ("so", CATS, "b")], 0, ""),
        (("title", "article", "label"), [("Mice", MICE, "a"), ("Cats", CATS, "b")], 1, "the longest texts"),
        (
            ("title", "author", "label"),
            [("Mice are small", "by somebody or other", "a"), ("Cats are no mice", "by no one at all", "b")],
            0, "the longest texts",
        ),
        (("post", "words", "label"), [("17", MICE, "a"), ("18", CATS, "b")], 1, "the longest texts"),
        (("正文", "备注", "标签"), [(f"很好 {n}", MICE, "好评差评"[n % 2 :][:2]) for n in range(20)], 0, ""),
        (("text", "kind"), [("yes", "and even longer names"), ("no", "of a class that has")] * 10, 0, ""),
        (("v1", "v2", "", ""), [("ham", "See you then", "", ""), ("spam", "A prize", "", "")] * 2, 1, ""),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_the_column_of_texts(
    tmp_path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]], column: int, reason: str
) -> None:
    listing = read(written(tmp_path / "t.csv", as_csv(rows, header)))
    assert texts_of(listing) == [row[column] for row in rows]
    assert reason in listing.warnings[-1]


@pytest.mark.parametrize(
    ("header", "rows", "message", "named"),
    [
        (
            ("id", "v1", "v2", "when"),
            [("1", "ham", "Ok, see you then", "2020-01-01"), ("2", "spam", "You have won it", "2020-01-02")],
            r"which column holds the labels, 'id', 'v1', 'when'\? Columns are 'id', 'v1'",
            {"label_column": "v1"},
        ),
        (
            ("q", "r", "label"), [("what is it", "that is that", "a"), ("who is it", "nobody is it", "b")],
            r"which column holds the texts, 'r', 'q'\? Columns are 'q', 'r', 'label'; .*--input-column",
            {"input_column": "q"},
        ),
        (
            ("width", "height", "label"), [("1.5", "2", "a"), ("1.6", "3", "b")],
            "no column holds paths of images or texts; columns are 'width'", {"input_column": "width"},
        ),
    ],
    ids=lambda value: "",
)  # fmt: skip
def test_columns_that_are_asked_for(
    tmp_path: Path, header: tuple[str, ...], rows: list[tuple[str, ...]], message: str, named: dict[str, str]
) -> None:
    path = written(tmp_path / "t.csv", as_csv(rows, header))
    require_refused(path, message)
    assert len(read(path, **named)) == 2


def test_full_width_commas_are_named(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,label\ngood,a\nbad,b\n".replace(",", "\uff0c"))
    require_refused(
        path, r"Columns are 'text\uff0clabel' \(full-width commas do not separate columns; save it"
    )


def test_images_stay_images_until_texts_are_asked_for(
    write_table: Callable[[str, bytes | str], Path],
) -> None:
    path = write_table("t.csv", "image,text,label\nphotos/cat/0.png,a cat,cat\nphotos/dog/0.png,a dog,dog\n")
    assert read(path).noun == "image"
    listing = read(path, task="text")
    assert texts_of(listing) == ["a cat", "a dog"]
    assert read(path, input_column="text").noun == "text"
    assert read(path, input_column="image").noun == "image"
    assert read(write_table("p.csv", "text,label\nphotos/cat/0.png,cat\n")).noun == "image"


def test_paths_of_images_that_are_missing_are_no_texts(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "image,label\nphotos/cat 1,a\nphotos/2,b\nphotos/3,b\n")
    require_refused(path, r"no such image at row 2 \('photos/cat 1'\), row 3")
    listing = read(written(tmp_path / "u.csv", "file,label\nit is a text,a\nand another one,b\n"))
    assert texts_of(listing) == ["it is a text", "and another one"]


def test_a_task_that_the_data_is_not() -> None:
    for task, other in (
        ("text", "fashion holds images; leave --task"),
        ("image", "spam holds texts; .*text"),
    ):
        with pytest.raises(UsageError, match=f"--task {task}: sample:{other}"):
            read_data(f"sample:{other.split()[0]}", Settings(task=task))


def test_a_table_of_texts_without_a_header(tmp_path: Path) -> None:
    lines = "ham,See you then\nspam,You have won\nham,Maybe we can\nham,Yes do come\nspam,A prize for you\n"
    path = written(tmp_path / "t.csv", lines)
    listing = read(path)
    assert listing.labels == ["ham", "spam", "ham", "ham", "spam"]
    assert listing.sources[0] == f"{path}:1"
    assert listing.warnings == (
        f"{path}: the first row holds 'ham' as rows below it do, so the table has no header",
        f"{path}: texts from column 'column 2' (the longest texts, --input-column names another); "
        "labels from column 'column 1'",
    )
    numbers = "\n".join(f"{number % 2},text {number} of many" for number in range(6))
    listing = read(written(tmp_path / "n.csv", numbers.replace("0,text 0", "4,text 0")))
    assert listing.labels == ["4", "1", "0", "1", "0", "1"]
    assert "the first row holds the number '4' above other numbers" in listing.warnings[0]


@pytest.mark.parametrize(
    ("header", "label", "rows"),
    [("ham,text", "ham", 5), ("kind,words", "kind", 5), ("2020,words", "2020", 5), ("ham,words", "ham", 3)],
    ids=["a usual name", "no value again", "a number above names", "too few rows to tell"],
)
def test_a_header_stays_a_header(tmp_path: Path, header: str, label: str, rows: int) -> None:
    lines = ["ham,So it is", "spam,A prize", "ham,Maybe not", "ham,I will", "spam,Win"][:rows]
    listing = read(written(tmp_path / "t.csv", "\n".join([header, *lines])))
    assert len(listing) == rows
    assert f"labels from column '{label}'" in listing.warnings[-1]


def test_a_split_that_begins_late_is_refused(tmp_path: Path) -> None:
    rows = [{"text": f"text {number}", "label": "a"} for number in range(1500)]
    rows[1200]["split"] = "test"
    path = written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows)))
    require_refused(path, "row 1201 is the first with a value of 'split'; give one to the first")
    rows[0]["split"] = "train"
    listing = read(written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows))))
    assert listing.splits[1200] == "test"
    del rows[1200]["split"]
    rows[1300]["note"] = "seen late"
    assert len(read(written(tmp_path / "t.jsonl", "\n".join(map(json.dumps, rows))))) == 1500


# --- tables that name files of texts


def test_a_column_of_text_files_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    written(tmp_path / "mails" / "1.txt", "first\r\nmail")
    written(tmp_path / "mails" / "2.TXT", "zweite Mail, schön".encode("utf-16"))
    written(tmp_path / "mails" / "3.txt", b"caf\xe9")
    path = written(tmp_path / "t.csv", "path,label\nmails/1.txt,a\nmails/2.TXT,b\nmails/3.txt,b\n")
    for task in ("auto", "text"):
        listing = read(path, task=task)
        assert texts_of(listing) == ["first\nmail", "zweite Mail, schön", ""]
        assert listing.warnings == (
            f"{path}: 1 file read as UTF-16",
            f"{path}: text files from column 'path'; labels from column 'label'",
        )
        ((source, reason),) = ((problem.source, problem.reason) for problem in listing.problems)
        assert source == f"{path}:4"
        assert reason == "byte 3: not UTF-8 (found 0xe9); name the encoding, such as --encoding cp1252"
    assert texts_of(read(written(tmp_path / "u.csv", "path,label\nmails/3.txt,a\n"), encoding="cp1252")) == [
        "café"
    ]


def test_text_files_that_are_missing(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "path,label\n1.txt,a\n2.txt,b\n")
    written(tmp_path / "1.txt", "here")
    require_refused(path, r"no such text at row 3 \('2.txt'\); fix the paths or leave them out")
    listing = read(path, skip_bad=True)
    assert [(problem.index, problem.reason) for problem in listing.problems] == [
        (1, "cannot be read (no such file or directory)")
    ]
    lines = [json.dumps({"path": "1.txt", "label": "a"}), json.dumps({"path": None, "label": "b"})]
    require_refused(
        written(tmp_path / "t.jsonl", "\n".join(lines)), "row 2 has no path of a text in column 'path'"
    )


def test_texts_whose_bytes_are_more_than_any_name_of_a_file_are_texts(tmp_path: Path) -> None:
    rows = [f"{'好看的电影' * 24}{row},{'pos' if row % 2 else 'neg'}" for row in range(40)]
    assert len(texts_of(read(written(tmp_path / "t.csv", "\n".join(["text,label", *rows]))))) == 40
