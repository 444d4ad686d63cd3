"""Parquet, Arrow and Excel files: a worker process under limits reads them, and this one asks it."""

import contextlib
import functools
import itertools
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from pellucid.data.data_files import Container, Read
from pellucid.data.tables.table import NO_IMAGE, Block
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.safety.budgets import unpacked_limit
from pellucid.safety.isolation import ChildEnded, Worker
from pellucid.safety.strict import parse_line

_MOST_IMAGES = 1024
_JOBS = {"parquet": "columns", "arrow": "columns", "xlsx": "workbooks"}


def _labels(text: str) -> list[object]:
    """Several labels in one cell: texts, whole numbers and truth values."""
    found = parse_line(text)
    if not isinstance(found, list) or not {*map(type, found)} <= {str, int, bool}:
        raise ValueError("a list of anything but labels")
    return found


# Kinds of cells by name: each comes as a pair of its name and a text.
_READ: dict[str, Callable[[str], Any]] = {
    "bytes": lambda text: text.encode("latin-1"),
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "seconds": lambda text: timedelta(microseconds=int(text)),
    "decimal": Decimal,
    "list": _labels,
}


@contextlib.contextmanager
def open_columns(path: Path, place: str, form: str) -> Iterator["TableFile"]:
    """Open a file of the form `parquet`, `arrow` or `xlsx`; it is read when something is asked of it."""
    file = TableFile(path, place, form)
    try:
        yield file
    finally:
        file.close()


class TableFile:
    """A file of the form `parquet`, `arrow` or `xlsx` that the worker reads.

    Each question has everything that the worker must know, should it begin anew.
    """

    _numbers = itertools.count()

    def __init__(self, path: Path, place: str, form: str) -> None:
        self._place = place
        self._worker = Worker.of(_JOBS[form])
        name = os.fsencode(os.path.abspath(path)).decode("latin-1")
        self._known = {"number": next(self._numbers), "path": name, "place": place, "form": form}
        # Images that came with the one asked for, by row, and the reason why others do not come.
        self._images: dict[int, bytes] = {}
        self._most = 1
        self._wrong: tuple[range, str] = (range(0), "")

    def close(self) -> None:
        """Let the worker close it."""
        self._worker.forget({**self._known, "ask": "close"})

    def _ask(self, ask: str, **more: Any) -> tuple[dict[str, Any], bytes]:
        return self._worker.ask({**self._known, "ask": ask, **more})

    def facts(self) -> dict[str, Any]:
        """What the file states of its columns.

        Of Parquet and Arrow files `images`, the paths of the bytes of images by column, `classes`, names of
        integer labels by column, and the number of `rows`; of workbooks the `sheet` and `others`.

        Raises: `DataError` if it is damaged, or is not what it claims.
        """
        with self._understanding():
            found, _ = self._ask("facts")
            images, classes = found.get("images", {}), found.get("classes", {})
            texts = [*images.values(), *itertools.chain(*classes.values())]
            is_number = found.get("rows") is None or type(found["rows"]) is int
            if not is_number or not all(type(text) is str for text in texts):
                raise ValueError("names that are no texts")
        return found

    def blocks(
        self, names: Sequence[str] | None, rows: int, unread: Collection[str] = (), row: int = 0
    ) -> Iterator[Block]:
        """Blocks of the columns of these names, by default of all, of at most so many rows, from a row on.

        Values of columns that hold structures, or lists of anything but texts and whole numbers, and of those
        in `unread`, are not read: empty lists take their place.

        Raises: `DataError` as `facts`.
        """
        asked = {"names": None if names is None else list(names), "rows": rows, "unread": list(unread)}
        last = row
        while True:
            with self._understanding():
                message, _ = self._ask("block", **asked, row=row)
                if "end" in message:
                    return
                block = _block(message, names)
                if not last < block.numbers[0] <= block.numbers[-1] or len(block.numbers) > rows:
                    raise ValueError("rows that do not follow")
                row, last = row + len(block.numbers), block.numbers[-1]
            yield block

    def paths(self, leaf: str) -> Iterator[list[str | None]]:
        """Names that images had as files, where they accompany the bytes at a path, some rows at a time.

        Raises: `DataError` as `facts`.
        """
        row = 0
        while True:
            with self._understanding():
                paths = self._ask("paths", leaf=leaf, row=row)[0]["paths"]
                if not all(path is None or type(path) is str for path in paths):
                    raise ValueError("paths that are no texts")
            if not paths:
                return
            row += len(paths)
            yield paths

    def image(self, leaf: str, row: int) -> bytes:
        """Bytes of an image in a row from 0; the next rows come with it, more and more of them.

        Raises: `DataError` with the reason alone; once the worker ended at one, for its reason none is left.
        """
        rows, reason = self._wrong
        if row in rows:
            raise DataError(reason)
        content = self._images.pop(row, None)
        if content is None:
            self._images = self._next_images(leaf, row)
            content = self._images.pop(row)
        if not content:
            raise DataError(NO_IMAGE)
        return content

    def _next_images(self, leaf: str, row: int) -> dict[int, bytes]:
        """Images of a row and some behind it."""
        try:
            message, content = self._ask("images", leaf=leaf, row=row, most=self._most)
        except ChildEnded as error:
            if self._most > 1:  # which of them it was is found one by one
                self._most = 1
                return self._next_images(leaf, row)
            self._wrong = (range(1 << 62), str(error))
            raise
        with self._understanding():
            if "reason" in message:
                self._wrong = (range(row, int(message["until"])), str(message["reason"]))
                self._worker.end()
                raise DataError(self._wrong[1])
            lengths = message["lengths"]
            if not all(type(each) is int and each >= 0 for each in lengths) or sum(lengths) != len(content):
                raise ValueError("images of other lengths")
        if not lengths:
            raise DataError(NO_IMAGE)
        ends = list(itertools.accumulate(lengths, initial=0))
        self._most = min(_MOST_IMAGES, 2 * self._most)
        return {row + at: content[ends[at] : ends[at + 1]] for at in range(len(lengths))}

    @contextlib.contextmanager
    def _understanding(self) -> Iterator[None]:
        """Name the file where the worker ended, and end one that sent what it never would."""
        try:
            yield
        except ChildEnded as error:
            raise DataError("{place}: {error}", self._place, error) from error
        except DataError:
            raise
        except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
            self._worker.end()
            reason = Sentence(
                "its decoder answered what no decoder answers ({error}); use an undamaged copy",
                str(error)[:100],
            )
            raise DataError("{place}: {reason}", self._place, reason) from error


