"""Folders of any content, on the disk or in an archive: tables alone, or sidecar tables of images.

Sidecar tables are `metadata.csv` of an `imagefolder`, `train.csv` of a contest, labels of a folder. A column
names the images: by their paths, their names, or their names without the ending (`id`). What a table names is
looked for in its own folder, then in all folders below it.
"""

import dataclasses
import functools
import os
import posixpath
import tempfile
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pellucid.data.data_files import IMAGE_KIND, IMAGE_SUFFIXES, TEXT_SUFFIX, File, Stored, ends_like_image
from pellucid.data.labels import MOST_ROWS
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.reading.class_folders import (
    holds_texts,
    in_stored_order,
    read_folder,
    read_text_folder,
    read_unlabelled,
)
from pellucid.data.reading.input_values import FLAGS
from pellucid.data.reading.labelled_files import (
    CLASS_NAMES,
    is_class_names,
    pairs_in,
    read_pairs,
    with_class_names,
)
from pellucid.data.reading.labelled_tables import RowReader, joined, list_table
from pellucid.data.reading.shards import (
    Shard,
    is_submission,
    on_disk,
    read_shards,
    require_one_set,
    split_of_path,
    words_of,
)
from pellucid.data.tables.columns import choose_columns
from pellucid.data.tables.table import Table
from pellucid.data.tables.table_files import TABLE_SUFFIXES, is_table, open_table
from pellucid.data.trees import DiskFolder, Folder, path_within, place_of, suffix_of
from pellucid.data.wording import count_of, quoted, some, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

_METADATA_FILES = tuple(f"metadata{suffix}" for suffix in TABLE_SUFFIXES)
_OF_IMAGES = frozenset(
    "image images img imgs picture pictures photo photos jpg jpeg png data files crops frames".split()
)
_FIRST = 20  # values by which a column of names is detected
_MOST_PLACES = 50  # folders in which a file is looked for
_LONGEST_NAME = 200  # characters
# Columns tried as names of images where none is asked for: for each of them files are looked for.
_MOST_COLUMNS = 1_000
# What `datasets` keeps for itself with a data set, as are row numbers after a shuffle (`cache-*.arrow`).
_DESCRIPTIONS = frozenset({"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"})


class ImageFinder:
    """Every image below a folder, found by path, by name, or by name without its ending."""

    def __init__(self, folder: Folder) -> None:
        self.files: dict[str, File] = {}
        self._known: dict[str, list[str]] = {}
        for file, is_image in folder.walk(IMAGE_KIND):
            if is_image:
                path = path_within(file, folder)
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


class SidecarTable(NamedTuple):
    """A table in the folder of images."""

    name: str  # its path in the folder
    table: Table

    @property
    def near(self) -> tuple[str, ...]:
        """Folders in which its images are looked for first: its own, and that of its name."""
        own = posixpath.dirname(self.name)
        return own, posixpath.join(own, posixpath.basename(self.name).split(".")[0])


def read_any_folder(folder: Folder, place: str, settings: Settings) -> Listing:
    """List what a folder holds: tables of splits, or class folders of images or of texts.

    Raises: `DataError` if it holds none of them, or they cannot be used as they are.
    """
    pairs = pairs_in(folder) if settings.task != "image" else None
    if pairs is not None and pairs.found:
        return read_pairs(pairs, place, settings)
    tables = _tables_alone(folder)
    names = [file for file in tables if is_class_names(file)]
    if len(tables) > len(names):
        tables = [file for file in tables if file not in names]
        listing = _read_tables({path_within(file, folder): file for file in tables}, place, settings)
        return with_class_names(listing, names[0], settings) if len(names) == 1 else listing
    if settings.task != "text" and not settings.generates:
        with_tables = _read_images_with_tables(folder, place, settings)
        if with_tables is not None:
            return in_stored_order(with_tables)
    if settings.task == "text" or (settings.task == "auto" and holds_texts(folder)):
        return read_text_folder(folder, place, settings)
    if settings.generates and not folder.folders:
        return in_stored_order(read_unlabelled(folder, place))
    return in_stored_order(read_folder(folder, place, IMAGE_KIND, settings.class_depth, settings.target))


