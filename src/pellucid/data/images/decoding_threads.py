"""Decoding in many threads: Pillow's warnings kept from the user, and memory shared among decoders."""

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator

from pellucid.budgets import DECODING_BYTES


class _Quiet:
    """Silences Pillow's warnings while at least one thread asks for it.

    `warnings.catch_warnings` alone restores the wrong filters when threads overlap.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._saved: warnings.catch_warnings[None] | None = None

    def __enter__(self) -> None:
        with self._lock:
            if self._depth == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.filterwarnings("ignore", module=r"PIL\.")
            self._depth += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0 and self._saved is not None:
                self._saved.__exit__(None, None, None)
                self._saved = None


_QUIET = _Quiet()


def quiet_pillow() -> contextlib.AbstractContextManager[None]:
    """Keep Pillow's warnings from the user: what matters in them is a reason or a warning of ours.

    Safe to enter from several threads.
    """
    return _QUIET


class Share:
    """A number of bytes that decoders share: small images are decoded side by side, large ones in turn."""

    # called with the bytes before they are taken; in a child process, it asks the parent for as many
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
            while self._taken and self._taken + needed > self._size:
                self._changed.wait()
            self._taken += needed
        try:
            yield
        finally:
            with self._changed:
                self._taken -= needed
                self._changed.notify_all()


# For all decoders of a process.
DECODING = Share(DECODING_BYTES)
