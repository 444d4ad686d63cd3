"""Kinds of files in a folder: images, texts and clutter.

Hidden files and the litter of operating systems are passed over in silence.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.budgets import FOLDERS_DEEP
from pellucid.data.tables.signatures import is_image_start
from pellucid.errors import DataError
from pellucid.files import open_regular

_IMAGE_SUFFIXES = frozenset(
    (
        ".apng .avif .bmp .dib .gif .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm "
        ".tif .tiff .webp"
    ).split()
)

TEXT_SUFFIX = ".txt"
"""Ending of files that hold one text each."""

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "$recycle.bin", "icon\r"})


@dataclass(frozen=True)
class FileKind:
    """The files that are looked for.

    Attributes:
        noun: what one holds, `image` or `text`.
        what: one of them, as in `no image in class folder`.
        no_such: why others are left out.
        is_one: whether a file is one of them.
    """

    noun: str
    what: str
    no_such: str
    is_one: Callable[[os.DirEntry[str]], bool]


def ends_like_image(name: str) -> bool:
    """Tell an image by the ending of its name."""
    return os.path.splitext(name)[1].lower() in _IMAGE_SUFFIXES


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Tell a file to decode; a link that leads nowhere is one, so that it is reported."""
    has_ending = ends_like_image(entry.name)
    if not os.path.isfile(entry.path):
        return has_ending and not os.path.exists(entry.path)
    if has_ending:
        return True
    try:
        with open_regular(entry.path) as file:
            return is_image_start(file.read(16))
    except OSError:
        return False


def _is_text(entry: os.DirEntry[str]) -> bool:
    """Tell a file of text by its ending; a link that leads nowhere is one, so that it is reported."""
    has_ending = os.path.splitext(entry.name)[1].lower() == TEXT_SUFFIX
    return has_ending and (os.path.isfile(entry.path) or not os.path.exists(entry.path))


IMAGE_KIND = FileKind("image", "image", "being no images by their names", _is_image)
TEXT_KIND = FileKind("text", f"{TEXT_SUFFIX} file", f"not ending in {TEXT_SUFFIX}", _is_text)


def files_of(folder: Path, kind: FileKind) -> tuple[list[Path], list[Path]]:
    """Files of a kind in a folder and its sub-folders, in order, and the others that were passed over.

    Links to folders are followed, once each; clutter counts for nothing.

    Raises: `DataError` if a folder cannot be read.
    """
    found = sorted(walk(folder, kind), key=_order)
    return [path for path, is_one in found if is_one], [path for path, is_one in found if not is_one]


def _order(found: tuple[Path, bool]) -> tuple[str, ...]:
    return found[0].parts


def walk(folder: Path, kind: FileKind) -> Iterator[tuple[Path, bool]]:
    """Go through the files in a folder and its sub-folders, clutter aside.

    Every file, and whether it is of the kind. Each real folder is entered once, by device and number, however
    many links lead there.

    Raises: `DataError` if a folder cannot be read, or folders lie too deep in one another.
    """
    seen = {_identity(folder)}
    waiting = [(folder, 0)]
    while waiting:
        place, depth = waiting.pop()
        if depth > FOLDERS_DEEP:
            raise DataError(
                f"{folder}: more than {FOLDERS_DEEP} folders lie in one another; move the files further up"
            )
        for entry in entries_of(place):
            path = place / entry.name
            if os.path.isdir(entry.path):  # false of a link that leads in a circle
                identity = _identity(path)
                if identity not in seen:
                    seen.add(identity)
                    waiting.append((path, depth + 1))
            else:
                yield path, kind.is_one(entry)


def _identity(folder: Path) -> tuple[int, int]:
    """Device and number of a folder.

    Raises: `DataError` if it cannot be reached.
    """
    try:
        status = folder.stat()
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    return status.st_dev, status.st_ino


def entries_of(folder: Path) -> list[os.DirEntry[str]]:
    """Files and folders in a folder by the code points of their names, clutter aside.

    Raises: `DataError` if the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            kept = [entry for entry in entries if not is_clutter(entry.name)]
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be read ({(error.strerror or str(error)).lower()}); "
            "allow reading or leave it out"
        ) from error
    return sorted(kept, key=lambda entry: entry.name)


def is_clutter(name: str) -> bool:
    """Tell hidden files and folders, and those left behind by an operating system.

    Such as `.DS_Store`, `Thumbs.db` and `__MACOSX`.
    """
    return name.startswith(".") or name.lower() in _LITTER


def source_of(path: Path) -> str:
    """A path as text that can be written as UTF-8, whatever bytes its name is made of.

    Bytes that are not UTF-8 are written as their codes.
    """
    return str(path).encode(errors="backslashreplace").decode()
