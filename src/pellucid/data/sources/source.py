"""Sources: each form of data is listed as a whole, with its labels, or read row by row, without them.

Training lists them all; prediction takes a stream, so that memory does not grow with the number of rows.
Nothing stops at one bad row: what cannot be read carries its reason along.
"""

import dataclasses
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pellucid.data.data_files import IMAGE_KIND, TEXT_KIND, FileKind, contents
from pellucid.data.listing import Listing
from pellucid.errors import DataError
from pellucid.settings import Settings


class Cell(NamedTuple):
    """A value of a table, a list or a pipe that is itself the text."""

    value: object  # of any kind; no other value than a text, a number or bytes is one


class Row(NamedTuple):
    """One image or text to label."""

    name: str  # the given path, joined with the relative path in a folder or archive; `file:row` in a table
    # the file, its content where it was packed or piped, the pixels of an array, or a cell
    content: Path | bytes | np.ndarray | Cell
    error: str = ""  # why there is nothing to read; empty where there may be
    stamp: str = ""  # of a file its size and time, by which a change is noticed; empty where it has none


@dataclass(frozen=True)
class Stream:
    """Rows of one or more places, in the order given, to be gone through once."""

    # the rows behind the first so many, which are passed over without being read where the form permits it;
    # from 0 where `count` gives `None`
    rows: Callable[[int], Iterator[Row]]
    count: Callable[[], int | None]  # by going through names alone; `None` where only reading shows
    warnings: list[str]  # sentences for the user that refuse nothing; complete once all rows have passed

    def __iter__(self) -> Iterator[Row]:
        return self.rows(0)


class Source(NamedTuple):
    """How a form of data is read; each takes a place of the form and the settings.

    A listing has every row with its label and, where there are any, its split, group and time, in an order
    that depends on names and rows alone; nothing is decoded. A stream needs no labels; it has texts where the
    settings' task is `text`, else images. Both raise `DataError` if the place cannot be read or holds nothing
    that they look for.
    """

    listing: Callable[[str, Settings], Listing]
    stream: Callable[[str, Settings], Stream]


def kind_of(settings: Settings) -> FileKind:
    """The files that are wanted in a stream."""
    return TEXT_KIND if settings.task == "text" else IMAGE_KIND


def read_whole(read: Callable[[str, bool], Listing], kinds: Collection[FileKind] = (IMAGE_KIND,)) -> Source:
    """A form that is read as a whole, by a function that takes a place and whether labels are needed."""

    def stream(place: str, settings: Settings) -> Stream:
        kind = kind_of(settings)
        if kind not in kinds:
            raise _unfit(place, kind)
        return stream_of(read(place, False), kind)

    return Source(lambda place, settings: read(place, not settings.generates), stream)


def _unfit(place: str, kind: FileKind) -> DataError:
    if kind is TEXT_KIND:
        return DataError("{place}: holds images; give texts to a model of texts", place)
    return DataError("{place}: holds texts; give images to a model of images", place)


def rows_of(listing: Listing, positions: Sequence[int]) -> Iterator[Row]:
    """Rows of a listing; of files in containers the bytes, read while they are asked for."""
    if listing.paths is not None:
        files = listing.paths
        for at, content in zip(positions, contents(files[at] for at in positions), strict=True):
            if isinstance(content, DataError):
                yield Row(listing.sources[at], b"", str(content))
            else:
                yield Row(listing.sources[at], content)
    elif listing.texts is not None:
        reasons = {problem.index: problem.reason for problem in listing.problems}
        for at in positions:
            yield Row(listing.sources[at], Cell(listing.texts[at]), reasons.get(at, ""))
    else:
        pixels = listing.pixels if listing.load_pixels is None else listing.load_pixels()
        assert pixels is not None
        for at in positions:
            yield Row(listing.sources[at], pixels[at])


def stream_of(listing: Listing, kind: FileKind) -> Stream:
    """The rows of a listing that is held as a whole.

    Raises: `DataError` if they are not of the kind.
    """
    if (kind is TEXT_KIND) != (listing.texts is not None):
        raise _unfit(listing.place, kind)
    if listing.load_pixels is not None:
        listing = dataclasses.replace(listing, pixels=listing.load_pixels(), load_pixels=None)
    return Stream(
        lambda start: rows_of(listing, range(start, len(listing))),
        lambda: len(listing),
        list(listing.warnings),
    )


def stream_of_streams(streams: Sequence[Stream]) -> Stream:
    """Several places as one."""
    if len(streams) == 1:
        return streams[0]
    warnings: list[str] = []

    def rows(start: int) -> Iterator[Row]:
        """Rows of all places; of one that lies before the start as a whole only the number is asked."""
        for each in streams:
            number = each.count() if start else None
            if number is None or start < number:
                yield from each.rows(start)
                warnings.extend(each.warnings)
            start = max(0, start - (number or 0))

    def count() -> int | None:
        """All rows together, where the number of each place is known."""
        total = 0
        for each in streams:
            number = each.count()
            if number is None:
                return None
            total += number
        return total

    return Stream(rows, count, warnings)


def stamp_of(path: Path) -> str:
    """Size and time of change of a file; empty where there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return ""
    return f"{status.st_size}:{status.st_mtime_ns}"