def _block(message: Mapping[str, Any], names: Sequence[str] | None) -> Block:
    """A block as the worker sends it, checked."""

    def cell(value: list[str]) -> Any:
        """A cell that JSON has no kind for; structures, which are not read, are empty lists."""
        return _READ[value[0]](value[1]) if value else value

    given = message["rows"]
    if not all(type(row) is int and 0 < row < 1 << 40 for row in given):
        raise ValueError("rows that are no numbers")
    numbers = range(*given) if message["are_all"] else given
    columns: dict[str, Sequence[Any]] = {
        str(name): [cell(each) if type(each) is list else each for each in cells]
        for name, cells in message["columns"]
    }
    if not numbers or any(len(each) != len(numbers) for each in columns.values()):
        raise ValueError("columns of other lengths")
    if names is not None and list(columns) != list(dict.fromkeys(names)):
        raise ValueError("other columns")
    return Block(columns, numbers)


class ImageCells(Container):
    """Images in one column of a Parquet or Arrow file; positions are rows from 0.

    `leaf` is the path of the column of bytes, such as `image.bytes`.
    """

    def __init__(self, path: Path, place: str, form: str, leaf: str) -> None:
        self.path = self._file = path
        self.is_in_order = True
        self._place, self._form, self._leaf = place, form, leaf

    def name_of(self, position: int) -> str:
        """Name of the file that the image was, where the structures have it, or else its row."""
        name = self._names[position] if position < len(self._names) else None
        return f"{self._place}:{position + 1}" if name is None else f"{self._place}/{name}"

    @functools.cached_property
    def _names(self) -> list[str | None]:
        """Names of the rows; none where they take more than the file may unpack to."""
        left, names = unpacked_limit(self._file.stat().st_size), list[str | None]()
        with open_columns(self._file, self._place, self._form) as columns:
            for paths in columns.paths(self._leaf):
                left -= sum(1 + len(path or "") for path in paths)
                names += paths
                if left < 0:
                    return []
        return names

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """Open it for reading."""
        with open_columns(self._file, self._place, self._form) as columns:
            yield functools.partial(columns.image, self._leaf)
