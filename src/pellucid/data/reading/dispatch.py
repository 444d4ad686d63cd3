"""From DATA, in any of its forms, to one listing."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing, Problem
from pellucid.data.reading.folders import (
    has_class_folders,
    holds_texts,
    read_folder,
    read_text_folder,
    read_unlabelled,
)
from pellucid.data.reading.forms import KNOWN_FORMS, Form, form_of, require_local
from pellucid.data.reading.idx import read_idx_folder
from pellucid.data.reading.labelled_tables import list_images, list_texts_of
from pellucid.data.reading.named_files import read_named_files
from pellucid.data.reading.npz import read_npz
from pellucid.data.reading.samples import read_sample
from pellucid.data.splits.targets import with_target
from pellucid.data.tables.columns import IMAGES, choose_columns
from pellucid.data.tables.row_names import Chain
from pellucid.data.tables.stream import open_table
from pellucid.data.texts.store import Texts, TextWriter
from pellucid.data.wording import quoted
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings


def read_data(place: str, settings: Settings) -> Listing:
    """List every example of DATA, and of `--test DATA` if given.

    Images are told from texts: by what lies in folders, by the input column of tables. No image
    is decoded. A training part stays `UNDECIDED` as long as a validation or test part must still be
    cut from it; it is `TRAIN` only when the data itself holds all three.

    `place` is a folder, a table, an `.npz` file, `sample:fashion` or `sample:spam`; of `settings` it takes
    `task`, columns, encoding, `target`, `test` and `skip_bad`. The order depends on names and rows alone.

    Raises: `DataError` if DATA is missing, of no known form, or cannot be used as it is, `UsageError` if
    `--test` is given though DATA holds a test split, or `--task` names what DATA is not.
    """
    listing = _read(place, settings)
    if settings.test is not None:
        if TEST in listing.splits:
            raise UsageError(f"--test {settings.test}: {place} has a test split of its own; leave --test out")
        listing = _with_test(listing, _read(settings.test, settings))
    _require_columns(listing, settings)
    listing = with_target(listing, settings)
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


def _read(place: str, settings: Settings) -> Listing:
    """Read DATA by its form.

    Raises: `DataError` if it is missing, on a network, or no form of DATA, `UsageError` if `--task` asks for
    another kind of inputs than it holds.
    """
    require_local(place)
    form, path = form_of(place), Path(place)
    if form is not Form.SAMPLE and not path.exists():
        raise DataError(f"{place}: no such file or folder")
    if settings.label_from_name is not None and form is not Form.FOLDER:
        raise UsageError(
            f"--label-from-name: belongs to folders of files, but {place} is a {form.value}; leave it out"
        )
    listing = _READERS[form](path, place, settings)
    kind = listing.input_kind
    if settings.task not in ("auto", kind.task):
        raise UsageError(
            f"--task {settings.task}: {place} holds {kind.nouns}; leave --task out or give --task {kind.task}"
        )
    return listing


def _sample(path: Path, place: str, settings: Settings) -> Listing:
    del path, settings
    return read_sample(place)


def _idx(path: Path, place: str, settings: Settings) -> Listing:
    del settings
    return read_idx_folder(path, place)


def _folder(path: Path, place: str, settings: Settings) -> Listing:
    """List images or texts, whichever lie there, in class folders or with the class in their names."""
    are_texts = settings.task == "text" or (settings.task == "auto" and holds_texts(path))
    if settings.label_from_name is not None:
        return read_named_files(path, place, settings, are_texts=are_texts)
    if are_texts:
        return read_text_folder(path, place, settings)
    if settings.generates and not has_class_folders(path):
        return read_unlabelled(path, place)
    return read_folder(path, place)


def _npz(path: Path, place: str, settings: Settings) -> Listing:
    del settings
    return read_npz(path, place)


def _table(path: Path, place: str, settings: Settings) -> Listing:
    """List the images or texts of a table."""
    table = open_table(path, place, settings.encoding)
    columns = choose_columns(table, path.parent, settings)
    if columns.holds == IMAGES:
        return list_images(table, columns, path.parent, settings.skip_bad)
    return list_texts_of(table, columns, path.parent, settings)


def _file(path: Path, place: str, settings: Settings) -> Listing:
    """Refuse a file that has no labels.

    Raises: `DataError` naming the forms that there are.
    """
    del path, settings
    raise DataError(f"{place}: not a form of DATA; give {KNOWN_FORMS}")


def _archive(path: Path, place: str, settings: Settings) -> Listing:
    """Refuse an archive, which is an INPUT of `predict` alone.

    Raises: `DataError` with what to do.
    """
    del path, settings
    raise DataError(f"{place}: archives are read by predict alone; unpack it and give the folder")


_READERS: dict[Form, Callable[[Path, str, Settings], Listing]] = {
    Form.SAMPLE: _sample,
    Form.IDX: _idx,
    Form.FOLDER: _folder,
    Form.ARCHIVE: _archive,
    Form.NPZ: _npz,
    Form.TABLE: _table,
    Form.FILE: _file,
}


def _with_test(listing: Listing, test: Listing) -> Listing:
    """Join a second listing as the test split.

    Raises: `DataError` if one is of texts and the other of images, or one is of files and the other of
    arrays.
    """
    if listing.noun != test.noun:
        raise DataError(
            f"{test.place}: holds {test.noun}s, but {listing.place} {listing.noun}s; "
            "give both as images or both as texts"
        )
    if (listing.paths is None) != (test.paths is None):
        raise DataError(
            f"{test.place}: is of the form {test.form}, but {listing.place} of the form {listing.form}; "
            "give both as files or both as arrays"
        )
    paths = None if listing.paths is None or test.paths is None else [*listing.paths, *test.paths]
    loaders = [each.load_pixels for each in (listing, test) if each.load_pixels is not None]
    return Listing(
        place=listing.place,
        form=listing.form,
        sources=Chain([listing.sources, test.sources]),
        labels=[*listing.labels, *test.labels],
        splits=[*listing.splits, *[TEST] * len(test)],
        groups=[*listing.groups, *test.groups],
        paths=paths,
        load_pixels=functools.partial(_joined, loaders, test.place) if loaders else None,
        array_files=(*listing.array_files, *test.array_files),
        warnings=(*listing.warnings, *test.warnings),
        texts=_joined_texts(listing.texts, test.texts),
        problems=(*listing.problems, *_moved(test.problems, len(listing))),
        columns_of_sources={
            name: np.concatenate([codes, test.columns_of_sources[name]])
            for name, codes in listing.columns_of_sources.items()
            if name in test.columns_of_sources
        },
        slices=None if listing.slices is None or test.slices is None else [*listing.slices, *test.slices],
        joined_columns=listing.joined_columns,
    )


def _joined_texts(texts: Texts | None, test: Texts | None) -> Texts | None:
    """Texts of both parts; nothing where they are images."""
    if texts is None or test is None:
        return None
    writer = TextWriter()
    writer.extend(texts)
    writer.extend(test)
    return writer.finish()


def _moved(problems: Sequence[Problem], by: int) -> Iterator[Problem]:
    """Problems of a second part, counted from the start of the first."""
    return (dataclasses.replace(problem, index=problem.index + by) for problem in problems)


def _joined(loaders: list[Callable[[], np.ndarray]], place: str) -> np.ndarray:
    """Pixels of both parts.

    Raises: `DataError` if their images differ in size.
    """
    pixels, test_pixels = (load() for load in loaders)
    if pixels.shape[1:] != test_pixels.shape[1:]:
        raise DataError(
            f"{place}: images of {test_pixels.shape[1:]}, but those to train on are {pixels.shape[1:]}; "
            "bring them to one size"
        )
    return np.concatenate([pixels, test_pixels])
