"""Tables in the forms of documents and of other tools, to be changed."""

import io
import json
import random
import zipfile
from collections.abc import Mapping
from typing import Any

from fuzz.mutating import mutate_bytes, mutate_json

Columns = Mapping[str, list]


def json_document(draw: random.Random, columns: Columns) -> bytes:
    """One of the forms that pandas and others write, sometimes with other values."""
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    by_name = {name: {str(at): value for at, value in enumerate(values)} for name, values in columns.items()}
    document: Any = draw.choice([
        rows, rows, by_name, dict(columns), {"data": rows}, {"train": rows[::2], "test": rows[1::2]},
        {"columns": list(columns), "data": [list(row.values()) for row in rows]},
        {str(at): row for at, row in enumerate(rows)}, [list(row.values()) for row in rows],
        {name: [list(row.values()) for row in rows] for name in ("train", "val", "oos_test")},
    ])  # fmt: skip
    if draw.random() < 0.5:
        document = mutate_json(draw, document)
    return json.dumps(document, indent=draw.choice((None, None, 1)), ensure_ascii=draw.random() < 0.5).encode(
        draw.choice(("utf-8", "utf-8", "utf-16")), "replace"
    )


def orange_rows(draw: random.Random, columns: Columns) -> bytes:
    """Rows between tabs below one of Orange's headers."""
    three = [list(columns), [draw.choice(["d", "string", "c", "a b", ""]) for _ in columns]]
    three.append([draw.choice(["class", "meta", "", "i", "include=True", "a=b m"]) for _ in columns])
    one = [[draw.choice(["cD#", "mS#", "C#", "i#", "", "#"]) + name for name in columns]]
    rows = [*draw.choice((three, one)), *zip(*columns.values(), strict=True)]
    return "\n".join("\t".join(map(str, row)) for row in rows).encode("utf-8", "replace")


def fasttext_lines(draw: random.Random, columns: Columns) -> bytes:
    """Lines with a label, or none, or two."""
    marks = ["__label__", "__label__", "__label__", "", "__label__b __label__", "__label__ "]
    pairs = zip(columns["label"], columns["text"], strict=True)
    lines = [
        f"{draw.choice(marks) if draw.random() < 0.05 else marks[0]}{label} {text}" for label, text in pairs
    ]
    return "\n".join(lines).encode("utf-8", "replace")


def workbook(draw: random.Random, columns: Columns) -> bytes:
    """A workbook, of whose parts one may be changed before it is packed."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in [list(columns), *zip(*columns.values(), strict=True)]:
        book.active.append([value if _is_cell(value) else None for value in row])
    content = io.BytesIO()
    book.save(content)
    if draw.random() < 0.3:
        return content.getvalue()
    packed = io.BytesIO()
    with zipfile.ZipFile(content) as whole, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as changed:
        chosen = draw.choice(whole.namelist())
        for name in whole.namelist():
            part = whole.read(name)
            changed.writestr(name, mutate_bytes(draw, part) if name == chosen else part)
    return packed.getvalue()


def _is_cell(value: object) -> bool:
    """Tell what a cell of Excel can hold."""
    return not isinstance(value, str) or (len(value) < 32_000 and all(each >= " " for each in value))


FORMS = {"json": json_document, "tab": orange_rows, "txt": fasttext_lines, "xlsx": workbook}
