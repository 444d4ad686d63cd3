"""Tables as sources, and images that a table names by their ids or from another folder."""

import functools
import itertools
import os
import posixpath
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pellucid.data.data_files import (
    IMAGE_KIND,
    IMAGE_SUFFIXES,
    TEXT_KIND,
    File,
    FileKind,
    Stored,
    contents,
    ends_like_image,
)
from pellucid.data.listing import Listing
from pellucid.data.sources.source import Cell, Row, Stream, kind_of, stamp_of
from pellucid.data.sources.values import MISSING, NO_PATH, OUTSIDE, PathFinder, packed_column
from pellucid.data.tables.columns import IMAGES, TEXT_FILES, ChosenInput, choose_input
from pellucid.data.tables.table import Table, inputs_of
from pellucid.data.tables.table_files import open_table
from pellucid.data.trees import DiskFolder, Folder, path_within
from pellucid.data.wording import with_article
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

# The path that a value names, and what is wrong with it; empty where a file is there.
Find = Callable[[object], tuple[Path, str]]

UNCLEAR = "unclear"

_FIRST = 20  # values by which a column of names is detected
_MOST_PLACES = 50  # folders in which a file is looked for
_LONGEST_NAME = 200  # characters
# Columns tried as names of images where none is asked for: for each of them files are looked for.
_MOST_COLUMNS = 1_000


def list_of_table(place: str, settings: Settings) -> Listing:
    """The labelled rows of a table in a file."""
    from pellucid.data.sources.folder_contents import read_table  # labels, which a stream does without

    return read_table(Path(place), place, settings)


def stream_table(place: str, settings: Settings) -> Stream:
    """The rows of a table in a file, of the column of inputs."""
    path = Path(place)
    return stream_of_table(functools.partial(open_table, path, place, settings), path.parent, settings)


def stream_of_table(open_it: Callable[[], Table], folder: Path, settings: Settings) -> Stream:
    """The images or texts that a table's rows hold or name; paths in it count from a folder.

    Raises: `DataError` if no column can be chosen.
    """
    table, kind = open_it(), kind_of(settings)
    packed = None if kind is TEXT_KIND else packed_column(table, settings)
    if packed is not None:
        chosen = ChosenInput(IMAGES, packed, (packed,))
        # Another column has the numbers of the rows.
        names: Sequence[str] = [next((name for name in table.names if name != packed), packed)]
        rows = functools.partial(_packed_cells, table, packed, names)
    else:
        find: Find = PathFinder(folder).find
        if kind is IMAGE_KIND and (nearby := images_nearby(table, DiskFolder(folder), settings)) is not None:
            column, images = nearby
            chosen, find = ChosenInput(IMAGES, column, (column,)), images.finder(table)
        else:
            chosen = choose_input(table, folder, settings)
        names, rows = chosen.parts, functools.partial(_cells, table, find, chosen, kind)

    def count() -> int:
        if table.rows is not None:
            return table.rows
        return sum(len(block.numbers) for block in open_it().read(names))

    return Stream(rows, count, [*table.warnings, Sentence("{place}: {clause}", table.place, chosen.clause())])


def _packed_cells(table: Table, column: str, others: Sequence[str], start: int) -> Iterator[Row]:
    """The images in the cells of a column, read one by one; other columns give the numbers of the rows."""
    stamp, container = stamp_of(Path(table.place)), table.images[column]
    rows = (number for block in table.read_from(others, start) for number in block.numbers)
    numbers, cells = itertools.tee(rows)
    for found, number in zip(contents(Stored(container, row - 1) for row in cells), numbers, strict=True):
        content, reason = (b"", str(found)) if isinstance(found, DataError) else (found, "")
        yield Row(f"{table.place}:{number}", content, reason, stamp)


def _cells(table: Table, find: Find, chosen: ChosenInput, kind: FileKind, start: int) -> Iterator[Row]:
    """The texts in a column or in several that are joined, or the files that a column names."""
    stamp = stamp_of(Path(table.place))
    for block in table.read_from(chosen.parts, start):
        for number, value in zip(block.numbers, inputs_of(block.columns, chosen.parts), strict=True):
            name = f"{table.place}:{number}"
            if chosen.holds not in (IMAGES, TEXT_FILES):
                yield Row(name, Cell(value), stamp=stamp)
                continue
            path, problem = find(value)
            reason = {
                NO_PATH: Sentence("no path of {noun} in this row", with_article(kind.noun)),
                OUTSIDE: "the path leaves the table's folder; give an absolute path",
                MISSING: Sentence("no such file ({value})", value),
                UNCLEAR: Sentence("no such image, or more than one ({value})", value),
            }.get(problem, "")
            yield Row(name, path, reason, "" if problem in (NO_PATH, OUTSIDE, UNCLEAR) else stamp_of(path))


