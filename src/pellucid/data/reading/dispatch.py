"""From DATA, in any of its forms, archives among them, to one listing."""

import dataclasses
import functools
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from pellucid.data.by_target import renamed, with_target
from pellucid.data.data_files import ends_like_image
from pellucid.data.listing import SPLIT_OF_NAME, TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.reading.array_files import is_idx_folder, read_idx_folder, read_npz
from pellucid.data.reading.class_folders import holds_texts, in_stored_order
from pellucid.data.reading.forms import KNOWN_FORMS, Form, files_named, form_of, read_sample, require_local
from pellucid.data.reading.in_memory import read_in_memory
from pellucid.data.reading.labelled_files import read_named_files
from pellucid.data.reading.labelled_tables import joined, with_test
from pellucid.data.reading.shards import (
    TAKEN,
    Shard,
    by_split,
    list_samples,
    read_shards,
    require_all_named,
    samples_of,
    split_of_path,
)
from pellucid.data.reading.table_folders import read_any_folder, read_table
from pellucid.data.tables.table_files import is_table, open_table
from pellucid.data.trees import DiskFolder, enclosed, enclosed_warning, is_archive, likely_path, open_archive
from pellucid.data.wording import count_of, quoted
from pellucid.errors import DataError, UsageError
from pellucid.language.sentence import Sentence
from pellucid.settings import Settings

_FOLDERS = ("class folders", "split folders")


def read_data(place: str, settings: Settings) -> Listing:
    """List every example of DATA, and of `--test DATA` if given; no image is decoded.

    A training part stays `UNDECIDED` as long as a validation or test part must still be cut from it; it is
    `TRAIN` only when the data itself holds all three. The order depends on names and rows alone.

    Raises: `DataError` if DATA is missing, of no known form, or cannot be used as it is, `UsageError` if
    `--test` is given though DATA holds a test split, or `--task` names what DATA is not.
    """
    return as_asked(_read(place, settings), settings)


def read_dataset(data: object, settings: Settings) -> Listing:
    """List every example of a data set in memory, as `read_data` does, and with the same errors."""
    return as_asked(_of_task(read_in_memory(data, settings), settings), settings)


def as_asked(listing: Listing, settings: Settings) -> Listing:
    """Bring a listing to what the settings ask for: a test split of its own, new names, classes or numbers.

    Raises: `DataError` or `UsageError` as `read_data` does.
    """
    if settings.test is not None:
        if TEST in listing.splits:
            raise UsageError(
                "--test {test}: {place} has a test split of its own; leave --test out",
                settings.test,
                listing.place,
            )
        listing = with_test(listing, _read(settings.test, settings))
    for flag, name, values in (
        ("--label-column", settings.label_column, None if listing.form in _FOLDERS else listing.labels),
        ("--time-column", settings.time_column, listing.times),
        ("--slice-column", settings.slice_column, listing.slices),
    ):
        if name is not None and values is None:
            raise UsageError(
                "{flag} {name}: {place} has no columns; leave it out", flag, quoted(name), listing.place
            )
    if listing.times is not None and {TRAIN, VALIDATION, TEST} & set(listing.splits):
        raise UsageError(
            "--time-column: {place} has splits of its own, which are not past and future; "
            "leave it out, or rename the column of the splits",
            listing.place,
        )
    listing = with_target(listing, settings)
    if settings.rename is not None:
        listing = renamed(listing, settings.rename)
    if TEST in listing.splits and VALIDATION in listing.splits:
        return listing
    splits = [UNDECIDED if split == TRAIN else split for split in listing.splits]
    return dataclasses.replace(listing, splits=splits)


def require_existing(place: str) -> None:
    """Refuse DATA that is not there, which costs nothing and so may come before anything else.

    Raises: `DataError` if it is missing or on a network.
    """
    require_local(place)
    if form_of(place) not in (Form.SAMPLE, Form.PATTERN) and not os.path.exists(place):
        meant = likely_path(place)
        raise DataError("{place}: no such file or folder{meant}", place, meant)


def _read(place: str, settings: Settings) -> Listing:
    require_existing(place)
    form = form_of(place)
    if settings.label_from_name is not None and form is not Form.FOLDER:
        raise UsageError(
            "--label-from-name: belongs to folders of files, but {place} is a {value}; leave it out",
            place,
            form.value,
        )
    listing = _READERS[form](Path(place), place, settings)
    if settings.class_depth is not None and "folders" not in listing.form:
        raise UsageError(
            "--class-depth: belongs to class folders, but {place} is read as {form}; leave it out",
            place,
            listing.form,
        )
    return _of_task(listing, settings)


def _of_task(listing: Listing, settings: Settings) -> Listing:
    kind = listing.input_kind
    if settings.task not in ("auto", kind.task):
        raise UsageError(
            "--task {task}: {place} holds {nouns}; leave --task out or give --task {task2}",
            settings.task,
            listing.place,
            kind.nouns,
            kind.task,
        )
    return listing


def _read_folder(folder: DiskFolder, place: str, settings: Settings) -> Listing:
    """List what lies in a folder, or in the only one in it; archives alone are shards of one data set."""
    archives = _archives_alone(folder)
    if archives:
        return _read_archives(archives, place, settings)
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
        listing = _read_folder(inner, str(inner), settings)
    return dataclasses.replace(listing, warnings=(enclosed_warning(place, inner, notes), *listing.warnings))


def _archives_alone(folder: DiskFolder) -> list[Path]:
    """Archives in a folder that holds nothing else but files of notes; empty where it does."""
    if folder.folders or any(ends_like_image(name) or is_table(folder.file(name)) for name in folder.files):
        return []
    return [folder.file(name) for name in folder.files if is_archive(Path(name))]


def _read_archive(path: Path, place: str, settings: Settings) -> Listing:
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


def _read_archives(paths: Sequence[Path], place: str, settings: Settings) -> Listing:
    """Read several archives as shards of one data set, with splits by their names."""
    splits = [split_of_path(path.name) or split_of_path(str(path.parent)) for path in paths]
    require_all_named([path.name for path in paths], splits, place, "archives")
    parts: list[Listing] = []
    for path, split in zip(paths, splits, strict=True):
        parts.append(_read_archive(path, str(path), settings).in_split(split))
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


def _read_pattern(place: str, settings: Settings) -> Listing:
    """Read the files that braces or a glob name, as shards of one data set."""
    paths = files_named(place)
    if all(map(is_archive, paths)):
        return _read_archives(paths, place, settings)
    if not all(map(is_table, paths)):
        raise DataError(
            "{place}: names files that are neither all archives nor all tables; name one folder", place
        )
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


def _refuse(path: Path, place: str, settings: Settings) -> Listing:
    if path.name.lower().endswith(("text.txt", "labels.txt")):
        raise DataError(
            "{place}: texts and their labels are read from two files; give the folder of both", place
        )
    raise DataError("{place}: not a form of DATA; give {KNOWN_FORMS}", place, KNOWN_FORMS)


_READERS: dict[Form, Callable[[Path, str, Settings], Listing]] = {
    Form.SAMPLE: lambda path, place, settings: read_sample(place),
    Form.IDX: lambda path, place, settings: read_idx_folder(DiskFolder(path), place),
    Form.FOLDER: lambda path, place, settings: _read_folder(DiskFolder(path), place, settings),
    Form.ARCHIVE: _read_archive,
    Form.NPZ: lambda path, place, settings: read_npz(path, place),
    Form.TABLE: read_table,
    Form.PATTERN: lambda path, place, settings: _read_pattern(place, settings),
    Form.FILE: _refuse,
}
