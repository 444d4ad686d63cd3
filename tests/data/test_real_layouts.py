"""Tables as the tools of the field write them: read right, or refused with the one flag that helps."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from data.made import read, require_refused, written
from pellucid import input_kinds
from pellucid.data import Listing, read_data
from pellucid.data.sources.blocks import TextInputs, texts_of
from pellucid.data.sources.places import open_places
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings

pandas = pytest.importorskip("pandas")

REVIEWS = [
    ("a film that stays with you, quietly told", "pos"),
    ("two hours that felt like five, and no story", "neg"),
    ('said "wow"; then, at the end, wept', "pos"),
    ("zu lang, zu laut — und doch leer", "neg"),
    ("the best of its year\nwithout a doubt", "pos"),
    ("nobody on the screen seemed to care", "neg"),
]
TEXTS, LABELS = [text for text, _ in REVIEWS], [label for _, label in REVIEWS]


def frame() -> Any:
    return pandas.DataFrame({"text": TEXTS, "label": LABELS})


def rows_of(listing: Listing) -> list[tuple[str, str]]:
    assert listing.texts is not None
    return list(zip(listing.texts, listing.labels, strict=True))


def texts_at(place: Path | str, **settings: object) -> TextInputs:
    asked = Settings(**settings)  # type: ignore[arg-type]
    return texts_of(open_places([str(place)], asked, input_kinds.TEXTS), asked.encoding)


def as_json(**how: object) -> Callable[[Path], None]:
    return lambda path: frame().to_json(path, **how)


def excel(path: Path, **how: object) -> None:
    pytest.importorskip("openpyxl")
    frame().to_excel(path, **how)


def workbook(fill: Callable[[Any], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        book = pytest.importorskip("openpyxl").Workbook()
        fill(book)
        book.save(path)

    return write


def below_blank_rows(book: Any) -> None:
    sheet = book.active
    sheet.cell(4, 1, "text")
    sheet.cell(4, 2, "label")
    for number, (text, label) in enumerate(REVIEWS, start=5):
        sheet.cell(number, 1, text)
        sheet.cell(number, 2, label)


def beside_notes(book: Any) -> None:
    book.active.title = "empty"
    for title, rows in (
        ("data", [("text", "label"), *REVIEWS]),
        ("notes", [("who", "when"), ("me", "today")]),
    ):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)


def polars_frame() -> Any:
    return pytest.importorskip("polars").DataFrame({"text": TEXTS, "label": LABELS})


def lines(make: Callable[[str, str], str]) -> Callable[[Path], None]:
    flat = [(text.replace("\n", " "), label) for text, label in REVIEWS]
    return lambda path: path.write_text("\n".join(make(*each) for each in flat) + "\n\n", encoding="utf-8")


def tab(header: str) -> Callable[[Path], None]:
    flat = [(text.replace("\n", " ").replace('"', "'"), label) for text, label in REVIEWS]
    content = header + "".join(f"{label}\t{text}\n" for text, label in flat)
    return lambda path: path.write_text(content, encoding="utf-8")


LAYOUTS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "pandas, records": ("t.json", as_json(orient="records")),
    "pandas, records with an indent": ("t.json", as_json(orient="records", indent=2, force_ascii=False)),
    "pandas, records as lines": ("t.json", as_json(orient="records", lines=True)),
    "pandas, table": ("t.json", as_json(orient="table")),
    "pandas, packed": ("t.json.gz", as_json(orient="records")),
    "pandas, CSV with an index": ("t.csv", lambda path: frame().to_csv(path)),
    "pandas, Excel with an index": ("t.xlsx", excel),
    "pandas, Excel": ("t.xlsx", lambda path: excel(path, index=False, sheet_name="Blatt 1")),
    "Excel, below blank rows": ("t.xlsx", workbook(below_blank_rows)),
    "Excel, beside an empty sheet and one of notes": ("t.XLSX", workbook(beside_notes)),
    "polars, JSON": ("t.json", lambda path: polars_frame().write_json(path)),
    "polars, ndjson": ("t.ndjson", lambda path: polars_frame().write_ndjson(path)),
    "polars, CSV": ("t.csv", lambda path: polars_frame().write_csv(path)),
    "polars, Parquet": ("t.parquet", lambda path: polars_frame().write_parquet(path)),
    "a dict of lists": ("t.json", lambda path: path.write_text(json.dumps({"text": TEXTS, "label": LABELS}))),
    "fastText": ("train.txt", lines(lambda text, label: f"__label__{label} {text}")),
    "fastText, by its first line": ("reviews.valid", lines(lambda text, label: f"__label__{label}\t{text}")),
    "Orange, three rows": ("t.tab", tab("label\ttext\nd\tstring\nclass\tinclude=True\n\t\n")),
    "Orange, values listed": ("t.tab", tab("label\ttext\npos neg\tstring\nclass\tmeta\n")),
    "Orange, one row": ("t.tab", tab("cD#label\tmS#text\n")),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_layouts_are_read_without_a_flag(tmp_path: Path, name: str) -> None:
    file_name, write = LAYOUTS[name]
    path = tmp_path / file_name
    write(path)
    is_flat = name.startswith(("fastText", "Orange"))
    flat = [(text.replace("\n", " "), label) for text, label in REVIEWS] if is_flat else REVIEWS
    expected = [(text.replace('"', "'"), label) for text, label in flat] if "Orange" in name else flat
    assert rows_of(read(path)) == expected


# --- refused, with what helps


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.json", '[{"text": "a", "label": "x"}, {"text": "b", "label": "y"', "the file ends inside row 2"),
        ("t.json", '[{"text": "a", "label": "x"}, {"text": "b', "the file ends inside row 2"),
        ("t.json", '[{"text": "a"} {"text": "b"}]', "'{' stands behind row 1"),
        ("t.json", '[{"text": "a", "label": "x"}] []', "goes on behind its array"),
        ("t.json", '[{"text": "a", "label": 1}, {"text": "b", "label": "1"}]', "mixed kinds.*row 1.*row 2"),
        ("t.json", '[{"text": "a", "text": "b"}]', "row 1 is not JSON .the key 'text' is there twice"),
        ("t.json", '[{"text": "a", "label": 1e400}]', "row 1 is not JSON .1e400 is too large"),
        ("t.json", '[["a", "x"], ["b", "y"]]', "which column holds the texts, .column 1., .column 2."),
        ("t.json", '{"0": {"1": "a"}, "1": {"1": "b"}}', r"holds no table.*to_json\(orient=.records.\)"),
        ("t.json", '{"columns": ["text", "label"], "data": [["a"]]}', "holds no table"),
        ("t.json", '{"a": [1, 2], "b": {"c": 3}}', "holds no table; give an array of objects"),
        ("t.json", "[" * 200_000, "the file ends inside row 1"),
        ("t.json", "[]", "the table has no rows"),
        ("t.json", b'[{"text": "caf\xe9"}]', "line 1, byte 14: not UTF-8 .found 0xe9.*--encoding"),
        ("t.txt", "__label__a one\n\nno label here\n", "empty label at row 3"),
        ("t.xlsx", b"PK no archive", "not a readable workbook|not a ZIP archive"),
        ("t.xls", b"\xd0\xcf", "tables that end in .xls are not read; save it as .xlsx"),
        ("t.feather", b"ARROW1", "t.feather: not a readable Arrow file"),
        ("t.tab", "a\ttext\nd\tstring\nclass\t\n?\tsome text\nx\tmore text\n", "empty label at row 4"),
    ],
)
def test_damaged_tables_are_refused_with_their_row(
    tmp_path: Path, name: str, content: str | bytes, words: str
) -> None:
    if name.endswith("x"):
        pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match=words) as refused:
        read(written(tmp_path / name, content))
    assert len(str(refused.value)) < 2_000


def test_addresses_on_a_network_and_empty_names_are_refused() -> None:
    for ask in (lambda place: read_data(place, Settings()), texts_at):
        with pytest.raises(DataError, match="uses no network; download it and give the file"):
            ask("https://example.org/reviews.csv")
        with pytest.raises(UsageError, match="an empty name; give a folder or a file"):
            ask("")


def test_sheets_of_the_same_columns_and_bombs_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("more")):
        for row in [("text", "label"), *REVIEWS]:
            sheet.append(row)
    book.save(tmp_path / "two.xlsx")
    require_refused(tmp_path / "two.xlsx", "sheets 'Sheet' and 'more' have the same columns")
    monkeypatch.setenv("PELLUCID_UNPACKED_GB", "0.01")
    parts = {
        "zeros": ("xl/media/x.bin", b"\0" * 30_000_000, r"unpacks to more than 1\d MB"),
        "entity": ("xl/workbook.xml", b'<!DOCTYPE a [<!ENTITY b "c">]><a/>', "not a readable workbook"),
    }
    for name, (part, content, words) in parts.items():
        with zipfile.ZipFile(tmp_path / f"{name}.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(part, content)
        require_refused(tmp_path / f"{name}.xlsx", words)


def test_a_row_of_more_cells_than_excel_has_columns_is_refused(tmp_path: Path) -> None:
    """All of them may claim the same place, so that no address says how many there are."""
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    for row in [("text", "label"), *REVIEWS]:
        book.active.append(row)
    book.save(tmp_path / "whole.xlsx")

    def with_cells(name: str, count: int) -> Path:
        with (
            zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
            zipfile.ZipFile(tmp_path / name, "w", zipfile.ZIP_DEFLATED) as made,
        ):
            for info in whole.infolist():
                more = b'<row r="99">' + count * b'<c r="XFD1"/>' + b"</row></sheetData>"
                made.writestr(info.filename, whole.read(info).replace(b"</sheetData>", more))
        return tmp_path / name

    assert len(read(with_cells("widest.xlsx", 16_384))) == len(REVIEWS)
    require_refused(with_cells("bomb.xlsx", 16_385), "a row of more than 16,384 cells; use an undamaged copy")


# --- columns


def table_of(path: Path, rows: list[tuple[object, ...]]) -> Path:
    pandas.DataFrame(rows[1:], columns=list(rows[0])).to_csv(path, index=False)
    return path


def test_the_column_of_labels_is_found_where_only_one_can_be_it(tmp_path: Path) -> None:
    def made(header: str, *columns: object) -> Path:
        return table_of(tmp_path / "t.csv", [tuple(header.split(",")), *zip(*columns, strict=True)])  # type: ignore[call-overload]

    listing = read(made("id,review,sentiment", range(0, 42, 7), TEXTS, LABELS))
    assert listing.labels == LABELS
    assert listing.warnings[-1].endswith(
        "labels from column 'sentiment' (the only one left whose values repeat, --label-column names another)"
    )
    asked = r"which column holds the labels(, )?"
    two = made("lang,id,review,sentiment", [0, 1] * 3, range(6), TEXTS, LABELS)
    require_refused(two, asked + "'lang', 'sentiment'.*--label-column")
    none = made("text,id,who", TEXTS, ["0a", "0b", "1c", "1d", "2e", "2f"], "abcdef")
    require_refused(none, asked + r"\? Columns are 'text', 'id', 'who'")
    nothing = [None] * 6
    spam = made("v1,v2,Unnamed: 2,Unnamed: 3", LABELS, TEXTS, [*nothing[:5], "x"], nothing)
    assert read(spam).labels == LABELS
    assert read(made("user_id,text,mood", ["u0", "u1"] * 3, TEXTS, LABELS)).labels == LABELS


def test_texts_of_several_columns_are_joined_with_their_names(tmp_path: Path) -> None:
    rows = [(f"title {at}", "" if at == 2 else text, label) for at, (text, label) in enumerate(REVIEWS)]
    path = table_of(tmp_path / "t.csv", [("title", "body", "label"), *rows])
    listing = read(path, input_column="title, body")
    assert listing.texts is not None
    assert listing.texts[0] == f"title: title 0\nbody: {TEXTS[0]}"
    assert listing.texts[2] == "title: title 2"
    assert listing.joined_columns == ("title", "body")
    assert texts_at(path, input_column="title,body").texts[:3] == listing.texts[:3]
    require_refused(
        path, "there is no column 'text', whose texts are to be joined", input_column="title,text"
    )
    with pytest.raises(UsageError, match="has the labels in 'label'; leave it out"):
        read(path, input_column="title,label", label_column="label")
    with pytest.raises(UsageError, match="images are not joined"):
        read(path, input_column="title,body", task="image")


# --- labels in names


def test_labels_are_taken_from_names(tmp_path: Path) -> None:
    for name in ("cat.1.txt", "cat.20.txt", "dog.3.TXT", "dog.4.txt"):
        written(tmp_path / name, f"about a {name[:3]} {name}")
    require_refused(tmp_path, r"but no class folders.* or give --label-from-name '\{label\}.\*.txt'")
    assert rows_of(read(tmp_path, label_from_name="{label}.*.txt"))[2] == ("about a dog dog.3.TXT", "dog")
    assert read(tmp_path, label_from_name=r"(?P<label>.)[a-z]+\..*").labels == ["c", "c", "d", "d"]
    written(tmp_path / "great_dane_7.txt", "one more")
    require_refused(
        tmp_path,
        r"1 text of 5 whose name does not fit .*: 'great_dane_7.txt'; change",
        label_from_name="{label}.*.txt",
    )
    (tmp_path / "great_dane_7.txt").rename(tmp_path / "train.7.txt")
    (tmp_path / "train").mkdir()
    written(tmp_path / "train" / "great_dane_7.txt", "one more")
    require_refused(
        tmp_path, "5 texts beside the split folders", label_from_name="{label}[._]?*.txt".replace("[._]", "?")
    )
    assert read(tmp_path / "train", label_from_name="{label}_*.txt").labels == ["great_dane"]
    for pattern in ("*.txt", "(?P<label>", "{label}{label}"):
        with pytest.raises(UsageError, match=r"--label-from-name: .*(does not hold|no regular expression)"):
            Settings(label_from_name=pattern)
    with pytest.raises(UsageError, match="belongs to folders of files"):
        read(written(tmp_path / "t.csv", "text,label\na,b\n"), label_from_name="{label}_*")
