"""DATA, in any of its forms, as one listing of what the settings ask for."""

import dataclasses

from pellucid.data.by_target import renamed, with_target
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.sources.labelled_tables import with_test
from pellucid.data.sources.memory import read_in_memory
from pellucid.data.sources.places import SOURCES, Form, form_of, require_existing
from pellucid.data.wording import quoted
from pellucid.errors import UsageError
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


def _read(place: str, settings: Settings) -> Listing:
    require_existing(place)
    form = form_of(place)
    if settings.label_from_name is not None and form is not Form.FOLDER:
        raise UsageError(
            "--label-from-name: belongs to folders of files, but {place} is a {value}; leave it out",
            place,
            form.value,
        )
    listing = SOURCES[form].listing(place, settings)
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