def read_table(path: Path, place: str, settings: Settings) -> Listing:
    """List the images or texts of one table, given by itself.

    Raises: `DataError` if it cannot be read, or its columns cannot be chosen.
    """
    table = open_table(path, place, settings)
    folder = DiskFolder(path.parent)
    if _names_images_nearby(table, folder, settings):
        sidecar, images = SidecarTable(path.name, table), ImageFinder(folder)
        column = _naming_column(sidecar, images, settings)
        if column is not None:
            asked = dataclasses.replace(settings, input_column=column, task="image")
            listing, _ = _list_named(sidecar, images, asked)
            return dataclasses.replace(listing, form="table beside images")
    listing = list_table(table, path.parent, settings)
    names = [path.parent / name for name in CLASS_NAMES if name != path.name.lower()]
    found = [each for each in names if each.is_file() and is_class_names(each)]
    return with_class_names(listing, found[0], settings) if len(found) == 1 else listing


# Tables alone, each a shard of one data set.


def _tables_alone(folder: Folder) -> list[File]:
    """Tables in a folder and its sub-folders, where there is neither an image nor a text file with them."""
    found = []
    for file, is_image in folder.walk(IMAGE_KIND):
        if is_image or (suffix_of(file) == TEXT_SUFFIX and "/" in path_within(file, folder)):
            return []
        name = posixpath.basename(str(file))
        is_left = name in _DESCRIPTIONS or (name.startswith("cache-") and name.endswith(".arrow"))
        if is_table(Path(str(file))) and not is_submission(str(file)) and not is_left:
            found.append(file)
    return found


def _read_tables(tables: dict[str, File], place: str, settings: Settings) -> Listing:
    """Read tables by their paths, of which those in an archive are unpacked for as long as they are read."""
    require_one_set(list(tables), place)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        shards = []
        for number, (name, file) in enumerate(tables.items()):
            path = on_disk(file, Path(temporary), number)
            open_it = functools.partial(_opened, path, file, settings)
            shards.append(Shard(name, split_of_path(name), open_it, path.parent))
        return read_shards(shards, place, settings)


def _opened(path: Path, file: File, settings: Settings) -> Table:
    """Begin to read a table; one of images in an archive is refused, since they are not found again there."""
    table = open_table(path, place_of(file), settings)
    if table.images and isinstance(file, Stored):
        raise DataError(
            "{file}: a table of images inside an archive; unpack the archive and give the folder", file
        )
    return table


# Images that tables name.


def _sidecar_tables(folder: Folder) -> dict[str, File]:
    """Tables of a folder that may have the classes of its images, by path in the folder.

    Empty where its sub-folders are classes, or splits of class folders.
    """
    folders = folder.folders
    below = {
        f"{name}/{file_name}": inner.file(file_name)
        for name, inner in folders.items()
        for file_name in _METADATA_FILES
        if not isinstance(inner.entries.get(file_name, inner), Folder)
    }
    own = {name: folder.file(name) for name in folder.files if is_table(Path(name))}
    metadata = {name: file for name, file in own.items() if _stem(name).lower() == "metadata"}
    if below or metadata:
        return {**metadata, **below}
    # Names of folders that mean images, or a split of them, and no class.
    known = _OF_IMAGES | SPLIT_OF_NAME.keys()
    if len(folders) > 1 and any(known.isdisjoint(words_of(name)) for name in folders):
        return {}
    if any(inner.folders for name, inner in folders.items() if name.lower() in SPLIT_OF_NAME):
        return {}
    return {name: file for name, file in own.items() if not is_submission(name)}


