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

from pellucid.errors import DataError
from pellucid.language.sentence import Sentence

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


IMAGE_SUFFIXES = frozenset(
    (
        ".apng .avif .bmp .dib .gif .j2k .jfif .jp2 .jpe .jpeg .jpg .mpo .pbm .pgm .png .pnm .ppm "
        ".tif .tiff .webp "
        ".heic .heif .dcm .dicom"  # images too, though none that is read: refused by name, never passed over
    ).split()
)
TEXT_SUFFIX = ".txt"  # of files that hold one text each

_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "ehthumbs.db", "$recycle.bin", "icon\r"})

_NOTES = frozenset(
    "readme license licence copying notice citation changelog changes authors about version".split()
)


@dataclass(frozen=True)
class FileKind:
    """The files that are wanted."""

    noun: str  # what one holds, `image` or `text`
    what: str  # one of them, as in `no image in this folder`
    no_such: str  # why others are left out
    suffixes: frozenset[str]  # of names of such files
    starts: Callable[[bytes], bool] | None = None  # detects one without such a name by its first bytes

    def ends(self, name: str) -> bool:
        """Detect a file of this kind by its name."""
        return os.path.splitext(name)[1].lower() in self.suffixes


IMAGE_KIND = FileKind(
    "image", "image", "being no images by their names", IMAGE_SUFFIXES, starts=is_image_start
)
TEXT_KIND = FileKind(
    "text",
    Sentence("{TEXT_SUFFIX} file", TEXT_SUFFIX),
    Sentence("not ending in {TEXT_SUFFIX}", TEXT_SUFFIX),
    frozenset({TEXT_SUFFIX}),
)

# Detects an image by the ending of its name.
ends_like_image = IMAGE_KIND.ends


def is_clutter(name: str) -> bool:
    """Detect hidden files and folders, and those left behind by an operating system, such as `Thumbs.db`."""
    return name.startswith(".") or name.lower() in _LITTER


def is_note(name: str) -> bool:
    """Detect what people write about data, such as `README.md`, `LICENSE` or `CITATION.cff`, by its name."""
    stem, ending = os.path.splitext(name.lower())
    is_named_so = re.split(r"[^a-z]+", stem)[0] in _NOTES and ending in ("", ".txt", ".html")
    return is_named_so or ending in (".md", ".rst", ".pdf", ".cff", ".bib")


# Images and texts inside containers, by their position there: members of archives, cells of tables. Their
# bytes are read one by one, as they are asked for, so that memory does not grow with the container.

# The bytes at a position of an open container.
Read = Callable[[int], bytes]

# Errors of reading a file that is not there, damaged or cut short.
DAMAGED = (OSError, EOFError, zlib.error)


def unreadable(error: Exception) -> str:
    """Reason of a file that raised one of `DAMAGED`."""
    return Sentence("cannot be read ({lower})", (getattr(error, "strerror", None) or str(error)).lower())


class Container(ABC):
    """A file that holds images or texts at positions from 0."""

    path: Path | None = None  # the file; `None` of what only this process knows, which no cache finds again
    is_in_order: bool = False  # whether going back to an earlier position means reading from the start again

    @abstractmethod
    def name_of(self, position: int) -> str:
        """Name of what is at a position, for people."""

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
                found = DataError(unreadable(error))
            yield found
