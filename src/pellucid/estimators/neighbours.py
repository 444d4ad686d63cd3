"""Advice to those who train in a program of their own beside busy ones: given once, where it would help."""

import contextlib
import os
import time
import warnings
from collections.abc import Iterator

from pellucid import cores
from pellucid.data.wording import count_of

_LONG = 5.0  # seconds: of less nobody needs to hear
_BUSY = 0.5  # of a core

_has_advised = False


@contextlib.contextmanager
def advice_about_neighbours(threads: int) -> Iterator[None]:
    """Warn after a long training beside busy programs, once, that threads spun while they waited.

    The command sets `OMP_WAIT_POLICY=PASSIVE` for itself; in a program of somebody else that would change
    other libraries too, so its user is told how. Nothing is said of fewer than two `threads`.
    """
    global _has_advised
    began, first = time.monotonic(), cores.look()
    yield
    if _has_advised or threads < 2 or os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
        return
    busy = cores.kept_busy_since(first)
    if time.monotonic() - began < _LONG or busy < _BUSY:
        return
    _has_advised = True
    cores_here = count_of(cores.usable(), "core")
    warnings.warn(
        f"other programs kept {busy:.1f} of {cores_here} busy while this model trained, and threads that "
        "wait for one another took time from them and from the training; set OMP_WAIT_POLICY=PASSIVE in the "
        "environment before Python starts, or pass threads=1",
        stacklevel=5,
    )
