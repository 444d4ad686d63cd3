"""Files inside archives, whatever packs them: what each is called, and its bytes when they are asked for.

Nothing is written to disk, so that a name cannot lead anywhere; links are not followed; a member is bounded
in bytes, and no length in an archive is believed before as much has been read.
"""

import re
from abc import abstractmethod
from typing import Any

from pellucid.errors import DataError

# Larger files inside archives are refused, before they are unpacked where their size is known.
MOST_MEMBER_BYTES = 256 << 20

START_BYTES = 16

_ABSOLUTE = re.compile(r"[/\\]|[A-Za-z]:[/\\]")


class Member:
    """One file in an archive, to be read before the next one is asked for.

    Attributes:
        name: its path in the archive.
        size: bytes that it claims to have when it is unpacked.
        error: why it cannot be read; empty where it may be.
        spot: where it lies, by which it is found again later; its form is the archive's own affair.

    Args:
        name: see the attribute.
        size: see the attribute.
        error: see the attribute; empty for a reason that name or size give.
        spot: see the attribute.
    """

    name: str
    size: int
    error: str
    spot: Any

    def __init__(self, name: str, size: int, error: str = "", spot: Any = None) -> None:
        self.name = name
        self.size = size
        self.error = error or _reason(name, size)
        self.spot = spot

    @property
    def leaves(self) -> bool:
        """Its name leads out of the archive."""
        return leads_out(self.name)

    @abstractmethod
    def start(self) -> bytes:
        """The first bytes, `START_BYTES` or fewer.

        Raises: `DataError` with the reason alone where they are damaged.
        """

    @abstractmethod
    def content(self) -> bytes:
        """All bytes.

        Raises: `DataError` with the reason alone where they are damaged, or more than was claimed.
        """


def leads_out(name: str) -> bool:
    """Tell a name that leads out of the archive: absolute, or through `..`."""
    return ".." in re.split(r"[/\\]", name) or bool(_ABSOLUTE.match(name))


def _reason(name: str, size: int) -> str:
    if leads_out(name):
        return "its name leaves the archive; pack it under a plain name"
    if size > MOST_MEMBER_BYTES:
        return f"{size:,} bytes is over the limit of {MOST_MEMBER_BYTES >> 20} MB in an archive"
    return ""


# Reason of members that are links.
LINK = "a link in an archive is not followed; pack the file itself"


def name_of(raw: bytes) -> str:
    """The name that bytes stand for: UTF-8, or where they are none, the code page of MS-DOS."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("cp437")


def truncated(what: str) -> DataError:
    """The error of an archive that ends early."""
    return DataError(f"the archive ends inside {what}; copy it again")
