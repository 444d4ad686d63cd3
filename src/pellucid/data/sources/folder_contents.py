"""Folders of any content, on the disk or in an archive: tables alone, or sidecar tables of images.

Sidecar tables are `metadata.csv` of an `imagefolder`, `train.csv` of a contest, labels of a folder. A column
names the images: by their paths, their names, or their names without the ending (`id`). What a table names is
looked for in its own folder, then in all folders below it.
"""

import dataclasses
import functools
import posixpath
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.data_files import IMAGE_KIND, TEXT_SUFFIX, File
from pellucid.data.labels import MOST_ROWS
from pellucid.data.listing import SPLIT_OF_NAME, TRAIN, UNDECIDED, Listing
from pellucid.data.sources.arrays import is_idx_folder, read_idx_folder
from pellucid.data.sources.class_folders import (
    holds_texts,
    in_stored_order,
    read_folder,
    read_named_files,
    read_text_folder,
    read_unlabelled,
)
from pellucid.data.sources.folders import archives_alone, is_description, open_packed
from pellucid.data.sources.labelled_tables import RowReader, joined, list_table
from pellucid.data.sources.line_pairs import (
    CLASS_NAMES,
    Pairs,
    is_class_names,
    open_pair,
    pairs_in,
    with_class_names,
)
from pellucid.data.sources.shards import (
    TAKEN,
    Shard,
    by_split,
    is_submission,
    list_samples,
    read_shards,
    require_all_named,
    require_one_set,
    samples_of,
    split_of_path,
    words_of,
)
from pellucid.data.sources.table import ImageFinder, SidecarTable, images_nearby, naming_column, stem_of
from pellucid.data.sources.values import FLAGS
from pellucid.data.tables.columns import choose_columns
from pellucid.data.tables.table_files import TABLE_SUFFIXES, is_table, open_table
from pellucid.data.trees import (
    DiskFolder,
    Folder,
    enclosed,
    enclosed_warning,
    is_archive,
    on_disk,
    open_archive,
    path_within,
    suffix_of,
)
from pellucid.data.wording import count_of, quoted, some, some_quoted
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

_METADATA_FILES = tuple(f"metadata{suffix}" for suffix in TABLE_SUFFIXES)
_OF_IMAGES = frozenset(
    "image images img imgs picture pictures photo photos jpg jpeg png data files crops frames".split()
)


def read_disk_folder(folder: DiskFolder, place: str, settings: Settings) -> Listing:
    """List what lies in a folder, or in the only one in it; archives alone are shards of one data set."""
    archives = archives_alone(folder)
    if archives:
        return read_archives(archives, place, settings)
    if settings.label_from_name is not None:
        are_texts = settings.task == "text" or (settings.task == "auto" and holds_texts(folder))
        return read_named_files(folder, place, settings, are_texts=are_texts)
    inner, notes = enclosed(folder, SPLIT_OF_NAME)
    if inner is folder:
        return read_any_folder(folder, place, settings)
    if is_idx_folder(inner):
        listing = read_idx_folder(inner, str(inner))
    else:
        assert isinstance(inner, DiskFolder)
        listing = read_disk_folder(inner, str(inner), settings)
    return dataclasses.replace(listing, warnings=(enclosed_warning(place, inner, notes), *listing.warnings))


def read_archive(path: Path, place: str, settings: Settings) -> Listing:
    """List what lies in an archive: examples of a WebDataset, or whatever a folder may hold."""
    tree, notes = enclosed(open_archive(path, place), SPLIT_OF_NAME)
    if is_idx_folder(tree):
        listing = read_idx_folder(tree, place)
    elif (samples := samples_of(tree)) is not None:
        listing = in_stored_order(list_samples(samples, settings))
    else:
        listing = read_any_folder(tree, place, settings)
    first = [enclosed_warning(place, tree, notes)] if notes else []
    return dataclasses.replace(listing, warnings=(*first, *listing.warnings))


