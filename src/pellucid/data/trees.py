"""Folders, on the disk or inside an archive: sub-folders and files without clutter, ordered by name."""

import contextlib
import os
import posixpath
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from pellucid.budgets import FOLDERS_DEEP, UNPACKED, unpacked_limit
from pellucid.data import data_files
from pellucid.data.archives import Member, tar_members, tar_reader, zip_members, zip_reader
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
    source_of,
)
from pellucid.data.wording import quoted, some
from pellucid.errors import DataError
from pellucid.files import Unpacking, open_regular

# Endings of archives.
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Detect an archive by its ending."""
    return path.name.lower().endswith(SUFFIXES)


def members_of(path: Path) -> Iterator[Member]:
    """Go through the files of an archive in its own order, folders aside; nothing is unpacked to disk.

    Raises: `DataError` with the reason alone if it cannot be read, or turns out to be damaged on the way.
    """
    try:
        with open_regular(path) as file:
            if _is_zip(path):
                yield from zip_members(file)
            else:
                yield from tar_members(_unpacked(path, file))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be read ({reason.lower()})") from error


class Archive(Container):
    """Files of an archive that are read again later, by where they lie.

    Args:
        path: the archive.
        place: its name as the user gave it.
    """

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
        """As `Container.name_of`."""
        return f"{self._place}/{self._files[position][0]}"

    @contextlib.contextmanager
    def opened(self) -> Iterator[Read]:
        """As `Container.opened`."""
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
    if path.name.lower().endswith(".tar"):
        return file
    # No buffer around it: that would swallow the last whole files of one cut short.
    return Unpacking(file)


# Of an archive only the names are in memory. What no honest one holds is refused as a whole: names that lead
# out of it, two files of one name, far more bytes than it has. A file that cannot be read has its reason.


@dataclass
class PackedFolder:
    """A folder inside an archive; `starts` are first bytes of files whose names are not those of images."""

    place: str
    archive: Path
    folders: dict[str, "PackedFolder"] = field(default_factory=dict)
    files: dict[str, Stored] = field(default_factory=dict)
    starts: dict[str, bytes] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.place

    @property
    def name(self) -> str:
        """Its own name."""
        return posixpath.basename(self.place)


# Endings of files that hold a data set; tables are found in folders below as well.
_OF_DATA = (".npz", "-ubyte", "-ubyte.gz", "_labels.txt", *SUFFIXES)

# A folder of the disk, or one inside an archive.
Folder = Path | PackedFolder


def sub_folders(folder: Folder) -> dict[str, Folder]:
    """Folders in a folder, by name.

    Raises: `DataError` if it cannot be read.
    """
    if isinstance(folder, PackedFolder):
        return {name: folder.folders[name] for name in sorted(folder.folders)}
    entries = data_files.entries_of(folder)
    return {entry.name: folder / entry.name for entry in entries if os.path.isdir(entry.path)}


def files_in(folder: Folder) -> dict[str, File]:
    """Files that lie in a folder itself, by name.

    Raises: `DataError` if it cannot be read.
    """
    if isinstance(folder, PackedFolder):
        return {name: folder.files[name] for name in sorted(folder.files)}
    entries = data_files.entries_of(folder)
    return {entry.name: folder / entry.name for entry in entries if not os.path.isdir(entry.path)}


def enclosed(folder: Folder, splits: Collection[str]) -> tuple[Folder, list[str]]:
    """The folder inside one that holds nothing else but notes, if it is no split; else the folder itself.

    Of a folder of images or texts alone it is unknown whether it is all the data or the only class: it is not
    looked into. Also the names of the notes beside it, such as `README.md`.
    """
    notes: list[str] = []
    for _ in range(FOLDERS_DEEP):
        inner, beside = sub_folders(folder), list(files_in(folder))
        if len(inner) != 1 or not all(map(is_note, beside)):
            break
        name, only = next(iter(inner.items()))
        if name.lower() in splits or not (sub_folders(only) or any(map(_is_data, files_in(only)))):
            break
        folder = only
        notes += beside
    return folder, notes


def said_of_enclosed(place: str, inner: Folder, notes: list[str]) -> str:
    """Sentence about the folder that was read in place of the one around it."""
    beside = f" but {some(list(map(quoted, notes)))} and" if notes else " but"
    return f"{place}: holds nothing{beside} a folder, so {inner} was read"


def _is_data(name: str) -> bool:
    """Detect a file that holds a data set by its name."""
    return name.lower().endswith(_OF_DATA)


def walk(folder: Folder, kind: FileKind) -> Iterator[tuple[File, bool]]:
    """Go through the files in a folder and its sub-folders, as `data_files.walk` does on the disk."""
    if isinstance(folder, Path):
        yield from data_files.walk(folder, kind)
        return
    for name in sorted({*folder.folders, *folder.files}):
        if name in folder.folders:
            yield from walk(folder.folders[name], kind)
        else:
            yield folder.files[name], kind.ends(name) or kind.starts(folder.starts.get(name, b""))


def files_of(folder: Folder, kind: FileKind) -> tuple[list[File], list[File]]:
    """Files of a kind in a folder and its sub-folders, in order, and the others that were passed over.

    Raises: `DataError` if a folder cannot be read.
    """
    found = list(walk(folder, kind))
    return [file for file, is_one in found if is_one], [file for file, is_one in found if not is_one]


def place_of(file: File) -> str:
    """Place of a file, as text that can be written as UTF-8."""
    return source_of(file) if isinstance(file, Path) else str(file)


def suffix_of(file: File) -> str:
    """Ending of a file's name, in small letters."""
    return os.path.splitext(str(file))[1].lower()


