"""Parquet and Arrow files read in a child process: rows come back as JSON, images in shared memory."""

import base64
import contextlib
import math
import mmap
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import IO, Any

from pellucid.budgets import MEMORY, ROWS_ANYWAY, ROWS_PER_BYTE, unpacked_limit
from pellucid.data.tables.arrow.columnar import Block, Columnar, Facts
from pellucid.errors import DataError
from pellucid.isolation.room import Room
from pellucid.strict import Object, Whole

_PART = 1 << 20
_PLAIN = {str, int, bool, type(None)}
# Kinds of cells by name: each is written as a pair of its name and a text.
_READ: dict[str, Callable[[str], Any]] = {
    "bytes": base64.b64decode,
    "number": float,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda text: timedelta(microseconds=int(text)),
    "decimal": Decimal,
}


class ColumnsApart:
    """An open file that a child reads, as `Columnar`; to be closed.

    Args:
        room: of the child.
        form: `parquet` or `arrow`.
        file: its bytes, of which none is read here.
        place: its name as the user gave it.

    Raises:
        DataError: the child ended as it began.
    """

    def __init__(self, room: Room, form: str, file: IO[bytes], place: str) -> None:
        self._place = place
        self._end = ""
        size = os.fstat(file.fileno()).st_size
        # Twice what an honest file unpacks to: dates that Python does not have come as texts about them.
        self._most_texts = 2 * unpacked_limit(size)
        self._most_rows = ROWS_ANYWAY + ROWS_PER_BYTE * size + 1
        try:
            self._child = room.begun(form, file.fileno())
        except DataError as error:
            raise DataError(f"{place}: {error}") from error
        self._child.send({"place": place})

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def facts(self) -> Facts:
        """As `Columnar.facts`."""
        with self._naming_its_end():
            self._child.send({"ask": "facts"})
            message = self._child.receive()
            read = self._child.read(message, {"images": Object(), "classes": Object()})
            with self._child.judged():
                return _facts(read["images"], read["classes"])

    def blocks(self, names: Sequence[str] | None, rows: int, unread: Collection[str]) -> Iterator[Block]:
        """As `Columnar.blocks`."""
        asked = None if names is None else list(names)
        return self._blocks({"ask": "blocks", "names": asked, "rows": rows, "unread": list(unread)}, asked)

    def paths(self, leaf: str) -> Iterator[Block]:
        """As `Columnar.paths`."""
        return self._blocks({"ask": "paths", "leaf": leaf}, [leaf])

    def image(self, leaf: str, row: int) -> bytes:
        """As `Columnar.image`; once the child ended, for its reason no image is left."""
        if self._end:
            raise DataError(self._end)
        try:
            self._child.send({"ask": "image", "leaf": leaf, "row": row})
            message = self._child.receive()
            size = self._child.read(message, {"bytes": Whole(1, MEMORY.value())})["bytes"]
        except DataError as error:
            self._end = str(error) if self._child.is_closed else ""
            raise
        content = self._child.shared[:size]
        self._child.forget(size)
        return content

    def _blocks(self, asked: dict[str, Any], names: list[str] | None) -> Iterator[Block]:
        """The blocks of an answer, of columns of these names."""
        with self._naming_its_end():
            self._child.send(asked)
            block: Block | None = None
            row = 1
            while "end" not in (message := self._child.receive()):
                with self._child.judged():
                    part = _block(message, names)
                    if part[1].start != row or not row < part[1].stop <= self._most_rows:
                        raise ValueError("rows that do not follow")
                    row = part[1].stop
                    block = part if block is None else _joined(block, part)
                    if _length(block) > self._most_texts:
                        raise ValueError("more texts than its file holds")
                if not message["more"]:
                    yield block
                    block = None

    @contextlib.contextmanager
    def _naming_its_end(self) -> Iterator[None]:
        """Put the place before the reason why the child ended; what it says itself has it."""
        try:
            yield
        except DataError as error:
            if self._child.is_closed:
                raise DataError(f"{self._place}: {error}") from error
            raise


def replies(columns: Columnar, asked: Mapping[str, Any], shared: mmap.mmap) -> Iterator[dict[str, Any]]:
    """Answer in the child what `ColumnsApart` asks, message by message."""
    what = asked["ask"]
    if what == "facts":
        images, classes = columns.facts()
        yield {"images": dict(images), "classes": {name: list(each) for name, each in classes.items()}}
    elif what == "image":
        content = columns.image(asked["leaf"], asked["row"])
        shared[: len(content)] = content
        yield {"bytes": len(content)}
    else:
        blocks = (
            columns.paths(asked["leaf"])
            if what == "paths"
            else columns.blocks(asked["names"], asked["rows"], asked["unread"])
        )
        for block in blocks:
            yield from _parts(block)
        yield {"end": True}


def _facts(images: Mapping[str, Any], classes: Mapping[str, Any]) -> Facts:
    lists = list(classes.values())
    texts = [*images.values(), *(name for names in lists for name in names)]
    if not all(type(names) is list for names in lists) or not all(type(text) is str for text in texts):
        raise ValueError("names that are no texts")
    return Facts(images, classes)


def _parts(block: Block) -> Iterator[dict[str, Any]]:
    """Messages of a block, each of some megabyte of texts, so that none is longer than is taken."""
    columns, numbers = block
    rows = max(1, len(numbers) * _PART // max(_PART, _length(block)))
    for start in range(0, max(1, len(numbers)), rows):
        part = {name: values[start : start + rows] for name, values in columns.items()}
        more = start + rows < len(numbers)
        yield {**message_of((part, numbers[start : start + rows])), "more": more}


def _length(block: Block) -> int:
    """Characters and bytes of the texts of a block."""
    return sum(
        len(value) for values in block[0].values() for value in values if isinstance(value, (str, bytes))
    )


def _joined(block: Block, part: Block) -> Block:
    """A block and the rows that follow it."""
    (columns, numbers), (more, later) = block, part
    if list(columns) != list(more):
        raise ValueError("other columns")
    together: dict[str, Sequence[Any]] = {name: [*values, *more[name]] for name, values in columns.items()}
    return together, range(numbers.start, later.stop)


def _block(message: Mapping[str, Any], names: list[str] | None) -> Block:
    first, count = message["numbers"]
    if type(message["more"]) is not bool:
        raise ValueError("neither more nor the last")
    columns: dict[str, Sequence[Any]] = {
        str(name): [_cell(each) for each in cells] for name, cells in message["columns"]
    }
    if (
        type(first) is not int
        or type(count) is not int
        or any(len(each) != count for each in columns.values())
    ):
        raise ValueError("columns of other lengths")
    if names is not None and list(columns) != list(dict.fromkeys(names)):
        raise ValueError("other columns")
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