def _read_images_with_tables(folder: Folder, place: str, settings: Settings) -> Listing | None:
    """Read the images that tables in their folder name; `None` where there is no such table."""
    found = _sidecar_tables(folder)
    if not found:
        return None
    images = ImageFinder(folder)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        tables, unreadable = [], []
        for number, (name, file) in enumerate(found.items()):
            try:
                table = _opened(on_disk(file, Path(temporary), number), file, settings)
                tables.append(SidecarTable(name, table))
            except DataError as error:  # perhaps it is no table of images at all
                unreadable.append(error)
        listing = _read_sidecar_tables(tables, images, place, settings)
    if listing is None and unreadable and not folder.folders:
        raise unreadable[0]
    left_out = [Sentence("left out: {error}", error) for error in unreadable]
    return None if listing is None else listing.with_warnings(*left_out)


def _read_sidecar_tables(
    tables: Sequence[SidecarTable], images: ImageFinder, place: str, settings: Settings
) -> Listing | None:
    """List the images that tables name; `None` where no table names any."""
    naming = [(each, name) for each in tables if (name := _naming_column(each, images, settings)) is not None]
    if not naming:
        return None
    naming.sort(key=lambda pair: split_of_path(pair[0].name) not in (TRAIN, UNDECIDED))
    splits = [split_of_path(each.name) for each, _ in naming]
    if UNDECIDED in splits and len(naming) > 1:
        names = some_quoted(each.name for each, _ in naming)
        raise DataError(
            "{place}: which table has the labels, {names}? Give it as DATA, or move the others away",
            place,
            names,
        )
    parts, empty, label = [], [], settings.label_column
    for each, column in naming:
        if (label is not None and label not in each.table.names) or len(each.table.names) == 1:
            empty.append(each.name)
            continue
        asked = dataclasses.replace(settings, input_column=column, label_column=label, task="image")
        part, label = _list_named(each, images, asked)
        parts.append(part)
    if not parts:
        raise DataError(
            "{place}: {empty} names images but has no column of labels", place, some_quoted(empty)
        )
    listing = joined(parts)
    warnings = list(listing.warnings)
    number = len(images.files) - len(set(listing.paths or ()) & set(images.files.values()))
    if number:
        warnings.append(
            Sentence(
                "{place}: {number} left out, having no label in any table", place, count_of(number, "image")
            )
        )
    if empty:
        warnings.append(Sentence("{place}: {empty} left out, having no labels", place, some_quoted(empty)))
    return dataclasses.replace(listing, place=place, form="table beside images", warnings=tuple(warnings))


def _naming_column(sidecar: SidecarTable, images: ImageFinder, settings: Settings) -> str | None:
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


def _list_named(sidecar: SidecarTable, images: ImageFinder, settings: Settings) -> tuple[Listing, str]:
    """List the images of one table, and the column of the labels."""
    table = sidecar.table
    columns = choose_columns(table, Path(), settings)
    rows, values = RowReader(table, columns).all()
    found = [images.find(value, sidecar.near) for value in values]
    missing = [
        Sentence("row {rpartition} ({str})", source.rpartition(":")[2], quoted(str(value)))
        for source, value, path in zip(rows.sources, values, found, strict=True)
        if path is None
    ]
    if missing and not settings.skip_bad:
        raise DataError(
            "{place}: no such image, or more than one, at {missing}; "
            "fix the names or leave them out with --skip-bad",
            table.place,
            some(missing, MOST_ROWS),
        )
    paths = [
        Path(str(value)) if path is None else images.files[path]
        for value, path in zip(values, found, strict=True)
    ]
    # Splits: by a column, the table's name, or the folders of all images.
    splits, why = rows.splits, ""
    if columns.split is None:
        split = split_of_path(sidecar.name)
        of_folders = [split_of_path(posixpath.dirname(path)) if path else UNDECIDED for path in found]
        if split:
            splits, why = (
                [split] * len(rows),
                Sentence("; the {split} split, by the name {name}", split, quoted(sidecar.name)),
            )
        elif all(of_folders):
            splits, why = of_folders, "; splits by the folders of the images"
    warnings = (
        *table.warnings,
        Sentence("{place}: {sentence}{why}; {FLAGS}", table.place, columns.sentence(), why, FLAGS),
    )
    return dataclasses.replace(rows, splits=splits, paths=paths, warnings=warnings), columns.label


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
