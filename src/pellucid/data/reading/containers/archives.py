"""Archives as data: one as if it were a folder, several as shards of one data set."""

import dataclasses
import functools
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pellucid.data.archives.opening import is_archive
from pellucid.data.listing import SPLIT_OF_NAME, Listing
from pellucid.data.reading.containers.folders import read_any_folder
from pellucid.data.reading.containers.places import files_named
from pellucid.data.reading.containers.shards import Shard, read_shards, split_of_path
from pellucid.data.reading.containers.webdataset import is_about_samples, list_samples, samples_of
from pellucid.data.reading.folders import in_stored_order
from pellucid.data.reading.idx import is_idx_folder, read_idx_folder
from pellucid.data.reading.joining import joined
from pellucid.data.tables.file_kinds import ends_like_image, entries_of
from pellucid.data.tables.stream import is_table, open_table
from pellucid.data.tables.trees import PackedFolder, enclosed, open_archive, said_of_enclosed
from pellucid.data.wording import count_of, quoted, some
from pellucid.errors import DataError
from pellucid.settings import Settings


def read_archive(path: Path, place: str, settings: Settings) -> Listing:
    """List what lies in an archive: examples of a WebDataset, or whatever a folder may hold.

    Raises: `DataError` if it cannot be read, or cannot be used as it is.
    """
    whole = open_archive(path, place)
    tree, notes = enclosed(whole, SPLIT_OF_NAME)
    assert isinstance(tree, PackedFolder)
    listing = _read_tree(tree, place, settings)
    if not notes:
        return listing
    said = said_of_enclosed(place, tree, notes)
    return dataclasses.replace(listing, warnings=(said, *listing.warnings))


def _read_tree(tree: PackedFolder, place: str, settings: Settings) -> Listing:
    """List what lies in the folder of an archive that holds the data."""
    if is_idx_folder(tree):
        return read_idx_folder(tree, place)
    samples = samples_of(tree)
    if samples is not None:
        return in_stored_order(list_samples(samples, settings))
    return read_any_folder(tree, place, settings)


def archives_alone(folder: Path) -> list[Path]:
    """Archives in a folder that holds nothing else but files of notes; empty where it does.

    Raises: `DataError` if the folder cannot be read.
    """
    if not folder.is_dir():
        return []
    archives = []
    for entry in entries_of(folder):
        path = folder / entry.name
        if ends_like_image(path.name) or is_table(path) or path.is_dir():
            return []
        if is_archive(path):
            archives.append(path)
    return archives


def read_archives(paths: Sequence[Path], place: str, settings: Settings) -> Listing:
    """Read several archives as shards of one data set, with splits by their names.

    Raises: `DataError` if one cannot be used, or some name a split and others do not.
    """
    splits = [split_of_path(path.name) or split_of_path(str(path.parent)) for path in paths]
    free = [path.name for path, split in zip(paths, splits, strict=True) if not split]
    if free and len(free) < len(paths):
        raise DataError(
            f"{place}: {some(list(map(quoted, free)))} beside archives of splits; name train, validation or "
            "test in the name of the file, or move it elsewhere"
        )
    parts: list[Listing] = []
    for path, split in zip(paths, splits, strict=True):
        part = read_archive(path, str(path), settings)
        parts.append(dataclasses.replace(part, splits=[split] * len(part)) if split else part)
    taken = {each for part in parts for each in part.warnings if is_about_samples(each)}
    if len({each.partition(": ")[2] for each in taken}) > 1:
        raise DataError(
            f"{place}: shards with labels in different files; name one with --label-column, or give one shard"
        )
    counts = Counter(split or "no split" for split in splits)
    said = ", ".join(f"{number:,} of {name}" for name, number in counts.items())
    sentences = Counter(
        warning.removeprefix(f"{part.place}: ") for part in parts for warning in part.warnings
    )
    listing = joined(parts)
    warnings = (
        *(f"{place}: {sentence}" for sentence in sentences),
        f"{place}: {count_of(len(paths), 'archive')} ({said}, by the names of the files)",
    )
    return dataclasses.replace(listing, place=place, warnings=warnings)


def read_pattern(place: str, settings: Settings) -> Listing:
    """Read the files that braces or a glob name, as shards of one data set.

    Raises: `DataError` if there are none, or they are neither all archives nor all tables.
    """
    paths = files_named(place)
    if all(map(is_archive, paths)):
        return read_archives(paths, place, settings)
    if not all(map(is_table, paths)):
        raise DataError(f"{place}: names files that are neither all archives nor all tables; name one folder")
    shards = [
        Shard(
            str(path),
            split_of_path(path.name),
            functools.partial(open_table, path, str(path), settings.encoding),
            path.parent,
        )
        for path in paths
    ]
    return read_shards(shards, place, settings)