def read_archives(paths: Sequence[Path], place: str, settings: Settings) -> Listing:
    """Read several archives as shards of one data set, with splits by their names."""
    splits = [split_of_path(path.name) or split_of_path(str(path.parent)) for path in paths]
    require_all_named([path.name for path in paths], splits, place, "archives")
    parts: list[Listing] = []
    for path, split in zip(paths, splits, strict=True):
        parts.append(read_archive(path, str(path), settings).in_split(split))
    taken = {each for part in parts for each in part.warnings if TAKEN in each}
    if len({each.partition(": ")[2] for each in taken}) > 1:
        raise DataError(
            "{place}: shards with labels in different files; name one with --label-column, or give one shard",
            place,
        )
    sentences = Counter(
        warning.removeprefix(f"{part.place}: ") for part in parts for warning in part.warnings
    )
    warnings = (
        *(Sentence("{place}: {sentence}", place, sentence) for sentence in sentences),
        Sentence("{place}: {paths} ({splits})", place, count_of(len(paths), "archive"), by_split(splits)),
    )
    return dataclasses.replace(joined(parts), place=place, warnings=warnings)


def read_shards_at(paths: Sequence[Path], place: str, settings: Settings) -> Listing:
    """Read files that a pattern names, all of them archives or all of them tables, as one data set."""
    if all(map(is_archive, paths)):
        return read_archives(paths, place, settings)
    shards = [
        Shard(
            str(path),
            split_of_path(path.name),
            functools.partial(open_table, path, str(path), settings),
            path.parent,
        )
        for path in paths
    ]
    return read_shards(shards, place, settings)


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
    is_labelled = not settings.generates
    if settings.task != "text" and is_labelled:
        with_tables = _read_images_with_tables(folder, place, settings)
        if with_tables is not None:
            return in_stored_order(with_tables)
    if settings.task == "text" or (settings.task == "auto" and holds_texts(folder)):
        return read_text_folder(folder, place, settings)
    if not is_labelled and not folder.folders:
        return in_stored_order(read_unlabelled(folder, place))
    return in_stored_order(read_folder(folder, place, IMAGE_KIND, settings.class_depth, settings.target))


def read_table(path: Path, place: str, settings: Settings) -> Listing:
    """List the images or texts of one table, given by itself.

    Raises: `DataError` if it cannot be read, or its columns cannot be chosen.
    """
    table = open_table(path, place, settings)
    if (nearby := images_nearby(table, DiskFolder(path.parent), settings)) is not None:
        column, images = nearby
        asked = dataclasses.replace(settings, input_column=column, task="image")
        listing, _ = _list_named(SidecarTable(path.name, table), images, asked)
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
        if is_table(Path(str(file))) and not is_submission(str(file)) and not is_description(file):
            found.append(file)
    return found


def _read_tables(tables: dict[str, File], place: str, settings: Settings) -> Listing:
    """Read tables by their paths, of which those in an archive are unpacked for as long as they are read."""
    require_one_set(list(tables), place)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        shards = []
        for number, (name, file) in enumerate(tables.items()):
            path = on_disk(file, Path(temporary), number)
            open_it = functools.partial(open_packed, path, file, settings)
            shards.append(Shard(name, split_of_path(name), open_it, path.parent))
        return read_shards(shards, place, settings)


def read_pairs(pairs: Pairs, place: str, settings: Settings) -> Listing:
    """List the texts of pairs of files, with splits by their names.

    Raises: `DataError` if they are of several data sets, or their lines do not fit.
    """
    require_one_set(list(pairs.found), place)
    with tempfile.TemporaryDirectory(prefix="pellucid-") as temporary:
        shards = []
        for number, (name, pair) in enumerate(pairs.found.items()):
            paths = [on_disk(file, Path(temporary), 2 * number + at) for at, file in enumerate(pair)]
            open_it = functools.partial(open_pair, pair, paths, settings.encoding)
            shards.append(Shard(name, split_of_path(name), open_it, paths[0].parent))
        listing = read_shards(
            shards, place, dataclasses.replace(settings, input_column="text", label_column="label")
        )
    columns = "texts from column 'text'; labels from column 'label'"
    lines = "texts and labels line by line, each pair of files being a table"
    warnings = [
        each.replace(
            Sentence("{place}: {columns}", place, columns), Sentence("{place}: {lines}", place, lines)
        )
        for each in listing.warnings
    ]
    if pairs.unlabelled:
        warnings.append(
            Sentence("{place}: {unlabelled} left out, having no labels", place, some_quoted(pairs.unlabelled))
        )
    listing = dataclasses.replace(listing, form="texts and labels", warnings=tuple(warnings))
    return listing if pairs.names is None else with_class_names(listing, pairs.names, settings)


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
    metadata = {name: file for name, file in own.items() if stem_of(name).lower() == "metadata"}
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
                table = open_packed(on_disk(file, Path(temporary), number), file, settings)
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
    naming = [(each, name) for each in tables if (name := naming_column(each, images, settings)) is not None]
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
