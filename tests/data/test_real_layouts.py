"""Tables as the tools of the field write them: read right, or refused with the one flag that helps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pellucid.data import Listing, read_data
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


def read(path: Path, **settings: object) -> Listing:
    return read_data(str(path), Settings(**settings))  # type: ignore[arg-type]


def rows_of(listing: Listing) -> list[tuple[str, str]]:
    assert listing.texts is not None
    return list(zip(listing.texts, listing.labels, strict=True))


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
    "pandas, columns (its default)": ("t.json", as_json()),
    "pandas, records": ("t.json", as_json(orient="records")),
    "pandas, records with an indent": ("t.json", as_json(orient="records", indent=2, force_ascii=False)),
    "pandas, records as lines": ("t.json", as_json(orient="records", lines=True)),
    "pandas, split": ("t.json", as_json(orient="split")),
    "pandas, index": ("t.json", as_json(orient="index")),
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
