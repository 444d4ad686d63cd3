"""From DATA, in any of its forms, to one listing."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pellucid.data.folders import read_folder
from pellucid.data.idx import is_idx_folder, read_idx_folder
from pellucid.data.listing import TEST, TRAIN, UNDECIDED, VALIDATION, Listing
from pellucid.data.npz import read_npz
from pellucid.data.picture_tables import read_table
from pellucid.data.samples import PREFIX, read_sample
from pellucid.data.tables import is_table
from pellucid.data.targets import with_target
from pellucid.errors import DataError, UsageError
from pellucid.settings import Settings


def read_images(place: str, settings: Settings) -> Listing:
    """List every example of DATA, and of `--test DATA` if given.

    Nothing is decoded. A training part stays `UNDECIDED` as long as a validation or test part must
    still be cut from it; it is `TRAIN` only when the data itself holds all three.

    Args:
        place: DATA: a folder, a table, an `.npz` file or `sample:fashion`.
        settings: columns, encoding, `target`, `test`, `skip_bad`.

    Returns:
        The listing, in an order that depends on names and rows alone.

    Raises:
        DataError: DATA is missing, of no known form, or cannot be used as it is.
        UsageError: `--test` is given though DATA holds a test split.
    """
    listing = _read(place, settings)
    if settings.test is not None:
        if TEST in listing.splits:
            raise UsageError(f"--test {settings.test}: {place} has a test split of its own; leave --test out")
        listing = _with_test(listing, _read(settings.test, settings))
    listing = with_target(listing, settings)
    if TEST in listing.splits and VALIDATION in listing.splits:
        return listing
    splits = [UNDECIDED if split == TRAIN else split for split in listing.splits]
    return dataclasses.replace(listing, splits=splits)


def _read(place: str, settings: Settings) -> Listing:
    """Read DATA by its form.

    Raises DataError: as for `read_images`.
    """
    if place.startswith(PREFIX):
        return read_sample(place)
    path = Path(place)
    if path.is_dir():
        if is_idx_folder(path):
            return read_idx_folder(path, place)
        return read_folder(path, place)
    if not path.exists():
        raise DataError(f"{place}: no such file or folder")
    if path.suffix.lower() == ".npz":
        return read_npz(path, place)
    if is_table(path):
        return read_table(path, place, settings)
    raise DataError(
        f"{place}: not a form of DATA; give a folder of class folders, a .csv, .tsv, .jsonl or .parquet "
        "table, a folder of IDX files, an .npz file or sample:fashion"
    )


def _with_test(listing: Listing, test: Listing) -> Listing:
    """Join a second listing as the test split.

    Raises DataError: one is of files and the other of arrays.
    """
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
        sources=[*listing.sources, *test.sources],
        labels=[*listing.labels, *test.labels],
        splits=[*listing.splits, *[TEST] * len(test)],
        groups=[*listing.groups, *test.groups],
        paths=paths,
        load_pixels=functools.partial(_joined, loaders, test.place) if loaders else None,
        array_files=(*listing.array_files, *test.array_files),
        warnings=(*listing.warnings, *test.warnings),
    )


def _joined(loaders: list[Callable[[], np.ndarray]], place: str) -> np.ndarray:
    """Pixels of both parts.

    Raises DataError: their pictures differ in size.
    """
    pixels, test_pixels = (load() for load in loaders)
    if pixels.shape[1:] != test_pixels.shape[1:]:
        raise DataError(
            f"{place}: pictures of {test_pixels.shape[1:]}, but those to train on are {pixels.shape[1:]}; "
            "bring them to one size"
        )
    return np.concatenate([pixels, test_pixels])
