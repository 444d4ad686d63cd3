"""Memory that decoders share: small images are decoded side by side, large ones one after the other."""

import threading
from collections.abc import Callable
from types import TracebackType

from pellucid.budgets import DECODING_BYTES


class Share:
    """A number of bytes that threads take parts of, and wait for.

    Attributes:
        asked: told the bytes before they are taken; in a child process, it asks the parent for as many.

    Args:
        size: the bytes.
    """

    asked: Callable[[int], object] | None = None

    def __init__(self, size: int) -> None:
        self._size = size
        self._taken = 0
        self._changed = threading.Condition()

    def of(self, needed: int) -> "Part":
        """Hold so many bytes; whoever needs more than there are waits until nobody holds any."""
        return Part(self, needed)

    def take(self, needed: int) -> None:
        """Wait until there are so many bytes, and hold them."""
        if self.asked is not None:
            self.asked(needed)
        with self._changed:
            while self._taken and self._taken + needed > self._size:
                self._changed.wait()
            self._taken += needed

    def give_back(self, needed: int) -> None:
        """Let others have so many bytes."""
        with self._changed:
            self._taken -= needed
            self._changed.notify_all()


class Part:
    """Bytes of a share, held while something is done."""

    def __init__(self, share: Share, needed: int) -> None:
        self._share, self._needed = share, needed

    def __enter__(self) -> None:
        self._share.take(self._needed)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._share.give_back(self._needed)


# For all decoders of a process.
DECODING = Share(DECODING_BYTES)
