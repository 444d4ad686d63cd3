"""Ctrl-C and SIGTERM handed to a function for a while."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def signals_to(receive: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Give Ctrl-C and SIGTERM to a signal handler for a while, where this is the main thread."""
    former: dict[signal.Signals, Any] = {}
    try:
        for each in (signal.SIGINT, signal.SIGTERM):
            former[each] = signal.signal(each, receive)
    except ValueError:  # only the main thread may; elsewhere the caller's handlers stay
        former.clear()
    try:
        yield
    finally:
        for each, handler in former.items():
            signal.signal(each, handler)
