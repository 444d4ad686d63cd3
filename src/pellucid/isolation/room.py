"""The room of children that decode: as many as threads ask at a time, kept for the next file."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import ClassVar

from pellucid.errors import DataError, UsageError
from pellucid.isolation.child import Child

Announce = Callable[[str], object]


class Room:
    """Children that wait for work.

    Attributes:
        inside: the room that decoders of this process use; `None` where they decode themselves.

    Args:
        announce: told once, in a sentence, what the system does not limit.
    """

    inside: ClassVar["Room | None"] = None

    def __init__(self, announce: Announce | None) -> None:
        self._announce = announce
        self._lock = threading.Lock()
        self._idle: list[Child] = []

    @contextlib.contextmanager
    def child(self) -> Iterator[Child]:
        """A child that decodes images, for one of them; it is kept unless it ended."""
        with self._lock:
            child = self._idle.pop() if self._idle else None
        if child is None:
            child = self.begun("images")
        try:
            yield child
        except DataError:  # of a bad file, after which it takes the next one, or of its own end
            self._keep(child)
            raise
        except BaseException:
            child.close()
            raise
        self._keep(child)

    def _keep(self, child: Child) -> None:
        if not child.is_closed:
            with self._lock:
                self._idle.append(child)

    def begun(self, job: str, *files: int) -> Child:
        """A new child, to be closed; `files` are open ones that it may read."""
        child = Child(job, files)
        with self._lock:
            announce, self._announce = self._announce, None
        if announce is not None and child.unlimited:
            announce(f"warning: --isolate: this system does not limit {', '.join(child.unlimited)}")
        return child

    def close(self) -> None:
        """End all children."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()


def current() -> Room | None:
    """The room that decoders use; `None` where they decode in this process."""
    return Room.inside


@contextlib.contextmanager
def isolated(announce: Announce | None = None) -> Iterator[None]:
    """Decode images, Parquet and Arrow files in child processes for a while, in all threads of this process.

    Answers are the same to the last byte. A file that ends its decoder is a file that cannot be read.

    Raises: `UsageError` where the system cannot do it.
    """
    try:
        import resource  # noqa: F401  # Windows has none
    except ImportError as error:
        raise UsageError("--isolate: needs Linux or macOS; leave it out") from error
    before, room = Room.inside, Room(announce)
    Room.inside = room
    try:
        yield
    finally:
        Room.inside = before
        room.close()
