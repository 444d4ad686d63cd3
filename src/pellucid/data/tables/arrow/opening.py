"""Parquet and Arrow files opened to be asked, in a child process where one is to do it, and their images."""

import contextlib
import functools
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

from pellucid.budgets import MEMORY, unpacked_limit
from pellucid.data.archives.stored import Container, Read
from pellucid.data.tables.arrow.apart import ColumnsApart
from pellucid.data.tables.arrow.columnar import Block, Columnar, Facts
from pellucid.data.tables.arrow.features import names_in_schema
from pellucid.data.tables.arrow.images import Cells, images_in_parquet, paths_in_parquet
from pellucid.data.tables.arrow.parquet import naming_damage, open_parquet, parquet_blocks
from pellucid.data.tables.arrow.streams import ArrowCells, arrow_blocks, images_in_arrow, open_arrow
from pellucid.data.tables.bounded import naming_unreadable, open_binary
from pellucid.errors import DataError
from pellucid.isolation import current
from pellucid.regular import open_regular


class _Form(NamedTuple):
    """Functions for files of one form; all but the first take what that one gives."""

    name: str
    open: Callable[[IO[bytes], str], Any]
    images: Callable[[Any], dict[str, str]]
    blocks: Callable[[Any, str, Sequence[str] | None, int, Collection[str]], Iterator[Block]]
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
            with contextlib.closing(ColumnsApart(room, form, file, place)) as columns:
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

    def blocks(self, names: Sequence[str] | None, rows: int, unread: Collection[str]) -> Iterator[Block]:
        """As `Columnar.blocks`."""
        with self._naming_damage():
            yield from self._form.blocks(self._opened, self._place, names, rows, unread)

    def paths(self, leaf: str) -> Iterator[Block]:
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
