"""A source: a place in one form, of which all rows are listed with their labels, or follow one by one.

Training lists them all; prediction takes a stream, so that memory does not grow with the number of rows.
Nothing stops at one bad row: what cannot be read carries its reason along.
"""

import dataclasses
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
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


class Source(ABC):
    """A place in one form."""

    def __init__(self, place: str, settings: Settings) -> None:
        self.place, self.settings = place, settings

    @abstractmethod
    def listing(self) -> Listing:
        """Every row with its label and, where there are any, its split, group and time; nothing is decoded.

        The order depends on names and rows alone.

        Raises: `DataError` if it cannot be read or holds nothing to learn from.
        """

    @abstractmethod
    def stream(self) -> Stream:
        """The rows one by one, which need no labels: texts where the settings' task is `text`, else images.

        Raises: `DataError` if it cannot be read or holds nothing of the kind.
        """

    @property
    def kind(self) -> FileKind:
        """The files that are wanted in a stream."""
        return TEXT_KIND if self.settings.task == "text" else IMAGE_KIND


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
    if kind is TEXT_KIND and listing.texts is None:
        raise DataError("{place}: holds images; give texts to a model of texts", listing.place)
    if kind is IMAGE_KIND and listing.texts is not None:
        raise DataError("{place}: holds texts; give images to a model of images", listing.place)
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
