"""Parquet and Arrow files opened to be asked, in this process or in a child process that answers."""

import base64
import contextlib
import functools
import math
import mmap
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import IO, Any, NamedTuple

from pellucid.budgets import MEMORY, ROWS_ANYWAY, ROWS_PER_BYTE, unpacked_limit
from pellucid.data.data_files import Container, Read
from pellucid.data.tables.arrow_streams import (
    ArrowCells,
    Cells,
    arrow_blocks,
    images_in_arrow,
    images_in_parquet,
    open_arrow,
    paths_in_parquet,
)
from pellucid.data.tables.parquet import naming_damage, open_parquet, parquet_blocks
from pellucid.data.tables.table import Columnar, ColumnBlock, Facts, names_in_schema
from pellucid.data.tables.text_files import naming_unreadable, open_binary
from pellucid.errors import DataError
from pellucid.files import open_regular
from pellucid.isolation import Room, current
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


class ColumnsInSubprocess:
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

    def blocks(
        self, names: Sequence[str] | None, rows: int, unread: Collection[str]
    ) -> Iterator[ColumnBlock]:
        """As `Columnar.blocks`."""
        asked = None if names is None else list(names)
        return self._blocks({"ask": "blocks", "names": asked, "rows": rows, "unread": list(unread)}, asked)

    def paths(self, leaf: str) -> Iterator[ColumnBlock]:
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

    def _blocks(self, asked: dict[str, Any], names: list[str] | None) -> Iterator[ColumnBlock]:
        """The blocks of an answer, of columns of these names."""
        with self._naming_its_end():
            self._child.send(asked)
            block: ColumnBlock | None = None
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
    """Answer in the child what `ColumnsInSubprocess` asks, message by message."""
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


