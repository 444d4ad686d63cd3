"""Folders, on the disk or inside an archive: sub-folders and files without clutter, ordered by name.

The order is that of the code points of names, whatever the locale and the file system.
"""

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Iterator, Mapping
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from pellucid.data.archives import START_BYTES, Member, tar_members, tar_reader, zip_members, zip_reader
from pellucid.data.data_files import (
    DAMAGED,
    Container,
    File,
    FileKind,
    Read,
    Stored,
    ends_like_image,
    is_clutter,
    is_note,
    unreadable,
)
from pellucid.data.wording import quoted, some_quoted, visible
from pellucid.errors import DataError
from pellucid.language.sentence import Sentence
from pellucid.progress import counted
from pellucid.safety.budgets import FOLDERS_DEEP, unpacked_limit, unpacks_to_more
from pellucid.safety.files import Unpacking, open_regular
from pellucid.settings import likely_meant


class Folder(ABC):
    """A folder of the disk or of an archive; as text it is the path that users see."""

    @property
    @abstractmethod
    def entries(self) -> Mapping[str, "Folder | Stored | None"]:
        """Folders and files in it, by name and in order, clutter left out.

        Raises: `DataError` if it cannot be read.
        """

    @abstractmethod
    def file(self, name: str) -> File:
        """A file in it."""

    @property
    @abstractmethod
    def identity(self) -> Hashable:
        """Equal for the same folder reached by another link.

        Raises: `DataError` if it cannot be reached.
        """

    @abstractmethod
    def start_of(self, name: str) -> bytes:
        """First bytes of a file whose name is not that of an image; none where it cannot be read."""

    def is_one(self, name: str, kind: FileKind) -> bool:
        """Detect a file of a kind, by its name or else its first bytes."""
        return kind.ends(name) or (kind.starts is not None and kind.starts(self.start_of(name)))

    @property
    def folders(self) -> dict[str, "Folder"]:
        """Folders in it, by name."""
        return {name: entry for name, entry in self.entries.items() if isinstance(entry, Folder)}

    @property
    def files(self) -> list[str]:
        """Names of the files that lie in the folder itself."""
        return [name for name, entry in self.entries.items() if not isinstance(entry, Folder)]

    def walk(self, kind: FileKind) -> Iterator[tuple[File, bool]]:
        """Go through the files in it and its sub-folders: each, and whether it is of the kind.

        Each real folder is entered once, however many links lead there.

        Raises: `DataError` if a folder cannot be read, or folders lie too deep in one another.
        """
        seen = {self.identity}
        waiting = [(self, iter(self.entries.items()))]
        while waiting:
            folder, left = waiting[-1]
            if (found := next(left, None)) is None:
                waiting.pop()
                continue
            name, entry = found
            if not isinstance(entry, Folder):
                yield folder.file(name), folder.is_one(name, kind)
            elif (identity := entry.identity) not in seen:
                seen.add(identity)
                if len(waiting) > FOLDERS_DEEP:
                    raise DataError(
                        "{self}: more than {FOLDERS_DEEP} folders lie in one another; move the files up",
                        self,
                        FOLDERS_DEEP,
                    )
                waiting.append((entry, iter(entry.entries.items())))

    def files_of(self, kind: FileKind) -> tuple[list[File], list[File]]:
        """Files of a kind in it and its sub-folders, in order, and the others that were passed over.

        Raises: `DataError` as `walk`.
        """
        found = list(counted(self.walk(kind), "listing files"))
        return [file for file, is_one in found if is_one], [file for file, is_one in found if not is_one]


