"""Progress of long work: a loop says how far it is, and whoever shows it to people listens.

Between the two lie many functions that need not know. A listener hears its own thread alone, so that what
others do at the same time is not mixed with it.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

# Seconds after which what goes on is shown where nothing turns, and after which it is shown again there: each
# time twice as many.
SILENT = 2.0
_MOST_BETWEEN = 30.0
# Seconds between two reports of a loop.
_OFTEN = 0.1

# What is done, in words; how many of how many, where that is known.
Listener = Callable[[str, int, int | None], None]
Item = TypeVar("Item")

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextlib.contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """What is done within, in this thread, is heard by a listener."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(words: str, done: int, total: int | None = None) -> None:
    """Let whoever listens know how far something is."""
    if (listener := _listener.get()) is not None:
        listener(words, done, total)


def counted(items: Iterable[Item], words: str, total: int | None = None, each: int = 1) -> Iterator[Item]:
    """The items of a loop, whose progress is reported; an item stands for `each` of the total."""
    if _listener.get() is None:
        yield from items
        return
    due = 0.0
    for done, item in enumerate(items):
        now = time.monotonic()
        if now >= due:
            report(words, done * each, total)
            due = now + _OFTEN
        yield item


class Pace:
    """How fast something gets on, in words, and when it is time to say so where nothing turns."""

    def __init__(self) -> None:
        self.began, self.silent = time.monotonic(), SILENT
        self._due, self._between = self.began + SILENT, SILENT
        self._counted: tuple[str, int | None] | None = None
        self._since, self._first, self._last = self.began, 0, 0

    def is_due(self) -> bool:
        """Whether to write a line now: after two seconds, then after twice as many each time, at most 30."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._between = min(_MOST_BETWEEN, 2 * self._between)
        self._due = now + self._between
        return True

    def sentence(self, words: str, done: int, total: int | None) -> str:
        """Count, pace and the time left, in English; empty where there is nothing to say yet."""
        now, is_first = time.monotonic(), self._counted is None
        if (words, total) != self._counted or done < self._last:
            self._counted = words, total
            self._since, self._first = (self.began, 0) if is_first else (now, done)
        self._last = done
        took, passed = now - self._since, done - self._first
        if passed <= 0 or took < SILENT / 2:
            return ""
        if total is None:
            return f"{done:,}, {passed / took:,.0f} per second"
        if done >= total:
            return ""
        left = roughly(took / passed * (total - done))
        return f"{done:,} of {total:,}, {passed / took:,.0f} per second, about {left} left"


def roughly(seconds: float) -> str:
    """A duration that is only known about, such as `12 s`, `3 min` or `2 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{round(seconds / 3600)} h"
