"""Archives, whichever kind their names say: gone through once, or read by position."""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

from pellucid.data.archives.members import Member
from pellucid.data.archives.stored import Container, Read, Stored
from pellucid.data.archives.tars import tar_members, tar_reader
from pellucid.data.archives.zips import zip_members, zip_reader
from pellucid.errors import DataError
from pellucid.regular import open_regular

# Endings of archives.
SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Tell an archive by its ending."""
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
    # No buffer of ours around it: that would swallow the last whole files of one cut short.
    return gzip.GzipFile(fileobj=file, mode="rb")
