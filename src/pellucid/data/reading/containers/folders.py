"""Folders of any content, on the disk or in an archive: what lies there decides how they are read."""

import dataclasses
import functools
import posixpath
import tempfile
from pathlib import Path

from pellucid.data.archives.stored import File, Stored
from pellucid.data.listing import Listing
from pellucid.data.reading.containers.beside import (
    Beside,
    Images,
    list_named,
    names_images_nearby,
    naming_column,
    read_beside,
    tables_beside,
)
from pellucid.data.reading.containers.published import (
    CLASS_NAMES,
    is_class_names,
    pairs_in,
    read_pairs,
    with_class_names,
)
from pellucid.data.reading.containers.shards import (
    Shard,
    is_submission,
    on_disk,
    read_shards,
    require_one_set,
    split_of_path,
)
from pellucid.data.reading.folders import (
    has_class_folders,
    holds_texts,
    in_stored_order,
    read_folder,
    read_text_folder,
    read_unlabelled,
)
from pellucid.data.reading.labelled_tables import list_table
from pellucid.data.tables.file_kinds import IMAGE_KIND, TEXT_SUFFIX
from pellucid.data.tables.forms.table import Table
from pellucid.data.tables.stream import is_table, open_table
from pellucid.data.tables.trees import Folder, place_of, suffix_of, walk
from pellucid.errors import DataError
from pellucid.settings import Settings

_DESCRIPTIONS = frozenset({"dataset_dict.json", "dataset_info.json", "dataset_infos.json", "state.json"})


def read_any_folder(folder: Folder, place: str, settings: Settings) -> Listing:
    """List what a folder holds: tables of splits, or class folders of images or of texts.

    Raises: `DataError` if it holds nothing of the kind, or cannot be used as it is.
    """
    pairs = pairs_in(folder) if settings.task != "image" else None
    if pairs is not None and pairs.found:
        return read_pairs(pairs, place, settings)
    tables = tables_alone(folder)
    names = [file for file in tables if is_class_names(file)]
    if len(tables) > len(names):
        listing = _read_tables(folder, [file for file in tables if file not in names], place, settings)
        return with_class_names(listing, names[0], settings) if len(names) == 1 else listing
    beside = None if settings.task == "text" or settings.generates else _read_beside(folder, place, settings)
    if beside is not None:
        return in_stored_order(beside)
    if settings.task == "text" or (settings.task == "auto" and holds_texts(folder)):
        return read_text_folder(folder, place, settings)
    if settings.generates and not has_class_folders(folder):
        return in_stored_order(read_unlabelled(folder, place))
    return in_stored_order(read_folder(folder, place, IMAGE_KIND, settings.class_depth))


def tables_alone(folder: Folder) -> list[File]:
    """Tables in a folder and its sub-folders, where there is neither an image nor a text file beside them."""
    found = []
    for file, is_image in walk(folder, IMAGE_KIND):
        is_loose = "/" not in place_of(file).removeprefix(f"{folder}/")
        if is_image or (suffix_of(file) == TEXT_SUFFIX and not is_loose):
            return []
        if is_table(Path(str(file))) and not is_submission(str(file)) and not _is_left_by_datasets(file):
            found.append(file)
    return found


def _is_left_by_datasets(file: File) -> bool:
    """Tell what `datasets` keeps for itself beside a data set: descriptions, row numbers after a shuffle."""
    name = posixpath.basename(str(file))
    return name in _DESCRIPTIONS or (name.startswith("cache-") and name.endswith(".arrow"))


def _read_tables(folder: Folder, tables: list[File], place: str, settings: Settings) -> Listing:
    """Read the tables of a folder, of which those in an archive are unpacked for as long as they are read."""
    names = {place_of(file).removeprefix(f"{folder}/"): file for file in tables}
    require_one_set(list(names), place)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        shards = []
        for number, (name, file) in enumerate(names.items()):
            path = on_disk(file, Path(temporary), number)
            open_it = functools.partial(_opened, path, file, settings)
            shards.append(Shard(name, split_of_path(name), open_it, path.parent))
        return read_shards(shards, place, settings)


def read_table(path: Path, place: str, settings: Settings) -> Listing:
    """List the images or texts of one table, given by itself.

    Raises: `DataError` if it cannot be used as it is.
    """
    table = open_table(path, place, settings.encoding)
    if names_images_nearby(table, path.parent, settings):
        beside = Beside(path.name, table, near_of(path.name))
        images = Images(path.parent)
        column = naming_column(beside, images, settings)
        if column is not None:
            asked = dataclasses.replace(settings, input_column=column, task="image")
            listing, _ = list_named(beside, images, asked)
            return dataclasses.replace(listing, form="table beside images")
    listing = list_table(table, path.parent, settings)
    names = [path.parent / name for name in CLASS_NAMES if name != path.name.lower()]
    found = [each for each in names if each.is_file() and is_class_names(each)]
    return with_class_names(listing, found[0], settings) if len(found) == 1 else listing


def near_of(name: str) -> tuple[str, ...]:
    """Folders in which the images of a table are looked for first: its own, and that of its name."""
    own = posixpath.dirname(name)
    return own, posixpath.join(own, posixpath.basename(name).split(".")[0])


def _read_beside(folder: Folder, place: str, settings: Settings) -> Listing | None:
    """Read the images that tables beside them name; `None` where there is no such table."""
    found = tables_beside(folder)
    if not found:
        return None
    images = Images(folder)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        tables, unreadable = [], []
        for number, (name, file) in enumerate(found.items()):
            try:
                table = _opened(on_disk(file, Path(temporary), number), file, settings)
            except DataError as error:  # perhaps it is no table of images at all
                unreadable.append(error)
            else:
                tables.append(Beside(name, table, near_of(name)))
        listing = read_beside(tables, images, place, settings)
    if listing is None and unreadable and not has_class_folders(folder):
        raise unreadable[0]
    if listing is None:
        return None
    said = (f"left out: {error}" for error in unreadable)
    return dataclasses.replace(listing, warnings=(*listing.warnings, *said))


def _opened(path: Path, file: File, settings: Settings) -> Table:
    """Begin to read a table.

    Raises: `DataError` if it holds images and lies in an archive, where they are not found again.
    """
    table = open_table(path, place_of(file), settings.encoding)
    if table.images and isinstance(file, Stored):
        raise DataError(
            f"{file}: a table of images inside an archive; unpack the archive and give the folder"
        )
    return table
