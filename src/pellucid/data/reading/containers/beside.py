"""Tables beside images: `metadata.csv` of an `imagefolder`, `train.csv` of a contest, labels of a folder.

A column names the images: by their paths, their names, or their names without the ending (`id`). What a table
names is looked for in its own folder, then in all folders below it.
"""

import dataclasses
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pellucid.data.archives.stored import File
from pellucid.data.labels.texts import MOST_ROWS
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.reading.containers.shards import is_submission, split_of_path
from pellucid.data.reading.joining import joined
from pellucid.data.reading.rows import RowReader
from pellucid.data.tables.columns import choose_columns
from pellucid.data.tables.file_kinds import IMAGE_KIND, IMAGE_SUFFIXES, ends_like_image
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.packed import FLAGS
from pellucid.data.tables.stream import TABLE_SUFFIXES, is_table
from pellucid.data.tables.trees import Folder, PackedFolder, files_in, place_of, sub_folders, walk
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings

_METADATA = "metadata"
_METADATA_FILES = tuple(_METADATA + suffix for suffix in TABLE_SUFFIXES)
_OF_IMAGES = frozenset(
    "image images img imgs picture pictures photo photos jpg jpeg png data files crops frames".split()
)
_LOOKED_AT = 20
_MOST_PLACES, _LONGEST_NAME = 50, 200
# Columns tried as names of images where none is asked for: for each of them files are looked for.
_MOST_COLUMNS = 1_000


class Images:
    """Every image of a folder, found by path, by name, or by name without its ending.

    Args:
        folder: it and all folders in it are gone through.
    """

    def __init__(self, folder: Folder) -> None:
        before = f"{folder}/"
        self.files: dict[str, File] = {}
        self._known: dict[str, list[str]] = {}
        for file, is_image in walk(folder, IMAGE_KIND):
            if is_image:
                path = place_of(file).removeprefix(before).replace(os.sep, "/")
                self.files[path] = file
                for name in {path, os.path.splitext(path)[0], posixpath.basename(path), _stem(path)}:
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


def _stem(path: str) -> str:
    return os.path.splitext(posixpath.basename(path))[0]


class Beside(NamedTuple):
    """A table that lies beside images.

    Attributes:
        name: its path in the folder.
        table: begins to read it.
        near: folders in which its images are looked for first.
    """

    name: str
    table: Table
    near: tuple[str, ...]


def tables_beside(folder: Folder) -> dict[str, File]:
    """Tables of a folder that may say of which class its images are, by path in the folder.

    Empty where its sub-folders are classes, or splits of class folders.
    """
    folders = sub_folders(folder)
    below = {
        f"{name}/{file_name}": file
        for name, sub in folders.items()
        for file_name in _METADATA_FILES
        if (file := _file_in(sub, file_name)) is not None
    }
    own = {name: file for name, file in files_in(folder).items() if is_table(Path(name))}
    metadata = {name: file for name, file in own.items() if _stem(name).lower() == _METADATA}
    if below or metadata:
        return {**metadata, **below}
    if len(folders) > 1 and not all(_is_of_images(name) for name in folders):
        return {}
    if any(sub_folders(sub) for name, sub in folders.items() if name.lower() in SPLIT_OF_NAME):
        return {}
    return {name: file for name, file in own.items() if not is_submission(name)}


def _file_in(folder: Folder, name: str) -> File | None:
    """A file of a name in a folder, of which nothing else is looked at."""
    if isinstance(folder, PackedFolder):
        return folder.files.get(name)
    return folder / name if os.path.isfile(folder / name) else None


def _is_of_images(name: str) -> bool:
    """Tell the name of a folder that says that it holds images, or a split of them, and no class."""
    words = set(re.split(r"[^a-z]+", name.lower()))
    return bool(words & _OF_IMAGES or any(word in SPLIT_OF_NAME for word in words))


def read_beside(tables: Sequence[Beside], images: Images, place: str, settings: Settings) -> Listing | None:
    """List the images that tables name; `None` where no table names any.

    Raises: `DataError` if a row names no image, or it cannot be told which table or which column counts.
    """
    naming = [(each, name) for each in tables if (name := naming_column(each, images, settings)) is not None]
    if not naming:
        return None
    naming.sort(key=lambda pair: split_of_path(pair[0].name) not in (TRAIN, UNDECIDED))
    splits = Counter(split_of_path(each.name) for each, _ in naming)
    if splits[UNDECIDED] and len(naming) > 1:
        names = some([quoted(each.name) for each, _ in naming])
        raise DataError(
            f"{place}: which table has the labels, {names}? Give it as DATA, or move the others away"
        )
    parts, empty, label = [], [], settings.label_column
    for each, column in naming:
        if (label is not None and label not in each.table.names) or len(each.table.names) == 1:
            empty.append(each.name)
            continue
        asked = dataclasses.replace(settings, input_column=column, label_column=label, task="image")
        part, label = list_named(each, images, asked)
        parts.append(part)
    if not parts:
        raise DataError(f"{place}: {some(list(map(quoted, empty)))} names images but has no column of labels")
    listing = joined(parts)
    warnings = [*listing.warnings, *_left_out(listing, images, empty, place)]
    return dataclasses.replace(listing, place=place, form="table beside images", warnings=tuple(warnings))


