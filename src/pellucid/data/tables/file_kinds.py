"""Kinds of files in a folder: images, texts and clutter.

Hidden files and the litter of operating systems are passed over in silence.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.tables.signatures import is_image_start
from pellucid.errors import DataError

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
    if not entry.is_file():
        return has_ending and not os.path.exists(entry.path)
    if has_ending:
        return True
    try:
        with open(entry.path, "rb") as file:
            return is_image_start(file.read(16))
    except OSError:
        return False


def _is_text(entry: os.DirEntry[str]) -> bool:
    """Tell a file of text by its ending; a link that leads nowhere is one, so that it is reported."""
    has_ending = os.path.splitext(entry.name)[1].lower() == TEXT_SUFFIX
    return has_ending and (entry.is_file() or not os.path.exists(entry.path))


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


def walk(
    folder: Path, kind: FileKind, seen: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[Path, bool]]:
    """Go through the files in a folder and its sub-folders, clutter aside.

    Every file, and whether it is of the kind. `seen` are the folders that this one lies in, by device and
    number; links lead into none of them again.
    """
    for entry in entries_of(folder):
        path = folder / entry.name
        if entry.is_dir():
            status = entry.stat()
            identity = (status.st_dev, status.st_ino)
            if identity not in seen:
                yield from walk(path, kind, seen | {identity})
        else:
            yield path, kind.is_one(entry)


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
