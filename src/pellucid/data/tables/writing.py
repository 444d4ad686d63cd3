"""Tables as they are written: CSV in which no cell becomes a formula, and names of columns that differ."""

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def as_csv(rows: Sequence[Sequence[Any]]) -> bytes:
    """CSV; a text that a spreadsheet would take for a formula gets a `'` before it."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:
        # Most cells are numbers, which stay as they are; there are as many rows as inputs.
        cells = [value if type(value) is float else _cell(value) for value in row]
        # Python 3.11 leaves a lone carriage return unquoted; readers would end the line there.
        has_return = any("\r" in cell for cell in cells if type(cell) is str)
        (quoted if has_return else plain).writerow(cells)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA_STARTS) else value
    if isinstance(value, (bool, list)):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return value


def columns_beside(fixed: Sequence[str], classes: Sequence[str]) -> list[str]:
    """Names of columns, then one for each class: `class NAME` where a column has that name."""
    names = list(fixed)
    for name in classes:
        column = name
        while column in fixed or (column != name and column in classes):
            column = f"class {column}"
        names.append(column)
    return names


def written(name: str) -> str:
    r"""A file name as a table holds it: one that is no Unicode shows its bytes as `\xe9`."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
