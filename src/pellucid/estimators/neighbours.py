"""Advice to those who train in a program of their own beside busy ones: given once, where it would help."""

import contextlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator

from pellucid import cores
from pellucid.data.wording import count_of

_LONG = 5.0  # seconds: of less nobody needs to hear
_BUSY = 0.5  # of a core

_has_advised = False


@contextlib.contextmanager
def advice_about_neighbours(threads: int) -> Iterator[None]:
    """Warn once that threads spin while they wait, five seconds into a training beside busy programs.

    The command sets `OMP_WAIT_POLICY=PASSIVE` for itself; in a program of somebody else that would change
    other libraries too, so its user is told how. Nothing is said of fewer than two `threads`.
    """
    if _has_advised or threads < 2 or os.environ.get("OMP_WAIT_POLICY", "").upper() == "PASSIVE":
        yield
        return
    # While it trains, not after it: what is slow for this reason is stopped and started anew.
    timer = threading.Timer(_LONG, _advise, (cores.look(), *_caller()))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _advise(first: cores.Look | None, file: str, line: int) -> None:
    global _has_advised
    busy = cores.kept_busy_since(first)
    if busy < _BUSY:
        return
    _has_advised = True
    warnings.warn_explicit(
        f"other programs keep {busy:.1f} of {count_of(cores.usable(), 'core')} busy, and threads that wait "
        "for one another take time from them and from this training; set OMP_WAIT_POLICY=PASSIVE in the "
        "environment before Python starts, or pass threads=1",
        UserWarning,
        file,
        line,
    )


def _caller() -> tuple[str, int]:
    """File and line of the user's code: the first frame outside of Pellucid and of `contextlib`."""
    frame = sys._getframe()
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in {
        "pellucid",
        "contextlib",
    }:
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno
