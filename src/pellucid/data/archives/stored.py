"""Images and texts inside containers, read by their place there: members of archives, cells of tables.

A container is a file that holds many. Its bytes are read one image at a time, in the order they are asked
for, so that memory does not grow with the container.
"""

import contextlib
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from pellucid.errors import DataError

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
    """One image or text in a container.

    Attributes:
        container: what holds it.
        position: its place there, from 0.
    """

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
