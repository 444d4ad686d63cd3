"""Keeps Pillow's warnings from the user, in any number of threads."""

import contextlib
import threading
import warnings


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
