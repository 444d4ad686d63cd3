"""Memory that decoders share: small images are decoded side by side, large ones one after the other."""

import contextlib
import threading
from collections.abc import Callable, Iterator

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

    @contextlib.contextmanager
    def of(self, needed: int) -> Iterator[None]:
        """Hold so many bytes; whoever needs more than there are waits until nobody holds any."""
        if self.asked is not None:
            self.asked(needed)
        with self._changed:
            self._changed.wait_for(lambda: self._taken == 0 or self._taken + needed <= self._size)
            self._taken += needed
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()


DECODING = Share(DECODING_BYTES)
"""For all decoders of a process."""
