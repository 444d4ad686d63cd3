"""Listings of several parts joined into one."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from pellucid.data.listing import TEST, Listing, Problem
from pellucid.data.tables.row_names import Chain
from pellucid.data.texts.store import Texts, TextWriter
from pellucid.errors import DataError


def with_test(listing: Listing, test: Listing) -> Listing:
    """Join a second listing as the test split.

    Raises: `DataError` if the two do not fit, as `joined` says.
    """
    test = dataclasses.replace(test, splits=[TEST] * len(test))
    return dataclasses.replace(joined([listing, test]), times=None)


def joined(parts: Sequence[Listing]) -> Listing:
    """One listing of several, under place and form of the first.

    What not all of them have, such as times, is left out.

    Raises: `DataError` if one is of texts and the other of images, or one is of files and the other of
    arrays.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    for part in parts[1:]:
        _require_fitting(first, part)
    starts = np.cumsum([0, *map(len, parts)]).tolist()
    loaders = [part.load_pixels for part in parts if part.load_pixels is not None]
    names = [
        name for name in first.columns_of_sources if all(name in part.columns_of_sources for part in parts)
    ]
    times = [part.times for part in parts if part.times is not None]
    slices = [part.slices for part in parts if part.slices is not None]
    return Listing(
        place=first.place,
        form=first.form,
        sources=Chain([part.sources for part in parts]),
        labels=_chained([part.labels for part in parts]),
        splits=_chained([part.splits for part in parts]),
        groups=_chained([part.groups for part in parts]),
        paths=None if first.paths is None else [path for part in parts for path in part.paths or ()],
        load_pixels=functools.partial(_joined, loaders, parts[-1].place) if loaders else None,
        array_files=tuple(file for part in parts for file in part.array_files),
        warnings=tuple(dict.fromkeys(warning for part in parts for warning in part.warnings)),
        texts=_joined_texts([part.texts for part in parts if part.texts is not None]),
        problems=tuple(
            problem
            for part, start in zip(parts, starts, strict=False)
            for problem in _moved(part.problems, start)
        ),
        columns_of_sources={
            name: np.concatenate([part.columns_of_sources[name] for part in parts]) for name in names
        },
        times=np.concatenate(times) if len(times) == len(parts) else None,
        slices=_chained(slices) if len(slices) == len(parts) else None,
        joined_columns=first.joined_columns,
    )


def _require_fitting(listing: Listing, other: Listing) -> None:
    """Refuse to join texts with images, or files with arrays.

    Raises: `DataError` with what both are.
    """
    if listing.noun != other.noun:
        raise DataError(
            f"{other.place}: holds {other.noun}s, but {listing.place} {listing.noun}s; "
            "give both as images or both as texts"
        )
    if (listing.paths is None) != (other.paths is None):
        raise DataError(
            f"{other.place}: is of the form {other.form}, but {listing.place} of the form {listing.form}; "
            "give both as files or both as arrays"
        )


def _chained(parts: Sequence[Sequence[str]]) -> list[str]:
    return [value for part in parts for value in part]


def _joined_texts(parts: Sequence[Texts]) -> Texts | None:
    """Texts of all parts; nothing where they are images."""
    if not parts:
        return None
    writer = TextWriter()
    for part in parts:
        writer.extend(part)
    return writer.finish()


def _moved(problems: Sequence[Problem], by: int) -> Iterator[Problem]:
    """Problems of a second part, counted from the start of the first."""
    return (dataclasses.replace(problem, index=problem.index + by) for problem in problems)


def _joined(loaders: list[Callable[[], np.ndarray]], place: str) -> np.ndarray:
    """Pixels of all parts.

    Raises: `DataError` if their images differ in size.
    """
    arrays = [load() for load in loaders]
    for other in arrays[1:]:
        if other.shape[1:] != arrays[0].shape[1:]:
            raise DataError(
                f"{place}: images of {other.shape[1:]}, but those to train on are {arrays[0].shape[1:]}; "
                "bring them to one size"
            )
    return np.concatenate(arrays)
