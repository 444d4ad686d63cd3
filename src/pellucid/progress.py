"""Progress of long work: a loop reports how far it is, to a listener that shows it to people.

The functions between the two need not know of it. A listener gets the reports of its own thread alone, so
that they are not mixed with those of work beside it.
"""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import TypeVar

from pellucid.language.sentence import Sentence

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
def reporting_to(listener: Listener) -> Iterator[None]:
    """Within it a listener gets what this thread reports."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def report(words: str, done: int, total: int | None = None) -> None:
    """Tell the listener, if there is one, how far something is."""
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

    def measured(self, words: str, done: int, total: int | None) -> tuple[int, float]:
        """How much of the present part is done since it began, and in how many seconds; 0 where it begins."""
        now = time.monotonic()
        if (words, total) != self._counted or done < self._last:
            self._counted, self._since, self._first = (words, total), now, done
        self._last = done
        return done - self._first, now - self._since

    def sentence(self, words: str, done: int, total: int | None) -> str:
        """Count, pace and the time left, in English; empty where there is nothing to say yet."""
        passed, took = self.measured(words, done, total)
        if passed <= 0 or took < SILENT / 2:
            return ""
        if total is None:
            return Sentence("{done:,}, {passed:,.0f} per second", done, passed / took)
        if done >= total:
            return ""
        left = roughly(took / passed * (total - done))
        return Sentence(
            "{done:,} of {total:,}, {passed:,.0f} per second, about {left} left",
            done,
            total,
            passed / took,
            left,
        )


def roughly(seconds: float) -> str:
    """A duration that is only known about, such as `12 s`, `3 min` or `2 h`."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return Sentence("{seconds} min", round(seconds / 60)) if seconds < 5400 else f"{round(seconds / 3600)} h"
