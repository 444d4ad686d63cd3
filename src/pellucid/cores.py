"""Cores of this machine: how many threads compute, by one rule, and how many cores other programs keep busy.

As many threads as the setting asks for; else as `OMP_NUM_THREADS` does; else one for each core that other
programs left free when the run began (`sharing`); outside a run one for each core that this process may use.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_TIMES = Path("/proc/stat")
_IDLE = slice(3, 5)  # columns of a core's line: idle, and idle while a disk works
_WORK = slice(0, 8)  # up to time stolen by other guests; what follows is counted in these already

# Seconds: what a shorter look sees may be a hiccup, and what a longer one began with may be over.
_SHORTEST = 0.3  # s
_LONGEST = 20.0  # s


class Look(NamedTuple):
    """Counts of the kernel at one moment, in seconds."""

    moment: float  # reading of `time.monotonic`
    others: float  # processor time that other programs had of the cores that this process may use


_first: Look | None = None
_shared: int | None = None  # threads of the run that is under way, where its cores were counted


def usable() -> int:
    """Number of cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def asked() -> int | None:
    """Number of threads that `OMP_NUM_THREADS` asks for, at least 1; `None` where it does not."""
    number = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(number) if number.isascii() and number.isdigit() and int(number) >= 1 else None


def threads(setting: int | None) -> int:
    """Threads to compute with, at least 1, by the rule of this chapter."""
    return setting or asked() or _shared or usable()


@contextlib.contextmanager
def sharing(setting: int | None, count: Callable[[], int] | None = None) -> Iterator[int | None]:
    """Within, compute with one thread for each core that others leave free; yields that number.

    `None`, and nothing is counted, where the setting or `OMP_NUM_THREADS` states how many threads to use.
    `count` counts free cores; default: `free`.
    """
    global _shared
    if setting or asked():
        yield None
        return
    before, _shared = _shared, (count or free)()
    try:
        yield _shared
    finally:
        _shared = before


def watch() -> None:
    """Begin to count, so that `free` need not wait later."""
    global _first
    _first = look()


def free() -> int:
    """Usable cores less those that other programs have kept busy since `watch`, at least 1.

    Where `watch` was called less than 0.3 seconds ago, more than 20, or never, the next 0.3 seconds are
    counted. Only Linux counts; elsewhere every usable core counts as free.
    """
    first, now = _first, look()
    if first is None or now is None or not _SHORTEST <= now.moment - first.moment <= _LONGEST:
        time.sleep(_SHORTEST)
        first = now
    return max(1, usable() - round(kept_busy_since(first)))


def kept_busy_since(first: Look | None) -> float:
    """Cores that other programs have kept busy on average since a look; 0 where it is not counted."""
    now = look()
    if first is None or now is None:
        return 0.0
    return (now.others - first.others) / (now.moment - first.moment)


def look() -> Look | None:
    """Read the counts as they are now; `None` where the kernel has none."""
    try:
        lines = _TIMES.read_text("ascii").splitlines()
        ticks = os.sysconf("SC_CLK_TCK")
        mine = os.sched_getaffinity(0)
    except (OSError, ValueError, AttributeError):
        return None
    busy = 0
    for line in lines:
        name, *columns = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in mine:
            numbers = [int(column) for column in columns[_WORK]]
            busy += sum(numbers) - sum(numbers[_IDLE])
    times = os.times()
    own = times.user + times.system + times.children_user + times.children_system
    return Look(time.monotonic(), busy / ticks - own)