def open_archive(path: Path, place: str) -> PackedFolder:
    """Read the names in an archive; a single folder that encloses all others is looked through.

    Raises: `DataError` if it cannot be read, or holds what no honest archive does.
    """
    try:
        root = _tree(path, place)
    except DataError as error:
        raise DataError(f"{place}: {error}") from error
    while len(root.folders) == 1 and not root.files:
        root = next(iter(root.folders.values()))
    if not root.folders and not root.files:
        raise DataError(f"{place}: holds no files; pack some into it")
    return root


def _tree(path: Path, place: str) -> PackedFolder:
    root, archive = PackedFolder(place, path), Archive(path, place)
    claimed, limit = 0, unpacked_limit(os.stat(path).st_size)
    for member in members_of(path):
        claimed += member.size
        if claimed > limit:
            raise DataError(f"unpacks to more than {limit / 1e6:,.0f} MB; {UNPACKED.remedy}")
        if member.leaves:
            raise DataError(f"the name {quoted(member.name)} leaves the archive; pack it under a plain name")
        parts = [part for part in member.name.split("/") if part not in ("", ".")]
        if parts and not any(map(is_clutter, parts)):
            _add(root, parts, member, archive)
    return root


def _add(root: PackedFolder, parts: list[str], member: Member, archive: Archive) -> None:
    """Put a file into its folder.

    Raises: `DataError` if something of its name is there, or it lies too deep.
    """
    if len(parts) > FOLDERS_DEEP:
        raise DataError(f"more than {FOLDERS_DEEP} folders lie in one another; move the files up")
    folder = root
    for name in parts[:-1]:
        if name in folder.files:
            raise DataError(f"{quoted('/'.join(parts))} lies in a file; pack it again")
        if name not in folder.folders:
            folder.folders[name] = PackedFolder(f"{folder.place}/{name}", root.archive)
        folder = folder.folders[name]
    name = parts[-1]
    if name in folder.files or name in folder.folders:
        raise DataError(f"holds {quoted('/'.join(parts))} twice; pack it once")
    folder.files[name] = archive.add("/".join(parts), member)
    if not ends_like_image(name) and not member.error:
        folder.starts[name] = _start(member)


def _start(member: Member) -> bytes:
    """First bytes; none where they are damaged, which reading the file will say."""
    try:
        return member.start()
    except (DataError, *DAMAGED):
        return b""
