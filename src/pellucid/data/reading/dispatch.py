"""From DATA, in any of its forms, to one listing."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from pellucid.data.listing import SPLIT_OF_NAME, TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.reading.containers.archives import (
    archives_alone,
    read_archive,
    read_archives,
    read_pattern,
)
from pellucid.data.reading.containers.folders import read_any_folder, read_table
from pellucid.data.reading.containers.handed import read_handed
from pellucid.data.reading.folders import holds_texts
from pellucid.data.reading.forms import KNOWN_FORMS, Form, form_of, require_local
from pellucid.data.reading.idx import read_idx_folder
from pellucid.data.reading.joining import with_test
from pellucid.data.reading.named_files import read_named_files
from pellucid.data.reading.npz import read_npz
from pellucid.data.reading.samples import read_sample
from pellucid.data.splits.renaming import renamed
from pellucid.data.splits.targets import with_target
from pellucid.data.tables.trees import enclosed, said_of_enclosed
from pellucid.data.wording import quoted
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings


def read_data(place: str, settings: Settings) -> Listing:
    """List every example of DATA, and of `--test DATA` if given.

    Images are told from texts: by what lies in folders, by the input column of tables. No image
    is decoded. A training part stays `UNDECIDED` as long as a validation or test part must still be
    cut from it; it is `TRAIN` only when the data itself holds all three.

    `place` is a folder, a table, an `.npz` file, `sample:fashion` or `sample:spam`; of `settings` it takes
    `task`, columns, encoding, `rename`, `target`, `test` and `skip_bad`. The order depends on names and rows
    alone.

    Raises: `DataError` if DATA is missing, of no known form, or cannot be used as it is, `UsageError` if
    `--test` is given though DATA holds a test split, or `--task` names what DATA is not.
    """
    return as_asked(_read(place, settings), settings)


def as_asked(listing: Listing, settings: Settings) -> Listing:
    """Bring a listing to what the settings ask for: a test split of its own, new names, classes or numbers.

    Raises: `DataError` or `UsageError` as `read_data` does.
    """
    if settings.test is not None:
        if TEST in listing.splits:
            raise UsageError(
                f"--test {settings.test}: {listing.place} has a test split of its own; leave --test out"
            )
        listing = with_test(listing, _read(settings.test, settings))
    _require_columns(listing, settings)
    if settings.rename is not None:
        listing = renamed(listing, settings.rename)
    listing = with_target(listing, settings)
    if settings.rename is not None and listing.values is not None:
        raise UsageError(
            f"--rename: names classes, but the labels of {listing.place} are numbers; leave it out"
        )
    if TEST in listing.splits and VALIDATION in listing.splits:
        return listing
    splits = [UNDECIDED if split == TRAIN else split for split in listing.splits]
    return dataclasses.replace(listing, splits=splits)


def _require_columns(listing: Listing, settings: Settings) -> None:
    """Refuse a column of times or slices where DATA has no columns, and times beside splits of its own.

    Raises: `UsageError` naming it.
    """
    for flag, name, values in (
        ("--time-column", settings.time_column, listing.times),
        ("--slice-column", settings.slice_column, listing.slices),
    ):
        if name is not None and values is None:
            raise UsageError(f"{flag} {quoted(name)}: {listing.place} has no columns; leave it out")
    if listing.times is not None and {TRAIN, VALIDATION, TEST} & set(listing.splits):
        raise UsageError(
            f"--time-column: {listing.place} has splits of its own, which are not past and future; "
            "leave it out, or rename the column of the splits"
        )


def require_existing(place: str) -> None:
    """Refuse DATA that is not there, which costs nothing and so may come before anything else.

    Raises: `DataError` if it is missing or on a network.
    """
    require_local(place)
    if form_of(place) not in (Form.SAMPLE, Form.PATTERN) and not os.path.exists(place):
        raise DataError(f"{place}: no such file or folder")


def _read(place: str, settings: Settings) -> Listing:
    """Read DATA by its form.

    Raises: `DataError` if it is missing, on a network, or no form of DATA, `UsageError` if `--task` asks for
    another kind of inputs than it holds.
    """
    require_existing(place)
    form, path = form_of(place), Path(place)
    if settings.label_from_name is not None and form is not Form.FOLDER:
        raise UsageError(
            f"--label-from-name: belongs to folders of files, but {place} is a {form.value}; leave it out"
        )
    listing = _READERS[form](path, place, settings)
    if settings.class_depth is not None and "folders" not in listing.form:
        raise UsageError(
            f"--class-depth: belongs to class folders, but {place} is read as {listing.form}; leave it out"
        )
    return _of_task(listing, settings)


def read_dataset(data: object, settings: Settings) -> Listing:
    """List every example of a data set handed over in Python, as `read_data` does.

    Raises: `DataError` if it cannot be used as it is; `UsageError` as `read_data`.
    """
    return as_asked(_of_task(read_handed(data, settings), settings), settings)


def _of_task(listing: Listing, settings: Settings) -> Listing:
    """Refuse a listing of another kind than the settings ask for.

    Raises: `UsageError` naming both.
    """
    kind = listing.input_kind
    if settings.task not in ("auto", kind.task):
        raise UsageError(
            f"--task {settings.task}: {listing.place} holds {kind.nouns}; leave --task out or give "
            f"--task {kind.task}"
        )
    return listing


def _sample(path: Path, place: str, settings: Settings) -> Listing:
    del path, settings
    return read_sample(place)


def _idx(path: Path, place: str, settings: Settings) -> Listing:
    del settings
    return read_idx_folder(path, place)


def _folder(path: Path, place: str, settings: Settings) -> Listing:
    """List what lies in a folder, or in the only one in it; archives alone are shards of one data set."""
    archives = archives_alone(path)
    if archives:
        return read_archives(archives, place, settings)
    if settings.label_from_name is not None:
        are_texts = settings.task == "text" or (settings.task == "auto" and holds_texts(path))
        return read_named_files(path, place, settings, are_texts=are_texts)
    inner, notes = enclosed(path, SPLIT_OF_NAME)
    if inner != path:
        assert isinstance(inner, Path)
        listing = _READERS[form_of(str(inner))](inner, str(inner), settings)
        return dataclasses.replace(
            listing, warnings=(said_of_enclosed(place, inner, notes), *listing.warnings)
        )
    return read_any_folder(path, place, settings)


def _npz(path: Path, place: str, settings: Settings) -> Listing:
    del settings
    return read_npz(path, place)


def _table(path: Path, place: str, settings: Settings) -> Listing:
    """List the images or texts of a table."""
    return read_table(path, place, settings)


def _file(path: Path, place: str, settings: Settings) -> Listing:
    """Refuse a file that has no labels.

    Raises: `DataError` naming the forms that there are.
    """
    del settings
    if path.name.lower().endswith(("text.txt", "labels.txt")):
        raise DataError(f"{place}: texts and their labels are read from two files; give the folder of both")
    raise DataError(f"{place}: not a form of DATA; give {KNOWN_FORMS}")


def _archive(path: Path, place: str, settings: Settings) -> Listing:
    """List what lies in an archive."""
    return read_archive(path, place, settings)


def _pattern(path: Path, place: str, settings: Settings) -> Listing:
    """List what lies in several files, named at once."""
    del path
    return read_pattern(place, settings)


_READERS: dict[Form, Callable[[Path, str, Settings], Listing]] = {
    Form.SAMPLE: _sample,
    Form.IDX: _idx,
    Form.FOLDER: _folder,
    Form.ARCHIVE: _archive,
    Form.NPZ: _npz,
    Form.TABLE: _table,
    Form.PATTERN: _pattern,
    Form.FILE: _file,
}