# Images that tables name.


class ImageFinder:
    """Every image below a folder, found by path, by name, or by name without its ending."""

    def __init__(self, folder: Folder) -> None:
        self.files: dict[str, File] = {}
        self._known: dict[str, list[str]] = {}
        for file, is_image in folder.walk(IMAGE_KIND):
            if is_image:
                path = path_within(file, folder)
                self.files[path] = file
                for name in {path, os.path.splitext(path)[0], posixpath.basename(path), stem_of(path)}:
                    self._known.setdefault(name, []).append(path)

    def find(self, value: object, near: Sequence[str]) -> str | None:
        """Path of the image that a cell names; `None` where there is none, or several might be meant.

        Of several those in the folders of `near` come first, in their order.
        """
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            return None
        name = posixpath.normpath(str(value).strip().replace("\\", "/"))
        for folder in near:
            found = self._known.get(posixpath.join(folder, name), [])
            if len(found) == 1:
                return found[0]
        found = self._known.get(name, [])
        below = [path for path in found if any(folder and path.startswith(f"{folder}/") for folder in near)]
        fitting = below or found
        return fitting[0] if len(fitting) == 1 else None

    def finder(self, table: Table) -> Find:
        """Finds the images of the disk that a table in their folder names, as `PathFinder.find` does."""
        near = SidecarTable(posixpath.basename(table.place), table).near

        def find(value: object) -> tuple[Path, str]:
            path = self.find(value, near)
            return (Path(), UNCLEAR) if path is None else (Path(str(self.files[path])), "")

        return find


def stem_of(path: str) -> str:
    """Name of a file without its ending."""
    return os.path.splitext(posixpath.basename(path))[0]


class SidecarTable(NamedTuple):
    """A table in the folder of images."""

    name: str  # its path in the folder
    table: Table

    @property
    def near(self) -> tuple[str, ...]:
        """Folders in which its images are looked for first: its own, and that of its name."""
        own = posixpath.dirname(self.name)
        return own, posixpath.join(own, posixpath.basename(self.name).split(".")[0])


def naming_column(sidecar: SidecarTable, images: ImageFinder, settings: Settings) -> str | None:
    """The column that names images: asked for, or of those that mostly do the one with the most different.

    Labels such as 0 and 1 may name images too, yet the same ones again and again.
    """
    if settings.input_column is not None:
        return settings.input_column if settings.input_column in sidecar.table.names else None
    different: dict[str, int] = {}
    for name, values in sidecar.table.head.columns.items():
        first = [images.find(value, sidecar.near) for value in values[:_FIRST]]
        if 2 * sum(path is not None for path in first) > len(first):
            different[name] = len(set(first))
    return max(different, key=lambda name: different[name]) if different else None


def images_nearby(table: Table, folder: DiskFolder, settings: Settings) -> tuple[str, ImageFinder] | None:
    """The column of a table that names images below its folder in another way than by paths, and these."""
    if not _names_images_nearby(table, folder, settings):
        return None
    images = ImageFinder(folder)
    column = naming_column(SidecarTable(posixpath.basename(table.place), table), images, settings)
    return None if column is None else (column, images)


def _names_images_nearby(table: Table, folder: DiskFolder, settings: Settings) -> bool:
    """True of a table whose images lie in folders below its own, or are named without their ending."""
    if settings.task == "text" or table.images or settings.generates:
        return False

    def name_in(value: object) -> str:
        """A value that may name an image; empty for others."""
        text = "" if isinstance(value, bool) or not isinstance(value, (str, int)) else str(value).strip()
        return text if len(text) <= _LONGEST_NAME and "\0" not in text and text[:1] not in (".", "/") else ""

    def is_nearby(name: str) -> bool:
        endings = [""] if ends_like_image(name) else IMAGE_SUFFIXES
        return any(os.path.isfile(f"{place}/{name}{ending}") for place in places for ending in endings)

    places = [str(folder), *map(str, folder.folders.values())][:_MOST_PLACES]
    asked = settings.input_column
    tried = list(islice(table.head.columns, _MOST_COLUMNS)) if asked is None else [asked]
    for values in [table.head.columns[name] for name in tried if name in table.head.columns]:
        first = list(filter(None, map(name_in, values[:_FIRST])))
        if not first:
            continue
        if 2 * sum(os.path.isfile(folder.path / name) for name in first) > len(first):
            return False  # as paths they are found
        if 2 * sum(map(is_nearby, first)) > len(first):
            return True
    return False
