"""Files of data: their kinds, by names and first bytes, and where they lie, on the disk or in a container."""

import contextlib
import os
import re
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pellucid.budgets import FOLDERS_DEEP
from pellucid.errors import DataError
from pellucid.files import open_regular

_IMAGE_STARTS = (
    b"\x89PNG", b"\xff\xd8", b"GIF8", b"BM", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP", b"\xff\x4f\xff\x51",
)  # fmt: skip


def is_image_start(start: bytes) -> bool:
    """Detect the first bytes, at least 12, of an image format that is read."""
    is_webp = start[:4] == b"RIFF" and start[8:12] == b"WEBP"
    is_avif = start[4:12] in (b"ftypavif", b"ftypavis")
    return start.startswith(_IMAGE_STARTS) or is_webp or is_avif


def what_it_is(content: bytes) -> str:
    """Reason such as `not an image (HTML)` for a file, not empty, that no decoder knows."""
    if is_image_start(content[:16]):
        return "truncated or corrupt image (damaged header)"
    text = content[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")) or b"<html" in text:
        return "not an image (HTML)"
    if b"<svg" in text:
        return "not an image of dots (SVG); save it as PNG"
    if text.startswith(b"<?xml"):
        return "not an image (XML)"
    if text.startswith(b"%pdf"):
        return "not an image (PDF)"
    if content[4:8] == b"ftyp":
        return "HEIC or video is not read; save it as JPEG or PNG"
    if content[128:132] == b"DICM":
        return "DICOM is not read; save the image in it as PNG, at 8 or 16 bits"
    if content.startswith(b"PK"):
        return "not an image (ZIP archive)"
    if all(byte >= 32 or byte in b"\t\r\n" for byte in content[:1024]):
        return "not an image (text)"
    return "not an image"


# Endings of images.
IMAGE_SUFFIXES = frozenset(
    (
        ".apng .avif .bmp .dib .gif .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm "
        ".tif .tiff .webp "
        ".heic .heif .dcm .dicom"  # images too, though none that is read: refused by name, never passed over
    ).split()
)

# Ending of files that hold one text each.
TEXT_SUFFIX = ".txt"

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "$recycle.bin", "icon\r"})

_NOTES = frozenset(
    "readme license licence copying notice citation changelog changes authors about version".split()
)


@dataclass(frozen=True)
class FileKind:
    """The files that are looked for.

    Attributes:
        noun: what one holds, `image` or `text`.
        what: one of them, as in `no image in class folder`.
        no_such: why others are left out.
        ends: tells one by its name.
        starts: tells one without such a name by its first bytes.
    """

    noun: str
    what: str
    no_such: str
    ends: Callable[[str], bool]
    starts: Callable[[bytes], bool]

    def is_one(self, path: str) -> bool:
        """Detect a file of this kind; a link that leads nowhere is one by its name, and reported."""
        has_ending = self.ends(path)
        if has_ending or not os.path.isfile(path):
            return has_ending and (os.path.isfile(path) or not os.path.exists(path))
        try:
            with open_regular(path) as file:
                return self.starts(file.read(16))
        except OSError:
            return False