class DiskFolder(Folder):
    """A folder of the disk.

    What it holds is remembered, unless it is to be gone through once, and only its own names are in memory.
    """

    def __init__(self, path: Path, *, is_kept: bool = True) -> None:
        self.path, self._is_kept = path, is_kept
        self._entries: dict[str, Folder | None] | None = None
        self._starts: dict[str, bytes] = {}

    def __str__(self) -> str:
        return str(self.path)

    def file(self, name: str) -> Path:
        """As `Folder.file`."""
        return self.path / name

    @property
    def entries(self) -> Mapping[str, Folder | None]:
        """As `Folder.entries`; a link that leads nowhere or in a circle is a file."""
        if self._entries is not None:
            return self._entries
        try:
            with os.scandir(self.path) as scanned:
                found = sorted((entry.name, entry) for entry in scanned if not is_clutter(entry.name))
        except OSError as error:
            raise DataError(
                "{path}: {error}; allow reading or leave it out", self.path, unreadable(error)
            ) from error
        entries: dict[str, Folder | None] = {}
        for name, entry in found:
            is_folder = os.path.isdir(entry.path) if entry.is_symlink() else entry.is_dir()
            entries[name] = DiskFolder(self.path / name, is_kept=self._is_kept) if is_folder else None
        if self._is_kept:
            self._entries = entries
        return entries

    @property
    def identity(self) -> Hashable:
        """Device and number, as `Folder.identity`."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise DataError("{path}: {error}", self.path, unreadable(error)) from error
        return status.st_dev, status.st_ino

    def start_of(self, name: str) -> bytes:
        """As `Folder.start_of`."""
        if name in self._starts:
            return self._starts[name]
        start = b""
        with contextlib.suppress(OSError), open_regular(self.path / name) as file:
            start = file.read(START_BYTES)
        if self._is_kept:
            self._starts[name] = start
        return start

    def is_one(self, name: str, kind: FileKind) -> bool:
        """As `Folder.is_one`; a link that leads nowhere is one by its name, and reported later."""
        if kind.ends(name):
            path = os.path.join(self.path, name)
            return os.path.isfile(path) or not os.path.exists(path)
        return super().is_one(name, kind)


class PackedFolder(Folder):
    """A folder inside an archive, of which the names and the first bytes of some files are in memory."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._entries: dict[str, Folder | Stored] = {}
        self._starts: dict[str, bytes] = {}  # of files whose names are not those of images

    def __str__(self) -> str:
        return self.place

    @property
    def entries(self) -> Mapping[str, Folder | Stored]:
        """As `Folder.entries`."""
        return self._entries

    def file(self, name: str) -> Stored:
        """As `Folder.file`."""
        found = self._entries[name]
        assert isinstance(found, Stored)
        return found

    @property
    def identity(self) -> Hashable:
        """As `Folder.identity`: there are no links."""
        return id(self)

    def start_of(self, name: str) -> bytes:
        """As `Folder.start_of`."""
        return self._starts.get(name, b"")

    def add(self, parts: list[str], member: Member, file: Stored) -> None:
        """Put a file into its folder.

        Raises: `DataError` if something of its name is there, or it lies too deep.
        """
        if len(parts) > FOLDERS_DEEP:
            raise DataError(
                "more than {FOLDERS_DEEP} folders lie in one another; move the files up", FOLDERS_DEEP
            )
        folder = self
        for name in parts[:-1]:
            inner = folder._entries.setdefault(name, PackedFolder(f"{folder.place}/{name}"))
            if not isinstance(inner, PackedFolder):
                raise DataError("{parts} lies in a file; pack it again", quoted("/".join(parts)))
            folder = inner
        name = parts[-1]
        if name in folder._entries:
            raise DataError("holds {parts} twice; pack it once", quoted("/".join(parts)))
        folder._entries[name] = file
        if not ends_like_image(name) and not member.error:
            # First bytes that are damaged are reported when the file is read.
            with contextlib.suppress(DataError, *DAMAGED):
                folder._starts[name] = member.start()

    def sort(self) -> None:
        """Bring what it holds into the order of names."""
        self._entries = dict(sorted(self._entries.items(), key=lambda pair: pair[0]))
        for entry in self._entries.values():
            if isinstance(entry, PackedFolder):
                entry.sort()


# Files and folders by their names.


def place_of(file: File) -> str:
    """Place of a file as text that can be written as UTF-8: of other bytes in its name the codes."""
    return str(file).encode(errors="backslashreplace").decode() if isinstance(file, Path) else str(file)


def path_within(file: File, folder: Folder) -> str:
    """Path of a file in a folder that holds it, with slashes."""
    before = str(folder).replace(os.sep, "/").rstrip("/")
    return str(file).replace(os.sep, "/").removeprefix(f"{before}/")


def suffix_of(file: File) -> str:
    """Ending of a file's name, in small letters."""
    return os.path.splitext(str(file))[1].lower()


def on_disk(file: File, temporary: Path, number: int) -> Path:
    """A file of the disk, or the copy of one in an archive under a name of ours.

    Raises: `DataError` if the archive is damaged there.
    """
    if isinstance(file, Path):
        return file
    ending = "".join(Path(str(file)).suffixes[-2:]) if str(file).endswith(".gz") else suffix_of(file)
    path = temporary / f"{number}{ending}"
    try:
        path.write_bytes(file.content())
    except DataError as error:
        raise DataError("{file}: {error}", file, error) from error
    return path


# Endings of files that hold a data set; tables are found in folders below as well.
_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
_OF_DATA = (".npz", "-ubyte", "-ubyte.gz", "_labels.txt", *_SUFFIXES)


