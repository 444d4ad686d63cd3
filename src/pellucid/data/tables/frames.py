"""Data frames of pandas and polars, and tables of Arrow, taken as they are without importing any of them."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from pellucid.data.data_files import ends_like_image
from pellucid.data.tables.table import Table, require_different, table_of_columns
from pellucid.errors import DataError

_FIRST = 20  # values by which a column of paths is detected
_ROWS = 10_000


def _library_of(value: object) -> str:
    """Library that the type of a value, or one that it is derived from, belongs to; empty for any other."""
    homes = (kind.__module__.partition(".")[0] for kind in type(value).__mro__)
    return next((home for home in homes if home in ("pandas", "polars", "pyarrow")), "")


def is_frame(value: object) -> bool:
    """Detect a data frame of pandas or polars, or a table of Arrow."""
    names = {kind.__name__ for kind in type(value).__mro__}
    return bool(_library_of(value)) and bool(names & {"DataFrame", "Table"})


def is_lazy(value: object) -> bool:
    """Detect a frame of polars that is still to be computed."""
    return _library_of(value) == "polars" and type(value).__name__ == "LazyFrame"


def plain_values(column: Any) -> Any:
    """Values of a column of such a library as a list, `None` where one is missing.

    What is no column, or one of pandas that holds NumPy's values, none of them missing, stays as it is.
    """
    library = _library_of(column)
    if library == "pandas" and getattr(column, "ndim", 0) == 1:
        values = column.tolist()
        known = _without_missing(values)
        is_of_numpy = hasattr(getattr(column, "dtype", None), "str")
        return column if is_of_numpy and known == values else known
    if library == "polars" and hasattr(column, "to_list"):
        return column.to_list()
    if library == "pyarrow" and hasattr(column, "to_pylist"):
        return column.to_pylist()
    return column


def _without_missing(values: list[Any]) -> list[Any]:
    """Values of pandas, `None` in the place of its signs for a missing one."""
    return [None if type(value).__name__ in ("NAType", "NaTType") else value for value in values]


def columns_of_frame(frame: Any, place: str) -> dict[str, list[Any]]:
    """Every column of a frame as Python's own values; the index of pandas is no column."""
    library = _library_of(frame)
    names = list(map(str, frame.column_names if library == "pyarrow" else frame.columns))
    require_different(names, place)
    if len(frame) == 0 or not names:
        raise DataError("{place}: the frame has no rows; give some", place)
    if library == "pandas":
        columns = [_without_missing(frame.iloc[:, at].tolist()) for at in range(len(names))]
    elif library == "polars":
        columns = [column.to_list() for column in frame.get_columns()]
    else:
        columns = [column.to_pylist() for column in frame.columns]
    return dict(zip(names, columns, strict=True))


def table_of_frame(frame: Any, place: str) -> Table:
    """A frame as a table; rows count from 1, whatever its index is.

    Raises: `DataError` if it has no rows, or two columns share a name.
    """
    return table_of_columns(place, columns_of_frame(frame, place))


def json_lines_of_frame(frame: Any, place: str) -> Iterator[bytes]:
    """A frame as JSON, one object a line, some at a time; always the same bytes for the same frame.

    Paths of images that lie in the working folder become absolute: the lines may be kept elsewhere.

    Raises: `DataError` as `table_of_frame`, or if a value is of a kind that JSON has not.
    """
    columns = {
        name: list(map(os.path.abspath, values)) if _are_image_paths(values) else values
        for name, values in columns_of_frame(frame, place).items()
    }
    waiting: list[str] = []
    for number, row in enumerate(zip(*columns.values(), strict=True), start=1):
        try:
            waiting.append(json.dumps(dict(zip(columns, row, strict=True)), default=_as_json) + "\n")
        except (TypeError, ValueError) as error:
            raise DataError(
                "{place}: row {number} holds {error}; leave the column out", place, number, error
            ) from error
        if len(waiting) == _ROWS:
            yield "".join(waiting).encode()
            waiting = []
    if waiting:
        yield "".join(waiting).encode()


def _are_image_paths(values: Sequence[Any]) -> bool:
    first = [value for value in values[:_FIRST] if isinstance(value, str)]
    fitting = [value for value in first if ends_like_image(value) and os.path.isfile(value)]
    return all(isinstance(value, str) for value in values) and 0 < len(first) < 2 * len(fitting)


def _as_json(value: Any) -> Any:
    """A value that JSON has not, as the table readers have it."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a value of the kind {type(value).__name__}")