def naming_column(beside: Beside, images: Images, settings: Settings) -> str | None:
    """The column of a table that names images: asked for, or of those that mostly do the one that tells most.

    Labels such as 0 and 1 may name images too, yet the same ones again and again.
    """
    if settings.input_column is not None:
        return settings.input_column if settings.input_column in beside.table.names else None
    different: dict[str, int] = {}
    for name, values in beside.table.head.columns.items():
        first = [images.find(value, beside.near) for value in values[:_LOOKED_AT]]
        if 2 * sum(path is not None for path in first) > len(first):
            different[name] = len(set(first))
    return max(different, key=lambda name: different[name]) if different else None


def list_named(beside: Beside, images: Images, settings: Settings) -> tuple[Listing, str]:
    """List the images of one table, and the column of the labels.

    Raises: `DataError` if a row names none of them.
    """
    table = beside.table
    columns = choose_columns(table, Path(), settings)
    reader = RowReader(table, columns)
    values = [value for block in reader.inputs() for value in block]
    rows = reader.listing()
    found = [images.find(value, beside.near) for value in values]
    missing = [
        f"row {source.rpartition(':')[2]} ({quoted(str(value))})"
        for source, value, path in zip(rows.sources, values, found, strict=True)
        if path is None
    ]
    if missing and not settings.skip_bad:
        raise DataError(
            f"{table.place}: no such image, or more than one, at {some(missing, MOST_ROWS)}; "
            "fix the names or leave them out with --skip-bad"
        )
    paths = [
        Path(str(value)) if path is None else images.files[path]
        for value, path in zip(values, found, strict=True)
    ]
    splits, why = _splits(beside, found, rows.splits if columns.split is not None else None)
    listing = dataclasses.replace(
        rows,
        splits=splits,
        paths=paths,
        warnings=(*table.warnings, f"{table.place}: {columns.sentence()}{why}; {FLAGS}"),
    )
    return listing, columns.label


def _splits(
    beside: Beside, found: Sequence[str | None], own: Sequence[str] | None
) -> tuple[Sequence[str], str]:
    """Splits of rows: by a column, the table's name, or the folders of all images; and words about it."""
    if own is not None:
        return own, ""
    split = split_of_path(beside.name)
    if split:
        return [split] * len(found), f"; the {split} split, by the name {quoted(beside.name)}"
    of_folders = [split_of_path(posixpath.dirname(path)) if path else UNDECIDED for path in found]
    if all(of_folders):
        return of_folders, "; splits by the folders of the images"
    return [UNDECIDED] * len(found), ""


def names_images_nearby(table: Table, folder: Path, settings: Settings) -> bool:
    """Tell a table whose images lie in folders below its own, or are named without their ending."""
    if settings.task == "text" or table.images or settings.generates:
        return False
    asked = settings.input_column
    places = [folder, *(each for each in sub_folders(folder).values() if isinstance(each, Path))]
    tried = list(islice(table.head.columns, _MOST_COLUMNS)) if asked is None else [asked]
    for values in [table.head.columns[name] for name in tried if name in table.head.columns]:
        first = [str(value).strip() for value in values[:_LOOKED_AT] if _may_name(value)]
        if not first:
            continue
        if 2 * sum(os.path.isfile(folder / value) for value in first) > len(first):
            return False  # as paths they are found
        if 2 * sum(_is_nearby(value, places[:_MOST_PLACES]) for value in first) > len(first):
            return True
    return False


def _may_name(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return False
    text = str(value).strip()
    return 0 < len(text) <= _LONGEST_NAME and "\0" not in text and not text.startswith((".", "/"))


def _is_nearby(value: str, places: Sequence[Path]) -> bool:
    """Tell the name of an image in one of some folders."""
    endings = [""] if ends_like_image(value) else IMAGE_SUFFIXES
    return any(os.path.isfile(f"{place}/{value}{ending}") for place in places for ending in endings)


def _left_out(listing: Listing, images: Images, empty: Sequence[str], place: str) -> Iterator[str]:
    """Say which images and tables have no labels."""
    number = len(images.files) - len(set(listing.paths or ()) & set(images.files.values()))
    if number:
        yield f"{place}: {count_of(number, 'image')} left out, having no label in any table"
    if empty:
        yield f"{place}: {some(list(map(quoted, empty)))} left out, having no labels"