def enclosed(folder: Folder, splits: Collection[str]) -> tuple[Folder, list[str]]:
    """The folder inside one that holds nothing else but notes, if it is no split; else the folder itself.

    Of a folder of images or texts alone it is unknown whether it is all the data or the only class: it is
    left alone. Also the names of the notes that accompany it, such as `README.md`.
    """
    notes: list[str] = []
    for _ in range(FOLDERS_DEEP):
        inner, others = folder.folders, folder.files
        if len(inner) != 1 or not all(map(is_note, others)):
            break
        name, only = next(iter(inner.items()))
        holds_data = any(file.lower().endswith(_OF_DATA) for file in only.files)
        if name.lower() in splits or not (only.folders or holds_data):
            break
        folder = only
        notes += others
    return folder, notes


def enclosed_warning(place: str, inner: Folder, notes: list[str]) -> str:
    """Sentence about the folder that was read in place of the one around it."""
    others = Sentence(" but {notes} and", some_quoted(notes)) if notes else " but"
    return Sentence("{place}: holds nothing{others} a folder, so {inner} was read", place, others, inner)


# Archives. Only the names are in memory. What no honest one holds is refused as a whole: names that lead out
# of it, two files of one name, far more bytes than it has. A file that cannot be read has its reason.


def likely_path(place: str) -> str:
    """For messages of a missing path: what beside it is likely meant, or where it was looked for."""
    path = Path(place)
    try:
        beside = sorted(visible(name) for name in os.listdir(path.parent))
    except (OSError, ValueError):
        beside = []
    return likely_meant(path.name, beside) or (
        "" if path.is_absolute() else Sentence(" (looked in {cwd})", Path.cwd())
    )


def is_archive(path: Path) -> bool:
    """Detect an archive by its ending."""
    return path.name.lower().endswith(_SUFFIXES)


def members_of(path: Path) -> Iterator[Member]:
    """Go through the files of an archive in its own order, folders left out; nothing is unpacked to disk.

    Raises: `DataError` with the reason alone if it cannot be read, or turns out to be damaged on the way.
    """
    try:
        with open_regular(path) as file:
            if _is_zip(path):
                yield from zip_members(file)
            else:
                yield from tar_members(_unpacked(path, file))
    except DAMAGED as error:
        raise DataError(unreadable(error)) from error


class _Archive(Container):
    """Files of an archive that are read again later, by where they lie."""

    def __init__(self, path: Path, place: str) -> None:
        self.path = self._file = path
        self.is_in_order = not _is_zip(path) and not path.name.lower().endswith(".tar")
        self._place = place
        self._files: list[tuple[str, str, Any]] = []

    def add(self, name: str, member: Member) -> Stored:
        """Keep where a file lies."""
        self._files.append((name, member.error, member.spot))
        return Stored(self, len(self._files) - 1)

    def name_of(self, position: int) -> str:
        return f"{self._place}/{self._files[position][0]}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        with open_regular(self._file) as file:
            read = zip_reader(file) if _is_zip(self._file) else tar_reader(_unpacked(self._file, file))

            def read_at(position: int) -> bytes:
                _, error, spot = self._files[position]
                if error:
                    raise DataError(error)
                return read(spot)

            yield read_at


def _is_zip(path: Path) -> bool:
    return path.name.lower().endswith(".zip")


def _unpacked(path: Path, file: BufferedReader) -> BufferedIOBase:
    """The bytes of a TAR archive, unpacked where it is packed with gzip."""
    # No buffer around it: that would swallow the last whole files of one cut short.
    return file if path.name.lower().endswith(".tar") else Unpacking(file)


def open_archive(path: Path, place: str) -> Folder:
    """Read the names in an archive; of a single folder that encloses all others, what it holds.

    Raises: `DataError` if it cannot be read, or holds what no honest archive does.
    """
    root, archive = PackedFolder(place), _Archive(path, place)
    claimed, limit = 0, unpacked_limit(os.stat(path).st_size)
    try:
        for member in members_of(path):
            claimed += member.size
            if claimed > limit:
                raise DataError(unpacks_to_more(limit))
            if member.leaves:
                raise DataError(
                    "the name {name} leaves the archive; pack it under a plain name", quoted(member.name)
                )
            parts = [part for part in member.name.split("/") if part not in ("", ".")]
            if parts and not any(map(is_clutter, parts)):
                root.add(parts, member, archive.add("/".join(parts), member))
    except DataError as error:
        raise DataError("{place}: {error}", place, error) from error
    root.sort()
    folder: Folder = root
    while len(folder.folders) == 1 and not folder.files:
        folder = next(iter(folder.folders.values()))
    if not folder.entries:
        raise DataError("{place}: holds no files; pack some into it", place)
    return folder