def ends_like_image(name: str) -> bool:
    """Detect an image by the ending of its name."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


IMAGE_KIND = FileKind("image", "image", "being no images by their names", ends_like_image, is_image_start)
TEXT_KIND = FileKind(
    "text",
    f"{TEXT_SUFFIX} file",
    f"not ending in {TEXT_SUFFIX}",
    ends=lambda name: os.path.splitext(name)[1].lower() == TEXT_SUFFIX,
    starts=lambda start: False,  # texts have no first bytes of their own
)


def files_on_disk(folder: Path, kind: FileKind) -> tuple[list[Path], list[Path]]:
    """Files of a kind in a folder and its sub-folders, in order, and the others that were passed over.

    Links to folders are followed, once each; clutter counts for nothing.

    Raises: `DataError` if a folder cannot be read.
    """
    found = list(walk(folder, kind))
    return [path for path, is_one in found if is_one], [path for path, is_one in found if not is_one]


def walk(folder: Path, kind: FileKind) -> Iterator[tuple[Path, bool]]:
    """Go through the files in a folder and its sub-folders, clutter aside, by the code points of their paths.

    Every file, and whether it is of the kind; of a folder only the names are in memory. Each real folder is
    entered once, by device and number, however many links lead there.

    Raises: `DataError` if a folder cannot be read, or folders lie too deep in one another.
    """
    seen = {_identity(folder)}
    waiting = [_names_of(folder)]
    while waiting:
        if (path := next(waiting[-1], None)) is None:
            waiting.pop()
        elif not os.path.isdir(path):  # nor is a link that leads in a circle
            yield path, kind.is_one(str(path))
        elif (identity := _identity(path)) not in seen:
            seen.add(identity)
            if len(waiting) > FOLDERS_DEEP:
                raise DataError(
                    f"{folder}: more than {FOLDERS_DEEP} folders lie in one another; move the files up"
                )
            waiting.append(_names_of(path))


def _names_of(folder: Path) -> Iterator[Path]:
    """Paths of what lies in a folder, in order.

    Raises: `DataError` if it cannot be read.
    """
    names = sorted(entry.name for entry in _scanned(folder))
    return (folder / name for name in names)


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
    return sorted(_scanned(folder), key=lambda entry: entry.name)


def _scanned(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not is_clutter(entry.name))
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be read ({(error.strerror or str(error)).lower()}); "
            "allow reading or leave it out"
        ) from error


def is_clutter(name: str) -> bool:
    """Detect hidden files and folders, and those left behind by an operating system.

    Such as `.DS_Store`, `Thumbs.db` and `__MACOSX`.
    """
    return name.startswith(".") or name.lower() in _LITTER


def is_note(name: str) -> bool:
    """Detect what people write about data, such as `README.md`, `LICENSE` or `CITATION.cff`, by its name."""
    stem, ending = os.path.splitext(name.lower())
    is_named_so = re.split(r"[^a-z]+", stem)[0] in _NOTES and ending in ("", ".txt", ".html")
    return is_named_so or ending in (".md", ".rst", ".pdf", ".cff", ".bib")


def source_of(path: Path) -> str:
    """A path as text that can be written as UTF-8, whatever bytes its name is made of.

    Bytes that are not UTF-8 are written as their codes.
    """
    return str(path).encode(errors="backslashreplace").decode()


# Images and texts inside containers, read by their place there: members of archives, cells of tables.
#
# A container is a file that holds many. Its bytes are read one image at a time, in the order they are asked
# for, so that memory does not grow with the container.

# The bytes at a position of an open container.
Read = Callable[[int], bytes]

# Errors of reading an archive that is damaged, or cut short.
DAMAGED = (OSError, EOFError, zlib.error)


class Container(ABC):
    """A file that holds images or texts at positions from 0.

    Attributes:
        path: the file itself; `None` of what only this process knows, which no cache finds again.
        is_in_order: whether going back to an earlier position means reading from the start again.
    """

    path: Path | None = None
    is_in_order: bool = False

    @abstractmethod
    def name_of(self, position: int) -> str:
        """Name of what stands at a position, for people."""

    @abstractmethod
    def opened(self) -> AbstractContextManager[Read]:
        """Open it for reading.

        Raises: `DataError` with the reason alone, here or while reading, if it is damaged.
        """


class Stored(NamedTuple):
    """One image or text in a container, by its position there from 0."""

    container: Container
    position: int

    def content(self) -> bytes:
        """Its bytes.

        Raises: `DataError` with the reason alone if it cannot be read.
        """
        found = next(contents([self]))
        if isinstance(found, DataError):
            raise found
        assert isinstance(found, bytes)
        return found

    def __str__(self) -> str:
        return self.container.name_of(self.position)


# A file of the disk, or one in a container.
File = Path | Stored


def contents(files: Iterable[File]) -> Iterator[Path | bytes | DataError]:
    """Go through files: in place of one in a container its bytes, or the reason why there are none.

    One container at a time is open.
    """
    current: Container | None = None
    with contextlib.ExitStack() as stack:
        for file in files:
            if isinstance(file, Path):
                yield file
                continue
            try:
                if file.container is not current:
                    stack.close()
                    current = None
                    read = stack.enter_context(file.container.opened())
                    current = file.container
                found: bytes | DataError = read(file.position)
            except DataError as error:
                found = error
            except DAMAGED as error:
                reason = getattr(error, "strerror", None) or str(error)
                found = DataError(f"cannot be read ({reason.lower()})")
            yield found