def _parts(block: ColumnBlock) -> Iterator[dict[str, Any]]:
    """Messages of a block, each of some megabyte of texts, so that none is longer than is taken."""
    columns, numbers = block
    rows = max(1, len(numbers) * _PART // max(_PART, _length(block)))
    for start in range(0, max(1, len(numbers)), rows):
        part = {name: values[start : start + rows] for name, values in columns.items()}
        more = start + rows < len(numbers)
        yield {**message_of((part, numbers[start : start + rows])), "more": more}


def _length(block: ColumnBlock) -> int:
    """Characters and bytes of the texts of a block."""
    return sum(
        len(value) for values in block[0].values() for value in values if isinstance(value, (str, bytes))
    )


def _joined(block: ColumnBlock, part: ColumnBlock) -> ColumnBlock:
    """A block and the rows that follow it."""
    (columns, numbers), (more, later) = block, part
    if list(columns) != list(more):
        raise ValueError("other columns")
    together: dict[str, Sequence[Any]] = {name: [*values, *more[name]] for name, values in columns.items()}
    return together, range(numbers.start, later.stop)


def _block(message: Mapping[str, Any], names: list[str] | None) -> ColumnBlock:
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


def message_of(block: ColumnBlock) -> dict[str, Any]:
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


# Parquet and Arrow files opened to be asked, in a child process where one is to do it, and their images.


class _Form(NamedTuple):
    """Functions for files of one form; all but the first take what that one gives."""

    name: str
    open: Callable[[IO[bytes], str], Any]
    images: Callable[[Any], dict[str, str]]
    blocks: Callable[[Any, str, Sequence[str] | None, int, Collection[str]], Iterator[ColumnBlock]]
    paths: Callable[[Any, str], Iterator[list[str | None]]]
    cells: Callable[[Any, str], Any]


_FORMS = {
    "parquet": _Form(
        "Parquet", open_parquet, images_in_parquet, parquet_blocks, paths_in_parquet, Cells
    ),
    "arrow": _Form(
        "Arrow", open_arrow, images_in_arrow, arrow_blocks, lambda opened, leaf: iter(()), ArrowCells
    ),
}  # fmt: skip


@contextlib.contextmanager
def open_columns(path: Path, place: str, form: str) -> Iterator[Columnar]:
    """Open a file of the form `parquet` or `arrow`; under isolation a child alone reads it.

    Raises: `DataError` if it cannot be opened; whether it is damaged is seen when something is asked.
    """
    with _seekable(path, place) as file:
        room = current()
        if room is None:
            yield ColumnsHere(form, file, place)
        else:
            with contextlib.closing(ColumnsInSubprocess(room, form, file, place)) as columns:
                yield columns


class ColumnsHere:
    """An open file that this process reads, as `Columnar`.

    Args:
        form: `parquet` or `arrow`.
        file: its bytes.
        place: its name as the user gave it.
    """

    def __init__(self, form: str, file: IO[bytes], place: str) -> None:
        self._form = _FORMS[form]
        self._file = file
        self._place = place
        self._cells: dict[str, Any] = {}

    def facts(self) -> Facts:
        """As `Columnar.facts`."""
        with self._naming_damage():
            with self._naming():
                images = self._form.images(self._opened)
            return Facts(images, names_in_schema(self._opened.schema))

    def blocks(
        self, names: Sequence[str] | None, rows: int, unread: Collection[str]
    ) -> Iterator[ColumnBlock]:
        """As `Columnar.blocks`."""
        with self._naming_damage():
            yield from self._form.blocks(self._opened, self._place, names, rows, unread)

    def paths(self, leaf: str) -> Iterator[ColumnBlock]:
        """As `Columnar.paths`."""
        row = 1
        with self._naming_damage(), self._naming():
            for paths in self._form.paths(self._opened, leaf):
                yield {leaf: paths}, range(row, row + len(paths))
                row += len(paths)

    def image(self, leaf: str, row: int) -> bytes:
        """As `Columnar.image`."""
        with self._naming_damage():
            if leaf not in self._cells:
                self._cells[leaf] = self._form.cells(self._opened, leaf)
        with naming_damage("cannot be read"):
            content: bytes = self._cells[leaf].image(row)
        if len(content) > MEMORY.value():
            raise DataError(f"larger than {MEMORY.value() / 1e6:,.0f} MB; {MEMORY.remedy}")
        return content

    @functools.cached_property
    def _opened(self) -> Any:
        return self._form.open(self._file, self._place)

    def _naming_damage(self) -> contextlib.AbstractContextManager[None]:
        return naming_damage(
            f"{self._place}: not a readable {self._form.name} file", "; use an undamaged copy"
        )

    @contextlib.contextmanager
    def _naming(self) -> Iterator[None]:
        """Put the place before a reason."""
        try:
            yield
        except DataError as error:
            raise DataError(f"{self._place}: {error}") from error


class ImageCells(Container):
    """Images in one column of a Parquet or Arrow file; positions are rows from 0.

    Args:
        path: the file.
        place: its name as the user gave it.
        form: `parquet` or `arrow`.
        leaf: path of the column of bytes, such as `image.bytes`.
    """

    def __init__(self, path: Path, place: str, form: str, leaf: str) -> None:
        self.path = self._file = path
        self.is_in_order = form == "parquet"
        self._place = place
        self._form = form
        self._leaf = leaf

    def name_of(self, position: int) -> str:
        """As `Container.name_of`: the file that the image was, where the structures say it."""
        name = self._names[position] if position < len(self._names) else None
        return f"{self._place}:{position + 1}" if name is None else f"{self._place}/{name}"

    @functools.cached_property
    def _names(self) -> list[str | None]:
        """Names of the rows; none where they take more than the file may unpack to."""
        left, names = unpacked_limit(self._file.stat().st_size), []
        with open_columns(self._file, self._place, self._form) as columns:
            for block, _ in columns.paths(self._leaf):
                for path in block[self._leaf]:
                    name = path if isinstance(path, str) else None
                    left -= 1 + len(name or "")
                    names.append(name)
                if left < 0:
                    return []
        return names

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """As `Container.opened`."""
        with open_columns(self._file, self._place, self._form) as columns:
            yield functools.partial(columns.image, self._leaf)


@contextlib.contextmanager
def _seekable(path: Path, place: str) -> Iterator[IO[bytes]]:
    """Open a file that is read out of order; one packed with gzip is unpacked on the disk first."""
    with contextlib.ExitStack() as opened:
        with naming_unreadable(place):
            is_packed = path.name.lower().endswith(".gz")
            opener = open_binary if is_packed else open_regular
            file: IO[bytes] = opened.enter_context(opener(path))
            if is_packed:
                unpacked = opened.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, unpacked)
                unpacked.seek(0)
                file = unpacked
        yield file
