"""Parquet files read in a child process; blocks come back as JSON, with names for cells that it lacks."""

import base64
import contextlib
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

from pellucid.errors import DataError
from pellucid.isolation.room import Room

Block = tuple[dict[str, Sequence[Any]], range]
"""Columns by name, and the numbers of their rows from 1."""

_PLAIN = {str, int, bool, type(None)}
_READ: dict[str, Callable[[str], Any]] = {
    "bytes": base64.b64decode,
    "number": float,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda text: timedelta(microseconds=int(text)),
    "decimal": Decimal,
}
"""Kinds of cells by name: each is written as a pair of its name and a text."""


def blocks_apart(
    room: Room, file: IO[bytes], place: str, unread: Collection[str], names: Sequence[str] | None, rows: int
) -> Iterator[Block]:
    """Blocks of a Parquet file, as `parquet_blocks`.

    Raises: `DataError` with the place if it cannot be read, or ended the child.
    """
    child = room.begun("tables", file.fileno())
    with contextlib.closing(child):
        asked = None if names is None else list(names)
        child.send({"place": place, "unread": list(unread), "names": asked, "rows": rows})
        while "end" not in (message := _received(child, place)):
            try:
                yield _block(message)
            except (LookupError, TypeError, ValueError, ArithmeticError) as error:
                raise DataError(f"{place}: its reader says what it never would; use another copy") from error


def _received(child: Any, place: str) -> dict[str, Any]:
    """The next message; where the child ended, the error gets its place."""
    try:
        message: dict[str, Any] = child.receive()
    except DataError as error:
        if child.is_closed:
            raise DataError(f"{place}: {error}") from error
        raise
    return message


def _block(message: Mapping[str, Any]) -> Block:
    first, count = message["numbers"]
    columns: dict[str, Sequence[Any]] = {
        str(name): [_cell(each) for each in cells] for name, cells in message["columns"]
    }
    if (
        type(first) is not int
        or type(count) is not int
        or any(len(each) != count for each in columns.values())
    ):
        raise ValueError("columns of other lengths")
    return columns, range(first, first + count)


def _cell(value: Any) -> Any:
    if type(value) is not list:
        return value
    if not value:
        return value  # of lists and structures, which are not read
    kind, text = value
    return _READ[kind](text)


def message_of(block: Block) -> dict[str, Any]:
    """A block as plain values, from which `_block` makes the same one."""
    columns, numbers = block
    cells = [[name, [_plain(each) for each in values]] for name, values in columns.items()]
    return {"numbers": [numbers.start, len(numbers)], "columns": cells}


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    if isinstance(value, float):
        return ["number", str(value)]
    if isinstance(value, bytes):
        return ["bytes", base64.b64encode(value).decode()]
    if isinstance(value, timedelta):
        return ["seconds", str(value // timedelta(microseconds=1))]
    if isinstance(value, Decimal):
        return ["decimal", str(value)]
    for kind, name in ((datetime, "datetime"), (date, "date"), (time, "time")):
        if isinstance(value, kind):
            return [name, value.isoformat()]
    return [] if isinstance(value, list) else str(value)
