"""Opens an archive, whichever kind its name says it is."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from pellucid.data.archives.members import Member
from pellucid.data.archives.tars import tar_members
from pellucid.data.archives.zips import zip_members
from pellucid.errors import DataError
from pellucid.regular import open_regular

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
"""Endings of archives."""


def is_archive(path: Path) -> bool:
    """Tell an archive by its ending."""
    return path.name.lower().endswith(SUFFIXES)


def members_of(path: Path) -> Iterator[Member]:
    """Go through the files of an archive in its own order, folders aside; nothing is unpacked to disk.

    Raises: `DataError` with the reason alone if it cannot be read, or turns out to be damaged on the way.
    """
    try:
        with open_regular(path) as file:
            if path.name.lower().endswith(".zip"):
                yield from zip_members(file)
            elif path.name.lower().endswith(".tar"):
                yield from tar_members(file)
            else:
                # No buffer of ours around it: that would swallow the last whole files of one cut short.
                yield from tar_members(gzip.GzipFile(fileobj=file, mode="rb"))
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DataError(f"cannot be read ({reason.lower()})") from error
